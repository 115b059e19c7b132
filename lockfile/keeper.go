package lockfile

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
	"github.com/mqha/mqha/internal/events"
)

// keeper runs the state machine of one lease. Its goroutine does no I/O and never waits for any, so
// that it also is the watchdog: a second goroutine does the operations, and may hang in one.
type keeper struct {
	lease   *Lease
	core    *lease.Machine
	events  *events.Queue[Event]
	found   Record // by the last Look
	other   Record // likewise
	granted bool
	held    *HeldError // the last holder that refused us, until the lock is got

	busy    atomic.Uint32 // the lease.Op under way, 0 for none
	ops     chan lease.Action
	results chan outcome
	decided chan error // one answer for take
	tooLate chan struct{}
	verify  chan chan error
	release chan error
	over    chan struct{} // closed when nobody listens any more; OnEvent may still be at work
	stopped chan struct{} // closed when every goroutine of the lease has ended

	tickets uint64
	waiting []ticket
}

type ticket struct {
	number uint64
	answer chan<- error
}

// keep starts the goroutines of a lease that is yet to be taken.
func keep(ctx context.Context, path string, d disk, clock func() lease.Instant, wait bool, onEvent func(Event)) *keeper {
	k := &keeper{
		core:    lease.New(lease.Config{Wait: wait, Keep: keepNames}),
		events:  events.Start(eventQueue, onEvent, missed),
		ops:     make(chan lease.Action, 1),
		results: make(chan outcome, 1),
		decided: make(chan error, 1),
		tooLate: make(chan struct{}, 1),
		verify:  make(chan chan error),
		release: make(chan error),
		over:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	k.lease = &Lease{path: path, clock: clock, keeper: k}
	k.lease.ended, k.lease.end = context.WithCancelCause(context.Background())
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		for a := range k.ops {
			k.busy.Store(uint32(a.Op))
			o := d.do(ctx, a)
			k.busy.Store(0)
			o.event.Kind, o.event.Passing = lease.Done, passing(o.event.Err)
			k.results <- o
		}
	}()
	go func() {
		defer close(k.stopped)
		k.run()
		close(k.over)
		close(k.ops)
		<-worked
		k.events.Close()
		<-k.events.Done()
	}()
	return k
}

// left is why an attempt ends that its caller gave up; with any other error the attempt has failed by itself.
type left struct{ error }

// leave asks for the end. It does not wait for it.
func (k *keeper) leave(why error) {
	select {
	case k.release <- left{why}:
	case <-k.over:
	}
}

// silent names what has not answered when an attempt was to end: the last that is waited for is OnEvent.
func (k *keeper) silent() string {
	switch lease.Op(k.busy.Load()) {
	case 0:
		return "OnEvent"
	case lease.Floor:
		return "EpochFloor"
	}
	return "the file system of " + k.lease.path
}

func (k *keeper) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	event := lease.Event{Kind: lease.Start}
	var buf []lease.Action
	for {
		buf = k.core.Step(k.lease.clock(), event, buf[:0])
		for _, a := range buf {
			if a.Op == lease.End {
				k.finish(a.Err)
				return
			}
			k.apply(a)
		}
		var tick <-chan time.Time
		if wake := k.core.Wake(k.lease.clock()); wake > 0 {
			timer.Reset(wake)
			tick = timer.C
		}
		event = k.await(tick)
	}
}

func (k *keeper) await(tick <-chan time.Time) lease.Event {
	select {
	case o := <-k.results:
		k.found, k.other = o.found, o.other
		if o.event.Deadline > 0 {
			k.lease.deadline = o.event.Deadline
		}
		return o.event
	case <-tick:
		return lease.Event{Kind: lease.Tick}
	case <-k.tooLate:
		return lease.Event{Kind: lease.TooLate}
	case answer := <-k.verify:
		k.tickets++
		k.waiting = append(k.waiting, ticket{k.tickets, answer})
		return lease.Event{Kind: lease.Verify, Ticket: k.tickets}
	case why := <-k.release:
		return lease.Event{Kind: lease.Release, Err: why}
	}
}

func (k *keeper) apply(a lease.Action) {
	switch a.Op {
	case lease.Grant:
		k.lease.epoch = a.Epoch
		k.lease.good.Store(&a.At)
		k.granted = true
		k.report(Event{Kind: Acquired})
		k.decided <- nil
	case lease.Renew:
		k.lease.good.Store(&a.At)
	case lease.Held:
		k.held = &HeldError{Path: k.lease.path, Owner: k.found}
	case lease.Waiting:
		k.held = &HeldError{Path: k.lease.path, Owner: k.found}
		k.report(Event{Kind: Waiting, Owner: k.found})
	case lease.Trouble:
		k.report(Event{Kind: TryFailed, Err: a.Err})
	case lease.Late:
		k.report(Event{Kind: HeartbeatLate, Err: a.Err})
	case lease.Overwritten:
		k.report(Event{Kind: Overwritten, Owner: k.intruder(a.Epoch)})
	case lease.Lose:
		k.lose(a)
	case lease.Answer:
		k.answer(a.Ticket, a.Err)
	default:
		if a.Op == lease.MakeNames {
			k.held = nil // the lock is ours, and so is all trouble from here on
		}
		k.ops <- a
	}
}

// intruder wrote over our record: over all of it with its own epoch, or over one line.
func (k *keeper) intruder(epoch uint64) Record {
	if epoch == 0 {
		return k.other
	}
	return k.found
}

func (k *keeper) lose(a lease.Action) {
	l := k.lease
	reason := fmt.Sprintf("no good heartbeat within the deadline of %v", l.deadline)
	switch a.Reason {
	case lease.Deleted:
		reason = "the lock file is not at its path any more: it was deleted, or its directory was renamed or unmounted"
	case lease.Replaced:
		reason = "the lock file was replaced by another file"
	case lease.Superseded:
		reason = fmt.Sprintf("another instance, whose record was written over, has epoch %d", a.Epoch)
		if k.found.Epoch != a.Epoch {
			break
		}
		reason = fmt.Sprintf("instance %q on host %s (process %d) has epoch %d",
			k.found.Instance, k.found.Host, k.found.PID, a.Epoch)
	}
	l.decide(l.lost(reason, a.Err))
	err := l.verdict.Load().err
	l.end(err)
	k.report(Event{Kind: Lost, Err: err})
}

func (k *keeper) answer(upTo uint64, err error) {
	n := 0
	for n < len(k.waiting) && k.waiting[n].number <= upTo {
		k.waiting[n].answer <- err
		n++
	}
	k.waiting = k.waiting[n:]
}

// finish is the last thing to happen: nothing is held any more.
func (k *keeper) finish(err error) {
	if k.granted {
		k.report(Event{Kind: Released})
		return
	}
	gaveUp, ok := err.(left)
	switch {
	case err == nil:
		err = k.held
	case ok && k.held != nil:
		err = fmt.Errorf("%w: %w", k.held, gaveUp.error)
	case ok:
		err = wrap(gaveUp.error)
	default:
		err = wrap(err)
	}
	k.decided <- err
}

func (k *keeper) report(e Event) {
	e.Time, e.Epoch = time.Now(), k.lease.epoch
	k.events.Add(e)
}
