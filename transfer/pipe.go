package transfer

import (
	"context"
	"sync"
)

// Pipe connects two engines in one process, for tests and for copies on one machine. It delivers
// every frame once and in order, whatever its Peer. Frames on the way stay when a Run that uses an
// end is over, and are there for the next one. Send never waits and never copies; what is on the way
// is bounded by the credit of the transfers.
func Pipe() (a, b Link) {
	ab, ba := newPipeQueue(), newPipeQueue()
	return &pipeEnd{out: ab, in: ba}, &pipeEnd{out: ba, in: ab}
}

// pipeQueue is one direction. Bodies go round in it: a sender gets one for the one it gives, and so
// does a receiver.
type pipeQueue struct {
	mu     sync.Mutex
	frames []Frame // from first on
	first  int
	free   [][]byte
	more   chan struct{}
}

func newPipeQueue() *pipeQueue { return &pipeQueue{more: make(chan struct{}, 1)} }

func (q *pipeQueue) put(f *Frame) {
	q.mu.Lock()
	q.frames = append(q.frames, Frame{Persistent: f.Persistent, Body: f.Body})
	f.Body = q.spare(cap(f.Body))
	q.mu.Unlock()
	q.signal()
}

// spare gives a body of about that capacity: of the last that were given back, which are in the
// processor's cache.
func (q *pipeQueue) spare(capacity int) []byte {
	for i := len(q.free) - 1; i >= 0; i-- {
		if b := q.free[i]; cap(b) >= capacity && cap(b) <= 2*capacity {
			q.free = append(q.free[:i], q.free[i+1:]...)
			return b
		}
	}
	return make([]byte, 0, capacity)
}

// take swaps the first frame's body for that of f.
func (q *pipeQueue) take(f *Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.frames) {
		return false
	}
	if f.Body != nil {
		q.free = append(q.free, f.Body)
	}
	next := &q.frames[q.first]
	f.Persistent, f.Body = next.Persistent, next.Body
	*next = Frame{}
	if q.first++; q.first == len(q.frames) {
		q.frames, q.first = q.frames[:0], 0
		return true
	}
	if q.first > len(q.frames)/2 {
		q.frames, q.first = append(q.frames[:0], q.frames[q.first:]...), 0
	}
	q.signal()
	return true
}

func (q *pipeQueue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

type pipeEnd struct{ out, in *pipeQueue }

func (p *pipeEnd) Send(ctx context.Context, f *Frame) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.out.put(f)
	return nil
}

func (p *pipeEnd) Receive(ctx context.Context, f *Frame) error {
	for !p.in.take(f) {
		select {
		case <-p.in.more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (p *pipeEnd) Commit(context.Context) error { return nil }

func (p *pipeEnd) MaxBody() int { return 4<<20 - 64<<10 }
