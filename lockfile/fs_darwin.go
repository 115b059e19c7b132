package lockfile

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fileSystem tells whether f is on a local disk; MNT_LOCAL in statfs(2).
func fileSystem(f *os.File) (local bool, lockLease time.Duration, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return false, 0, &os.PathError{Op: "fstatfs", Path: f.Name(), Err: err}
	}
	return st.Flags&unix.MNT_LOCAL != 0, 0, nil
}

// fileSystemName is empty if f cannot be asked.
func fileSystemName(f *os.File) string {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return ""
	}
	return unix.ByteSliceToString(st.Fstypename[:])
}
