//go:build lab && linux

package transfer_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mqha/mqha/transfer"
)

// powerFailures is how many there are for each side on each file system.
const powerFailures = 25

// TestPowerFailure: the power of the disk under the state directory, and of that under the directory that is delivered to,
// fails at points that chance chooses among all system calls. After the next mount only what was synced is
// there; the next instance goes on from it, and each file arrives once and identical, also where a consumer
// takes it away at once.
func TestPowerFailure(t *testing.T) {
	random := labRandom(t)
	for _, fs := range []struct {
		kind string
		size int64
		mkfs []string
	}{{"ext4", 64 << 20, []string{"mkfs.ext4", "-q"}}, {"xfs", 320 << 20, []string{"mkfs.xfs", "-q"}}} {
		for _, side := range []string{"A", "B"} {
			t.Run(fs.kind+" under "+side, func(t *testing.T) {
				disk := newDisk(t, fs.size, "loop", fs.mkfs...)
				o := newPowerOrdeal(t, disk, side, 0)
				calls, _ := o.fail(disk, side, 0)
				var failures int
				var most int64
				for n := 1; n <= powerFailures; n++ {
					at := 1 + random.Int64N(calls)
					o := newPowerOrdeal(t, disk, side, n)
					if _, struck := o.fail(disk, side, at); struck {
						failures++
					}
					most = max(most, o.again())
				}
				t.Logf("%d system calls, %d power failures; %d bytes re-sent at the most, bound %d", calls, failures, most, labBound)
				if failures < powerFailures*4/5 {
					t.Errorf("the power failed %d times", failures)
				}
			})
		}
	}
}

// newPowerOrdeal has its directories on the disk that is about to fail, or beside it.
func newPowerOrdeal(t *testing.T, disk *labDisk, side string, n int) *ordeal {
	t.Helper()
	on, beside := filepath.Join(disk.dir, fmt.Sprint(n)), t.TempDir()
	places := map[string]string{"A": beside, "B": beside}
	places[side] = on
	a := seatOn(t, "A", filepath.Join(places["A"], "a"), filepath.Join(beside, "read"), filepath.Join(places["A"], "a-got"))
	b := seatOn(t, "B", filepath.Join(places["B"], "b"), filepath.Join(beside, "read"), filepath.Join(places["B"], "got"))
	o := newOrdeal(t, a, b)
	taken := filepath.Join(places["B"], "taken")
	if err := os.Mkdir(taken, 0o755); err != nil {
		t.Fatal(err)
	}
	o.consumer = &durableConsumer{from: b.got, to: taken}
	mustRun(t, "sync", "-f", disk.dir) // the directories are there before the power fails
	return o
}

// fail runs the transfer with a power failure before one system call of the victim, 0: none, and lets its next instance
// go on. It gives the number of calls of the first one, and whether the power failed.
func (o *ordeal) fail(disk *labDisk, victim string, at int64) (calls int64, struck bool) {
	t := o.t
	t.Helper()
	fences := map[string]*strikingFence{"A": {epoch: 1}, "B": {epoch: 1}}
	fences[victim].at, fences[victim].strike = at, disk.pull
	o.consumer.start()
	_, ended, closed := o.live(victim, fences)
	consumed := o.consumer.stop()
	calls = fences[victim].calls.Load()
	struck = at > 0 && calls >= at
	for _, err := range []error{ended, closed} {
		// Open and Submit give the error of the file system.
		if err != nil && !(struck && (errors.Is(err, transfer.ErrDurability) || errors.Is(err, syscall.EIO))) {
			t.Errorf("power failed at call %d (%v): %v", at, struck, err)
		}
	}
	if struck {
		disk.unmount()
		disk.mount()
	} else if consumed != nil {
		t.Error(consumed)
	}
	o.consumer.start()
	s := o.liveOn(victim)
	if err := o.consumer.stop(); err != nil {
		t.Error(err)
	}
	if !o.check(s) {
		t.Errorf("power failed at call %d, and then: %v, %v", at, ended, closed)
	}
	if again := o.again(); again > labBound {
		t.Errorf("power failed at call %d: %d bytes were sent twice, at most %d are in flight or not durable", at, again, labBound)
	}
	return calls, struck
}
