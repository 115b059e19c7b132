//go:build unix && !linux

package vfs

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func renameNoReplace(r *os.Root, from, to string) error { return checkedRename(r, from, to) }

func putBack(r *os.Root, from, to string) error { return linkBack(r, from, to) }

// born is not known here.
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

func lock(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
