package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
	"github.com/mqha/mqha/internal/vfs"
)

// All failures since the last checkpoint go into one journal record; one of more than 64 MiB is
// written and cannot be read.
func TestManyFailuresLeaveAReadableJournal(t *testing.T) {
	b := newSeat(t, "B")
	fence, lost := &hookFence{epoch: 1}, errors.New("killed")
	var gone atomic.Bool
	fence.set(func(stack string) error { // killed before a rotation drops the record
		if strings.Contains(stack, "(*journal).rotate") {
			gone.Store(true)
		}
		if gone.Load() {
			return lost
		}
		return nil
	})
	e := b.open(t, fence, nil)
	mine, its := Pipe()
	stop := start(e, its)
	l := &liar{t: t, link: mine, head: header{From: "PEER", Incarnation: [16]byte{1}, Epoch: 7, Transfer: NewID()}}
	if err := os.WriteFile(filepath.Join(b.got, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var m manifest
	long, name := strings.Repeat("d", 250), "x"
	m.Dirs = append(m.Dirs, name)
	for range 15 {
		name += "/" + long
		m.Dirs = append(m.Dirs, name)
	}
	for i := range 18000 {
		m.Dirs = append(m.Dirs, fmt.Sprintf("%s/%d", name, i))
	}
	body, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	l.announce(body, 0, 0)
	l.expect(kindAnswer)
	sum := digestOf(body)
	for off := 0; off < len(body); {
		n := min(1<<20, len(body)-off)
		h := header{Kind: kindData, Nonce: 1, Pos: stream.Pos{Offset: int64(off)}}
		if off+n == len(body) {
			h.Flags, h.Digest = flagFin, sum
		}
		l.send(h, body[off:off+n])
		off += n
	}
	go func() { // keeps the pipe empty
		for {
			var f Frame
			if l.link.Receive(t.Context(), &f) != nil {
				return
			}
		}
	}()
	_, _ = ends(t, e, l.head.Transfer, time.Minute) // or killed
	stop()
	e.Close()
	e, err = Open(t.Context(), b.state, goodLease(2), Options{Name: "B", WriteRoot: b.got})
	if err != nil {
		t.Fatalf("the agent cannot start any more: %v", err)
	}
	defer e.Close()
	if s, err := e.Status(l.head.Transfer); err != nil || s.Failed == 0 {
		t.Errorf("a checkpoint record that is whole in the file was read as a torn one: %+v, %v", s.State, err)
	}
}

// What the journal takes it must be able to read.
func TestJournalTakesNoRecordThatItCannotRead(t *testing.T) {
	dir, err := openTree(vfs.OpenRoot, t.TempDir(), goodLease(1))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	j, _, err := openJournal(dir, 1, NewestFormat, -1)
	if err != nil {
		t.Fatal(err)
	}
	c := &checkRecord{ID: NewID(), Failures: make([]FileFailure, 20000)}
	for i := range c.Failures {
		c.Failures[i].Name = strings.Repeat("n", 4000)
	}
	refused := false
	for _, r := range []record{{Commit: c}, {Peer: &peerRecord{Name: "B"}}} {
		body, err := appendEntry(nil, &r)
		if err == nil {
			err = j.append(body)
		}
		refused = refused || err != nil
	}
	if err := errors.Join(j.sync(), j.close()); err != nil {
		t.Fatal(err)
	}
	again, _, err := openJournal(dir, 2, NewestFormat, -1)
	if err == nil {
		err = again.close() // an open file could not be removed on Windows
	} else if refused {
		err = nil
	}
	if err != nil {
		t.Errorf("written without an error, and then: %v", err)
	}
}

// The last word lists up to 100 failures, whatever the link takes.
func TestLastWordFitsTheLink(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	small := func(o *Options) { o.FrameBytes = 4096 }
	ea, eb := a.open(t, goodLease(1), small), b.open(t, goodLease(1), small)
	defer ea.Close()
	defer eb.Close()
	var files []string
	for i := range 120 {
		files = append(files, a.file(t, fmt.Sprintf("a-file-with-a-name-of-ordinary-length-%d", i), 1))
	}
	id := submit(t, ea, "B", a.read, ".")
	for _, f := range files { // their directory stays: another in its place would be a disk that is away
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	la, lb := Pipe()
	const most = 4096 + HeaderBytes
	look := func(f *Frame) error {
		if len(f.Body) > most {
			return fmt.Errorf("%w: MQRC_MSG_TOO_BIG_FOR_Q", ErrPeer)
		}
		return nil
	}
	defer start(ea, &sendFilter{la, most, look})()
	defer start(eb, &sendFilter{lb, most, look})()
	if s, ok := ends(t, ea, id, patience); !ok {
		t.Errorf("the last word never arrives: %+v", s.State)
	}
}

// TestLastWordIsOneThatItsSenderReads: over a link that takes longer messages, too. A hundred failures with the longest names
// and reasons take more than a control frame may; the sender would drop it, and the transfer would never end there.
func TestLastWordIsOneThatItsSenderReads(t *testing.T) {
	e, err := Open(t.Context(), t.TempDir(), goodLease(1), Options{Name: "B"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	mine, its := Pipe()
	defer start(e, &sendFilter{its, 64 << 20, func(*Frame) error { return nil }})()
	l := &liar{t: t, link: mine, head: header{Transfer: NewID()}}
	rec := &inRecord{ID: l.head.Transfer, From: "A", Failed: 1000}
	for range maxFailures {
		rec.Failures = append(rec.Failures, FileFailure{Name: strings.Repeat("n", maxNameBytes), Reason: strings.Repeat("\x01", 7<<10)})
	}
	if err := e.call(t.Context(), func() {
		e.sendEnd(&incoming{rec: rec, told: true}, header{Kind: kindEnd, Transfer: rec.ID, Answer: stream.Completed})
	}); err != nil {
		t.Fatal(err)
	}
	_, word := l.expect(kindEnd)
	var said result
	if err := json.Unmarshal(word, &said); err != nil || said.Failed != 1000 || len(said.Failures) != maxFailures/2 {
		t.Errorf("%d failures, %d of them by name, %v", said.Failed, len(said.Failures), err)
	}
}

// Each side waits with a control frame in hand for its sender, which waits for room in the pipe,
// which the other side does not empty.
func TestPipeBothWaysDoesNotDeadlock(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	small := func(o *Options) { o.FrameBytes = 4096 }
	ea, eb := a.open(t, goodLease(1), small), b.open(t, goodLease(1), small)
	defer ea.Close()
	defer eb.Close()
	var ids [2][]ID
	for i := range 20 {
		size := 1 << 20
		ids[0] = append(ids[0], submit(t, ea, "B", a.file(t, fmt.Sprintf("a%d", i), size*(i%5+1)), fmt.Sprintf("a%d", i)))
		ids[1] = append(ids[1], submit(t, eb, "A", b.file(t, fmt.Sprintf("b%d", i), size*(i%5+1)), fmt.Sprintf("b%d", i)))
	}
	la, lb := Pipe()
	defer start(ea, la)()
	defer start(eb, lb)()
	for i, e := range []*Engine{ea, eb} {
		for _, id := range ids[i] {
			if s, ok := ends(t, e, id, 2*patience); !ok {
				t.Fatalf("stands still: %+v, pipe %d %d", s, len(la.(*pipeEnd).out.frames), len(lb.(*pipeEnd).out.frames))
			}
		}
	}
}

// The name of an incoming manifest has no epoch: a stopped holder's late unlink takes away that of
// its successor, whose journal then cannot be opened.
func TestLateUnlinkOfAManifestIsHarmless(t *testing.T) {
	b := newSeat(t, "B")
	id := NewID()
	if err := os.WriteFile(filepath.Join(b.state, manifestPath(id, 1)), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	old, stopped, wake := &hookFence{epoch: 1}, make(chan struct{}), make(chan struct{})
	var once sync.Once
	old.set(func(stack string) error {
		if strings.Contains(stack, ").sweepState") {
			once.Do(func() { close(stopped); <-wake }) // the answer was good when it was asked
		}
		return nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if e, err := Open(context.Background(), b.state, old, Options{Name: "B", WriteRoot: b.got}); err == nil {
			e.Close()
		}
	}()
	<-stopped
	e := b.open(t, goodLease(2), nil)
	mine, its := Pipe()
	stop := start(e, its)
	l := &liar{t: t, link: mine, head: header{From: "PEER", Incarnation: [16]byte{1}, Epoch: 7, Transfer: id}}
	if ok, reason := l.manifest([]byte(`{"files":[{"name":"x","size":1,"mode":384}]}`), 1, 1); !ok {
		t.Fatal(reason)
	}
	close(wake)
	<-done
	stop()
	e.Close()
	e, err := Open(t.Context(), b.state, goodLease(3), Options{Name: "B", WriteRoot: b.got})
	if err != nil {
		t.Fatalf("one late unlink, and no later epoch can begin: %v", err)
	}
	e.Close()
}

// That a number is over is not in the journal when it was learnt from the lowest.
func TestLowestNumberIsNotForgotten(t *testing.T) {
	b := newSeat(t, "B")
	first, second := NewID(), NewID()
	e := b.open(t, goodLease(1), func(o *Options) { o.WriteRoot = "" })
	mine, its := Pipe()
	stop := start(e, its)
	l := &liar{t: t, link: mine, head: header{From: "PEER", Incarnation: [16]byte{1}, Epoch: 7, Transfer: first}}
	m := []byte(`{"files":[{"name":"x","size":1,"mode":384}]}`)
	open, _ := json.Marshal(announcement{ManifestBytes: int64(len(m)), Files: 1, Bytes: 1})
	l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1, Bytes: 1}, open)
	if h, _ := l.expect(kindEnd); h.Answer != stream.Refused {
		t.Fatal(h.Answer)
	}
	l.head.Transfer = second
	l.send(header{Kind: kindOpen, Nonce: 1, Frames: 2, Bytes: 2}, open) // 1 is over
	l.expect(kindEnd)
	again := func() stream.Answer {
		l.head.Transfer = first
		l.send(header{Kind: kindOpen, Nonce: 1, Frames: 1, Bytes: 1}, open)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for {
			var f Frame
			if err := l.link.Receive(ctx, &f); err != nil {
				t.Fatal(err)
			}
			if h, _, err := decode(f.Body, ""); err == nil && h.Transfer == first && (h.Kind == kindEnd || h.Kind == kindAnswer) {
				return h.Answer
			}
		}
	}
	if got := again(); got != stream.Refused {
		t.Fatalf("before the restart: %d", got)
	}
	stop()
	e.Close()
	e = b.open(t, goodLease(2), nil) // may receive now
	defer e.Close()
	l.link, its = Pipe()
	defer start(e, its)()
	if got := again(); got != stream.Refused {
		t.Errorf("a transfer that is over at its sender begins after a restart, answer %d: nobody will ever send or confirm it", got)
	}
}

// A name that is read as that of a part but is not written so is looked for under another name.
func TestOnlyOurOwnPartNamesAreParts(t *testing.T) {
	for _, s := range []string{
		".ABCDEF00000000000000000000000000.1.1.part", ".abcdef00000000000000000000000000.01.1.part", ".abcdef00000000000000000000000000.1.001.part",
	} {
		if p, ok := parsePart(s); ok && p.String() != s {
			t.Errorf("%s is taken for %s, which is not there: TakeOver of it fails for ever", s, p)
		}
	}
}

// A transfer begins on a new link before it is in the journal.
func TestTransferIsDurableBeforeThePeerHearsOfIt(t *testing.T) {
	a := newSeat(t, "A")
	fence, gate, hung := &hookFence{epoch: 1}, make(chan struct{}), make(chan struct{})
	e := a.open(t, fence, nil)
	var once sync.Once
	fence.set(func(stack string) error {
		if strings.Contains(stack, ").runJournal") {
			once.Do(func() { close(hung) })
			<-gate
		}
		return nil
	})
	x := a.file(t, "x", 1)
	submitted := make(chan struct{})
	go func() {
		defer close(submitted)
		_, _ = e.Submit(context.Background(), Request{To: "B", Items: []Item{{Source: x, Destination: "x"}}})
	}()
	<-hung
	_, its := Pipe()
	asked := make(chan struct{}, 100)
	stop := start(e, &sendFilter{Link: its, look: func(*Frame) error { asked <- struct{}{}; return nil }})
	select {
	case <-asked:
		t.Error("the peer was asked about a transfer that a crash would have undone")
	case <-time.After(300 * time.Millisecond):
	}
	close(gate)
	<-submitted
	stop()
	e.Close()
}

// Submit promises the errors of Run.
func TestSubmitWithoutALeaseSaysFenced(t *testing.T) {
	a := newSeat(t, "A")
	fence := &hookFence{epoch: 1}
	e := a.open(t, fence, nil)
	defer e.Close()
	fence.set(func(string) error { return errors.New("lease lost") })
	_, err := e.Submit(t.Context(), Request{To: "B", Items: []Item{{Source: a.file(t, "x", 1), Destination: "x"}}})
	if !errors.Is(err, ErrFenced) {
		t.Errorf("%v", err)
	}
}

// The confirmation of a sender that lost its state directory comes with a new incarnation, and is
// exactly the case for which strange() sends it.
func TestNewIncarnationConfirmsWhatTheOldOneSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, e := newLiar(t, Options{WriteRoot: t.TempDir()})
		if ok, reason := l.manifest([]byte(`{"files":[{"name":"x","mode":384}]}`), 1, 0); !ok {
			t.Fatal(reason)
		}
		l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}, Flags: flagFin, Digest: digestOf(nil)}, nil)
		l.expect(kindEnd)
		id := l.head.Transfer
		l.head.Incarnation = [16]byte{2}
		l.send(header{Kind: kindConfirm}, nil)
		synctest.Wait()
		if _, err := e.Status(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("the record of the transfer can never go: %v", err)
		}
	})
}
