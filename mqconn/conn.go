package mqconn

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

const (
	// probeAfter is how long a connection may be idle before it is asked whether it still lives.
	probeAfter = 5 * time.Second

	// probeLimit is how late the answer to that question may be. It asks nothing of the queue manager, so a
	// peer that is silent for so long is taken for dead. The queue manager does the same with a client after
	// twice HBINT(5).
	probeLimit = 10 * time.Second

	// holdAgain is how often Hold asks for a queue that another connection holds.
	holdAgain = 50 * time.Millisecond
)

// Conn is one connection of a Session. Its methods may be called by several goroutines, and are then
// done one after the other; but a unit of work belongs to one.
//
// Every method ends within about a second of the end of its ctx or of the Session; a call that the MQ client does not return
// from within two seconds (twice MaxSlice) of it, or within Config.CallLimit, is given up: ErrStuck, and the Session ends. A
// call that did complete is reported as it did, whatever has ended meanwhile. Except for ErrNoMessage, ErrClosed and the
// cause of ctx, every error is an *Error.
//
// While a Conn is idle with no unit of work open, it commits an empty unit of work every 5 s, so that
// a connection that broke in silence is noticed, and a peer that does not answer for 10 s is given up: also
// one that the MQ client still believes in, which it does for up to twice HBINT. That does not notice a queue manager that quiesces
// (2161): a connection that gets does, within its slice.
type Conn struct {
	session    *Session
	endpoint   string
	transacted bool
	info       Info
	worker     *worker

	turn   chan struct{} // holds one token while somebody uses what follows
	limit  *time.Timer
	unit   bool // a unit of work may be open
	closed bool
	poison *Poison // counts the messages of the unit of work

	gone chan struct{} // closed with closed
	born time.Time
	used atomic.Int64 // when a call ended last, after born
}

func newConn(c *Connector, o DialOptions, t Transport, info Info) *Conn {
	limit := time.NewTimer(time.Hour)
	limit.Stop()
	c.open.Add(1)
	return &Conn{
		endpoint:   o.Endpoint,
		transacted: o.Transacted,
		info:       info,
		worker:     startWorker(c, t),
		turn:       make(chan struct{}, 1),
		limit:      limit,
		gone:       make(chan struct{}),
		born:       time.Now(),
	}
}

// start begins to watch over the connection. The caller has added it to s.owned.
func (c *Conn) start(s *Session) {
	c.session = s
	go c.keep()
}

// Info says what the connection is and what its transport can do.
func (c *Conn) Info() Info { return c.info }

// Put sends m to a queue. After ErrStuck m must not be used again; otherwise it is the caller's.
// MessageFault means that this message or destination is at fault, Throttle that a later try may
// succeed; the Session lives on after both.
func (c *Conn) Put(ctx context.Context, to Address, m *Message) error {
	return c.once(ctx, call{op: opPut, to: to, message: m})
}

// Get takes a message off queue into m. It uses the memory of m.Body again, or gives m other memory
// where the client library has made some for the message. It waits up to o.Wait, of any length, in slices
// of at most MaxSlice; a negative o.Wait is until ctx ends. It returns ErrNoMessage when no message came
// within the wait. After ErrStuck m must not be used again.
func (c *Conn) Get(ctx context.Context, queue string, m *Message, o GetOptions) error {
	begun := time.Now()
	wait := o.Wait
	for {
		o.Wait = MaxSlice
		if wait >= 0 {
			o.Wait = min(MaxSlice, max(0, wait-time.Since(begun)))
		}
		err := c.once(ctx, call{op: opGet, to: Address{Queue: queue}, message: m, options: o})
		if err != ErrNoMessage || wait >= 0 && time.Since(begun) >= wait {
			return err
		}
		if o.Wait == 0 {
			return err
		}
	}
}

// Browse reads a message into m and leaves it on queue: the first, or the next after the last one
// browsed. It returns ErrNoMessage after the last.
func (c *Conn) Browse(ctx context.Context, queue string, m *Message, next bool) error {
	return c.once(ctx, call{op: opBrowse, to: Address{Queue: queue}, message: m, next: next})
}

// Hold opens queue for exclusive input until the connection is closed. While another connection holds
// it (2042), Hold tries again every 50 ms until ctx ends, and then returns the cause of ctx joined
// with that *Error of class InUse. Bound ctx: the connection of a host that vanished keeps its queues
// for up to twice the channel's heartbeat interval.
func (c *Conn) Hold(ctx context.Context, queue string) error {
	var held error // what the queue manager has said last
	for {
		err := c.once(ctx, call{op: opHold, to: Address{Queue: queue}})
		var e *Error
		inUse := errors.As(err, &e) && e.Class == InUse
		if inUse {
			if held == nil {
				c.session.say(Event{Kind: QueueHeld, Queue: queue, Err: e})
			}
			held = err
			pause(ctx, holdAgain)
		}
		// ctx may also end just after the pause: then the next call was not made, and says nothing of the queue.
		over := ctx.Err() != nil && c.session.ctx.Err() == nil
		switch {
		case over && held != nil && (inUse || errors.Is(err, context.Cause(ctx))):
			return fmt.Errorf("%w: %w", context.Cause(ctx), held)
		case !inUse:
			return err
		}
	}
}

// Commit commits the unit of work. Class BackedOut means that all of it must be repeated,
// OutcomeUnknown that it may have been committed or not.
func (c *Conn) Commit(ctx context.Context) error { return c.once(ctx, call{op: opCommit}) }

// Backout backs the unit of work out. Where it fails, the end of the Session does the same.
func (c *Conn) Backout(ctx context.Context) error { return c.once(ctx, call{op: opBackout}) }

// Close gives the connection back: the open unit of work is backed out, queues that it holds are
// free. The Session lives on, unless the close itself finds the connection broken. It waits for a
// call under way. A second Close does nothing.
func (c *Conn) Close() error {
	c.turn <- struct{}{} // within bounds: whoever has the turn gives a stuck call up
	defer c.release()
	if c.closed {
		return nil
	}
	c.closed = true
	close(c.gone)
	defer c.session.c.open.Add(-1)
	c.unitGone()
	err := c.worker.stop()
	if err == nil {
		return nil
	}
	ended := c.session.ctx.Err() != nil
	err = c.judge(call{op: opClose}, err)
	if ended {
		return nil // an old connection that does not close in order is no news
	}
	return err
}

func (c *Conn) release() {
	c.used.Store(int64(time.Since(c.born)))
	<-c.turn
}

// once makes one call, when its turn has come.
func (c *Conn) once(ctx context.Context, k call) error {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return c.notMade(ctx, k)
	case <-c.session.ctx.Done():
		return c.notMade(ctx, k)
	}
	defer c.release()
	if c.session.ctx.Err() != nil || ctx.Err() != nil {
		return c.notMade(ctx, k)
	}
	if c.closed {
		return ErrClosed
	}
	return c.make(ctx, k)
}

// notMade prefers the end of the Session, which is mostly why ctx has ended, because it says more.
func (c *Conn) notMade(ctx context.Context, k call) error {
	if c.session.ctx.Err() != nil {
		return c.session.endedError(k.verb(), k.to.Queue)
	}
	return context.Cause(ctx)
}

// make hands the call to the worker and waits for it, within its limit. It needs the turn.
func (c *Conn) make(ctx context.Context, k call) error {
	c.worker.calls <- k
	if l := c.session.c.cfg.CallLimit; l > 0 {
		if k.op == opProbe {
			l = min(l, probeLimit)
		}
		c.limit.Reset(l + k.options.Wait)
	}
	select {
	case err := <-c.worker.results:
		c.limit.Stop()
		return c.settle(k, err)
	case <-c.limit.C:
		return c.giveUp(k)
	case <-ctx.Done():
	case <-c.session.ctx.Done():
	}
	c.limit.Reset(grace)
	select {
	case err := <-c.worker.results:
		c.limit.Stop()
		return c.settle(k, err)
	case <-c.limit.C:
		return c.giveUp(k)
	}
}

// settle keeps account of the unit of work and judges the result.
func (c *Conn) settle(k call, err error) error {
	switch {
	case k.sameAs(opPut), k.sameAs(opGet) && err == nil:
		c.unit = c.transacted
	case err != nil:
	case k.sameAs(opCommit):
		c.unitEnded(committed)
		if c.unit && !c.session.hasCommitted.Swap(true) {
			c.session.c.committed(c.session)
		}
		c.unit = false
	case k.sameAs(opBackout):
		c.unitEnded(backedOut)
		c.unit = false
	}
	if err == nil {
		return nil
	}
	return c.judge(k, err)
}

// watch makes p count the messages of the units of work, and says whether one is open.
func (c *Conn) watch(p *Poison) bool {
	c.turn <- struct{}{} // within bounds: whoever has the turn gives a stuck call up
	defer func() { <-c.turn }()
	c.poison = p
	return c.unit
}

// unitEnded and unitGone need the turn.
func (c *Conn) unitEnded(f fate) {
	if c.poison != nil {
		c.poison.attempts.ended(c, f)
	}
}

// unitGone is for a unit of work that is backed out because its connection ends.
func (c *Conn) unitGone() { c.unitEnded(c.fate()) }

// fate is what becomes of a unit of work whose connection ends: by the program, or by a loss, which is not the fault of
// the messages.
func (c *Conn) fate() fate {
	var e *Error
	if errors.As(context.Cause(c.session.ctx), &e) {
		return lostWith
	}
	return backedOut
}

// over says whether the connection or its Session has ended. It does not need the turn.
func (c *Conn) over() bool {
	select {
	case <-c.gone:
		return true
	default:
		return c.session.ctx.Err() != nil
	}
}

// judge classifies an error of the Transport and ends the Session where the class says so.
func (c *Conn) judge(k call, err error) error {
	if errors.Is(err, ErrNoMessage) {
		return ErrNoMessage
	}
	e := c.session.c.classify(err, k.verb(), c.endpoint, k.to.Queue, c.transacted)
	if e.Reason == mqrc.NoMsgAvailable {
		return ErrNoMessage
	}
	if e.Class == OutcomeUnknown {
		switch {
		case e.Verb == VerbCommit && (!c.unit || k.atomic):
			e.Class = Retry // nothing was to be committed, as when an idle connection is probed, or it cannot be done twice
		case e.Verb == VerbGet && !k.sameAs(opGet):
			e.Class = Retry // a browse, which takes nothing
		case e.Verb == VerbCommit, isPut(e.Verb):
			c.session.unknown.CompareAndSwap(nil, e)
		}
	}
	if e.Reason == mqrc.BackedOut {
		// The queue manager refuses this unit of work, for example one that its log is too small for. It ends the Session, but
		// it is no loss of the connection: the messages count as tried.
		c.unitEnded(backedOut)
	}
	if e.EndsSession() {
		c.session.c.lost(c.session, e, errors.Is(err, ErrStuck))
	}
	return e
}

// giveUp leaves the call, and its Message, to the worker for ever.
func (c *Conn) giveUp(k call) error {
	c.closed = true
	defer close(c.gone) // last: the end of the Session waits for it, and then has to know whether the outcome is unknown
	c.session.c.open.Add(-1)
	c.worker.abandon()
	err := c.judge(k, ErrStuck)
	c.unitGone() // after it: this is a loss
	return err
}

// keep watches over the connection while it lives: it probes it when it is idle, and closes it as
// soon as the Session has ended, whatever the program is doing: a successor may be waiting for the
// queues that it holds.
func (c *Conn) keep() {
	defer c.session.owned.Done()
	idle := time.NewTimer(probeAfter)
	defer idle.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-c.session.ctx.Done():
			_ = c.Close()
			return
		case <-idle.C:
			idle.Reset(c.probe())
		}
	}
}

// probe asks an idle connection whether it lives, and says when to come back. MQCMIT is the one call
// that travels to the queue manager, needs no queue and no authority, and changes nothing while no
// unit of work is open.
func (c *Conn) probe() time.Duration {
	select {
	case c.turn <- struct{}{}:
	default:
		return probeAfter // somebody is using it
	}
	idle := time.Since(c.born) - time.Duration(c.used.Load())
	if idle < probeAfter || c.closed || c.unit {
		<-c.turn
		return max(probeAfter-idle, holdAgain)
	}
	defer c.release()
	_ = c.make(c.session.ctx, call{op: opProbe}) // judged as any other; there is nobody to tell
	return probeAfter
}
