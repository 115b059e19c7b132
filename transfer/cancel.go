package transfer

import (
	"context"
	"fmt"
	"time"

	"github.com/mqha/mqha/internal/core/send"
	"github.com/mqha/mqha/internal/core/stream"
)

// Cancel gives up a transfer that this agent sends, and returns when that is durable. Its state is then
// Cancelling until the receiver has answered, which may be after the end of this Engine, and Cancelled after
// that; Wait waits for it. Nothing more is delivered, but files that were delivered before stay. The receiver may
// have completed the transfer meanwhile: then it is Completed.
//
// Cancel may be called again, by this Engine or the next. Errors: ErrUnknown, ErrEnded, ErrRequest for a
// transfer that this agent receives (it is cancelled at its sender), those of Run and of ctx.
func (e *Engine) Cancel(ctx context.Context, id ID) error {
	durable := make(chan struct{})
	var err error
	if callErr := e.call(ctx, func() { err = e.cancel(time.Now(), id, durable) }); callErr != nil {
		return callErr
	}
	if err != nil {
		return err
	}
	select {
	case <-durable:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.bad:
		return e.failure()
	}
}

// cancel closes durable when the cancellation is.
func (e *Engine) cancel(now time.Time, id ID, durable chan struct{}) error {
	o := e.out[id]
	if o == nil {
		if in := e.in[id]; in != nil {
			return badRequest("transfer %s is received here: cancel it at %s, which sends it", id, in.rec.From)
		}
		return ErrUnknown
	}
	switch {
	case o.core.Phase() < send.Ending:
		o.cancels = append(o.cancels, durable)
		e.giveUp(now, o, "")
	case o.rec.Answer == stream.Cancelled:
		e.syncJournal(func(time.Time) { close(durable) })
	default:
		return fmt.Errorf("%w: transfer %s is %s", ErrEnded, id, endState(o.core.Answer()))
	}
	return nil
}

// giveUp begins to cancel a transfer, once.
func (e *Engine) giveUp(now time.Time, o *outgoing, reason string) {
	if o.rec.Cancelling {
		e.syncJournal(func(time.Time) { o.tellCancelled() })
		return
	}
	o.rec.Reason = reason
	e.stepOut(now, o, send.Event{Kind: send.CancelAsked})
}

// givesUpAt is when the recovery of a transfer has taken too long; zero: never.
func (e *Engine) givesUpAt(o *outgoing) time.Time {
	if e.opt.RecoveryTimeout <= 0 || o.away.IsZero() || o.rec.Cancelling || !o.recorded || o.core.Phase() >= send.Ending || e.run != nil && !o.begun {
		return time.Time{}
	}
	return o.away.Add(e.opt.RecoveryTimeout)
}

func (e *Engine) cancelOut(o *outgoing, a send.Action) {
	switch a.Kind {
	case send.WriteCancel:
		e.record(record{Cancel: &cancelRecord{ID: o.rec.ID, Reason: o.rec.Reason}}, func(now time.Time) {
			e.stepOut(now, o, send.Event{Kind: send.CancelWritten})
		})
	case send.SyncCancel:
		e.syncJournal(func(now time.Time) {
			o.tellCancelled()
			e.stepOut(now, o, send.Event{Kind: send.CancelSynced})
			e.begin(now, o)
			e.nextTurns(now, o.rec.To)
		})
	case send.Cancel:
		e.post(o.rec.To, &header{Kind: kindCancel, Transfer: o.rec.ID, Nonce: a.Nonce}, []byte(o.rec.Reason), nil)
	}
}

func (o *outgoing) tellCancelled() {
	for _, c := range o.cancels {
		close(c)
	}
	o.cancels = nil
}
