package lockfile

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

const privateVariable = "MQHA_LOCKFILE_TEST_PRIVATE"

// runPrivately runs the tests of root again in a mount namespace of their own: what they mount ends with them, and
// nobody else's new namespace keeps a file system in use that was unmounted here.
func runPrivately() (code int, ran bool) {
	if os.Geteuid() != 0 || os.Getenv(privateVariable) != "" {
		return 0, false
	}
	runtime.LockOSThread() // Pdeathsig means the thread
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Args[0] = os.Args[0]
	c.Env = append(os.Environ(), privateVariable+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, true
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1), true // killed: -1
	}
	fmt.Fprintln(os.Stderr, "no mount namespace of our own:", err) // in a container
	return 0, false
}
