//go:build lab

package resource_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mqha/mqha/internal/need"
	"github.com/mqha/mqha/resource"
	"golang.org/x/sys/windows"
)

// fullVolumeVariable names a directory on a small volume, which the test fills.
const fullVolumeVariable = "MQHA_FULL_VOLUME"

func TestFullVolumeIsNoReasonToMove(t *testing.T) {
	dir := os.Getenv(fullVolumeVariable)
	if dir == "" {
		need.Missing(t, "%s is not set", fullVolumeVariable)
	}
	p := &resource.Path{Dir: dir}
	if err := p.Online(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "everything else"), make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the volume is not full")
	}
	if err := p.IsAlive(t.Context()); !errors.Is(err, windows.ERROR_DISK_FULL) || !errors.Is(err, resource.ErrElsewhere) {
		t.Errorf("%v", err)
	}
}
