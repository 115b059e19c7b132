package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// renameNoReplace runs renameat2(2) with RENAME_NOREPLACE on the parent, opened through root, and
// single-component names. File systems without it (NFS) answer EINVAL.
func renameNoReplace(root *os.Root, part, name string) error {
	dir, err := openDir(root, path.Dir(part))
	if err != nil {
		return err
	}
	defer dir.Close()
	if path.Dir(name) != path.Dir(part) {
		return &fs.PathError{Op: "rename", Path: name, Err: fs.ErrInvalid}
	}
	fd := int(dir.Fd())
	err = unix.Renameat2(fd, path.Base(part), fd, path.Base(name), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return checkedRename(root, part, name)
	}
	if err != nil {
		return &fs.PathError{Op: "renameat2", Path: name, Err: err}
	}
	return nil
}

// setTime sets the modification time on the descriptor: utimensat(2) without a path, which is what
// futimens(3) is.
func setTime(_ *os.Root, f *os.File, _ string, mtime time.Time) error {
	ts := [2]unix.Timespec{unix.NsecToTimespec(mtime.UnixNano()), unix.NsecToTimespec(mtime.UnixNano())}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, f.Fd(), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 {
		return &fs.PathError{Op: "utimensat", Path: f.Name(), Err: errno}
	}
	return nil
}

// lockFile locks f for this open file description; false: another has it.
func lockFile(f *os.File) (bool, error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}
