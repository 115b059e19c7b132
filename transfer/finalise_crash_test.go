package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// finaliseStopped finalises on a disk in memory, ends the process at operation at of that, and reads what is left as the
// next instance does. It says whether Finalise returned in good order, and how many operations it made.
func finaliseStopped(t *testing.T, at int, fate crashdisk.Fate, kept crashdisk.Kept) (format int, done bool, made int) {
	t.Helper()
	content, err := os.ReadFile(golden(1, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		disk := crashdisk.New()
		disk.Mkdir("/state")
		disk.Put("/state/journal.3.1", content, 0o600, time.Unix(1, 0))
		var begun atomic.Bool
		var count atomic.Int64
		l := &hookFence{epoch: 4}
		machine := crashdisk.NewMachine(func(crashdisk.Op) crashdisk.Fate {
			if !begun.Load() || count.Add(1) != int64(at) {
				return crashdisk.Goes
			}
			return fate
		})
		e, err := openOn(t.Context(), crashMount(machine, disk), crashPath("/state"), l, Options{Name: "A"})
		if err != nil {
			t.Fatal(err)
		}
		before := snapshotOf(e.state)
		begun.Store(true)
		done = e.Finalise(context.Background()) == nil
		begun.Store(false)
		made = int(count.Load())
		machine.Stop()
		_ = e.Close() // fails: its machine has stopped
		disk.PowerOff(kept, rand.New(rand.NewPCG(uint64(at), uint64(kept))))

		e, err = openOn(t.Context(), crashMount(crashdisk.NewMachine(nil), disk), crashPath("/state"), goodLease(5), Options{Name: "A"})
		if err != nil {
			t.Errorf("stopped at %d (%+v, %v kept): the next instance: %v", at, fate, kept, err)
			return
		}
		format = e.Format()
		if after := snapshotOf(e.state); !reflect.DeepEqual(before, after) {
			t.Errorf("stopped at %d (%+v, %v kept): %v became %v", at, fate, kept, before, after)
		}
		closed(t, e)
	})
	return format, done, made
}

func snapshotOf(s *state) map[string]bool {
	all := map[string]bool{}
	for _, r := range s.snapshot() {
		entry, err := appendEntry(nil, &r)
		all[fmt.Sprintf("%s %v", entry[min(len(entry), prefixBytes):], err)] = true
	}
	return all
}

// TestFinaliseStoppedAtEveryOperation: killed or without power before, in the middle of or after each. The old format or the
// new one is read completely, and the new one if Finalise had returned.
func TestFinaliseStoppedAtEveryOperation(t *testing.T) {
	format, done, made := finaliseStopped(t, 0, crashdisk.Goes, crashdisk.None)
	if format != NewestFormat || !done || made < 8 {
		t.Fatalf("nothing happens: format %d, %v, %d operations", format, done, made)
	}
	seen := map[string]int{}
	for at := 1; at <= made; at++ {
		for _, fate := range []crashdisk.Fate{{Stop: true}, {Torn: true, Stop: true}, {Done: true, Stop: true}, {Done: true, Err: fs.ErrNotExist}, {Err: syscall.EIO}} {
			for _, kept := range []crashdisk.Kept{crashdisk.All, crashdisk.None, crashdisk.Some} {
				format, done, _ := finaliseStopped(t, at, fate, kept)
				seen[fmt.Sprintf("format %d, returned %v", format, done)]++
				if format != 1 && format != NewestFormat || done && format != NewestFormat {
					t.Errorf("stopped at %d (%+v, %v kept): format %d, returned %v", at, fate, kept, format, done)
				}
			}
		}
	}
	t.Logf("%d operations: %v", made, seen)
	if seen["format 1, returned false"] == 0 || seen["format 2, returned false"] == 0 {
		t.Errorf("%v", seen)
	}
}

// TestFinaliseOfAStoppedHolderThatWakes: it is stopped before each operation, its successor takes over, and it makes the call
// that it was about to make. Its late rename finds no file, because the successor has removed what it knows of no use, and it
// does not say that it is done.
func TestFinaliseOfAStoppedHolderThatWakes(t *testing.T) {
	content, err := os.ReadFile(golden(1, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, made := finaliseStopped(t, 0, crashdisk.Goes, crashdisk.None)
	formats := map[int]int{}
	for at := 1; at <= made; at++ {
		synctest.Test(t, func(t *testing.T) {
			disk := crashdisk.New()
			disk.Mkdir("/state")
			disk.Put("/state/journal.3.1", content, 0o600, time.Unix(1, 0))
			open := func(f Fence, plan crashdisk.Plan) *Engine {
				e, err := openOn(t.Context(), crashMount(crashdisk.NewMachine(plan), disk), crashPath("/state"), f, Options{Name: "A"})
				if err != nil {
					t.Fatalf("stopped at %d: %v", at, err)
				}
				return e
			}
			var begun atomic.Bool
			var count atomic.Int64
			stopped, woken := make(chan struct{}), make(chan struct{})
			l := &hookFence{epoch: 4}
			first := open(l, func(crashdisk.Op) crashdisk.Fate {
				if begun.Load() && count.Add(1) == int64(at) {
					close(stopped)
					<-woken
				}
				return crashdisk.Goes
			})
			begun.Store(true)
			answer := make(chan error, 1)
			go func() { answer <- first.Finalise(context.Background()) }()
			<-stopped
			l.set(func(string) error { return errors.New("another has taken over") })

			second := open(goodLease(5), nil)
			durable := make(chan struct{})
			if err := second.call(t.Context(), func() {
				second.record(record{Peer: &peerRecord{Name: "C", Epoch: 9}}, nil)
				second.syncJournal(func(time.Time) { close(durable) })
			}); err != nil {
				t.Fatal(err)
			}
			<-durable
			close(woken)
			err := <-answer
			_ = first.Close() // it is fenced
			format := second.Format()
			closed(t, second)
			formats[format]++
			if err == nil && format != NewestFormat {
				t.Errorf("stopped at %d: it said that it is done, and format %d goes on", at, format)
			}
			third := open(goodLease(6), nil)
			if p := third.state.peers["C"]; third.Format() != format || p == nil || p.Epoch != 9 || !reflect.DeepEqual(snapshotOf(third.state), snapshotOf(second.state)) {
				t.Errorf("stopped at %d: format %d became %d, %v", at, format, third.Format(), third.state.peers)
			}
			closed(t, third)
		})
	}
	t.Logf("%d operations, formats of the successor: %v", made, formats)
	if formats[1] == 0 || formats[NewestFormat] == 0 {
		t.Errorf("%v", formats)
	}
}
