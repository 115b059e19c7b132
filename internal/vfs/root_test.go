package vfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Where the system cannot rename without replacing, a link and an unlink delivered a file twice when the
// consumer took it between them.
func TestCheckedRenameReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, content := range map[string]string{"part": "new", "taken": "old"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkedRename(root, "part", "taken"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "taken")); err != nil || string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	if err := checkedRename(root, "part", "free"); err != nil {
		t.Error(err)
	}
	if err := checkedRename(root, "part", "again"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part that was delivered: %v", err)
	}
}
