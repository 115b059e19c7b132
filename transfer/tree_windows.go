package transfer

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const (
	openNonblock  = 0
	onlyDirectory = 0
)

func renameNoReplace(root *os.Root, part, name string) error { return checkedRename(root, part, name) }

// syncDir does nothing: Windows has no way to flush a directory. After a power loss a delivered
// file can be back under the name of its part; the journal then delivers it again.
func (t *tree) syncDir(string) error { return t.fence.Err() }

func setTime(root *os.Root, _ *os.File, name string, mtime time.Time) error {
	return root.Chtimes(name, mtime, mtime)
}

// lockFile locks one byte far behind the end of f; false: another has it.
func lockFile(f *os.File) (bool, error) {
	ol := windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &ol)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
