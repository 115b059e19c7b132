package lockfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// primitive: a lock of LockFileEx belongs to the handle. It is mandatory, so that the byte lies far
// beyond the record, which everybody has to be able to read.
const primitive = "lockfileex"

// tryLock reports false when somebody else has the lock.
func tryLock(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{Offset: lockOffset})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("LockFileEx", err)
}

func unlock(f *os.File) error {
	err := windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &windows.Overlapped{Offset: lockOffset})
	return os.NewSyscallError("UnlockFileEx", err)
}

func bootID() string { return "" }

// syncDir does nothing: Windows cannot sync a directory. syncName makes up for it.
func syncDir(string) error { return nil }

// syncName writes into the name and flushes it, which makes the metadata that leads to it durable too.
func syncName(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// refusesOpen: a file that somebody has open is not replaced, unless the file system has POSIX semantics.
func refusesOpen(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}

// beingRemoved: whoever opens a file here lets others read and write it, but not remove it, so that only a removal that is
// under way keeps anybody from opening it.
func beingRemoved(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
