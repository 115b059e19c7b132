package vfs

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const onlyDirectory = 0

// Inode is always 0: FileInfo does not carry the file index here.
func Inode(fs.FileInfo) uint64 { return 0 }

func renameNoReplace(r *os.Root, from, to string) error { return checkedRename(r, from, to) }

func syncDir(*os.Root, string) error { return nil }

// SyncData is Sync.
func (f *file) SyncData() error { return f.Sync() }

// Preallocate does nothing.
func (f *file) Preallocate(int64) error { return nil }

// SetTime acts by the name.
func (f *file) SetTime(modified time.Time) error {
	return f.root.Chtimes(f.name, modified, modified)
}

// lock locks one byte far behind the end.
func lock(f *os.File) (bool, error) {
	ol := windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &ol)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
