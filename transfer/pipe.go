package transfer

import (
	"context"
)

// pipeDepth is how many frames one direction of a Pipe holds before Send waits.
const pipeDepth = 256

// Pipe connects two engines in one process, for tests and for copies on one machine. It delivers
// every frame once and in order, whatever its Peer. When one end is closed by cancelling the Run
// that uses it, frames on the way stay until the other end is used again.
func Pipe() (a, b Link) {
	ab, ba := newPipeQueue(), newPipeQueue()
	return &pipeEnd{out: ab, in: ba}, &pipeEnd{out: ba, in: ab}
}

type pipeQueue struct{ frames, free chan Frame }

func newPipeQueue() *pipeQueue {
	return &pipeQueue{frames: make(chan Frame, pipeDepth), free: make(chan Frame, pipeDepth)}
}

// spare gives a frame whose body can be written over.
func (q *pipeQueue) spare() Frame {
	select {
	case f := <-q.free:
		return f
	default:
		return Frame{}
	}
}

func (q *pipeQueue) putBack(f Frame) {
	select {
	case q.free <- f:
	default:
	}
}

type pipeEnd struct{ out, in *pipeQueue }

func (p *pipeEnd) Send(ctx context.Context, f *Frame) error {
	c := p.out.spare()
	c.Persistent, c.Body = f.Persistent, append(c.Body[:0], f.Body...)
	select {
	case p.out.frames <- c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pipeEnd) Receive(ctx context.Context, f *Frame) error {
	select {
	case c := <-p.in.frames:
		f.Persistent = c.Persistent
		f.Body, c.Body = c.Body, f.Body
		p.in.putBack(c)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pipeEnd) Commit(context.Context) error { return nil }

func (p *pipeEnd) MaxBody() int { return 4<<20 - 64<<10 }
