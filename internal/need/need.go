// Package need lets a test say what it needs of the machine that runs it: root, a program, a right. A machine
// that has not got it skips the test, and the reason names what is missing and the Debian package that has it.
//
// Where MQHA_CI is 1 everything is said to be there, and a test that misses something fails: a check that
// nobody notices to be gone checks nothing.
package need

import (
	"os"
	"os/exec"
	"testing"
)

const everything = "MQHA_CI"

// Root needs the rights of root; why says what for.
func Root(t testing.TB, why string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root: %s", why)
	}
}

// Program needs a program on the path, of a Debian package, and returns its full name.
func Program(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Missing(t, "%s is not installed: package %s", program, pkg)
	}
	return path
}

// Missing ends a test that cannot have what it needs.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(everything) == "1" {
		t.Fatalf(everything+"=1, but: "+format, args...)
	}
	t.Skipf(format, args...)
}
