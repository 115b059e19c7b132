package mqconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mqha/mqha/internal/core/connect"
	"go.uber.org/zap"
)

// FTERetry is the fixed interval of IBM MQ Managed File Transfer agents (agentQMgrRetryInterval,
// 30 s): set Min and Max to it to retry as they do.
const FTERetry = 30 * time.Second

const (
	defaultMin       = 20 * time.Millisecond
	defaultMax       = time.Second
	defaultDialLimit = 30 * time.Second
	defaultCallLimit = 30 * time.Second

	// refusedTries and refusedDelay are for authentication and configuration errors: a directory
	// server or a half-started queue manager may refuse for moments, a wrong password for ever.
	refusedTries = 5
	refusedDelay = 30 * time.Second

	// settled is how long a session must have lived, unless it committed work, for the delays to
	// start small again; a queue manager that accepts and drops connections is not hammered.
	settled = 30 * time.Second

	// maxStuck bounds the threads that calls stuck in the MQ client hold: Go ends a process that
	// has 10,000 of them.
	maxStuck = 64
)

// Config configures a Connector.
type Config struct {
	// Dialer makes the connections. Required.
	Dialer Dialer

	// Endpoints are tried in this order, each at once when the one before it failed; a delay
	// follows when all have failed. After a loss the next one comes first. All must lead to the
	// same queue manager or to its replacement. Default: one empty endpoint, which is what
	// bindings and in-process dialers want.
	Endpoints []string

	// Min and Max bound the delay between rounds over the endpoints. Delays double from Min to Max
	// with full jitter and are clamped after it, so none is ever zero. They start at Min again
	// after a session that lived for 30 s or committed work. Defaults: 20 ms and 1 s (Max at least
	// Min). A round that is refused for configuration or authority is followed by Max before the
	// first good connection, and for authority by at least 30 s after it.
	Min, Max time.Duration

	// DialLimit is how long one dial may take, CallLimit how long any other call may take beyond
	// the wait that it asked for, before it is given up with ErrStuck. Default 30 s each; negative:
	// no limit.
	DialLimit, CallLimit time.Duration

	// Repeatable says that the function given to Run does no harm when it is called again after a call
	// whose outcome is not known: a Commit, or a Put outside a unit of work, that the connection broke
	// under. The function may then do again what has been done already, so its messages carry an identity
	// by which their receiver drops the second, or Session.Unknown is asked first. Default: Run does not
	// call it again but returns the *Error of class OutcomeUnknown, and the program decides.
	Repeatable bool

	// Classify may overrule the classification of a Fault; zero leaves it to the function
	// Classify. A failed MQOPEN on behalf of Put is given as VerbPut1. Called from several
	// goroutines. For example, a standby that keeps a warm connection on a node whose queue manager
	// may rightly be elsewhere turns NotHere into Retry.
	Classify func(Fault) Class

	// OnEvent is called for each Event, in order, from one goroutine. It may block: Run waits for
	// it at its end, and while it is behind by 256 events, newer ones are dropped and counted.
	OnEvent func(Event)

	// Logger gets the same facts as log lines; repeated failures are logged once a minute with
	// their count. Default: no log.
	Logger *zap.Logger
}

func (c *Config) complete() error {
	switch {
	case c.Dialer == nil:
		return errors.New("mqconn: Config.Dialer is missing")
	case c.Min < 0 || c.Max < 0:
		return errors.New("mqconn: Config.Min and Config.Max must not be negative: a retry without a delay is a busy loop")
	case c.Max > 0 && c.Max < c.Min:
		return fmt.Errorf("mqconn: Config.Max %v is less than Config.Min %v", c.Max, c.Min)
	}
	if c.Min == 0 {
		c.Min = defaultMin
		if c.Max > 0 {
			c.Min = min(c.Min, c.Max)
		}
	}
	if c.Max == 0 {
		c.Max = max(defaultMax, c.Min)
	}
	if c.DialLimit == 0 {
		c.DialLimit = defaultDialLimit
	}
	if c.CallLimit == 0 {
		c.CallLimit = defaultCallLimit
	}
	if len(c.Endpoints) == 0 {
		c.Endpoints = []string{""}
	} else {
		c.Endpoints = append([]string(nil), c.Endpoints...)
	}
	return nil
}

// intervals makes the generator of delays. Two traps of the library are disarmed here: its default
// MaxElapsedTime of 15 minutes, after which it answers Stop (-1) for ever, and its jitter, which is
// added beyond MaxInterval. A factor of 1 makes it choose between zero and twice the interval, so
// half of Max as MaxInterval is full jitter up to Max; the core clamps what comes out.
func intervals(c Config) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(c.Min),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(1),
		backoff.WithMaxInterval(max(c.Max/2, 1)),
		backoff.WithMaxElapsedTime(0),
	)
}

// Connector follows the queue manager: it connects, and connects again, for as long as Run runs.
type Connector struct {
	cfg   Config
	stuck atomic.Int64
	good  atomic.Bool // there has been a good connection

	mu       sync.Mutex // never held while waiting or calling out
	core     *connect.Core
	actions  []connect.Action
	running  bool
	session  *Session // the last one
	reporter *reporter
	since    time.Time
	last     error
}

// New checks c and makes a Connector. It does no I/O.
func New(c Config) (*Connector, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	return &Connector{cfg: c, core: connect.New(connect.Config{
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

// Status describes a Connector at one moment.
type Status struct {
	Connected    bool
	Endpoint     string    // connected to, or dialled last
	QueueManager string    // the name that the last queue manager gave
	Generation   uint64    // sessions so far
	Attempt      int       // dials since the last good connection
	Since        time.Time // when it became connected, or disconnected; zero before the first Run
	LastError    error     // of the last dial or session; nil while connected
	Stuck        int       // calls given up that are still in the MQ client, each with a thread
}

// Status is a snapshot.
func (c *Connector) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Connected:  c.core.Phase() == connect.Live,
		Endpoint:   c.cfg.Endpoints[c.core.Endpoint()],
		Generation: c.core.Generation(),
		Attempt:    c.core.Attempt(),
		Since:      c.since,
		LastError:  c.last,
		Stuck:      int(c.stuck.Load()),
	}
	if c.session != nil {
		s.QueueManager = c.session.queueManager
	}
	return s
}

// Run dials one connection and calls fn with a Session around it; when that Session has ended and fn
// has returned, it does so again, with a new Session of the next generation, for as long as it takes.
//
// It calls fn again if and only if the Session it gave fn has been lost, and no call of it has an unknown
// outcome unless Config.Repeatable; any other result of fn it returns unchanged. Calls of fn never overlap. The ctx that fn gets ends with the Session; its
// context.Cause is then the *Error that ended it. When fn returns, every connection of the Session
// is closed, and only after that are new ones dialled.
//
// When the ctx of Run ends, the Session ends as well and its connections are closed without waiting
// for fn, and Run returns what fn returned. Where there was no Session, Run returns the cause of ctx,
// joined with the last error.
//
// Where a Session was lost, Config.Repeatable is not set, and the outcome of a Commit or of a Put outside a
// unit of work is not known, Run returns the *Error of that call, whose class is OutcomeUnknown. When the
// program has found out, or does not mind, it calls Run again: generations go on, and the first
// Session's Unknown still tells.
//
// Run gives up by itself, with the last *Error, only before the first good connection of this
// Connector, when five rounds in a row over all endpoints were refused for reasons of authority or
// configuration (classes Fatal, NextEndpoint, NotHere); and at once with an error that wraps
// ErrNotBuilt. Only one Run may be active.
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
		a := c.next(ctx, event, failure, dialled)
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
			result = fn(c.session.ctx, c.session)
			event = connect.Event{Kind: connect.Returned, Unknown: c.session.unknown.Load() != nil}
		case connect.Close:
			c.session.close()
			event = connect.Event{Kind: connect.Closed}
		case connect.Finish:
			return c.result(ctx, a.Result, result)
		}
	}
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
		c.reporter = startReporter(c.cfg.OnEvent, c.cfg.Logger)
	}
	return nil
}

func (c *Connector) leave() {
	c.mu.Lock()
	r := c.reporter
	c.reporter = nil
	c.mu.Unlock()
	if r != nil {
		r.close()
	}
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
}

// next tells the core what happened and finds what Run does next. A session is made under the mutex,
// so that Status never sees a generation without it.
func (c *Connector) next(ctx context.Context, e connect.Event, failure error, dialled *Conn) connect.Action {
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
		before := c.session
		c.session = newSession(ctx, c, c.core.Generation()+1, dialled)
		if before != nil {
			c.session.before = before.unknown.Load()
		}
	}
	if b := c.step(e); b.Kind != 0 {
		a = b
	}
	switch {
	case a.Kind == connect.Begin:
		c.since, c.last = time.Now(), nil
		c.report(Event{Kind: Connected, Endpoint: endpoint, QueueManager: c.session.queueManager, Attempt: attempt,
			Info: dialled.Info()})
	case failure != nil && a.Result != connect.Stopped:
		c.last = failure
		c.report(Event{Kind: DialFailed, Endpoint: endpoint, Attempt: attempt, Err: failure, NextTry: a.Delay})
	case e.Kind == connect.Returned:
		c.since = time.Now()
	}
	return a
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
	if c.reporter == nil {
		return
	}
	e.Time, e.Generation = time.Now(), c.core.Generation()
	c.reporter.add(e)
}

// lost ends s because of e, if it has not ended before, and then nobody can make a call on it any
// more.
func (c *Connector) lost(s *Session, e *Error, stuck bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stuck {
		c.report(Event{Kind: CallStuck, Endpoint: s.endpoint, QueueManager: s.queueManager, Err: e})
	}
	c.actions = c.core.Step(time.Now(), connect.Event{Kind: connect.Lost, Verdict: verdict(e), Generation: s.generation}, c.actions[:0])
	if len(c.actions) == 0 {
		return // not the first
	}
	s.cancel(e)
	c.since, c.last = time.Now(), e
	c.report(Event{Kind: ConnectionLost, Endpoint: s.endpoint, QueueManager: s.queueManager, Err: e})
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

// pause returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
