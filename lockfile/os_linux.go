package lockfile

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// primitive: an open file description lock belongs to the description, not to the process, so that two
// leases in one process exclude each other and closing another descriptor of the file drops nothing;
// fcntl(2), "Open file description locks".
const primitive = "ofd"

// tryLock reports false when somebody else has the lock.
func tryLock(f *os.File) (bool, error) {
	err := setLock(f, unix.F_WRLCK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) { // POSIX allows both
		return false, nil
	}
	return err == nil, err
}

func unlock(f *os.File) error { return setLock(f, unix.F_UNLCK) }

func setLock(f *os.File, kind int16) error {
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: lockOffset, Len: 1})
		if err != unix.EINTR { // a network file system waits for its server, and signals interrupt that
			return os.NewSyscallError("fcntl(F_OFD_SETLK)", err)
		}
	}
}

// bootID tells two runs of the operating system on one host apart; random(4).
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
