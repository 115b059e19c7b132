//go:build lab && linux

package transfer_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
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
	seed := rand.Uint64()
	if text := os.Getenv("MQHA_CRASH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (again with MQHA_CRASH_SEED=%d)", seed, seed)
	random := rand.New(rand.NewPCG(seed, 0))
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
	fence := &strikingFence{epoch: 1, at: at, strike: disk.pull}
	fences := map[string]transfer.Fence{"A": &strikingFence{epoch: 1}, "B": &strikingFence{epoch: 1}}
	fences[victim] = fence
	agents, engines := map[string]*agent{"A": o.a, "B": o.b}, map[string]*transfer.Engine{}
	var problems []error
	for name, a := range agents {
		e, err := o.open(a, fences[name])
		engines[name], problems = e, append(problems, err)
	}
	o.consumer.start()
	if errors.Join(problems...) == nil {
		_, err := o.run(engines["A"], engines["B"])
		problems = append(problems, err)
	}
	consumed := o.consumer.stop()
	calls = fence.calls.Load()
	if engines[victim] != nil {
		problems = append(problems, engines[victim].Close())
	}
	if struck = at > 0 && fence.calls.Load() >= at; !struck {
		problems = append(problems, consumed)
	}
	for _, err := range problems {
		// Open and Submit give the error of the file system.
		if err != nil && !(struck && (errors.Is(err, transfer.ErrDurability) || errors.Is(err, syscall.EIO))) {
			t.Errorf("power failed at call %d (%v): %v", at, struck, err)
		}
	}
	if struck {
		disk.unmount()
		disk.mount()
	}
	var err error
	if engines[victim], err = o.open(agents[victim], &strikingFence{epoch: 2}); err != nil {
		t.Fatalf("power failed at call %d; the next instance: %v", at, err)
	}
	o.consumer.start()
	s, err := o.run(engines["A"], engines["B"])
	if err := errors.Join(err, o.consumer.stop()); err != nil {
		t.Errorf("power failed at call %d; the next instance: %v", at, err)
	}
	closeEngines(t, engines["A"], engines["B"])
	if !o.check(s) {
		t.Errorf("power failed at call %d, and then: %v", at, problems)
	}
	return calls, struck
}
