package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/send"
)

// framesInHand is how many received frames are between the link and their parts at the most.
const framesInHand = 16

// run is one generation of the link.
type run struct {
	engine *Engine
	link   Link
	ctx    context.Context
	cancel context.CancelCauseFunc
	sender *lane[sendOp]
	free   chan *inFrame
	out    *Frame            // of the sender's lane
	small  []byte            // the same: the body of a frame without data
	noWay  map[string]string // of the sender's lane: why a peer cannot be reached; empty: it can
}

// inFrame is a message from the link on its way through the engine.
type inFrame struct {
	Frame
	head    header
	payload []byte
	run     *run
	settled chan struct{} // control frames: closed by the loop

	// set by the lanes
	of      *incoming
	part    *part
	written receive.Event
	problem error
}

// sendOp is one frame to be sent. complete is called in the loop.
type sendOp struct {
	run      *run // on which it is to be sent; nil: there was none
	peer     string
	head     header
	frame    *outFrame // data; nil: payload
	payload  []byte
	complete func(now time.Time, failed bool) // of a frame without data
}

// Run sends and receives over l until ctx ends, l fails or the engine stops, and returns the reason:
// the cause of ctx, the error of l, ErrFenced, ErrDurability or ErrClosed. It may be called again
// with another Link, one at a time; every transfer then asks the other side where to go on.
func (e *Engine) Run(ctx context.Context, l Link) error {
	select {
	case e.running <- struct{}{}:
	default:
		return errors.New("transfer: Run is called while another Run goes on")
	}
	defer func() { <-e.running }()
	if need := e.opt.FrameBytes + HeaderBytes; l.MaxBody() < need {
		return fmt.Errorf("transfer: Options.FrameBytes %d needs messages of %d bytes, the link takes %d", e.opt.FrameBytes, need, l.MaxBody())
	}
	r := e.newRun(ctx, l)
	if err := e.call(ctx, func() { e.linkUp(time.Now(), r) }); err != nil {
		r.cancel(err)
		r.sender.close()
		return err
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		e.watch(r)
	}()
	err := e.receive(r)
	r.cancel(err)
	<-stopped
	// In this order: after linkDown nothing is handed to the sender, whose end would not report it.
	callErr := e.call(context.Background(), func() { e.linkDown(time.Now()) })
	r.sender.close()
	if callErr != nil {
		return callErr
	}
	return context.Cause(r.ctx)
}

func (e *Engine) newRun(ctx context.Context, l Link) *run {
	r := &run{engine: e, link: l, free: make(chan *inFrame, framesInHand), noWay: map[string]string{}, out: new(Frame)}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	for range framesInHand {
		r.free <- &inFrame{run: r}
	}
	r.sender = newLane(func(ops []sendOp) { e.runSends(r, ops) })
	return r
}

// watch ends the run when the engine does.
func (e *Engine) watch(r *run) {
	select {
	case <-e.bad:
		r.cancel(e.failure())
	case <-r.ctx.Done():
	}
}

// receive takes frames off the link, proves them, and hands them to the loop. A control frame is
// settled before the next frame is taken.
func (e *Engine) receive(r *run) error {
	for {
		var f *inFrame
		select {
		case f = <-r.free:
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
		if err := r.link.Receive(r.ctx, &f.Frame); err != nil {
			return err
		}
		if err := e.accept(r, f); err != nil {
			return err
		}
	}
}

func (e *Engine) accept(r *run, f *inFrame) error {
	if f.Persistent && f.Attempts >= mostAttempts {
		e.tell(poison(f))
		r.free <- f
		return r.link.Commit(r.ctx)
	}
	var err error
	f.head, f.payload, err = decode(f.Body, f.head.From)
	if err != nil {
		// Nobody can act on it, so it is settled; the operator is told.
		e.tell(Event{Kind: EventDropped, Reason: err.Error()})
		r.free <- f
		return r.link.Commit(r.ctx)
	}
	control := f.head.Kind.control()
	f.settled = nil
	if control {
		f.settled = make(chan struct{})
	}
	settled := f.settled
	select {
	case e.frames <- f:
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
	if !control {
		return nil
	}
	select {
	case <-settled:
		return r.link.Commit(r.ctx)
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// settle lets the control frame that waits be committed.
func (e *Engine) settle() {
	if f := e.control; f != nil {
		e.control = nil
		close(f.settled)
		e.release(f)
	}
}

// release gives a frame back to its run, which has room for all of its frames. To give one back twice
// would let two messages share a buffer; waiting for room instead would hang a lane for ever.
func (e *Engine) release(f *inFrame) {
	select {
	case f.run.free <- f:
	default:
		panic("transfer: a frame was given back that its run does not miss")
	}
}

func (e *Engine) linkUp(now time.Time, r *run) {
	e.run, e.linked = r, now
	for _, in := range e.in {
		e.linkUpIn(now, in)
	}
	e.linkTurns(now)
}

func (e *Engine) linkUpIn(now time.Time, in *incoming) {
	e.stepIn(now, in, receive.Event{Kind: receive.LinkUp})
	e.giveUpOrphan(now, in)
}

func (e *Engine) linkDown(now time.Time) {
	e.run, e.control = nil, nil
	clear(e.noWay)
	clear(e.turns.begun)
	e.credit.Clear()
	for _, o := range e.out { // ended ones too: a confirmation may be on its way
		o.begun = false
		e.stepOut(now, o, send.Event{Kind: send.LinkDown})
	}
}

// stamp says who sends a frame.
func (e *Engine) stamp(h *header) {
	h.Incarnation, h.Epoch, h.From = e.incarnation, e.epoch, e.opt.Name
}

// post sends a frame without file data.
func (e *Engine) post(to string, h *header, payload []byte, complete func(now time.Time, failed bool)) {
	e.stamp(h)
	e.hand(&sendOp{run: e.run, peer: to, head: *h, payload: payload, complete: complete})
}

// hand gives an operation to the sender of its run. Where there is none, or none any more, it fails, and the
// core hears of it as of any other failure, later.
func (e *Engine) hand(op *sendOp) {
	if op.run == nil || !op.run.sender.add(*op) {
		e.left(op, true)
	}
}

// left reports that a frame has left, or could not.
func (e *Engine) left(op *sendOp, failed bool) {
	if op.frame != nil {
		op.frame.failed = failed
		e.done.put((*sentFrame)(op.frame))
	} else if complete := op.complete; complete != nil {
		e.done.call(func(now time.Time) { complete(now, failed) })
	}
}

func (e *Engine) runSends(r *run, ops []sendOp) {
	for i := range ops {
		op := &ops[i]
		err := e.transmit(r, op)
		e.noteWay(r, op.peer, err)
		e.left(op, err != nil)
	}
}

// noteWay tells the loop when the way to a peer is lost or found again. It runs in the sender's lane.
func (e *Engine) noteWay(r *run, peer string, err error) {
	why := ""
	if errors.Is(err, ErrPeer) {
		why = err.Error()
	} else if err != nil {
		return // of the link: it says nothing of one peer
	}
	if r.noWay[peer] == why {
		return
	}
	r.noWay[peer] = why
	e.done.call(func(time.Time) {
		if e.run != r {
			return
		}
		e.noWay[peer] = why
		if why != "" {
			e.tell(Event{Kind: EventStalled, Peer: peer, Sending: true, Reason: why})
		}
	})
}

// transmit sends one frame. Only a failure that concerns one peer leaves the run alive (IT29902: one
// unknown destination put the whole agent into recovery).
func (e *Engine) transmit(r *run, op *sendOp) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	if err := e.fence.Err(); err != nil {
		e.fail(err)
		return err
	}
	*r.out = Frame{Peer: op.peer, Persistent: op.head.Kind.control(), Body: r.bodyOf(op)}
	err := r.link.Send(r.ctx, r.out)
	if err != nil {
		r.out, r.small = new(Frame), nil // a call that is stuck in the link may still read the others
		if !errors.Is(err, ErrPeer) {
			r.cancel(err)
		}
		return err
	}
	if op.frame != nil {
		op.frame.body = r.out.Body
	} else {
		r.small = r.out.Body
	}
	return nil
}

// bodyOf makes the message.
func (r *run) bodyOf(op *sendOp) []byte {
	if op.frame != nil {
		op.head.encodeProven(op.frame.body, op.frame.crc)
		return op.frame.body
	}
	body := append(slices.Grow(r.small[:0], HeaderBytes+len(op.payload))[:HeaderBytes], op.payload...)
	op.head.encode(body)
	return body
}

// takeBuffer gives a frame to read into.
func (e *Engine) takeBuffer() *outFrame {
	size := HeaderBytes + e.opt.FrameBytes
	select {
	case f := <-e.buffers:
		if cap(f.body) < size { // a Link left it in the place of ours
			f.body = make([]byte, size)
		}
		f.body = f.body[:size]
		return f
	default:
		return &outFrame{e: e, body: make([]byte, size)}
	}
}

func (e *Engine) giveBuffer(f *outFrame) {
	select {
	case e.buffers <- f:
	default:
	}
}
