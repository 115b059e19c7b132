//go:build lab && linux

package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqha/mqha/transfer"
)

// Real disks in trouble. Needs root, and e2fsprogs, xfsprogs and fuse3 of Debian.

const (
	labFrame      = 8 << 10
	labCredit     = 128 << 10
	labCheckpoint = 64 << 10

	// labBound is what one failure may cost: what was not durable, what was in flight, and
	// the frame that was being read.
	labBound = labCheckpoint + labCredit + labFrame
)

var labSizes = map[string]int{"empty": 0, "little": 3000, "d/frames": 2 * labFrame, "d/much": 600_000, "rest": labFrame + 1}

// ordeal is one transfer from A to B while something befalls a disk of one of them.
type ordeal struct {
	t        *testing.T
	a, b     *agent
	request  transfer.Request
	events   *watcher
	sent     atomic.Int64 // file data
	la       *meteredLink
	lb       transfer.Link
	consumer *durableConsumer // nil: nobody takes files away

	engines map[string]*transfer.Engine
	want    map[string]fileFacts
	retry   time.Duration // Options.RetryInterval

	whenStalled func() // mends a full disk; nil: nobody does
}

func newOrdeal(t *testing.T, a, b *agent) *ordeal {
	t.Helper()
	o := &ordeal{t: t, a: a, b: b, events: newWatcher(), engines: map[string]*transfer.Engine{}}
	o.request = transfer.Request{ID: transfer.NewID(), To: b.name, Items: []transfer.Item{{Source: a.read, Destination: "."}}}
	for name, size := range labSizes {
		writeFile(t, a.read, name, size, 0o640)
	}
	o.want = facts(t, a.read)
	la, lb := transfer.Pipe()
	o.la, o.lb = &meteredLink{Link: la, sent: &o.sent}, lb
	return o
}

// seatOn is an agent with these directories below dirs, which are made.
func seatOn(t *testing.T, name, state, read, got string) *agent {
	t.Helper()
	for _, d := range []string{state, read, got} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &agent{name: name, state: state, read: read, got: got}
}

type meteredLink struct {
	transfer.Link
	sent   *atomic.Int64
	frames int64         // used by the sender's lane
	strike func(n int64) // before frame n; nil: nothing
}

func (l *meteredLink) Send(ctx context.Context, f *transfer.Frame) error {
	if l.frames++; l.strike != nil {
		l.strike(l.frames)
	}
	if !f.Persistent {
		l.sent.Add(int64(len(f.Body) - transfer.HeaderBytes))
	}
	return l.Link.Send(ctx, f)
}

// strikingFence strikes before a system call, which then meets what has befallen the disk.
type strikingFence struct {
	epoch  uint64
	calls  atomic.Int64
	at     int64 // 0: never
	strike func()
}

func (f *strikingFence) Epoch() uint64 { return f.epoch }

func (f *strikingFence) Err() error {
	if f.calls.Add(1) == f.at {
		f.strike()
	}
	return nil
}

func (o *ordeal) open(a *agent, f transfer.Fence) (*transfer.Engine, error) {
	return transfer.Open(o.t.Context(), a.state, f, transfer.Options{
		Name: a.name, ReadRoots: []string{o.a.read}, WriteRoot: a.got,
		FrameBytes: labFrame, CreditBytes: labCredit, CheckpointBytes: labCheckpoint, RetryInterval: o.retry,
		OnEvent: o.events.on,
	})
}

// live lets the victim live once: it opens its engine, and the other one where that is not open, runs both, and closes
// the victim's. ended is why that stopped by itself, or could not be opened.
func (o *ordeal) live(victim string, fences map[string]*strikingFence) (s transfer.Status, ended, closed error) {
	o.t.Helper()
	for name, a := range map[string]*agent{"A": o.a, "B": o.b} {
		if o.engines[name] != nil {
			continue
		}
		e, err := o.open(a, fences[name])
		if err != nil {
			ended = fmt.Errorf("agent %s: %w", name, err)
			continue
		}
		o.engines[name] = e
	}
	if ended == nil {
		s, ended = o.run(o.engines["A"], o.engines["B"])
	}
	if e := o.engines[victim]; e != nil {
		closed = e.Close()
		delete(o.engines, victim)
	}
	return s, ended, closed
}

// liveOn lets the victim's next instance come to the end.
func (o *ordeal) liveOn(victim string) transfer.Status {
	o.t.Helper()
	s, ended, closed := o.live(victim, map[string]*strikingFence{victim: {epoch: 2}})
	if err := errors.Join(ended, closed); err != nil {
		o.t.Errorf("the next instance: %v", err)
	}
	o.closeOthers()
	return s
}

func (o *ordeal) closeOthers() {
	o.t.Helper()
	for _, e := range o.engines {
		closeEngines(o.t, e)
	}
}

// run runs both engines until the transfer has ended (nil) or one engine stops by itself: its error.
func (o *ordeal) run(ea, eb *transfer.Engine) (transfer.Status, error) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	stopped, ended := make(chan error, 2), make(chan error, 1)
	var s transfer.Status
	var running sync.WaitGroup
	running.Go(func() { stopped <- ea.Run(ctx, o.la) })
	running.Go(func() { stopped <- eb.Run(ctx, o.lb) })
	running.Go(func() {
		id, err := ea.Submit(ctx, o.request)
		if err == nil {
			s, err = ea.Wait(ctx, id)
		}
		ended <- err
	})
	if o.whenStalled != nil {
		running.Go(func() { o.events.then(ctx, isStalled, o.whenStalled) })
	}
	var err error
	select {
	case err = <-ended:
	case err = <-stopped:
	}
	cancel()
	running.Wait()
	return s, err
}

// check holds what was delivered, and taken away, against the source: everything once and identical.
func (o *ordeal) check(s transfer.Status) (ok bool) {
	o.t.Helper()
	ok = true
	bad := func(format string, args ...any) {
		o.t.Helper()
		ok = false
		o.t.Errorf(format, args...)
	}
	if s.State != transfer.Completed || s.Failed != 0 {
		bad("ended as %+v", s)
	}
	times := map[string]int{}
	got := facts(o.t, o.b.got)
	if o.consumer != nil {
		for path, f := range facts(o.t, o.consumer.to) {
			if name, isFile := strings.CutPrefix(filepath.Ext(path), "."); isFile {
				name = strings.ReplaceAll(name, "+", "/")
				got[name] = f
				times[name]++
			}
		}
	}
	for name, f := range got {
		if w, sent := o.want[name]; !sent || w != f {
			bad("%s: %+v, want %+v", name, f, w)
		}
	}
	for name := range labSizes {
		if _, err := os.Stat(filepath.Join(o.b.got, name)); err == nil {
			times[name]++
		}
		if times[name] != 1 {
			bad("%s was delivered %d times", name, times[name])
		}
	}
	return ok
}

// then calls fn once when such an event comes.
func (w *watcher) then(ctx context.Context, ok func(transfer.Event) bool, fn func()) {
	for {
		if _, found := w.find(ok); found {
			fn()
			return
		}
		select {
		case <-w.more:
		case <-ctx.Done():
			return
		}
	}
}

// again is how many bytes were sent twice. The list of the files is sent, too, and not counted.
func (o *ordeal) again() int64 {
	const list = 1 << 10
	again := o.sent.Load() - list
	for _, size := range labSizes {
		again -= int64(size)
	}
	return max(0, again)
}

// labRandom is chance that can be repeated.
func labRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MQHA_CRASH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (again with MQHA_CRASH_SEED=%d)", seed, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func mustRun(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}
