package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mqha/mqha/internal/core/lease"
	"golang.org/x/sys/unix"
)

// syncs are the operations that make names durable; that they take place shows when they cannot.
var syncs = []lease.Action{{Op: lease.SyncParent}, {Op: lease.SyncNames, Epoch: 1}}

func TestSyncOfADirectoryThatIsGoneFails(t *testing.T) {
	d := &files{path: filepath.Join(t.TempDir(), "gone", "agent.lck")}
	for _, a := range syncs {
		if err := d.do(t.Context(), a).event.Err; !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: %v", a.Op, err)
		}
	}
}

// TestSyncOfADirectoryAsksTheDisk: without these syncs no test with real file systems saw an epoch repeat.
func TestSyncOfADirectoryAsksTheDisk(t *testing.T) {
	dir := mountExt4(t)
	d := &files{path: filepath.Join(dir, "agent.lck")}
	if err := errors.Join(os.Mkdir(namesDir(d.path), 0o755), os.WriteFile(namePath(d.path, 1), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, a := range syncs {
		if err := d.do(t.Context(), a).event.Err; err != nil {
			t.Errorf("%v: %v", a.Op, err)
		}
	}
	pull(t, dir)
	for _, a := range syncs {
		if err := d.do(t.Context(), a).event.Err; !errors.Is(err, unix.EIO) {
			t.Errorf("%v of a disk that is gone: %v", a.Op, err)
		}
	}
}
