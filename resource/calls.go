package resource

import (
	"context"
	"errors"
	"time"

	"github.com/mqha/mqha/internal/core/group"
)

// calls are those to one member that have not returned, and what else runs for it.
type calls struct {
	ends   map[group.Op]context.CancelFunc
	listen context.CancelFunc // nil: nobody listens to its alarm
	stops  int                // how often it was stopped: tells an alarm of an earlier life
}

func (c *calls) cancel() {
	for _, end := range c.ends {
		end()
	}
}

// deafen ends the listening to an alarm of a member that is being stopped.
func (c *calls) deafen() {
	c.stops++
	if c.listen != nil {
		c.listen()
		c.listen = nil
	}
}

// answer is what a call or a listener has to say to the loop.
type answer struct {
	event    group.Event
	alarm    <-chan error // of an Online that succeeded
	progress string       // not empty: nothing but this
	stops    int          // of an alarm
}

// call runs one call to a resource on a goroutine of its own. It ends by itself, or is counted in
// Group.calls and named by a HangError.
func (r *run) call(a group.Action) {
	pending := a.Op == group.Online || a.Op == group.Offline
	var ctx context.Context
	var cancel context.CancelFunc
	if pending { // has no fixed end, as Progress moves it: the core cancels it
		ctx, cancel = context.WithCancel(r.parent)
	} else {
		ctx, cancel = context.WithDeadline(r.parent, a.At)
	}
	if c := &r.calls[a.Member]; c.ends == nil {
		c.ends = map[group.Op]context.CancelFunc{a.Op: cancel}
	} else {
		c.ends[a.Op] = cancel
	}
	r.g.mu.Lock()
	r.g.calls[a.Member]++
	r.g.mu.Unlock()
	res := r.g.specs[a.Member].Resource
	go func() {
		ctx := ctx
		if pending {
			ctx = withProgress(ctx, func(what string) { r.progress(a, what) })
		}
		err := invoke(ctx, res, a.Op)
		var alarm <-chan error
		if x, ok := res.(Alarm); ok && a.Op == group.Online && err == nil {
			alarm = x.Failed()
		}
		cancel()
		// Before the answer: whoever has seen Run return may call Run again.
		r.g.mu.Lock()
		r.g.calls[a.Member]--
		r.g.mu.Unlock()
		r.post(answer{alarm: alarm, event: group.Event{Kind: group.Returned, Member: a.Member, Op: a.Op, Err: err,
			Elsewhere: errors.Is(err, ErrElsewhere), Watched: alarm != nil}})
	}()
}

func invoke(ctx context.Context, res Resource, op group.Op) error {
	switch op {
	case group.Online:
		return res.Online(ctx)
	case group.Offline:
		return res.Offline(ctx)
	case group.LooksAlive:
		return res.LooksAlive(ctx)
	case group.IsAlive:
		return res.IsAlive(ctx)
	}
	res.Terminate()
	return nil
}

// post never waits.
func (r *run) post(a answer) {
	r.mu.Lock()
	r.inbox = append(r.inbox, a)
	r.mu.Unlock()
	r.wake()
}

func (r *run) wake() {
	select {
	case r.answers <- struct{}{}:
	default:
	}
}

func (r *run) take() []answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := r.inbox
	r.inbox = nil
	return answers
}

func (r *run) accept(a answer) {
	i := a.event.Member
	if a.progress != "" {
		r.showProgress(i, a.event.Op, a.progress)
		return
	}
	if a.event.Kind == group.Returned {
		delete(r.calls[i].ends, a.event.Op)
	}
	if a.event.Kind == group.Alarm && a.stops != r.calls[i].stops {
		return
	}
	r.step(a.event)
	if a.alarm != nil && r.g.state(i) == Online { // and not on its way down already
		r.listen(i, a.alarm)
	}
}

// listen passes on the alarms of a member. One that it has just taken may be posted late, when the member was
// stopped and is online again: accept knows it by its count of stops.
func (r *run) listen(member int, alarm <-chan error) {
	ctx, cancel := context.WithCancel(r.parent)
	r.calls[member].listen = cancel
	stops := r.calls[member].stops
	r.listeners.Add(1)
	go func() {
		defer r.listeners.Done()
		for {
			select {
			case err, open := <-alarm:
				if ctx.Err() != nil {
					return
				}
				r.post(answer{stops: stops, event: group.Event{Kind: group.Alarm, Member: member, Err: err, Watched: open}})
				if !open {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
}

// progress replaces what the same call has said and the loop has not seen yet.
func (r *run) progress(a group.Action, what string) {
	if what == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.inbox {
		old := &r.inbox[k]
		if old.progress != "" && old.event.Member == a.Member && old.event.Op == a.Op {
			old.progress = what
			return
		}
	}
	r.inbox = append(r.inbox, answer{progress: what, event: group.Event{Member: a.Member, Op: a.Op}})
	r.wake()
}

// showProgress ignores a call that the group no longer waits for.
func (r *run) showProgress(member int, op group.Op, what string) {
	pending := OnlinePending
	if op == group.Offline {
		pending = OfflinePending
	}
	r.g.mu.Lock()
	s := &r.g.status[member]
	current := s.State == pending && r.calls[member].ends[op] != nil
	if current {
		s.Progress = what
	}
	failures := s.Failures
	r.g.mu.Unlock()
	if current {
		r.step(group.Event{Kind: group.Busy, Member: member, Op: op})
		r.tell(&Event{Time: time.Now(), Resource: r.g.specs[member].Name, From: pending, To: pending, Progress: what, Failures: failures})
	}
}
