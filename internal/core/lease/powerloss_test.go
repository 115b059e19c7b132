package lease

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// Real file systems make more durable than they were asked to: with a name its directory, with a file its name. Here is a
// disk that keeps nothing but what was synced, as POSIX has it.

// strictDisk is the directory of the lock file.
type strictDisk struct {
	seen strictState
	safe strictState // what a loss of power leaves
}

type strictState struct {
	file, dir bool // the entries in the directory: the lock file, the directory of names
	names     map[uint64]bool
	lines     [2]line
	claims    [testPlaces]uint64
}

func newStrictDisk() *strictDisk {
	return &strictDisk{seen: strictState{names: map[uint64]bool{}}, safe: strictState{names: map[uint64]bool{}}}
}

func (d *strictDisk) losePower() {
	if !d.safe.file {
		d.safe.lines, d.safe.claims = [2]line{}, [testPlaces]uint64{}
	}
	if !d.safe.dir {
		d.safe.names = map[uint64]bool{}
	}
	d.seen = d.safe
	d.seen.names = maps.Clone(d.safe.names)
}

func (d *strictDisk) do(a Action) Event {
	e := Event{Kind: Done}
	switch a.Op {
	case Open:
		d.seen.file = true
	case Inquire:
		e.Interval, e.Deadline = testInterval, testDeadline
	case Look:
		l, other := d.seen.lines[0], d.seen.lines[1]
		if other.epoch > l.epoch || other.epoch == l.epoch && other.beat > l.beat {
			l = other
		}
		e.Epoch, e.Beat, e.Mine, e.Claims = l.epoch, l.beat, true, slices.Clone(d.seen.claims[:])
	case MakeNames:
		d.seen.dir = true
	case SyncParent:
		d.safe.file, d.safe.dir = d.seen.file, d.seen.dir
	case List:
		e.Names = slices.Collect(maps.Keys(d.seen.names))
	case CreateName:
		if d.seen.names[a.Epoch] {
			e.Result = Busy
		}
		d.seen.names[a.Epoch] = true
	case SyncNames:
		d.safe.names[a.Epoch] = true
	case Write:
		d.seen.lines[a.Beat%2] = line{epoch: a.Epoch, beat: a.Beat}
	case Claim:
		d.seen.claims[a.Epoch%testPlaces] = a.Epoch
	case Sync:
		d.safe.lines, d.safe.claims = d.seen.lines, d.seen.claims
	case Prune:
		delete(d.seen.names, a.Epoch)
		delete(d.safe.names, a.Epoch)
	}
	return e
}

// lease takes one, beats twice and releases it, or stops after so many operations. It returns the epoch granted, 0 for
// none, and whether it came to the end.
func (d *strictDisk) lease(t *testing.T, operations int) (epoch uint64, ended bool) {
	t.Helper()
	m, now := New(Config{Keep: testKeep}), Instant{}
	todo := []Event{{Kind: Start}}
	later := []Event{{Kind: Verify, Ticket: 1}, {Kind: Verify, Ticket: 2}, {Kind: Release}}
	for {
		if len(todo) == 0 {
			todo, later = later[:1], later[1:]
		}
		e := todo[0]
		todo = nil
		for _, a := range m.Step(now, e, nil) {
			switch {
			case a.Op == Grant:
				epoch = a.Epoch
			case a.Op == End && a.Err != nil:
				t.Fatal(a.Err)
			case a.Op == End:
				return epoch, true
			case a.Op.Asks() && operations == 0:
				return epoch, false
			case a.Op.Asks():
				operations--
				todo = append(todo, d.do(a))
			}
		}
	}
}

// TestNoEpochRepeatsOnADiskThatKeepsOnlyWhatWasSynced: that the syncs of the directories were there was not to be seen on
// real disks. The names alone have to be enough, because the record is written over.
func TestNoEpochRepeatsOnADiskThatKeepsOnlyWhatWasSynced(t *testing.T) {
	for _, earlier := range []int{0, 1, testKeep + 2} {
		for _, recordLost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d earlier, record lost %v", earlier, recordLost), func(t *testing.T) {
				for at, ended := 1, false; !ended; at++ {
					d := newStrictDisk()
					var highest, epoch uint64
					for range earlier {
						highest, _ = d.lease(t, -1)
					}
					epoch, ended = d.lease(t, at)
					highest = max(highest, epoch)
					d.losePower()
					if recordLost {
						d.seen.lines, d.safe.lines = [2]line{}, [2]line{}
						d.seen.claims, d.safe.claims = [testPlaces]uint64{}, [testPlaces]uint64{}
					}
					if next, _ := d.lease(t, -1); next <= highest {
						t.Errorf("power failed after operation %d: epoch %d after %d", at, next, highest)
					}
				}
			})
		}
	}
}
