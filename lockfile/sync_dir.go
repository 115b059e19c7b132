//go:build !windows

package lockfile

import (
	"errors"
	"os"
	"path/filepath"
)

// syncDir makes the entries of a directory durable; syncing a file does not do that, fsync(2).
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncName(path string) error { return syncDir(filepath.Dir(path)) }

// refusesOpen: files may always be replaced.
func refusesOpen(error) bool { return false }

// beingRemoved: a file is there or not.
func beingRemoved(error) bool { return false }
