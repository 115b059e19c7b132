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

// TestPutBackByLinkReplacesNothing, and ends what an earlier try began.
func TestPutBackByLinkReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, content := range map[string]string{"aside": "old", "name": "new", "half": "half"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "half"), filepath.Join(dir, "done")); err != nil {
		t.Skipf("needs hard links: %v", err)
	}
	if err := linkBack(root, "aside", "name"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	for _, to := range [][2]string{{"half", "done"}, {"aside", "free"}} {
		if err := linkBack(root, to[0], to[1]); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(dir, to[0])); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", to[0], err)
		}
	}
	for name, want := range map[string]string{"name": "new", "done": "half", "free": "old"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestIdentifyFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Skipf("needs symbolic links: %v", err)
	}
	if id, err := d.Identify("link"); err != nil || id.Mode.IsRegular() {
		t.Errorf("a link: %+v, %v", id, err)
	}
	if id, err := d.Identify("file"); err != nil || !id.Mode.IsRegular() || id.Size != 1 {
		t.Errorf("a file: %+v, %v", id, err)
	}
}
