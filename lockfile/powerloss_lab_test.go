//go:build lab && linux

package lockfile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mqha/mqha/internal/core/lease"
)

// A power failure is FS_IOC_SHUTDOWN without a flush of the log: after the next mount only what was synced is
// there. Needs root, e2fsprogs and xfsprogs.

// failingPower pulls the plug before the operation number at, or after it.
type failingPower struct {
	files
	at    int
	after bool
	done  int
	last  lease.Op
	pull  func()
}

func (d *failingPower) do(ctx context.Context, a lease.Action) outcome {
	d.done++
	if d.done != d.at {
		return d.files.do(ctx, a)
	}
	d.last = a.Op
	if !d.after {
		d.pull()
		return d.files.do(ctx, a)
	}
	o := d.files.do(ctx, a)
	d.pull()
	return o
}

func TestNoEpochRepeatsAfterAPowerFailureAtAnyStep(t *testing.T) {
	for _, fs := range []struct {
		kind string
		size int64
		mkfs []string
	}{{"ext4", 64 << 20, []string{"mkfs.ext4", "-q", "-N", "40000"}}, {"xfs", 320 << 20, []string{"mkfs.xfs", "-q"}}} {
		t.Run(fs.kind, func(t *testing.T) {
			disk := image(t, t.TempDir(), fs.size, fs.mkfs[0], fs.mkfs[1:]...)
			dir := mount(t, "-o", "loop", disk)
			steps, failures := map[lease.Op]int{}, 0
			for _, earlier := range []uint64{0, 1, keepNames + 6} { // the first lease of all, a later one, and one that prunes
				for _, after := range []bool{false, true} {
					for at, op := 1, lease.Open; op != 0; at++ {
						path := filepath.Join(dir, fmt.Sprintf("%d-%v-%d.lck", earlier, after, at))
						op = powerFails(t, disk, dir, path, earlier, at, after)
						steps[op]++
						failures++
					}
				}
			}
			for _, op := range []lease.Op{lease.Open, lease.Inquire, lease.TryLock, lease.MakeNames, lease.SyncParent, lease.List,
				lease.Floor, lease.CreateName, lease.SyncNames, lease.Write, lease.Claim, lease.Sync, lease.Look, lease.Prune, lease.Unlock, lease.Close} {
				if steps[op] < 4 {
					t.Errorf("%d failures at %v", steps[op], op)
				}
			}
			t.Logf("%d power failures", failures)
		})
	}
}

// powerFails takes a lease, beats and releases, with a failure at one operation, and then sees which epoch
// the next instance gets after the restart. It returns 0 when there is no operation of that number.
func powerFails(t *testing.T, disk, dir, path string, earlier uint64, at int, after bool) lease.Op {
	t.Helper()
	highest := earlier
	if earlier > 0 {
		mustTakeAndRelease(t, path)
		for n := uint64(2); n <= earlier; n++ {
			if err := os.WriteFile(namePath(path, n), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := syncDir(namesDir(path)); err != nil {
			t.Fatal(err)
		}
	}
	self, err := identity("")
	if err != nil {
		t.Fatal(err)
	}
	d := &failingPower{files: files{path: path, self: self}, at: at, after: after, pull: func() { pull(t, dir) }}
	l, err := take(t.Context(), path, d, newClock(), false, nil)
	if err == nil { // it may have been used: no later one may be as high
		if l.Epoch() <= highest {
			t.Errorf("epoch %d after %d", l.Epoch(), highest)
		}
		highest = l.Epoch()
		for range 3 { // a heartbeat is a step, too, and pruning goes on between two
			l.Verify(t.Context())
		}
		mustRelease(t, l)
	}
	if d.last == 0 {
		return 0
	}
	unmount(t, dir)
	if out, err := exec.Command("mount", "-o", "loop", disk, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %s", out)
	}
	if next := mustTakeAndRelease(t, path); next.Epoch() <= highest {
		t.Errorf("power failed at operation %d, %v (after it: %v): epoch %d after %d", at, d.last, after, next.Epoch(), highest)
	}
	return d.last
}

func mustTakeAndRelease(t *testing.T, path string) *Lease {
	t.Helper()
	l, err := TryAcquire(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustRelease(t, l)
	return l
}
