package lockfile

import "strings"

// playLinux plays the roles that need more of the operating system than others have.
func playLinux(role string) (code int, played bool) {
	if role == roleWorker {
		return playWorker(), true
	}
	if call, isLate := strings.CutPrefix(role, "late "); isLate {
		return playLate(call), true
	}
	return 0, false
}
