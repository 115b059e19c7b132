package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mqha/mqha/internal/vfs"
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
