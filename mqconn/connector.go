package mqconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/internal/core/connect"
	"github.com/mqha/mqha/internal/events"
)

// Connector follows the queue manager: it connects, and connects again, for as long as Run runs.
type Connector struct {
	cfg   Config
	said  map[string]Info // what the Dialer says of each endpoint
	stuck atomic.Int64
	good  atomic.Bool // there has been a good connection
	open  atomic.Int64

	beside sync.WaitGroup // dials that lost against another, and those who watch for a host's return

	mu      sync.Mutex // never held while waiting or calling out
	core    *connect.Core
	actions []connect.Action
	running bool
	session *Session             // the last one
	doubt   *Error               // the oldest unknown outcome that no function has answered for; see carry
	events  *events.Queue[Event] // nil: nobody listens, or Run is not active
	since   time.Time
	next    time.Time // when a wait ends
	last    error
}

// New checks c and makes a Connector. It does no I/O.
func New(c Config) (*Connector, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	said := make(map[string]Info)
	if d, ok := c.Dialer.(Describer); ok {
		for _, endpoint := range c.Endpoints {
			said[endpoint] = d.Describe(endpoint)
		}
	}
	return &Connector{cfg: c, said: said, core: connect.New(connect.Config{
		Endpoints:    len(c.Endpoints),
		Min:          c.Min,
		Max:          c.Max,
		Intervals:    intervals(c),
		RefusedTries: refusedTries,
		RefusedDelay: refusedDelay,
		Settled:      settled,
		Repeatable:   c.Repeatable,
	})}, nil
}

// Run dials one connection and calls fn with a Session around it; when that Session has ended and fn
// has returned, it does so again, with a new Session of the next generation, for as long as it takes.
//
// It calls fn again if and only if the Session it gave fn has been lost, and no call of it has an unknown outcome unless
// Config.Repeatable; any other result of fn it returns unchanged. Calls of fn never overlap. The ctx that fn gets ends with
// the Session; its context.Cause is then the *Error that ended it. When fn returns, every connection of the Session is
// closed, and only after that are new ones dialled. A Session that is lost after fn's last call and before fn returns is
// lost like any other: fn is called again, whatever it returned, and nothing of it is unknown.
//
// When the ctx of Run ends, the Session ends as well and its connections are closed without waiting
// for fn, and Run returns what fn returned. Where there was no Session, Run returns the cause of ctx,
// joined with the last error.
//
// Where a Session was lost, Config.Repeatable is not set, and the outcome of a Commit or of a Put outside a
// unit of work is not known, Run returns the *Error of that call, whose class is OutcomeUnknown. When the
// program has found out, or does not mind, it calls Run again: generations go on, and Session.Unknown
// still tells, until a call of fn has returned with its Session whole.
//
// Run gives up by itself, with the last *Error, only before the first good connection of this
// Connector, when five rounds in a row over all endpoints were refused for reasons of authority or
// configuration (classes Fatal, NextEndpoint, NotHere); and at once with an error that wraps
// ErrNotBuilt. Only one Run may be active.
//
// Run never leaves fn behind: it waits for one that ignores its ctx, without connections meanwhile. When fn panics,
// or ends its goroutine (runtime.Goexit), Run closes the connections of the Session and lets it.
func (c *Connector) Run(ctx context.Context, fn func(ctx context.Context, s *Session) error) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.leave()
	var (
		dialled *Conn
		result  error
		event   = connect.Event{Kind: connect.Started}
		failure error
	)
	for {
		a := c.proceed(ctx, event, failure, dialled)
		failure = nil
		switch a.Kind {
		case connect.Dial:
			dialled, failure = c.dialFirst(ctx, a.Endpoint)
			event = connect.Event{Kind: connect.Connected}
			if failure != nil {
				event = connect.Event{Kind: connect.DialFailed, Verdict: verdict(failure)}
			}
		case connect.Wait:
			pause(ctx, a.Delay)
			event = connect.Event{Kind: connect.Elapsed}
		case connect.Begin:
			result = c.call(fn)
			event = connect.Event{Kind: connect.Returned}
		case connect.Close:
			c.session.close()
			event = connect.Event{Kind: connect.Closed, Unknown: c.session.unknown.Load() != nil}
		case connect.Finish:
			return c.result(ctx, a.Result, result)
		}
	}
}

// call gives the connections back also when fn never returns to it. They would keep their queues from a successor
// for as long as the process lives, if somebody recovers.
func (c *Connector) call(fn func(ctx context.Context, s *Session) error) error {
	returned := false
	defer func() {
		if returned {
			return
		}
		c.mu.Lock()
		c.step(connect.Event{Kind: connect.Cancelled})
		c.step(connect.Event{Kind: connect.Returned})
		c.mu.Unlock()
		c.session.close()
		c.mu.Lock()
		c.carry(c.session)
		c.step(connect.Event{Kind: connect.Closed})
		c.mu.Unlock()
	}()
	err := fn(c.session.ctx, c.session)
	returned = true
	return err
}

func (c *Connector) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return errors.New("mqconn: Run is already active on this Connector")
	}
	c.running = true
	c.since = time.Now()
	if c.cfg.OnEvent != nil || c.cfg.Logger != nil {
		c.events = startEvents(c.cfg.OnEvent, c.cfg.Logger)
	}
	return nil
}

func (c *Connector) leave() {
	c.beside.Wait()
	c.mu.Lock()
	q := c.events
	c.events = nil
	c.mu.Unlock()
	if q != nil {
		q.Close()
		<-q.Done()
	}
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
}

// proceed tells the core what happened and finds what Run does next. A session is made under the mutex,
// so that Status never sees a generation without it.
func (c *Connector) proceed(ctx context.Context, e connect.Event, failure error, dialled *Conn) connect.Action {
	c.mu.Lock()
	defer c.mu.Unlock()
	var a connect.Action
	if ctx.Err() != nil {
		a = c.step(connect.Event{Kind: connect.Cancelled})
	}
	endpoint := c.cfg.Endpoints[c.core.Endpoint()]
	attempt := c.core.Attempt()
	if e.Kind == connect.Connected {
		c.good.Store(true)
		c.session = newSession(ctx, c, c.core.Generation()+1, dialled)
		c.session.before = c.doubt
	}
	if e.Kind == connect.Closed {
		c.carry(c.session)
	}
	if b := c.step(e); b.Kind != 0 {
		a = b
	}
	switch {
	case a.Kind == connect.Begin:
		c.since, c.last = time.Now(), nil
		c.report(c.session.event(Event{Kind: Connected, Attempt: attempt}))
	case failure != nil && a.Result != connect.Stopped:
		c.last = failure
		c.report(c.failure(Event{Kind: DialFailed, Endpoint: endpoint, Attempt: attempt, Err: failure, NextTry: a.Delay}))
	case e.Kind == connect.Returned:
		c.since = time.Now()
	}
	c.next = time.Now().Add(a.Delay) // counts while waiting
	switch a.Result {
	case connect.GaveUp:
		c.report(c.failure(Event{Kind: GaveUp, Endpoint: endpoint, Err: c.last}))
	case connect.InDoubt:
		c.report(c.session.event(Event{Kind: GaveUp, Err: c.session.unknown.Load()}))
	}
	return a
}

// carry keeps the oldest outcome that is unknown from Session to Session, until a function that was told of it has returned
// with its Session whole, or has called Resolved. One whose Session was lost may have been about to ask, one whose Run was
// to end may not have asked, and to one that was cancelled before it began nothing was told. It is called under the mutex,
// when the connections of s are closed: until then an outcome of it may become unknown.
func (c *Connector) carry(s *Session) {
	if c.core.Whole() {
		c.doubt = nil
	}
	if c.doubt == nil {
		c.doubt = s.unknown.Load()
	}
}

// failure adds what is known of a connection that could not be made.
func (c *Connector) failure(e Event) Event {
	e.Info = c.said[e.Endpoint]
	e.QueueManager = e.Info.QueueManager
	var f *Fault
	if errors.As(e.Err, &f) && f.Bindings {
		e.Info.Bindings = true
	}
	return e
}

// step runs the core, under the mutex, ends the session where it says so, and returns what is left
// for Run. To cancel the session's context here is safe: no code of the program runs in it.
func (c *Connector) step(e connect.Event) connect.Action {
	c.actions = c.core.Step(time.Now(), e, c.actions[:0])
	var left connect.Action
	for _, a := range c.actions {
		if a.Kind == connect.End {
			c.session.cancel(nil)
			continue
		}
		left = a
	}
	return left
}

// report is called under the mutex.
func (c *Connector) report(e Event) {
	if c.events == nil {
		return
	}
	e.Time, e.Generation = time.Now(), c.core.Generation()
	c.events.Add(e)
}

// lost ends s because of e, if it has not ended before, and then nobody can make a call on it any
// more.
func (c *Connector) lost(s *Session, e *Error, stuck bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stuck {
		c.report(s.event(Event{Kind: CallStuck, Err: e}))
	}
	if s.run.Err() != nil {
		c.step(connect.Event{Kind: connect.Cancelled}) // came first: what does not end in time is no loss
	}
	c.actions = c.core.Step(time.Now(), connect.Event{Kind: connect.Lost, Verdict: verdict(e), Generation: s.generation}, c.actions[:0])
	if len(c.actions) == 0 {
		return // not the first
	}
	s.cancel(e)
	c.since, c.last = time.Now(), e
	c.report(s.event(Event{Kind: ConnectionLost, Err: e}))
}

func (c *Connector) committed(s *Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step(connect.Event{Kind: connect.Committed, Generation: s.generation})
}

// verdict is what the core needs to know of a failure.
func verdict(err error) connect.Verdict {
	if errors.Is(err, ErrNotBuilt) {
		return connect.Impossible
	}
	var e *Error
	if !errors.As(err, &e) {
		return connect.Outage
	}
	switch e.Class {
	case NextEndpoint, NotHere:
		return connect.WrongEndpoint
	case Fatal:
		return connect.Refused
	}
	return connect.Outage
}

func (c *Connector) result(ctx context.Context, r connect.Result, fromFn error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch r {
	case connect.FunctionReturned:
		return fromFn
	case connect.GaveUp:
		return c.last
	case connect.InDoubt:
		return c.session.unknown.Load()
	}
	cause := context.Cause(ctx)
	if c.last == nil || errors.Is(c.last, cause) {
		return cause
	}
	return fmt.Errorf("%w (last error: %w)", cause, c.last)
}

func (c *Connector) everConnected() bool { return c.good.Load() }

// pause returns early when ctx ends. One that is over takes no timer: several that have run out when they are asked,
// in one bubble of testing/synctest, share what the race detector keeps of them, which was seen to crash (Go 1.26.8).
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
