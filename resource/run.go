package resource

import (
	"context"
	"sync"
	"time"

	"github.com/mqha/mqha/internal/core/group"
)

// eventBacklog and eventsPerMember are how many events wait for a slow OnEvent. A large group that
// comes online at once must not overrun a listener that is only a little slower.
const (
	eventBacklog    = 1024
	eventsPerMember = 8
)

// Run brings the group online, keeps it so, and takes it offline when ctx ends. It calls online
// once, from the goroutine of OnEvent, when everything is online that is wanted and can be with
// the rest of what is wanted; a restart later on does not call it again. online may be nil.
//
// It returns nil when ctx ended and everything is offline; a *FailoverError when a member failed
// beyond its policy or could not be stopped for a restart; a *HangError, alone or joined to the
// other, when calls had not returned; ErrRunning while another Run has not ended; ErrWishes, with
// nothing brought online, when the wishes in Options.StateDir cannot be read. A later Run starts
// afresh, with new counts of failures, but is refused with a *HangError as long as calls of an
// earlier one have not returned.
func (g *Group) Run(ctx context.Context, online func()) error {
	if err := g.begin(); err != nil {
		return err
	}
	defer g.end()
	if err := g.recall(); err != nil {
		return err
	}
	r := &run{
		g:       g,
		parent:  context.WithoutCancel(ctx), // Offline has to work after ctx ended
		online:  online,
		core:    group.New(g.members),
		calls:   make([]calls, len(g.specs)),
		wanted:  make([]bool, len(g.specs)),
		answers: make(chan struct{}, 1),
		timer:   time.NewTimer(time.Hour),
	}
	r.timer.Stop()
	defer r.timer.Stop()
	for i := range g.specs {
		r.wanted[i] = true
	}
	tell, told := make(chan func()), make(chan struct{})
	go func() {
		defer close(told)
		for f := range tell {
			f()
		}
	}()
	r.loop(ctx, tell)
	r.listeners.Wait() // every member that was online was stopped, and that ended its listener
	for _, t := range r.backlog {
		tell <- t.run
	}
	close(tell)
	<-told
	return r.err
}

// run is one Run. Its loop's goroutine owns everything but the inbox.
type run struct {
	g       *Group
	parent  context.Context
	online  func()
	core    *group.Core
	calls   []calls // by member
	wanted  []bool  // as the core knows
	timer   *time.Timer
	backlog []notice
	dropped int
	done    bool
	err     error
	buf     []group.Action

	listeners sync.WaitGroup // to alarms

	mu      sync.Mutex
	inbox   []answer
	answers chan struct{} // capacity 1: the inbox is not empty
}

// notice is something to tell the program: an event, or with a nil event that all is online.
type notice struct {
	event *Event
	run   func()
}

func (r *run) loop(ctx context.Context, tell chan<- func()) {
	r.wishes()
	r.step(group.Event{Kind: group.Begin})
	stop := ctx.Done()
	for !r.done {
		var next func()
		var to chan<- func()
		if len(r.backlog) > 0 {
			next, to = r.backlog[0].run, tell
		}
		select {
		case to <- next:
			r.backlog = r.backlog[1:]
		case <-stop:
			stop = nil
			r.step(group.Event{Kind: group.Stop})
		case <-r.timer.C:
			r.step(group.Event{Kind: group.Wake})
		case <-r.g.wish:
			r.wishes()
		case <-r.answers:
			for _, a := range r.take() {
				r.accept(a)
			}
		}
	}
}

func (r *run) step(ev group.Event) {
	r.buf = r.core.Step(time.Now(), ev, r.buf[:0])
	for _, a := range r.buf {
		r.do(a)
	}
}

func (r *run) do(a group.Action) {
	switch {
	case a.Op == group.Offline, a.Op == group.Terminate:
		r.calls[a.Member].deafen()
		r.call(a)
	case a.Op.Asks():
		r.call(a)
	case a.Op == group.Cancel:
		r.calls[a.Member].cancel()
	case a.Op == group.SetTimer:
		r.timer.Stop()
		if !a.At.IsZero() {
			r.timer.Reset(time.Until(a.At))
		}
	case a.Op == group.Report:
		r.report(a)
	case a.Op == group.AllOnline:
		if r.online != nil {
			r.notify(notice{run: r.online})
		}
	case a.Op == group.Finish:
		r.done, r.err = true, r.g.result(a)
	}
}

// wishes passes on what SetWanted has changed.
func (r *run) wishes() {
	for i, s := range r.g.Snapshot() {
		if s.Wanted != r.wanted[i] {
			r.wanted[i] = s.Wanted
			r.step(group.Event{Kind: group.Want, Member: i, Wanted: s.Wanted})
		}
	}
}

func (r *run) report(a group.Action) {
	ev := &Event{Time: time.Now(), Resource: r.g.specs[a.Member].Name, From: State(a.From), To: State(a.To),
		Err: a.Err, Failures: a.Failures}
	r.g.mu.Lock()
	s := &r.g.status[a.Member]
	if a.From != a.To || s.Since.IsZero() {
		s.Since = ev.Time
	}
	s.State, s.Failures, s.Progress = ev.To, ev.Failures, ""
	if a.Err != nil || a.To == group.Up {
		s.Err = a.Err
	}
	r.g.mu.Unlock()
	r.tell(ev)
}

func (r *run) tell(ev *Event) {
	if f := r.g.o.OnEvent; f != nil {
		r.notify(notice{event: ev, run: func() { f(*ev) }})
	}
}

// notify queues a notice; online is never dropped.
func (r *run) notify(n notice) {
	if len(r.backlog) >= eventBacklog+eventsPerMember*len(r.g.specs) {
		for i, old := range r.backlog {
			if old.event != nil {
				r.backlog = append(r.backlog[:i], r.backlog[i+1:]...)
				r.dropped += 1 + old.event.Dropped
				break
			}
		}
	}
	r.backlog = append(r.backlog, n)
	for _, first := range r.backlog {
		if first.event != nil {
			first.event.Dropped += r.dropped
			r.dropped = 0
			break
		}
	}
}
