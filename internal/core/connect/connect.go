// Package connect decides when a connection to a queue manager is dialled, how long to wait before,
// and when to give up. It knows no transport, no clock and no goroutine; package mqconn does what it
// says.
//
// A round is one try of each endpoint; nothing waits inside a round, because the queue manager may
// already run behind the next address. After a lost session or a failed round there is always a delay.
package connect

import "time"

// Verdict is what a failed dial, or the loss of a session, says about trying again.
type Verdict int

// The verdicts.
const (
	Outage        Verdict = iota + 1 // may pass by itself
	WrongEndpoint                    // will not pass at this endpoint, unless the queue manager moves there
	Refused                          // authentication or configuration: will not pass until somebody mends it
	Impossible                       // will not pass while this process lives
)

// Intervals generates delays. The core trusts none of them: it clamps them.
type Intervals interface {
	NextBackOff() time.Duration
	Reset()
}

// Config holds what does not change.
type Config struct {
	Endpoints    int // at least 1
	Min, Max     time.Duration
	Intervals    Intervals
	RefusedTries int           // rounds that may be refused before the first good connection
	RefusedDelay time.Duration // between rounds that are refused after it
	Settled      time.Duration // a session that lived so long starts the delays anew
	Repeatable   bool          // the program's function may repeat what may have been done
}

// EventKind says what happened.
type EventKind int

// The events.
const (
	Started    EventKind = iota + 1 // the program called Run
	Connected                       // the Dial succeeded
	DialFailed                      // the Dial failed: Verdict
	Elapsed                         // the Wait is over
	Committed                       // Generation committed work
	Lost                            // Generation lost a connection: Verdict
	Returned                        // the program's function returned
	Closed                          // every connection of the generation is closed or given up: Unknown
	Cancelled                       // the program wants to end
)

// Event is what the shell tells the core.
type Event struct {
	Kind       EventKind
	Verdict    Verdict
	Generation uint64
	Unknown    bool // a call of the session may have taken effect or not
}

// ActionKind says what is to be done.
type ActionKind int

// The actions. Each but End has exactly one completion, and none of them begins before the one
// before it has completed.
const (
	Dial   ActionKind = iota + 1 // Endpoint; answer with Connected or DialFailed
	Wait                         // Delay; answer with Elapsed, or with Cancelled
	Begin                        // call the program's function with Generation; answer with Returned
	End                          // no call of Generation may begin any more; no answer
	Close                        // close the connections of Generation; answer with Closed
	Finish                       // Run returns Result
)

// Result is what Run returns.
type Result int

// The results.
const (
	FunctionReturned Result = iota + 1 // what the program's function returned, unchanged
	Stopped                            // the program's wish to end
	GaveUp                             // the last error
	InDoubt                            // the call whose outcome is not known
)

// Action is one thing to do; which fields count depends on Kind.
type Action struct {
	Kind       ActionKind
	Endpoint   int
	Delay      time.Duration
	Generation uint64
	Result     Result
}

// Phase is what the core waits for.
type Phase int

// The phases.
const (
	Idle    Phase = iota // Started
	Dialing              // the end of a Dial
	Waiting              // the end of a Wait
	Live                 // the function runs and its session is whole
	Ending               // the function runs and its session has ended
	Closing              // the end of a Close
)

// Core is the state machine.
type Core struct {
	cfg        Config
	phase      Phase
	generation uint64
	endpoint   int // the next one
	dialled    int // the one before
	attempt    int // dials since the last good connection

	connected bool // ever
	cancelled bool
	lost      Verdict // why the session ended; zero: it was not lost
	whole     bool    // the function returned while its session was whole
	result    Result  // what follows the Close; zero: another round
	committed bool
	began     time.Time
	lasted    time.Duration

	tried, outages, refusals int // of this round
	roundBegan               time.Time
	refusedRounds            int // in a row
}

// New makes a core that waits for Started. After a Finish it can be started again; generations go on.
func New(cfg Config) *Core { return &Core{cfg: cfg} }

// Phase is what the core waits for.
func (c *Core) Phase() Phase { return c.phase }

// Generation counts the sessions begun.
func (c *Core) Generation() uint64 { return c.generation }

// Endpoint is the one dialled last.
func (c *Core) Endpoint() int { return c.dialled }

// Whole says whether the function of the last generation was called, and returned while its session was whole.
func (c *Core) Whole() bool { return c.whole }

// Attempt counts the dials since the last good connection.
func (c *Core) Attempt() int { return c.attempt }

// Step takes an event and appends what is to be done to buf. An event that does not fit the phase,
// or belongs to an older generation, changes nothing.
func (c *Core) Step(now time.Time, e Event, buf []Action) []Action {
	switch e.Kind {
	case Started:
		if c.phase == Idle {
			c.cancelled = false
			c.refusedRounds = 0
			buf = c.round(now, buf)
		}
	case Connected:
		if c.phase == Dialing {
			buf = c.begin(now, buf)
		}
	case DialFailed:
		if c.phase == Dialing {
			buf = c.failed(now, e.Verdict, buf)
		}
	case Elapsed:
		if c.phase == Waiting {
			buf = c.round(now, buf)
		}
	case Committed:
		if c.phase == Live && e.Generation == c.generation {
			c.committed = true
		}
	case Lost:
		if c.phase == Live && e.Generation == c.generation {
			c.lost = e.Verdict
			buf = c.end(now, buf)
		}
	case Returned:
		buf = c.returned(now, buf)
	case Closed:
		if c.phase == Closing {
			buf = c.closed(e.Unknown, buf)
		}
	case Cancelled:
		buf = c.cancel(now, buf)
	}
	return buf
}

func (c *Core) round(now time.Time, buf []Action) []Action {
	c.roundBegan = now
	c.tried, c.outages, c.refusals = 0, 0, 0
	return c.dial(buf)
}

func (c *Core) dial(buf []Action) []Action {
	c.phase = Dialing
	c.attempt++
	c.dialled = c.endpoint
	return append(buf, Action{Kind: Dial, Endpoint: c.endpoint})
}

// advance goes to the next endpoint also after a loss: the host that was lost may be gone with all
// its packets, so that a dial there would hang for its whole limit, while the other one answers.
func (c *Core) advance() { c.endpoint = (c.endpoint + 1) % c.cfg.Endpoints }

func (c *Core) begin(now time.Time, buf []Action) []Action {
	c.connected = true
	c.attempt, c.refusedRounds = 0, 0
	c.generation++
	c.lost, c.whole, c.result, c.committed, c.began, c.lasted = 0, false, 0, false, now, 0
	if c.cancelled {
		c.phase, c.result = Closing, Stopped
		return append(buf, Action{Kind: Close, Generation: c.generation})
	}
	c.phase = Live
	return append(buf, Action{Kind: Begin, Generation: c.generation})
}

func (c *Core) failed(now time.Time, v Verdict, buf []Action) []Action {
	if c.cancelled {
		return c.finish(Stopped, buf)
	}
	c.tried++
	c.advance()
	switch v {
	case Impossible:
		return c.finish(GaveUp, buf)
	case Refused:
		c.refusals++
	case WrongEndpoint:
	default:
		c.outages++
	}
	if c.tried < c.cfg.Endpoints {
		return c.dial(buf)
	}
	return c.afterRound(now, buf)
}

// afterRound gives up only where every endpoint agrees that trying again is useless, several times in
// a row, and no connection was ever good: a queue manager that is just starting on another node
// refuses for a moment what it accepts a second later (IT35599).
func (c *Core) afterRound(now time.Time, buf []Action) []Action {
	took := now.Sub(c.roundBegan)
	if c.outages > 0 {
		c.refusedRounds = 0
		return c.wait(c.delay(took), buf)
	}
	c.refusedRounds++
	if c.connected {
		if c.refusals == c.tried {
			return c.wait(c.refusedDelay(), buf)
		}
		return c.wait(c.delay(took), buf)
	}
	if c.refusedRounds >= c.cfg.RefusedTries {
		return c.finish(GaveUp, buf)
	}
	return c.wait(c.cfg.Max, buf)
}

// delay clamps what comes from the generator, which may be negative (its way to say "stop"), zero, or
// beyond its own maximum. A loop without a delay is what IT38745 mended in the agents of IBM MQ. The time that a round took
// counts: after dials that hung until they were given up, to wait once more is to be late.
func (c *Core) delay(took time.Duration) time.Duration {
	return min(max(c.cfg.Intervals.NextBackOff()-took, c.cfg.Min), c.cfg.Max)
}

func (c *Core) refusedDelay() time.Duration { return max(c.cfg.RefusedDelay, c.cfg.Max) }

func (c *Core) wait(d time.Duration, buf []Action) []Action {
	c.phase = Waiting
	return append(buf, Action{Kind: Wait, Delay: d})
}

func (c *Core) end(now time.Time, buf []Action) []Action {
	c.phase = Ending
	c.lasted = now.Sub(c.began)
	return append(buf, Action{Kind: End, Generation: c.generation})
}

func (c *Core) returned(now time.Time, buf []Action) []Action {
	switch c.phase {
	case Live:
		c.whole = true
		buf = c.end(now, buf)
	case Ending:
	default:
		return buf
	}
	c.phase = Closing
	if c.lost == 0 {
		c.result = FunctionReturned
	}
	return append(buf, Action{Kind: Close, Generation: c.generation})
}

// closed dials again only now: an old connection that still holds a queue exclusively would stand in
// the way of the new one (2042). And only now is it known whether an outcome is unknown: the function may have returned
// while a call of another of its goroutines was under way. Work that may have been done is not repeated by accident.
func (c *Core) closed(unknown bool, buf []Action) []Action {
	if c.committed || c.lasted >= c.cfg.Settled {
		c.cfg.Intervals.Reset()
	}
	if c.result != 0 {
		return c.finish(c.result, buf)
	}
	c.advance() // before any end: who calls Run again is at the next endpoint as well
	if unknown && !c.cfg.Repeatable {
		return c.finish(InDoubt, buf)
	}
	if c.cancelled {
		return c.finish(Stopped, buf)
	}
	if c.lost == Refused {
		return c.wait(c.refusedDelay(), buf)
	}
	return c.wait(c.delay(0), buf)
}

func (c *Core) cancel(now time.Time, buf []Action) []Action {
	if c.phase == Idle {
		return buf
	}
	c.cancelled = true
	switch c.phase {
	case Waiting:
		return c.finish(Stopped, buf)
	case Live:
		return c.end(now, buf)
	}
	return buf
}

func (c *Core) finish(r Result, buf []Action) []Action {
	c.phase = Idle
	return append(buf, Action{Kind: Finish, Result: r})
}
