package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mqha/mqha/transfer"
)

// watcher gathers events and lets a test wait for one.
type watcher struct {
	mu   sync.Mutex
	all  []transfer.Event
	more chan struct{}
}

func newWatcher() *watcher { return &watcher{more: make(chan struct{}, 1)} }

func (w *watcher) on(e transfer.Event) {
	w.mu.Lock()
	w.all = append(w.all, e)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *watcher) find(ok func(transfer.Event) bool) (transfer.Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.all {
		if ok(e) {
			return e, true
		}
	}
	return transfer.Event{}, false
}

func (w *watcher) wait(t *testing.T, what string, ok func(transfer.Event) bool) transfer.Event {
	t.Helper()
	timeout := time.After(time.Minute)
	for {
		if e, found := w.find(ok); found {
			return e
		}
		select {
		case <-w.more:
		case <-timeout:
			t.Fatalf("no event: %s; have %v", what, w.all)
		}
	}
}

// leakyLink loses all data behind the first so many bytes, as a queue manager may lose what is not persistent: what a test
// does in the middle of a transfer, it does in the middle of it, however late it comes to its turn.
type leakyLink struct {
	transfer.Link
	left atomic.Int64
}

func (l *leakyLink) Send(ctx context.Context, f *transfer.Frame) error {
	if !f.Persistent && len(f.Body) > transfer.HeaderBytes && l.left.Add(-int64(len(f.Body))) < 0 {
		return nil
	}
	return l.Link.Send(ctx, f)
}

// runUpTo runs two engines, of which a is the sender, over a link that passes so much data on and no more.
func runUpTo(t *testing.T, a, b *transfer.Engine, bytes int64) (leaky *leakyLink, stop func()) {
	t.Helper()
	la, lb := transfer.Pipe()
	leaky = &leakyLink{Link: la}
	leaky.left.Store(bytes)
	return leaky, runOver(t, a, b, leaky, lb)
}

func durableAbove(n int64) func(transfer.Event) bool {
	return func(e transfer.Event) bool { return e.Durable > n && e.Durable < e.Bytes }
}

func resumed(e transfer.Event) bool { return e.Kind == transfer.EventResumed }

// resumedAfter leaves out what was resumed before: on a busy machine an answer may come late.
func resumedAfter(t time.Time) func(transfer.Event) bool {
	return func(e transfer.Event) bool { return resumed(e) && e.Time.After(t) }
}

// openWith opens an engine whose lease the test can end: from then on it does no I/O, as after a
// crash.
func (a *agent) openWith(t *testing.T, l *lease, w *watcher, change func(*transfer.Options)) *transfer.Engine {
	t.Helper()
	o := transfer.Options{
		Name: a.name, ReadRoots: []string{a.read}, WriteRoot: a.got, RetryInterval: 50 * time.Millisecond,
		CheckpointBytes: 1 << 20, CreditBytes: 4 << 20, OnEvent: w.on,
	}
	if change != nil {
		change(&o)
	}
	e, err := transfer.Open(t.Context(), a.state, l, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func manyFiles(t *testing.T, dir string) {
	t.Helper()
	for i := range 300 {
		writeFile(t, dir, filepath.Join("small", string(rune('a'+i%26)), "f"+strings.Repeat("x", i%250)+string(rune(0x100+i))), 50+i, 0o600)
	}
	writeFile(t, dir, "big", 48<<20, 0o644)
	writeFile(t, dir, "tail/last", 3<<20, 0o600)
}

func TestSuccessorOfTheSenderGoesOn(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	manyFiles(t, a.read)
	first, w1, w2 := newLease(1), newWatcher(), newWatcher()
	ea, eb := a.openWith(t, first, w1, nil), b.open(t, 1, nil)
	defer closeEngines(t, eb)
	_, stop := runUpTo(t, ea, eb, 30<<20)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	cut := w1.wait(t, "20 MiB durable", durableAbove(20<<20))
	close(first.lost)
	stop()
	if err := ea.Close(); !errors.Is(err, transfer.ErrFenced) {
		t.Errorf("closing a fenced engine: %v", err)
	}
	ea2 := a.openWith(t, newLease(2), w2, nil)
	defer closeEngines(t, ea2)
	defer runBoth(t, ea2, eb)()
	if s := wait(t, ea2, id); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if r := w2.wait(t, "resumed", resumed); r.Offset < cut.Durable {
		t.Errorf("resumed at %d, %d were durable", r.Offset, cut.Durable)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

func TestSuccessorOfTheReceiverGoesOn(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	manyFiles(t, a.read)
	first, w1, w2 := newLease(1), newWatcher(), newWatcher()
	ea, eb := a.openWith(t, newLease(1), w2, nil), b.openWith(t, first, w1, nil)
	defer closeEngines(t, ea)
	_, stop := runUpTo(t, ea, eb, 30<<20)
	id, err := ea.Submit(t.Context(), transfer.Request{To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}})
	if err != nil {
		t.Fatal(err)
	}
	cut := w1.wait(t, "20 MiB durable", durableAbove(20<<20))
	close(first.lost)
	stop()
	stopped := time.Now()
	eb.Close()
	eb2 := b.open(t, 2, nil)
	defer closeEngines(t, eb2)
	defer runBoth(t, ea, eb2)()
	if s := wait(t, ea, id); s.State != transfer.Completed || s.Failed != 0 {
		t.Errorf("status %+v", s)
	}
	if r := w2.wait(t, "resumed", resumedAfter(stopped)); r.Offset < cut.Durable {
		t.Errorf("resumed at %d, %d were durable", r.Offset, cut.Durable)
	}
	if d := cmp.Diff(facts(t, a.read), facts(t, b.got)); d != "" {
		t.Error(d)
	}
}

// TestManyTakeovers ends the lease of either side again and again, while a consumer takes every
// file away the moment it has its name: each is delivered once.
func TestManyTakeovers(t *testing.T) {
	a, b := newAgent(t, "A"), newAgent(t, "B")
	manyFiles(t, a.read)
	want := facts(t, a.read)
	id := transfer.NewID()
	consumed := startConsumer(t, b.got)
	for epoch := uint64(1); ; epoch++ {
		la, lb, wa, wb := newLease(epoch), newLease(epoch), newWatcher(), newWatcher()
		ea, eb := a.openWith(t, la, wa, nil), b.openWith(t, lb, wb, nil)
		stop := runBoth(t, ea, eb)
		if _, err := ea.Submit(t.Context(), transfer.Request{ID: id, To: "B", Items: []transfer.Item{{Source: a.read, Destination: "."}}}); err != nil {
			t.Fatal(err)
		}
		// It may have ended while the last epoch was being closed; then nothing happens any more.
		s, err := ea.Status(id)
		if err == nil && !s.State.Ended() {
			more := int64(epoch) * 3 << 20
			w := []*watcher{wa, wb}[epoch%2]
			w.wait(t, "progress", func(e transfer.Event) bool { return e.Durable > more || e.Kind == transfer.EventCompleted })
			if epoch%3 > 0 {
				close([]*lease{la, lb}[epoch%2].lost)
			}
			s, err = ea.Status(id)
		}
		stop()
		ea.Close()
		eb.Close()
		if err == nil && s.State.Ended() {
			if s.Failed > 0 {
				t.Errorf("status %+v", s)
			}
			break
		}
		if epoch > 200 {
			t.Fatal("no end after 200 epochs")
		}
	}
	got := consumed()
	for name, f := range want {
		if strings.HasSuffix(name, "/") {
			continue
		}
		if got[name] == nil || len(got[name]) != 1 || got[name][0] != f {
			t.Errorf("%s: delivered %d times: %v, want %v", name, len(got[name]), got[name], f)
		}
	}
	for name := range facts(t, b.got) {
		if !strings.HasSuffix(name, "/") {
			t.Errorf("left behind: %s", name)
		}
	}
}

// startConsumer takes files away as they appear and notes what they were.
func startConsumer(t *testing.T, dir string) (stop func() map[string][]fileFacts) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	got, done := map[string][]fileFacts{}, make(chan struct{})
	sweep := func() {
		root := os.DirFS(dir)
		_ = walkFiles(root, func(name string) {
			if strings.HasSuffix(name, ".part") {
				return
			}
			f := readFacts(t, filepath.Join(dir, name))
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
			got[name] = append(got[name], f)
		})
	}
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			sweep()
		}
	}()
	return func() map[string][]fileFacts {
		cancel()
		<-done
		sweep()
		return got
	}
}
