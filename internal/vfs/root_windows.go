package vfs

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const onlyDirectory = 0

// openNonblock is nothing: there are no FIFOs in directories.
const openNonblock = 0

// Inode is 0 on the system's disks: FileInfo does not carry the file index here.
func Inode(fi fs.FileInfo) uint64 {
	n, _ := fi.Sys().(Number)
	return uint64(n)
}

func renameNoReplace(r *os.Root, from, to string) error { return checkedRename(r, from, to) }

func syncDir(*os.Root, string) error { return nil }

func putBack(r *os.Root, from, to string) error { return linkBack(r, from, to) }

// born is 0: for 15 s the system gives the time of creation of a file that was deleted to a new one of
// its name ("file system tunneling"), which is just what it would have to tell apart.
func born(*os.File) (int64, error) { return 0, nil }

// SyncData is Sync.
func (f *file) SyncData() error { return f.Sync() }

// Preallocate does nothing.
func (f *file) Preallocate(int64) error { return nil }

// BeginWriteBack does nothing.
func (f *file) BeginWriteBack(int64, int64) error { return nil }

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
