package mqconn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Session is one generation of connections to one queue manager. The loss of one of them ends all:
// each then gives its handles back, and every call says so.
type Session struct {
	c            *Connector
	run          context.Context // of Run
	ctx          context.Context
	cancel       context.CancelCauseFunc
	generation   uint64
	endpoint     string
	info         Info // of the first connection
	queueManager string
	hasCommitted atomic.Bool
	unknown      atomic.Pointer[Error] // the first call whose outcome is not known
	before       *Error                // what an earlier Session has left

	mu     sync.Mutex
	closed bool
	spare  *Conn // dialled by Run, not yet opened

	owned sync.WaitGroup // keepers of connections, and Opens under way
}

func newSession(ctx context.Context, c *Connector, generation uint64, first *Conn) *Session {
	s := &Session{
		c:            c,
		run:          ctx,
		generation:   generation,
		endpoint:     first.endpoint,
		info:         first.info,
		queueManager: first.info.QueueManager,
		spare:        first,
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.owned.Add(1)
	first.start(s)
	return s
}

// event adds what is known of the session.
func (s *Session) event(e Event) Event {
	e.Endpoint, e.QueueManager, e.Info = s.endpoint, s.queueManager, s.info
	return e
}

// say reports an event of the session.
func (s *Session) say(e Event) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.report(s.event(e))
}

// Generation counts the sessions of one Connector from 1 and grows with each. It has a meaning in
// this process only.
func (s *Session) Generation() uint64 { return s.generation }

// Unknown is the call of an earlier Session whose outcome is not known, nil where there is none: a Commit, or a Put
// outside a unit of work. It may have taken effect or not. A program that can find out, for example by asking its receiver,
// does so before it repeats the work.
//
// Each Session is told of it, also by a later Run, until one function has returned with its Session whole, or has called
// Resolved: the Session of one that asks over MQ may be lost before the answer comes. Where there are several, it is the
// oldest: what was done since then may be in doubt as well.
func (s *Session) Unknown() *Error { return s.before }

// Resolved says that the program has found out what has become of the call that Unknown tells of, and of those after it, or
// does not mind. Later Sessions are told only of what becomes unknown in this one or after it. It is for functions that go
// on with other work; a return with the Session whole says the same.
func (s *Session) Resolved() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.c.session == s {
		s.c.doubt = nil
	}
}

// Open gives a connection for role, which goes into the application name and into messages for
// people. A transacted connection has a unit of work: what it puts and gets counts only after Commit.
// The first transacted Open returns the connection that Run dialled.
//
// All connections of a Session go to the same endpoint and must be answered by the same queue
// manager. Where the queue manager or the channel takes no more connections (2025, 2537: often the old ones of
// a host that vanished still count), Open keeps the Session and tries again every Config.Max, for as long as one
// dial may take (Config.DialLimit). An error of Open has ended the Session, unless it is that of ctx.
func (s *Session) Open(ctx context.Context, role string, transacted bool) (*Conn, error) {
	spare, err := s.enter(transacted)
	if err != nil {
		return nil, err
	}
	defer s.owned.Done()
	if spare != nil {
		return spare, nil
	}
	o := DialOptions{Endpoint: s.endpoint, Role: role, Transacted: transacted}
	dialCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })
	defer stop()

	d := s.dial(dialCtx, o)
	if d.err == nil {
		return s.adopt(o, d)
	}
	if s.ctx.Err() != nil {
		return nil, s.endedError(VerbConnect, "")
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, s.failed(d.err)
}

// dial waits for a place where there is none: to end the Session would give back the connections that it has, only
// to ask for all of them again from a queue manager that is short of them.
func (s *Session) dial(ctx context.Context, o DialOptions) dialled {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		d := s.c.dial(ctx, o)
		var e *Error
		if !errors.As(d.err, &e) || e.Class != Throttle {
			return d
		}
		wait := s.c.cfg.Max
		if l := s.c.cfg.DialLimit; l > 0 && time.Since(begun)+wait > l {
			return d
		}
		s.say(Event{Kind: DialFailed, Attempt: attempt, Err: e, NextTry: wait})
		pause(ctx, wait)
		if ctx.Err() != nil {
			return d
		}
	}
}

// enter counts an Open, so that the end of the Session waits for it, and looks for the spare.
func (s *Session) enter(transacted bool) (*Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return nil, s.endedError(VerbConnect, "")
	}
	s.owned.Add(1)
	spare := s.spare
	if spare != nil && transacted {
		s.spare = nil
		return spare, nil
	}
	return nil, nil
}

func (s *Session) adopt(o DialOptions, d dialled) (*Conn, error) {
	conn := newConn(s.c, o, d.transport, d.info)
	if name := d.info.QueueManager; name != s.queueManager && name != "" && s.queueManager != "" {
		s.c.open.Add(-1)
		_ = conn.worker.stop()
		return nil, s.failed(&Error{Verb: VerbConnect, Endpoint: s.endpoint, Class: Retry,
			cause: fmt.Errorf("answered by queue manager %s, but this session is with %s", name, s.queueManager)})
	}
	s.owned.Add(1)
	conn.start(s)
	return conn, nil
}

// failed ends the Session because a connection that it needs cannot be made.
func (s *Session) failed(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Verb: VerbConnect, Endpoint: s.endpoint, Class: Fatal, cause: err}
	}
	s.c.lost(s, e, false)
	return e
}

// endedError is for calls that were not made. Its class is Retry whatever ended the Session: nothing
// of this call has happened.
func (s *Session) endedError(v Verb, queue string) *Error {
	cause := context.Cause(s.ctx)
	e := &Error{Verb: v, Endpoint: s.endpoint, Queue: queue, Class: Retry, cause: fmt.Errorf("%w: %w", ErrSessionEnded, cause)}
	var first *Error
	if errors.As(cause, &first) {
		e.CompletionCode, e.Reason = first.CompletionCode, first.Reason
	}
	return e
}

// close ends the Session and waits until its connections are closed or given up.
func (s *Session) close() {
	s.cancel(nil)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.owned.Wait()
}
