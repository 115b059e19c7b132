package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// renameNoReplace runs renameat2(2) with RENAME_NOREPLACE on the parents, opened through r, and
// single-component names. File systems without it (NFS) answer EINVAL.
func renameNoReplace(r *os.Root, from, to string) error {
	err := renameat2(r, from, to)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return checkedRename(r, from, to)
	}
	return err
}

func putBack(r *os.Root, from, to string) error {
	err := renameat2(r, from, to)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkBack(r, from, to)
	}
	return err
}

func renameat2(r *os.Root, from, to string) error {
	old, err := openDir(r, path.Dir(from))
	if err != nil {
		return err
	}
	defer old.Close()
	dir := old
	if path.Dir(to) != path.Dir(from) {
		if dir, err = openDir(r, path.Dir(to)); err != nil {
			return err
		}
		defer dir.Close()
	}
	err = unix.Renameat2(int(old.Fd()), path.Base(from), int(dir.Fd()), path.Base(to), unix.RENAME_NOREPLACE)
	if err != nil {
		return &fs.PathError{Op: "renameat2", Path: to, Err: err}
	}
	return nil
}

// born asks statx(2): ext4, xfs, btrfs and tmpfs know when a file was created, and tell it truly.
func born(f *os.File) (int64, error) {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // an old kernel, or a sandbox that knows no statx
		return 0, nil
	}
	if err != nil {
		return 0, &fs.PathError{Op: "statx", Path: f.Name(), Err: err}
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return 0, nil
	}
	return st.Btime.Sec*1e9 + int64(st.Btime.Nsec), nil
}

// SetTime is utimensat(2) without a path, which is what futimens(3) is.
func (f *file) SetTime(modified time.Time) error {
	ts := [2]unix.Timespec{unix.NsecToTimespec(modified.UnixNano()), unix.NsecToTimespec(modified.UnixNano())}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, f.Fd(), 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	if errno != 0 {
		return &fs.PathError{Op: "utimensat", Path: f.Name(), Err: errno}
	}
	return nil
}

// SyncData is fdatasync(2).
func (f *file) SyncData() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// Preallocate is fallocate(2) with FALLOC_FL_KEEP_SIZE.
func (f *file) Preallocate(size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil, errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		}
		return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
}

// BeginWriteBack is sync_file_range(2) with SYNC_FILE_RANGE_WRITE alone: the other flags would report an error of
// an earlier write here, and then never again to fdatasync(2).
func (f *file) BeginWriteBack(off, n int64) error {
	err := unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
	switch {
	case err == nil, errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return nil
	}
	return &fs.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
}

// lock takes an open file description lock, which no close of another descriptor drops.
func lock(f *os.File) (bool, error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lk)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}
