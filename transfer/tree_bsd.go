//go:build unix && !linux

package transfer

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func renameNoReplace(root *os.Root, part, name string) error { return checkedRename(root, part, name) }

func setTime(root *os.Root, _ *os.File, name string, mtime time.Time) error {
	return root.Chtimes(name, mtime, mtime)
}

// lockFile locks f for this open file description; false: another has it.
func lockFile(f *os.File) (bool, error) {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
