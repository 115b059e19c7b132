package mqconn

import (
	"time"

	"go.uber.org/zap"
)

// EventKind says what an Event reports.
type EventKind int

// The kinds of events.
const (
	DialFailed     EventKind = iota + 1 // Endpoint, Attempt, Err, NextTry
	Connected                           // Endpoint, Generation, Attempt, Info; the Session begins
	ConnectionLost                      // Endpoint, Generation, Err; the Session has ended
	CallStuck                           // Endpoint, Generation, Err; the call was given up
)

var eventNames = [...]string{
	DialFailed: "dial failed", Connected: "connected", ConnectionLost: "connection lost", CallStuck: "call stuck",
}

// String names the kind in lower case.
func (k EventKind) String() string {
	if k < DialFailed || k > CallStuck {
		return "unknown"
	}
	return eventNames[k]
}

// Event is something that happened to a Connector.
type Event struct {
	Kind         EventKind
	Time         time.Time
	Endpoint     string
	QueueManager string // the name that the queue manager gave; empty before it did
	Generation   uint64 // of the session concerned; in DialFailed the last one, zero if there was none
	Attempt      int    // dials since the last good connection
	Info         Info   // Connected: what the connection is, and through which library
	Err          error
	NextTry      time.Duration // DialFailed: the delay before the next dial; zero: at once, or never
	Dropped      int           // events dropped before this one because OnEvent was too slow
}

// eventQueue is how many events may wait for a slow OnEvent. Whoever reports an event may be about to
// disconnect, so it never waits.
const eventQueue = 256

// reporter hands events out, in order, from its own goroutine: OnEvent and the log may be slow, and
// a log on a disk that hangs must not keep a connection open.
type reporter struct {
	onEvent func(Event)
	log     *zap.Logger
	queue   chan Event
	done    chan struct{}
	dropped int

	outage   time.Time            // when it began
	failures map[string]*failures // by endpoint, of this outage
}

// failures are what is left out of the log for one endpoint.
type failures struct {
	reason   string // the last one logged
	logged   time.Time
	unlogged int
}

func startReporter(onEvent func(Event), log *zap.Logger) *reporter {
	r := &reporter{onEvent: onEvent, log: log, queue: make(chan Event, eventQueue), done: make(chan struct{})}
	go r.run()
	return r
}

// add is called under the Connector's mutex, which keeps the order.
func (r *reporter) add(e Event) {
	e.Dropped = r.dropped
	select {
	case r.queue <- e:
		r.dropped = 0
	default:
		r.dropped++
	}
}

// close waits until everything has been handed out.
func (r *reporter) close() {
	close(r.queue)
	<-r.done
}

func (r *reporter) run() {
	defer close(r.done)
	for e := range r.queue {
		if r.log != nil {
			r.write(e)
		}
		if r.onEvent != nil {
			r.onEvent(e)
		}
	}
}

// repeatAfter is how often an outage that goes on for the same reason is logged again.
const repeatAfter = time.Minute

// write logs the facts of FTE's BFGAG0046W and 48W (cannot connect, reason, next try), 50E (cannot
// continue), 57I (connected) and 183I (reason received, recovery begins).
func (r *reporter) write(e Event) {
	fields := []zap.Field{zap.String("endpoint", e.Endpoint), zap.Uint64("generation", e.Generation)}
	if e.QueueManager != "" {
		fields = append(fields, zap.String("queueManager", e.QueueManager))
	}
	if e.Err != nil {
		fields = append(fields, zap.Error(e.Err))
	}
	switch e.Kind {
	case DialFailed:
		r.writeFailure(e, fields)
	case Connected:
		if !r.outage.IsZero() {
			fields = append(fields, zap.Duration("outage", e.Time.Sub(r.outage)))
		}
		r.outage, r.failures = time.Time{}, nil
		r.log.Info("connected to the queue manager", append(fields, zap.Int("attempt", e.Attempt))...)
	case ConnectionLost:
		r.outage = e.Time
		r.log.Warn("connection to the queue manager lost, recovery begins", fields...)
	case CallStuck:
		r.log.Error("call stuck in the MQ client, connection given up", fields...)
	}
}

func (r *reporter) writeFailure(e Event, fields []zap.Field) {
	if r.outage.IsZero() {
		r.outage = e.Time
	}
	f := r.failures[e.Endpoint]
	if f == nil {
		f = new(failures)
		if r.failures == nil {
			r.failures = make(map[string]*failures)
		}
		r.failures[e.Endpoint] = f
	}
	reason := e.Err.Error()
	if reason == f.reason && e.Time.Sub(f.logged) < repeatAfter {
		f.unlogged++
		return
	}
	fields = append(fields, zap.Int("attempt", e.Attempt), zap.Duration("nextTry", e.NextTry),
		zap.Duration("outage", e.Time.Sub(r.outage)), zap.Int("repeatsNotLogged", f.unlogged))
	f.reason, f.logged, f.unlogged = reason, e.Time, 0
	r.log.Warn("cannot connect to the queue manager", fields...)
}
