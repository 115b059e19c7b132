package transfer

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hookFence calls hook with the names of the functions that lead to Err: a disk that hangs, or a lease
// that is lost, at one exact system call.
type hookFence struct {
	epoch uint64
	mu    sync.Mutex
	hook  func(stack string) error
}

func (f *hookFence) Epoch() uint64 { return f.epoch }

func (f *hookFence) Err() error {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	var names strings.Builder
	for {
		fr, more := frames.Next()
		names.WriteString(fr.Function + "\n")
		if !more {
			return hook(names.String())
		}
	}
}

func (f *hookFence) set(hook func(stack string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook = hook
}

// seat is the directories of one agent.
type seat struct{ name, state, read, got string }

func newSeat(t *testing.T, name string) *seat {
	t.Helper()
	s := &seat{name: name, state: t.TempDir(), read: t.TempDir(), got: t.TempDir()}
	return s
}

func (s *seat) open(t *testing.T, f Fence, change func(*Options)) *Engine {
	t.Helper()
	o := Options{Name: s.name, ReadRoots: []string{s.read}, WriteRoot: s.got, RetryInterval: 30 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	e, err := Open(t.Context(), s.state, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (s *seat) file(t *testing.T, name string, size int) string {
	t.Helper()
	p := filepath.Join(s.read, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, bytes.Repeat([]byte(name+"|"), size/(len(name)+1)+1)[:size], 0o640); err != nil {
		t.Fatal(err)
	}
	return p
}

func start(e *Engine, l Link) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, l) }()
	return func() { cancel(); <-done }
}

func submit(t *testing.T, e *Engine, to, source, dest string) ID {
	t.Helper()
	id, err := e.Submit(t.Context(), Request{To: to, Items: []Item{{Source: source, Destination: dest}}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ends waits for the end of a transfer; when broken it takes patience.
func ends(t *testing.T, e *Engine, id ID, patience time.Duration) (Status, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := e.Wait(ctx, id)
	return s, err == nil
}

const patience = time.Minute

// errOnTheWay is said of a frame that is to be lost: the sender does not hear of it.
var errOnTheWay = errors.New("lost on the way")

// sendFilter is a Link that looks at what is sent.
type sendFilter struct {
	Link
	max  int
	look func(f *Frame) error
}

func (s *sendFilter) MaxBody() int {
	if s.max > 0 {
		return s.max
	}
	return s.Link.MaxBody()
}

func (s *sendFilter) Send(ctx context.Context, f *Frame) error {
	switch err := s.look(f); {
	case errors.Is(err, errOnTheWay):
		return nil
	case err != nil:
		return err
	}
	return s.Link.Send(ctx, f)
}

// unfinished leaves at b an incoming transfer whose COMMIT is durable and whose rename was not done.
func unfinished(t *testing.T, a, b *seat) ID {
	t.Helper()
	fence, lost := &hookFence{epoch: 1}, errors.New("lease lost")
	var gone atomic.Bool
	hit := make(chan struct{})
	fence.set(func(stack string) error {
		if strings.Contains(stack, "(*tree).deliver") && gone.CompareAndSwap(false, true) {
			close(hit)
		}
		if gone.Load() {
			return lost
		}
		return nil
	})
	ea, eb := a.open(t, goodLease(1), nil), b.open(t, fence, nil)
	la, lb := Pipe()
	stopA, stopB := start(ea, la), start(eb, lb)
	id := submit(t, ea, "B", a.file(t, "x", 1000), "x")
	<-hit
	stopA()
	stopB()
	ea.Close()
	eb.Close()
	return id
}

// A lane that gave a frame back to a run that had all of its frames waited for room, and Close for the
// lane, for ever.
func TestFrameIsGivenBackOnce(t *testing.T) {
	e := new(Engine)
	r := e.newRun(t.Context(), nil)
	defer r.sender.close()
	f := <-r.free
	e.release(f)
	defer func() {
		if recover() == nil {
			t.Error("a frame was taken back twice")
		}
	}()
	e.release(f)
}
