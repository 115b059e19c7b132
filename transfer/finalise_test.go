package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/vfs"
	"github.com/mqha/mqha/internal/vfs/crashdisk"
)

// formerJournal gives a seat the state directory of an earlier release, which wrote format 1.
func (s *seat) formerJournal(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(golden(1, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.state, "journal.3.1"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *seat) move(t *testing.T, name string) Request {
	t.Helper()
	return Request{ID: NewID(), To: "B", Items: []Item{{Source: s.file(t, name, 10), Destination: name}}, SourceDisposition: DeleteSource}
}

// TestEarlierReleaseCanTakeOverUntilFinalise: an upgraded engine goes on in the format that it finds, as often as it is
// opened, refuses a move, and takes one once the operator has said that there is no way back.
func TestEarlierReleaseCanTakeOverUntilFinalise(t *testing.T) {
	a := newSeat(t, "A")
	a.formerJournal(t)
	var finalised atomic.Int64
	watched := func(o *Options) {
		o.OnEvent = func(ev Event) {
			if ev.Kind == EventFinalised && strings.Contains(ev.Reason, "format 2") {
				finalised.Add(1)
			}
		}
	}
	copied, moved := a.move(t, "copied"), a.move(t, "moved")
	copied.SourceDisposition = LeaveSource
	for epoch := uint64(4); epoch < 6; epoch++ {
		e := a.open(t, goodLease(epoch), watched)
		if e.Format() != 1 {
			t.Errorf("format %d", e.Format())
		}
		if _, err := e.Submit(t.Context(), copied); err != nil {
			t.Error(err)
		}
		var refused *FormatError
		if _, err := e.Submit(t.Context(), moved); !errors.Is(err, ErrFormat) || !errors.As(err, &refused) ||
			*refused != (FormatError{refused.What, 2, 1}) || !strings.Contains(err.Error(), "finalise") {
			t.Errorf("a move in format 1: %v", err)
		}
		if _, err := e.Status(moved.ID); !errors.Is(err, ErrUnknown) {
			t.Errorf("a move that was refused: %v", err)
		}
		if lists, err := filepath.Glob(filepath.Join(a.state, "*.sources")); err != nil || len(lists) != 1 {
			t.Errorf("lists: %v, %v", lists, err)
		}
		closed(t, e)
		s := stateIn(t, a.state, 1)
		if s.out[copied.ID] == nil || s.out[ID{0: 0xa0, 15: 1}].Reason != "cancelled at the sender" {
			t.Errorf("transfers are missing: %+v", s.out)
		}
	}
	e := a.open(t, goodLease(6), watched)
	for range 2 {
		if err := e.Finalise(t.Context()); err != nil || e.Format() != NewestFormat {
			t.Errorf("format %d, %v", e.Format(), err)
		}
		stateIn(t, a.state, NewestFormat)
		if _, names := journalsIn(t, a.state); !slices.Equal(names, []journalName{{6, 2}}) {
			t.Errorf("journals: %v", names)
		}
	}
	if _, err := e.Submit(t.Context(), moved); err != nil {
		t.Errorf("a move in format 2: %v", err)
	}
	closed(t, e)
	if finalised.Load() != 1 {
		t.Errorf("%d events", finalised.Load())
	}
	e = a.open(t, goodLease(7), nil)
	defer closed(t, e)
	if e.Format() != NewestFormat {
		t.Errorf("format %d after finalising", e.Format())
	}
	if s, err := e.Status(moved.ID); err != nil || s.Peer != "B" {
		t.Errorf("%+v, %v", s, err)
	}
}

func closed(t *testing.T, e *Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestRecordThatTheFormatHasNoPlaceForIsNotWritten: whoever forgets to refuse what needs a later format stops the engine. An
// earlier release would lose it without a word.
func TestRecordThatTheFormatHasNoPlaceForIsNotWritten(t *testing.T) {
	a := newSeat(t, "A")
	a.formerJournal(t)
	e := a.open(t, goodLease(4), nil)
	if err := e.call(t.Context(), func() { e.record(record{Out: &outRecord{ID: ID{1}, Moving: new(moving)}}, nil) }); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
	if s := stateIn(t, a.state, 1); s.out[ID{1}] != nil {
		t.Error("it was written")
	}
}

// TestFinaliseWithoutALeaseOrAnEngineChangesNothing.
func TestFinaliseWithoutALeaseOrAnEngineChangesNothing(t *testing.T) {
	a := newSeat(t, "A")
	a.formerJournal(t)
	lost := &hookFence{epoch: 4}
	e := a.open(t, lost, nil)
	lost.set(func(string) error { return errors.New("lost") })
	if err := e.Finalise(t.Context()); !errors.Is(err, ErrFenced) {
		t.Errorf("%v", err)
	}
	_ = e.Close()
	stateIn(t, a.state, 1)
	e = a.open(t, goodLease(5), nil)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Finalise(over); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	closed(t, e)
	if err := e.Finalise(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestRotationDoesNotLowerTheFormat: the journal has grown full while it is being finalised, by two operators at once.
func TestRotationDoesNotLowerTheFormat(t *testing.T) {
	a := newSeat(t, "A")
	a.formerJournal(t)
	var told atomic.Int64
	e := a.open(t, goodLease(4), func(o *Options) {
		o.OnEvent = func(ev Event) {
			if ev.Kind == EventFinalised {
				told.Add(1)
			}
		}
	})
	first, second := make(chan struct{}), make(chan struct{})
	if err := e.call(t.Context(), func() {
		e.finalise(first, make(chan error, 1))
		e.finalise(second, make(chan error, 1))
		e.rotateJournal()
	}); err != nil {
		t.Fatal(err)
	}
	<-first
	<-second
	closed(t, e)
	stateIn(t, a.state, NewestFormat)
	if told.Load() != 1 {
		t.Errorf("%d events", told.Load())
	}
}

// TestNewStateDirectoryBeginsInTheNewestFormat.
func TestNewStateDirectoryBeginsInTheNewestFormat(t *testing.T) {
	a := newSeat(t, "A")
	e := a.open(t, goodLease(1), nil)
	if _, err := e.Submit(t.Context(), a.move(t, "x")); err != nil || e.Format() != NewestFormat {
		t.Errorf("format %d, %v", e.Format(), err)
	}
	closed(t, e)
	stateIn(t, a.state, NewestFormat)
}

// TestNewStateDirectoryBeginsInTheFirstFormatThatIsAskedFor, and a later engine goes on in that, whatever it is given.
func TestNewStateDirectoryBeginsInTheFirstFormatThatIsAskedFor(t *testing.T) {
	a := newSeat(t, "A")
	first := func(format int) func(*Options) { return func(o *Options) { o.FirstFormat = format } }
	for epoch, format := range []int{1, NewestFormat} {
		e := a.open(t, goodLease(uint64(epoch+1)), first(format))
		if _, err := e.Submit(t.Context(), a.move(t, "x")); !errors.Is(err, ErrFormat) || e.Format() != 1 {
			t.Errorf("format %d, %v", e.Format(), err)
		}
		closed(t, e)
	}
	for _, format := range []int{-1, NewestFormat + 1} {
		if err := (Options{Name: "A", FirstFormat: format}).Validate(); !errors.Is(err, ErrOptions) {
			t.Errorf("first format %d: %v", format, err)
		}
	}
}

// TestFinaliseOnAFullDiskChangesNothing: journals are filled with zeros ahead, so that an agent goes on for long on a disk
// that is full. It goes on when there is no room for a second one, too.
func TestFinaliseOnAFullDiskChangesNothing(t *testing.T) {
	a := newSeat(t, "A")
	a.formerJournal(t)
	var full atomic.Bool
	var wrote atomic.Int64
	mount := func(dir string) (vfs.Dir, error) {
		d, err := vfs.OpenRoot(dir)
		return &fullDir{d, &full, &wrote}, err
	}
	e, err := openOn(t.Context(), mount, a.state, goodLease(4), Options{Name: "A", ReadRoots: []string{a.read}})
	if err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	if err := e.Finalise(t.Context()); !errors.Is(err, syscall.ENOSPC) || e.Format() != 1 {
		t.Errorf("format %d, %v", e.Format(), err)
	}
	full.Store(false)
	r := a.move(t, "x")
	r.SourceDisposition = LeaveSource
	if _, err := e.Submit(t.Context(), r); err != nil {
		t.Errorf("after that: %v", err)
	}
	if s := stateIn(t, a.state, 1); s.out[r.ID] == nil {
		t.Error("what was submitted is not in the journal that counts")
	}
	if err := e.Finalise(t.Context()); err != nil {
		t.Errorf("with room: %v", err)
	}
	closed(t, e)
	if s := stateIn(t, a.state, NewestFormat); s.out[r.ID] == nil {
		t.Error("a transfer is missing")
	}
	if _, names := journalsIn(t, a.state); !slices.Equal(names, []journalName{{4, 2}}) {
		t.Errorf("journals: %v", names)
	}
}

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
