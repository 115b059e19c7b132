package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mqha/mqha/internal/vfs"
)

// tinyDisk has room for so many bytes of all files below one directory that are created from now on.
type tinyDisk struct {
	vfs.Dir
	room *atomic.Int64
}

type tinyFile struct {
	vfs.File
	disk *tinyDisk
	used *int64
}

func (d *tinyDisk) Create(name string) (vfs.File, error) {
	f, err := d.Dir.Create(name)
	if err != nil {
		return nil, err
	}
	return &tinyFile{f, d, new(int64)}, nil
}

// WriteAt writes what there is room for.
func (f *tinyFile) WriteAt(b []byte, at int64) (int, error) {
	need := at + int64(len(b)) - *f.used
	if left := f.disk.room.Add(-need); left < 0 {
		f.disk.room.Add(need)
		n, err := f.File.WriteAt(b[:max(0, len(b)-int(-left))], at)
		*f.used += int64(n)
		f.disk.room.Add(int64(-n))
		return n, errors.Join(err, &os.PathError{Op: "write", Err: syscall.ENOSPC})
	}
	*f.used += need
	return f.File.WriteAt(b, at)
}

func namesIn(t *testing.T, dir string, suffixes ...string) (found []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		for _, s := range suffixes {
			if strings.HasSuffix(e.Name(), s) {
				found = append(found, e.Name())
			}
		}
	}
	return found
}

// TestWhatIsRefusedOnAFullDiskTakesNoRoom: what had been written of the lists of a Submit, or of the journal of a Finalise,
// stayed until the next Open, and took the room that the journal needs.
func TestWhatIsRefusedOnAFullDiskTakesNoRoom(t *testing.T) {
	a := newSeat(t, "A")
	a.formerJournal(t)
	for range 50 {
		a.file(t, filepath.Join("many", strings.Repeat("n", 100)+NewID().String()), 1)
	}
	var room atomic.Int64
	room.Store(1 << 30)
	mount := func(dir string) (vfs.Dir, error) {
		d, err := vfs.OpenRoot(dir)
		if err == nil && dir == a.state {
			d = &tinyDisk{d, &room}
		}
		return d, err
	}
	e, err := openOn(t.Context(), mount, a.state, goodLease(4), Options{Name: "A", ReadRoots: []string{a.read}})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, e)
	before := namesIn(t, a.state, "")
	r := Request{To: "B", Items: []Item{{Source: filepath.Join(a.read, "many"), Destination: "."}}}
	for _, n := range []int64{100, 16000} { // room for neither list, or for one
		room.Store(n)
		if _, err := e.Submit(t.Context(), r); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Submit: %v", err)
		}
		if err := e.Finalise(t.Context()); n == 100 && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Finalise: %v", err)
		}
		if after := namesIn(t, a.state, ""); len(after) != len(before) {
			t.Errorf("with room for %d bytes: left behind: %v", n, after)
		}
	}
}

// TestSubmitThatIsGivenUpLeavesNoLists: the lists of a Submit whose caller did not wait stayed until the next Open.
func TestSubmitThatIsGivenUpLeavesNoLists(t *testing.T) {
	a := newSeat(t, "A")
	fence := &hookFence{epoch: 1}
	e := a.open(t, fence, nil)
	defer closed(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	free := make(chan struct{})
	fence.set(func(stack string) error {
		if strings.Contains(stack, ").writeLists") {
			once.Do(func() { // nobody admits the transfer, and its caller does not wait
				busy := make(chan struct{})
				go func() { _ = e.call(context.Background(), func() { close(busy); <-free }) }()
				<-busy
				cancel()
			})
		}
		return nil
	})
	_, err := e.Submit(ctx, Request{To: "B", Items: []Item{{Source: a.file(t, "x", 1), Destination: "x"}}})
	close(free)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left := namesIn(t, a.state, ".manifest", ".sources"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestJournalThatCannotBeWrittenAnewGoesOn: it is written anew so that it does not grow for ever. Where there was no room for
// that, the engine stopped, and could not be opened either.
func TestJournalThatCannotBeWrittenAnewGoesOn(t *testing.T) {
	a := newSeat(t, "A")
	var full atomic.Bool
	var wrote, told atomic.Int64
	mount := func(dir string) (vfs.Dir, error) {
		d, err := vfs.OpenRoot(dir)
		return &fullDir{d, &full, &wrote}, err
	}
	e, err := openOn(t.Context(), mount, a.state, goodLease(1), Options{Name: "A", ReadRoots: []string{a.read}, OnEvent: func(ev Event) {
		if ev.Kind == EventDegraded {
			told.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	e.journal.start, e.journal.tried = -rotateBytes-1, -rotateBytes-1 // it has grown that much
	// There is room in the journal, which is filled with zeros ahead, but none for another file.
	e.journal.file = e.journal.file.(*fullFile).File
	full.Store(true)
	for range 3 {
		durable := make(chan struct{})
		if err := e.call(t.Context(), func() {
			e.record(record{Peer: &peerRecord{Name: "Z"}}, nil)
			e.syncJournal(func(time.Time) { close(durable) })
		}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-durable:
		case <-e.bad:
			t.Fatal(e.failure())
		}
	}
	closed(t, e)
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
	if s := stateIn(t, a.state, NewestFormat); s.peers["Z"] == nil {
		t.Error("a record is missing")
	}
}

// TestPartOfAListIsRemovedAfterTheEnd: the receiver was killed when the end of a transfer was durable, and the part of its list
// of files not yet removed. It lay in the state directory for ever.
func TestPartOfAListIsRemovedAfterTheEnd(t *testing.T) {
	b := newSeat(t, "B")
	fence, killed, ended := &hookFence{epoch: 1}, errors.New("killed"), make(chan struct{})
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*tree).unlink") && strings.Contains(stack, ").runWrite") {
			<-ended
			return killed
		}
		return nil
	})
	e := b.open(t, fence, nil)
	mine, its := Pipe()
	stop := start(e, its)
	l := &liar{t: t, link: mine, head: header{From: "A", Incarnation: [16]byte{1}, Epoch: 1, Transfer: NewID()}}
	l.announce(make([]byte, 1000), 1, 1)
	l.expect(kindAnswer)
	l.send(header{Kind: kindData, Nonce: 1}, []byte("half of the list"))
	for len(namesIn(t, b.state, ".part")) == 0 {
	}
	l.send(header{Kind: kindCancel}, nil)
	l.expect(kindEnd)
	fence.set(func(string) error { return killed })
	close(ended)
	stop()
	_ = e.Close() // it was killed
	closed(t, b.open(t, goodLease(2), nil))
	if left := namesIn(t, b.state, ".part"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
