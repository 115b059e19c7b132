//go:build !windows

package lockfile

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Windows neither removes nor replaces a file that is open here.

func TestDeletedLockFileEndsTheLease(t *testing.T) {
	path := lockPath(t)
	l := mustTake(t, path, quick())
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	<-l.Done()
	if err := l.Err(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "deleted") {
		t.Error(err)
	}
	if next := mustTake(t, path, quick()); next.Epoch() <= l.Epoch() {
		t.Errorf("epoch %d after %d", next.Epoch(), l.Epoch())
	}
}

func TestReplacedLockFileEndsTheLease(t *testing.T) {
	path := lockPath(t)
	l := mustTake(t, path, quick())
	other := path + ".new"
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	<-l.Done()
	if err := l.Err(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "replaced") {
		t.Error(err)
	}
}
