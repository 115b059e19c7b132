package transfer

import (
	"slices"
	"strings"
)

// fitsWindows says whether an element of a path names an ordinary file on Windows, and the one that it seems to: no
// device, no stream of another file (a:b), no second separator, and no dot or blank at its end, which
// the system drops (Naming Files, Paths, and Namespaces).
func fitsWindows(element string) bool {
	if strings.ContainsAny(element, `<>:"\|?*`) || strings.ContainsFunc(element, func(r rune) bool { return r < ' ' }) {
		return false
	}
	if strings.HasSuffix(element, ".") || strings.HasSuffix(element, " ") {
		return false
	}
	base, _, _ := strings.Cut(element, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, base) {
		return false
	}
	for _, port := range []string{"COM", "LPT"} {
		if digit, ok := strings.CutPrefix(base, port); ok && slices.Contains([]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u00b9", "\u00b2", "\u00b3"}, digit) {
			return false
		}
	}
	return true
}
