package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/stream"
)

// OnEvent "may call the Engine's methods but Close"; one that does so while Close runs waits for
// the loop, which waits for OnEvent.
func TestCloseWhileOnEventCallsStatus(t *testing.T) {
	a := newSeat(t, "A")
	var e *Engine
	closing := make(chan struct{})
	e = a.open(t, goodLease(1), func(o *Options) {
		o.OnEvent = func(ev Event) {
			<-closing
			_, _ = e.Status(ev.Transfer)
		}
	})
	submit(t, e, "B", a.file(t, "x", 1), "x")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Close()
	}()
	<-e.bad // the engine is closing
	close(closing)
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("Close does not return: OnEvent waits in Engine.call for the loop, the loop in shutdown for OnEvent")
	}
}

// A frame that is read between the end of the run's sender and linkDown goes to a lane that nobody
// runs: Sent never comes, held never falls, and after five such frames nothing is read any more.
func TestFrameReadWhileTheLinkEndsIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSeat(t, "A"), newSeat(t, "B")
		ea, eb := a.open(t, goodLease(1), nil), b.open(t, goodLease(1), nil)
		defer ea.Close()
		defer eb.Close()
		id := submit(t, ea, "B", a.file(t, "x", 64<<20), "x")
		for range 40 {
			if ended := endLinkWhileBusy(t, ea, eb, id); ended {
				return
			}
		}
	})
}

// endLinkWhileBusy ends a link on which data flows while the loop of the sender is busy. It runs in a bubble.
func endLinkWhileBusy(t *testing.T, ea, eb *Engine, id ID) (ended bool) {
	t.Helper()
	la, lb := Pipe()
	var data atomic.Int64
	flowing := make(chan struct{})
	fa := &sendFilter{Link: la, look: func(f *Frame) error {
		if !f.Persistent && len(f.Body) > HeaderBytes && data.Add(1) == 3 {
			close(flowing)
		}
		return nil
	}}
	stopA, stopB := start(ea, fa), start(eb, lb)
	select {
	case <-flowing:
	case <-time.After(time.Hour):
		var held string
		_ = ea.call(t.Context(), func() { held = fmt.Sprintf("%+v", ea.out[id].core) })
		stopA()
		stopB()
		t.Fatal("no data flows any more on a new link; core:", held)
	}
	busy, free := make(chan struct{}), make(chan struct{})
	go func() { _ = ea.call(context.Background(), func() { close(busy); <-free }) }()
	<-busy
	stopped := make(chan struct{})
	go func() { defer close(stopped); stopA() }()
	synctest.Wait() // Run waits to say that the link is down, the reader has come to the end of its read
	close(free)
	<-stopped
	stopB()
	s, err := ea.Status(id)
	if err != nil {
		t.Fatal(err)
	}
	return s.State.Ended()
}

// Turns are taken by transfers whose receiver does not answer.
func TestDownPeerDoesNotStarveTheOthers(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	ea, eb := a.open(t, goodLease(1), nil), b.open(t, goodLease(1), nil)
	defer ea.Close()
	defer eb.Close()
	x := a.file(t, "x", 1)
	for range maxSources {
		submit(t, ea, "DOWN", x, "x")
	}
	id := submit(t, ea, "B", x, "x")
	la, lb := Pipe()
	defer start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
		if f.Peer == "DOWN" {
			return ErrPeer
		}
		return nil
	}})()
	defer start(eb, lb)()
	if s, ok := ends(t, ea, id, patience); !ok {
		t.Errorf("25 transfers to an agent that is away hold up the one to B: %+v", s)
	}
}

// A frame of a liar that skips a file which the manifest does not have.
func TestSkipBehindTheLastFileIsNoPanic(t *testing.T) {
	for name, prepare := range map[string]func(l *liar) stream.Pos{
		"behind the last file": func(l *liar) stream.Pos {
			if ok, reason := l.manifest([]byte(`{"files":[{"name":"x","mode":384}]}`), 1, 0); !ok {
				t.Fatal(reason)
			}
			l.send(header{Kind: kindData, Nonce: 1, Pos: stream.Pos{File: 1}, Flags: flagFin, Digest: digestOf(nil)}, nil)
			l.expect(kindEnd)
			return stream.Pos{File: 2}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, e := newLiar(t, Options{WriteRoot: t.TempDir()})
			p := prepare(l)
			var got any
			err := e.call(t.Context(), func() {
				defer func() { got = recover() }()
				e.deliverFrame(time.Now(), l.skip(e.run, p))
			})
			if err != nil || got != nil {
				t.Errorf("one frame ends the process: panic %v, %v", got, err)
			}
		})
	}
}

// The same in the time between the last frame of the manifest and its acceptance.
func TestSkipBeforeTheManifestIsAcceptedIsNoPanic(t *testing.T) {
	fence, gate := &hookFence{epoch: 1}, make(chan struct{})
	fence.set(func(stack string) error {
		if strings.Contains(stack, ").syncPart") {
			<-gate
		}
		return nil
	})
	s := newSeat(t, "B")
	e := s.open(t, fence, nil)
	mine, its := Pipe()
	stop := start(e, its)
	defer func() { close(gate); stop(); e.Close() }()
	l := &liar{t: t, link: mine, head: header{From: "EVIL", Incarnation: [16]byte{1}, Epoch: 7, Transfer: NewID()}}
	m := []byte(`{"files":[{"name":"x","mode":384}]}`)
	l.announce(m, 1, 0)
	l.expect(kindAnswer)
	l.send(header{Kind: kindData, Flags: flagFin, Nonce: 1, Digest: digestOf(m)}, m)
	for at := (stream.Pos{}); at.File == 0; {
		_ = e.call(t.Context(), func() { at = e.in[l.head.Transfer].core.At() })
	}
	var got any
	_ = e.call(t.Context(), func() {
		defer func() { got = recover() }()
		e.deliverFrame(time.Now(), l.skip(e.run, stream.Pos{File: 1}))
	})
	if got != nil {
		t.Errorf("one frame ends the process: panic %v", got)
	}
}

// An agent that may receive no more must not end its process because it once did.
func TestWriteRootTakenAwayIsNoPanic(t *testing.T) {
	if dir := os.Getenv("MQHA_TEST_STATE_OF_B"); dir != "" {
		e, err := Open(context.Background(), dir, goodLease(2), Options{Name: "B"})
		if err != nil {
			fmt.Println("refused:", err)
			return
		}
		fmt.Println("lives:", e.Close())
		return
	}
	a, b := newSeat(t, "A"), newSeat(t, "B")
	unfinished(t, a, b)
	c := exec.Command(os.Args[0], "-test.run=^TestWriteRootTakenAwayIsNoPanic$")
	c.Env = append(os.Environ(), "MQHA_TEST_STATE_OF_B="+b.state)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%.400s", err, out)
	}
}

// A committed file whose part is not there counts as delivered; in another WriteRoot (another
// setting, or a mount point without its disk) none is there.
func TestOtherWriteRootLosesNoFile(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	id := unfinished(t, a, b)
	if _, err := Open(t.Context(), b.state, goodLease(2), Options{Name: "B", WriteRoot: t.TempDir()}); !errors.Is(err, ErrRoot) {
		t.Fatalf("opened with another WriteRoot: %v", err)
	}
	ea, eb := a.open(t, goodLease(2), nil), b.open(t, goodLease(3), nil)
	defer ea.Close()
	defer eb.Close()
	la, lb := Pipe()
	defer start(ea, la)()
	defer start(eb, lb)()
	s, ok := ends(t, ea, id, patience)
	if _, err := os.Stat(filepath.Join(b.got, "x")); err != nil || !ok || s.Failed > 0 {
		t.Errorf("with its own again: %v, %+v", err, s)
	}
}

// TestWriteRootThatIsGoneForGood: what the text of ErrRoot advises helps.
func TestWriteRootThatIsGoneForGood(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	id := unfinished(t, a, b)
	if err := os.Rename(b.got, filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.got, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), b.state, goodLease(2), Options{Name: "B", WriteRoot: b.got}); !errors.Is(err, ErrRoot) || !strings.Contains(err.Error(), "move the state directory away") {
		t.Fatalf("opened with a WriteRoot that was made anew: %v", err)
	}
	b.state = t.TempDir()
	ea, eb := a.open(t, goodLease(2), nil), b.open(t, goodLease(3), nil)
	defer ea.Close()
	defer eb.Close()
	la, lb := Pipe()
	defer start(ea, la)()
	defer start(eb, lb)()
	s, ok := ends(t, ea, id, patience)
	if fi, err := os.Stat(filepath.Join(b.got, "x")); err != nil || fi.Size() != 1000 || !ok || s.State != Completed || s.Failed > 0 {
		t.Errorf("%v, %+v", err, s)
	}
}

// Two Submits of one ID at the same time write the same temporary files and lists.
func TestConcurrentSubmitsOfOneID(t *testing.T) {
	a := newSeat(t, "A")
	for i := range 200 {
		a.file(t, fmt.Sprintf("f%d", i), 10)
	}
	e := a.open(t, goodLease(1), nil)
	defer e.Close()
	for range 20 {
		r := Request{ID: NewID(), To: "B", Items: []Item{{Source: a.read, Destination: "."}}}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := e.Submit(t.Context(), r); err != nil {
					t.Errorf("%v", err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
	}
}

// The second Submit, which "changes nothing", writes its own lists over those of the first.
// The second Submit says yes to what is not durable.
func TestSubmitSaysYesOnlyToWhatIsDurable(t *testing.T) {
	a := newSeat(t, "A")
	fence, lost := &hookFence{epoch: 1}, errors.New("lease lost")
	e := a.open(t, fence, nil)
	var gone atomic.Bool
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*journal).append") {
			gone.Store(true)
		}
		if gone.Load() {
			return lost
		}
		return nil
	})
	r := Request{ID: NewID(), To: "B", Items: []Item{{Source: a.file(t, "x", 1), Destination: "x"}}}
	if _, err := e.Submit(t.Context(), r); err == nil {
		t.Fatal("the journal was not written, and Submit says yes")
	}
	_, err := e.Submit(t.Context(), r)
	e.Close()
	e2 := a.open(t, goodLease(2), nil)
	defer e2.Close()
	if _, statusErr := e2.Status(r.ID); err == nil && statusErr != nil {
		t.Errorf("the second Submit returned without an error; the successor: %v", statusErr)
	}
}

// Open allows the same epoch again; the questions then have numbers that the receiver has passed.
func TestSenderOpenedAgainInTheSameEpochGoesOn(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	ea, eb := a.open(t, goodLease(1), nil), b.open(t, goodLease(1), nil)
	defer eb.Close()
	id := submit(t, ea, "B", a.file(t, "x", 64<<20), "x")
	for range 4 { // each link is a question
		la, lb := Pipe()
		flowing := make(chan struct{})
		var once sync.Once
		stopA := start(ea, &sendFilter{Link: la, look: func(f *Frame) error {
			if len(f.Body) > 4096 {
				once.Do(func() { close(flowing) })
				return errOnTheWay // or the file may be there before this test has its turn
			}
			return nil
		}})
		stopB := start(eb, lb)
		<-flowing
		stopA()
		stopB()
	}
	ea.Close()
	ea = a.open(t, goodLease(1), nil)
	defer ea.Close()
	la, lb := Pipe()
	defer start(ea, la)()
	defer start(eb, lb)()
	if s, ok := ends(t, ea, id, 2*patience); !ok {
		t.Errorf("the receiver does not answer: %+v", s)
	}
}

// One directory with a name that cannot travel stops the whole request.
func TestDirectoryNameThatCannotTravelIsReportedByName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("names are bytes on Linux")
	}
	a := newSeat(t, "A")
	a.file(t, "good", 1)
	if err := os.Mkdir(filepath.Join(a.read, "caf\xe9"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := a.open(t, goodLease(1), nil)
	defer e.Close()
	if _, err := e.Submit(t.Context(), Request{To: "B", Items: []Item{{Source: a.read, Destination: "."}}}); err != nil {
		t.Error(err)
	}
}

// A source is an index into ReadRoots.
func TestReadRootsInAnotherOrder(t *testing.T) {
	a, b := newSeat(t, "A"), newSeat(t, "B")
	before := t.TempDir()
	ea := a.open(t, goodLease(1), nil)
	id := submit(t, ea, "B", a.file(t, "x", 100), "x")
	ea.Close()
	ea = a.open(t, goodLease(2), func(o *Options) { o.ReadRoots = []string{before, a.read} })
	eb := b.open(t, goodLease(1), nil)
	defer ea.Close()
	defer eb.Close()
	la, lb := Pipe()
	defer start(ea, la)()
	defer start(eb, lb)()
	if s, ok := ends(t, ea, id, patience); !ok || s.Failed > 0 {
		t.Errorf("a root was added before the other: %+v", s)
	}
}
