package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/mqha/mqha/internal/core/receive"
	"github.com/mqha/mqha/internal/core/send"
)

// Submit lists what r names, records the transfer durably and returns its ID; the transfer then
// survives everything but the loss of the state directory. A second Submit with the same ID changes
// nothing and returns the same ID, so that a caller without an answer can simply try again, until Options.KeepEnded others
// have ended after it.
//
// Errors: *RequestError; *FormatError for a request that deletes its sources before Finalise; ErrClosed and the others of Run; those of the file system.
func (e *Engine) Submit(ctx context.Context, r Request) (ID, error) {
	if r.ID == (ID{}) {
		r.ID = NewID()
	}
	if err := r.check(); err != nil {
		return ID{}, err
	}
	// One at a time: two of the same ID would write the same lists.
	select {
	case e.submitting <- struct{}{}:
	case <-ctx.Done():
		return ID{}, ctx.Err()
	}
	defer func() { <-e.submitting }()
	known, durable := false, make(chan struct{})
	err := e.call(ctx, func() {
		if known = e.out[r.ID] != nil; known {
			e.syncJournal(func(time.Time) { close(durable) })
		}
	})
	if err == nil && !known {
		err = e.list(ctx, r, durable)
	}
	if err != nil {
		if e.fence.Err() != nil {
			err = fmt.Errorf("%w: %w", ErrFenced, err)
		}
		return ID{}, err
	}
	select {
	case <-durable:
		return r.ID, nil
	case <-ctx.Done():
		return ID{}, ctx.Err()
	case <-e.bad:
		return ID{}, e.failure()
	}
}

// list writes the lists of a new transfer and admits it; durable is closed when the journal has it.
func (e *Engine) list(ctx context.Context, r Request, durable chan struct{}) error {
	l, err := scan(ctx, e.mount, e.opt.ReadRoots, &r)
	if err != nil {
		return err
	}
	rec := &outRecord{
		ID: r.ID, To: r.To, Lists: e.epoch, Digest: e.opt.Digest, Files: len(l.manifest.Files), Bytes: l.manifest.bytes(),
		Failed: len(l.failures), Failures: addFailures(nil, l.failures),
	}
	if r.moves() {
		rec.Moving = new(moving)
	}
	if err := e.placeFor(&record{Out: rec}, "a transfer that deletes its sources"); err != nil {
		return err
	}
	rec.Manifest, err = e.writeLists(rec, l)
	if err == nil {
		err = e.call(ctx, func() { e.admit(rec, l, durable) })
	}
	if err != nil { // nobody was told of the lists; what an error leaves behind is removed by the next Open
		for _, n := range []string{rec.manifestName(), rec.sourcesName()} {
			e.tolerate(e.dir.remove(n))
		}
	}
	return err
}

// admit makes a submitted transfer part of the state. Nobody hears of it before the journal has it.
func (e *Engine) admit(rec *outRecord, l *listing, durable chan struct{}) {
	rec.Number = e.state.next
	o := e.newOutgoing(rec, &l.manifest)
	if len(l.sources) > 0 {
		o.root = l.sources[0].Root
	}
	e.out[rec.ID], e.live[rec.ID] = o, o
	e.turns.all[rec.To] = e.queue(e.turns.all[rec.To], o)
	e.record(record{Out: rec}, nil)
	e.syncJournal(func(now time.Time) {
		o.recorded = true
		close(durable)
		e.emit(o, EventSubmitted, "", "")
		for _, f := range rec.Failures {
			e.emit(o, EventFailed, f.Name, f.Reason)
		}
		e.awaitTurn(now, o)
	})
}

// Status describes a transfer of either direction. Errors: ErrUnknown, ErrClosed.
func (e *Engine) Status(id ID) (Status, error) {
	var s Status
	err := ErrUnknown
	if callErr := e.call(context.Background(), func() { s, err = e.statusOf(id) }); callErr != nil {
		return s, callErr
	}
	return s, err
}

func (e *Engine) statusOf(id ID) (Status, error) {
	var s Status
	if o := e.out[id]; o != nil {
		s = o.status()
	} else if in := e.in[id]; in != nil {
		s = in.status()
	} else {
		return Status{}, ErrUnknown
	}
	if why := e.noWay[s.Peer]; why != "" && !s.State.Ended() {
		s.Reason = why
	}
	return s, nil
}

// Wait returns the status of a transfer once it has ended. Errors: ErrUnknown, the error of ctx,
// and ErrClosed and the others of Run when the engine stops first.
func (e *Engine) Wait(ctx context.Context, id ID) (Status, error) {
	var s Status
	var err error
	var w *waiter
	callErr := e.call(ctx, func() {
		if s, err = e.statusOf(id); err == nil && !s.State.Ended() {
			w = e.waiter(id)
		}
	})
	if w == nil {
		return s, firstError(callErr, err)
	}
	select {
	case <-w.ended:
		return w.status, nil
	case <-ctx.Done():
		return s, ctx.Err()
	case <-e.bad:
		return s, e.failure()
	}
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// waiter is what those have in common who wait for one transfer. It keeps how that ended: the record of one that was
// received goes when its sender confirms, which may be before a waiter has its turn.
type waiter struct {
	ended  chan struct{}
	status Status // set before ended is closed
}

func (e *Engine) waiter(id ID) *waiter {
	w := e.waiters[id]
	if w == nil {
		w = &waiter{ended: make(chan struct{})}
		e.waiters[id] = w
	}
	return w
}

// wakeWaiters tells those who wait for a transfer that it has ended; at an agent that sends to itself, when it has
// ended at both of its sides.
func (e *Engine) wakeWaiters(id ID) {
	w := e.waiters[id]
	if w == nil {
		return
	}
	if s, err := e.statusOf(id); err == nil && s.State.Ended() {
		w.status = s
		close(w.ended)
		delete(e.waiters, id)
	}
}

// Drain starts nothing new, and returns when nothing is in flight and all that was received is
// durable; what is unfinished goes on in the next epoch, or the next Engine. It cannot be taken
// back.
func (e *Engine) Drain(ctx context.Context) error {
	if err := e.call(ctx, func() { e.startDrain(time.Now()) }); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		quiet := false
		if err := e.call(ctx, func() { quiet = e.quiet() }); err != nil || quiet {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.bad:
			return e.failure()
		}
	}
}

func (e *Engine) startDrain(now time.Time) {
	e.draining = true
	for _, o := range e.live {
		e.stepOut(now, o, send.Event{Kind: send.DrainStarted})
		o.reader.wake()
		o.pauseRemoval()
	}
	for _, in := range e.in {
		in.again = time.Time{} // of one that waits for room: the next engine begins at the last checkpoint
		e.stepIn(now, in, receive.Event{Kind: receive.DrainStarted})
	}
}

func (e *Engine) quiet() bool {
	for _, o := range e.live {
		if o.core.Phase() == send.Ending || e.run != nil && !o.core.Quiet(o.reader.waiting()) || o.removes() {
			return false
		}
	}
	for _, in := range e.in {
		if in.full && in.ops > 0 || !in.full && !in.core.Quiet() {
			return false
		}
	}
	return true
}
