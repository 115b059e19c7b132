package transfer

import (
	"context"
	"sync"
)

// Pipe connects two engines in one process, for tests and for copies on one machine. It delivers
// every frame once and in order, whatever its Peer. Frames on the way stay when a Run that uses an
// end is over, and are there for the next one. Send never waits; what is on the way is bounded by
// the credit of the transfers.
func Pipe() (a, b Link) {
	ab, ba := newPipeQueue(), newPipeQueue()
	return &pipeEnd{out: ab, in: ba}, &pipeEnd{out: ba, in: ab}
}

// pipeQueue is one direction.
type pipeQueue struct {
	mu     sync.Mutex
	frames []Frame
	free   [][]byte
	more   chan struct{}
}

func newPipeQueue() *pipeQueue { return &pipeQueue{more: make(chan struct{}, 1)} }

func (q *pipeQueue) put(f *Frame) {
	q.mu.Lock()
	var body []byte
	if n := len(q.free); n > 0 {
		body, q.free = q.free[n-1], q.free[:n-1]
	}
	q.frames = append(q.frames, Frame{Persistent: f.Persistent, Body: append(body[:0], f.Body...)})
	q.mu.Unlock()
	q.signal()
}

// take swaps the first frame's body for that of f, which is kept to be written over.
func (q *pipeQueue) take(f *Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) == 0 {
		return false
	}
	if f.Body != nil {
		q.free = append(q.free, f.Body)
	}
	f.Persistent, f.Body = q.frames[0].Persistent, q.frames[0].Body
	q.frames[0] = Frame{}
	if q.frames = q.frames[1:]; len(q.frames) > 0 {
		q.signal()
	}
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
