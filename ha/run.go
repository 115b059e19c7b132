package ha

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mqha/mqha/internal/core/agent"
	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
)

// lossLimit is how long work may go on after the lease was lost, before HardStop. A get that waits
// inside the MQ client returns within a second, and is given up after two; nothing else has a reason to
// take longer.
const lossLimit = 5 * time.Second

// run is one call of Run: the shell around the core. All fields below the first group belong to
// the goroutine of loop, which does no I/O at all: a hung disk or a stuck client library must not
// keep it from cancelling, disconnecting and counting the time.
type run struct {
	a       *Agent
	says    *announcer
	core    *agent.Core
	base    context.Context // parent of every part; outlives the caller's, which only asks for a stop
	inbox   chan note
	over    chan struct{} // closed when loop returned: what comes later goes nowhere
	parts   sync.WaitGroup
	cancels map[agent.Part]context.CancelFunc

	held         chan struct{} // closed when this campaign has found the lock held
	lease        *lockfile.Lease
	epoch        uint64         // of the last lease
	vain         map[string]int // of lookout
	gave         string         // the instance that this one gave way to last, until it is elected again
	released     chan struct{}  // closed when the end of the lease is news no more
	engine       *transfer.Engine
	generation   *generation
	queueManager string // of this generation
	link         transfer.Link
	commands     *mqconn.Conn
	replies      *mqconn.Conn
	timer        *time.Timer
	armed        int
}

// note is an event for the core, with what the shell keeps of it.
type note struct {
	event agent.Event
	keep  func() // runs in loop before the core sees the event; may be nil
}

// generation is one session of the connector, from the call of serve to its return.
type generation struct {
	ctx     context.Context
	session *mqconn.Session
	over    chan struct{} // closed when nothing uses the session any more
}

func newRun(ctx context.Context, a *Agent) *run {
	c := &a.config
	return &run{
		a: a, base: context.WithoutCancel(ctx),
		says: &announcer{path: c.LockFile, self: lockfile.Standby{Instance: a.instance, Format: c.newest()}, report: func(err error) {
			a.say(CodeLock, "the active instance is not told what it should know of this one, which stands by: "+err.Error(), nil)
		}},
		core: agent.New(agent.Options{
			Before: len(c.Before) > 0, Group: len(c.Group) > 0, Engine: c.transfers(), Work: c.Work != nil,
			Yield:      c.YieldAfter > 0,
			ExitOnLoss: c.AfterLoss == Exit, StopLimit: c.StopTimeout, DrainLimit: max(c.DrainTimeout, 0),
			LossLimit: lossLimit,
		}),
		inbox: make(chan note, 16), over: make(chan struct{}), cancels: map[agent.Part]context.CancelFunc{}, vain: map[string]int{},
		timer: time.NewTimer(lossLimit), // void until the core arms it
	}
}

// loop feeds the core until it finishes.
func (r *run) loop(ctx context.Context) error {
	defer r.timer.Stop()
	asked := ctx.Done()
	next := note{event: agent.Event{Kind: agent.Begin}}
	var actions []agent.Action
	for {
		if next.keep != nil {
			next.keep()
		}
		actions = r.core.Step(time.Now(), next.event, actions[:0])
		for _, action := range actions {
			if action.Kind == agent.Finish {
				return r.finish(action)
			}
			r.perform(action)
		}
		select {
		case next = <-r.inbox:
		case <-asked:
			asked = nil
			next = note{event: agent.Event{Kind: agent.Stop, Drain: true}}
		case drain := <-r.a.stops:
			next = note{event: agent.Event{Kind: agent.Stop, Drain: drain}}
		case <-r.timer.C:
			next = note{event: agent.Event{Kind: agent.Timer, Timer: r.armed}}
		case probe := <-r.a.probes:
			probe <- nil
			next = note{}
		}
	}
}

func (r *run) perform(action agent.Action) {
	switch action.Kind {
	case agent.Start:
		r.start(action)
	case agent.Cancel:
		r.cancels[action.Part]()
	case agent.EndGeneration:
		close(r.generation.over)
	case agent.Arm:
		r.timer.Reset(time.Until(action.At))
		r.armed = action.Timer
	case agent.HardStop:
		err := &OverrunError{Running: names(action.Overdue), Cause: action.Err}
		r.a.say(CodeOverrun, err.Error(), nil)
		if r.a.config.HardStop != nil {
			r.a.config.HardStop(err)
		}
	case agent.Report:
		r.report(action)
	}
}

func (r *run) finish(action agent.Action) error {
	close(r.over)
	if len(action.Overdue) > 0 {
		return &OverrunError{Running: names(action.Overdue), Cause: action.Err}
	}
	r.parts.Wait() // every part has reported its end: this waits for returns only
	r.says.settle()
	return action.Err
}

func names(parts []agent.Part) []string {
	var s []string
	for _, p := range parts {
		s = append(s, p.String())
	}
	return s
}

// part starts fn as p in its own goroutine, with a context that Cancel of p or the end of parent
// ends. fn reports its end once, by the error that it returns; done keeps its result.
func (r *run) part(p agent.Part, parent context.Context, fn func(ctx context.Context) (done func(), err error)) {
	ctx, cancel := context.WithCancel(parent)
	r.cancels[p] = cancel
	r.parts.Add(1)
	go func() {
		defer r.parts.Done()
		defer cancel()
		done, err := fn(ctx)
		r.post(note{keep: done, event: agent.Event{Kind: agent.Ended, Part: p, Outcome: outcome(ctx, err), Err: err}})
	}()
}

func (r *run) post(n note) {
	select {
	case r.inbox <- n:
	case <-r.over:
	}
}

// outcome judges how a part ended. An error of a session that has ended is no failure of the part: the
// connector ends the session's context before it lets the call return.
func outcome(ctx context.Context, err error) agent.Outcome {
	var fault *mqconn.Error
	var hang *resource.HangError
	switch {
	case err == nil:
		return agent.Done
	case errors.As(err, &hang):
		return agent.Hangs
	case errors.Is(err, lockfile.ErrLost), errors.Is(err, transfer.ErrFenced), errors.Is(err, transfer.ErrStale):
		return agent.Lost
	case ctx.Err() != nil:
		return agent.Cancelled
	case errors.Is(err, ErrConfig), errors.Is(err, mqconn.ErrNotBuilt), errors.Is(err, transfer.ErrJournal), errors.Is(err, transfer.ErrInUse):
		return agent.Fatal
	case errors.As(err, &fault) && fault.Class == mqconn.Fatal:
		return agent.Fatal
	default:
		return agent.Failed
	}
}

func (r *run) report(action agent.Action) {
	a := r.a
	switch action.Note {
	case agent.Elected:
		a.epoch.Store(r.epoch)
		a.say(CodeElected, a.electedText(), nil)
	case agent.Active:
		a.say(CodeActive, a.activeText(r.queueManager, r.generation.session.Generation()), nil)
	case agent.Disconnected:
		a.say(CodeDisconnected, a.disconnectedText(action.Err), nil)
	case agent.LeaseGone:
		a.say(CodeLeaseLost, a.leaseLostText(action.Err), nil)
	case agent.SteppingDown:
		code := CodeSteppingDown
		if action.Err != nil {
			code = CodeFailover
		}
		a.say(code, a.steppingDownText(action.Err), nil)
	case agent.Stopped:
		a.say(CodeStopped, a.stoppedText(action.Err), nil)
	}
}

// retryPeriod is how long this instance leaves the field to others after err.
func (r *run) retryPeriod(err error) time.Duration {
	var failover *resource.FailoverError
	switch {
	case errors.Is(err, ErrYield):
		return r.a.config.YieldAfter
	case !errors.As(err, &failover):
		return r.a.standBack
	}
	if failover.RetryAfter != 0 {
		return failover.RetryAfter
	}
	return r.a.config.RetryPeriodOnFailure
}
