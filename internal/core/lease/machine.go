package lease

import (
	"fmt"
	"math"
	"time"
)

// Config holds what does not change.
type Config struct {
	Wait bool // go on trying while somebody else holds the lock
	Keep int  // so many of the newest names are never removed
}

// Op says what an Action asks for.
type Op uint8

// Operations that the shell does, one at a time, each answered by a Done event.
const (
	Open       Op = iota + 1 // open the lock file, creating it if need be
	Inquire                  // what kind of file system: Heartbeat and Deadline
	TryLock                  // Busy when somebody else has it
	Look                     // open the path afresh: same file as the locked one? whose record?
	Pause                    // until the next try
	MakeNames                // the directory of names, if it is missing
	SyncParent               // make its entry, and the lock file's, durable
	List                     // open the directory of names afresh and list it
	Floor                    // ask the caller for the lowest epoch it has seen elsewhere
	CreateName               // Epoch; Busy when it exists
	SyncNames                // make the name durable
	Write                    // Epoch, Beat: into line Beat modulo 2
	Claim                    // Epoch: into a place that no heartbeat writes and no epoch near this one has
	Sync                     // the lock file
	Prune                    // remove the name Epoch
	Unlock
	Close
)

// What the shell is told; no answer is expected.
const (
	Grant       Op = iota + 64 // Epoch, At: the lease is held
	Renew                      // At: the last good heartbeat was begun then
	Held                       // somebody else holds the lock and Wait is off
	Waiting                    // somebody else holds the lock: once for each holder
	Trouble                    // Err: of a try while waiting; once until the file system has answered a try again
	Late                       // Err: heartbeats fail or take too long; once until one is good again
	Overwritten                // Epoch: of somebody's late write that stood in the record, 0 for damage; it is written again
	Lose                       // Reason, Err
	Answer                     // Ticket, Err: all Verify calls up to Ticket are answered
	End                        // Err: nothing is held any more and nothing will be asked
)

var opNames = map[Op]string{
	Open: "open", Inquire: "inquire", TryLock: "try lock", Look: "look", Pause: "pause", MakeNames: "make names",
	SyncParent: "sync parent", List: "list", Floor: "floor", CreateName: "create name",
	SyncNames: "sync names", Write: "write", Claim: "claim", Sync: "sync", Prune: "prune", Unlock: "unlock",
	Close: "close", Grant: "grant", Renew: "renew", Held: "held", Waiting: "waiting", Trouble: "trouble", Late: "late",
	Overwritten: "overwritten", Lose: "lose", Answer: "answer", End: "end",
}

func (o Op) String() string { return opNames[o] }

// Asks reports whether the shell has to answer with Done.
func (o Op) Asks() bool { return o < Grant }

// Reason says why a lease was lost.
type Reason uint8

// The reasons.
const (
	Expired    Reason = iota + 1 // no good heartbeat within the deadline
	Deleted                      // there is no file at the path
	Replaced                     // another file is at the path
	Superseded                   // Epoch: somebody was granted an epoch above ours, or writes under our own
)

// Action is one thing to do. Which fields count depends on Op.
type Action struct {
	Op     Op
	Epoch  uint64
	Beat   uint64
	Ticket uint64
	At     Instant
	Reason Reason
	Err    error
}

// Kind says what happened.
type Kind uint8

// The events.
const (
	Start   Kind = iota + 1
	Done         // the operation asked for last has ended: Result, Err and its own fields
	Tick         // Wake has passed
	TooLate      // the shell has told somebody that the deadline is over: there is no way back
	Verify       // Ticket: answer after a heartbeat begun from now on
	Release      // Err: why, if the lock is not held yet
)

// Result refines a Done without an error.
type Result uint8

// The results.
const (
	OK      Result = iota
	Busy           // TryLock: held by somebody else. CreateName: exists
	Missing        // Look: no file at the path
	Other          // Look: another file at the path
)

// Event is one thing that happened. Which fields count depends on Kind and on the operation.
type Event struct {
	Kind     Kind
	Result   Result
	Err      error
	Passing  bool     // Err may go away by itself
	Epoch    uint64   // Look: of the record, 0 without one. Floor: the floor
	Beat     uint64   // Look: of the record
	Mine     bool     // Look: this instance wrote it
	Damaged  bool     // Look: beside that record there is not only our own one before it
	Claims   []uint64 // Look: the epochs that are claimed in the file
	Names    []uint64
	Ticket   uint64
	Interval time.Duration // Inquire: between two heartbeats
	Deadline time.Duration // Inquire
}

type phase uint8

const (
	taking phase = iota
	holding
	lost
	ending // unlock and close, then End
	ended
)

// Machine is one attempt to take the lock, and the lease that comes of it.
type Machine struct {
	cfg      Config
	interval time.Duration
	deadline time.Duration

	phase  phase
	busy   Op // the operation under way, 0 if none
	asked  Action
	locked bool
	opened bool
	cause  error // what End reports

	waitingFor uint64 // epoch of the holder last reported, plus one
	troubled   bool   // reported, and no try was answered since
	strangers  int    // tries in a row whose locked file was not the one at the path
	overtaken  int    // times that a higher name turned up after ours was made
	known      uint64 // the highest epoch of record and names before ours
	created    bool   // our name exists
	prune      []uint64
	epoch      uint64

	beat     uint64
	begun    Instant // the heartbeat under way, or the last one
	good     Instant // the last good one was begun then
	late     bool
	lastErr  error
	rewrites int    // in a row, because the record was not what we wrote
	mended   bool   // in the heartbeat under way: the other line is written again
	damaged  bool   // reported, and not yet found to be good again
	tickets  uint64 // asked for
	covered  uint64 // by the heartbeat under way
	answered uint64
}

// New returns a machine that waits for Start.
func New(cfg Config) *Machine { return &Machine{cfg: cfg} }

// Wake is the time after which the machine wants a Tick, counted from now. It is never longer than
// one heartbeat, because the timer behind it may stand still in suspend. Zero means no Tick.
func (m *Machine) Wake(now Instant) time.Duration {
	if m.phase != holding {
		return 0
	}
	left := m.deadline - now.Since(m.good)
	if m.busy == 0 {
		left = min(left, m.interval-now.Since(m.begun))
	}
	return max(min(left, m.interval), 1)
}

// Step takes one event and appends what to do to buf. At most one of the actions Asks.
func (m *Machine) Step(now Instant, e Event, buf []Action) []Action {
	if m.phase == holding {
		buf = m.watch(now, e.Kind == TooLate, buf)
	}
	switch e.Kind {
	case Start:
		return m.ask(buf, Action{Op: Open})
	case Done:
		m.busy = 0
		buf = m.finished(now, e, buf)
	case Verify:
		m.tickets = e.Ticket
		if m.phase != holding {
			buf = m.answer(buf, m.tickets, nil)
		}
	case Release:
		buf = m.answer(buf, m.tickets, nil)
		if m.phase < ending {
			m.phase, m.cause = ending, e.Err
		}
	}
	if m.busy != 0 {
		return buf
	}
	return m.next(now, buf)
}

// finished hands the outcome of an operation to the phase that asked for it.
func (m *Machine) finished(now Instant, e Event, buf []Action) []Action {
	switch m.asked.Op {
	case Open:
		m.opened = e.Err == nil
	case TryLock:
		m.locked = e.Err == nil && e.Result == OK
	case Unlock:
		m.locked = false // or else Close does it
		e.Err = nil
	case Close:
		m.opened = false
		e.Err = nil // nothing was written that Sync has not answered for
	}
	switch m.phase {
	case taking:
		return m.took(now, e, buf)
	case holding:
		return m.held(e, buf)
	}
	return buf
}

// next starts whatever is due when no operation is under way.
func (m *Machine) next(now Instant, buf []Action) []Action {
	switch {
	case m.phase == ending && m.locked:
		return m.ask(buf, Action{Op: Unlock}) // not left to Close: a child between fork and exec has the descriptor too
	case m.phase == ending && m.opened:
		return m.ask(buf, Action{Op: Close})
	case m.phase == ending:
		m.phase = ended
		return append(buf, Action{Op: End, Err: m.cause})
	case m.phase == holding && (m.tickets > m.covered || now.Since(m.begun) >= m.interval):
		return m.write(now, buf)
	case m.phase == holding && len(m.prune) > 0:
		oldest := m.prune[0]
		m.prune = m.prune[1:]
		return m.ask(buf, Action{Op: Prune, Epoch: oldest})
	}
	return buf
}

// ask starts an operation.
func (m *Machine) ask(buf []Action, a Action) []Action {
	m.busy, m.asked = a.Op, a
	return append(buf, a)
}

// fail ends an attempt to take the lock.
func (m *Machine) fail(err error) {
	m.phase, m.cause = ending, err
}

// answer tells the callers of Verify up to ticket, if any of them still waits.
func (m *Machine) answer(buf []Action, ticket uint64, err error) []Action {
	if ticket <= m.answered {
		return buf
	}
	m.answered = ticket
	return append(buf, Action{Op: Answer, Ticket: ticket, Err: err})
}

// above is the epoch after both, or an error where numbers end.
func above(a, b uint64) (uint64, error) {
	highest := max(a, b)
	if highest == math.MaxUint64 {
		return 0, fmt.Errorf("no epoch is left above %d", highest)
	}
	return highest + 1, nil
}
