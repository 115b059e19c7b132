package mqtest

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// syncDir does nothing: Windows has no flush of a directory, and NTFS logs its own renames.
func syncDir(string) error { return nil }

// lockDir holds a lock that ends with the process, so that a killed queue manager leaves none behind.
func lockDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped)); err {
	case nil:
		return f, nil
	case windows.ERROR_LOCK_VIOLATION:
		return nil, errors.Join(ErrInUse, f.Close())
	default:
		return nil, errors.Join(os.NewSyscallError("LockFileEx", err), f.Close())
	}
}
