package transfer

import (
	"fmt"
	"time"
)

// loop is the goroutine that owns every transfer.
func (e *Engine) loop() {
	defer close(e.dead)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	e.repairAll(time.Now())
	e.removeAll()
	for {
		e.armTimer(timer)
		frames := e.frames
		if e.raising > 0 {
			frames = nil
		}
		select {
		case f := <-frames:
			e.frameArrived(time.Now(), f)
		case <-e.done.wake:
			for _, c := range e.done.take() {
				c.tell(time.Now())
			}
		case fn := <-e.calls:
			fn()
		case <-timer.C:
			e.tick(time.Now())
		case <-e.stop:
			e.shutdown()
			return
		}
	}
}

// armTimer waits for the earliest deadline of all transfers.
func (e *Engine) armTimer(timer *time.Timer) {
	next := time.Time{}
	earlier := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, o := range e.timed() {
		earlier(o.core.Deadline())
		earlier(e.givesUpAt(o))
	}
	for _, in := range e.in {
		earlier(in.deadline())
	}
	if next.IsZero() {
		timer.Reset(time.Hour)
		return
	}
	timer.Reset(max(0, time.Until(next)))
}

func (e *Engine) tick(now time.Time) {
	for _, o := range e.timed() {
		if d := e.givesUpAt(o); !d.IsZero() && !now.Before(d) {
			e.giveUp(now, o, fmt.Sprintf("no data has flowed for %v (Options.RecoveryTimeout)", e.opt.RecoveryTimeout))
		}
		if d := o.core.Deadline(); !d.IsZero() && !now.Before(d) {
			e.stepOut(now, o, tickOut)
		}
	}
	for _, in := range e.in {
		if d := in.deadline(); d.IsZero() || now.Before(d) {
			continue
		}
		if in.full {
			e.tryAgain(in)
			continue
		}
		e.stepIn(now, in, tickIn)
	}
}
