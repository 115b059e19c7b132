package agent

import "time"

// Part is one piece of I/O that the core starts and that ends exactly once.
type Part int

// The parts, in the order in which an agent needs them.
const (
	Before       Part = iota // resources that carry the lock; Online, runs until cancelled
	Campaign                 // waits for the lease; Done: elected
	Warm                     // a connection for as long as this instance stands by, runs until cancelled
	Group                    // resources of the active instance; Online, runs until cancelled
	OpenEngine               // takes the journals over for this epoch
	Connector                // Connected and SessionEnded for each generation, runs until cancelled
	Yield                    // until a session works: looks for a standby that has one; Failed: there is one, and no session here
	Verify                   // proves the lease by I/O
	HoldInput                // holds the input queue
	HoldCommands             // holds the command queue
	RunEngine                // transfers over this generation
	Commands                 // answers commands in this generation
	Work                     // the program's own loop in this generation; Done: nothing left to do
	Drain                    // brings the engine to a checkpoint
	CloseEngine              // closes the journals
	Release                  // gives the lease back
	StandBack                // waits before the next campaign
	partCount
)

var partNames = [partCount]string{
	"resources before the lock", "campaign", "connection of the standby", "resource group", "opening of the journals",
	"connection", "look for a connected standby", "lease verification", "hold of the input queue", "hold of the command queue", "transfer engine",
	"command loop", "work", "drain", "closing of the journals", "release of the lease", "stand back",
}

// String names the part as a person would.
func (p Part) String() string { return partNames[p] }

// Outcome is how a part ended.
type Outcome int

// The outcomes.
const (
	Done      Outcome = iota // did what it was for
	Cancelled                // its context ended first, by Cancel or with the session
	Failed                   // failed here; another instance may fare better
	Lost                     // found the lease lost
	Fatal                    // would fail the same way anywhere: configuration, authentication
	Hangs                    // gave up: something of it still goes on
)

// EventKind says what happened.
type EventKind int

// The kinds of events.
const (
	Begin        EventKind = iota + 1 // the program called Run
	Online                            // Part Before or Group has everything online
	Ended                             // Part ended with Outcome and Err
	Connected                         // a session began: Generation
	SessionEnded                      // the session Generation is gone
	LeaseLost                         // the lease ended by itself: Err
	Stop                              // somebody asked for the end; Drain: bring transfers to a checkpoint first
	Timer                             // the timer armed as Timer fired
)

// Event is what the shell tells the core.
type Event struct {
	Kind       EventKind
	Part       Part
	Outcome    Outcome
	Err        error
	Generation uint64
	Drain      bool
	Timer      int
}

// ActionKind says what the shell is to do.
type ActionKind int

// The kinds of actions.
const (
	Start         ActionKind = iota + 1 // start Part; answer with Ended once
	Cancel                              // end the context of Part; its Ended still comes
	EndGeneration                       // nothing uses the session any more: let the Connector go on
	Arm                                 // answer with Timer at At; an earlier timer is void
	HardStop                            // Overdue did not stop in time, or hangs with Err: last resort
	Report                              // tell the world: Note, Err
	Finish                              // Run returns Err
)

// Note is what a Report says.
type Note int

// The notes.
const (
	Elected      Note = iota + 1 // the lease is held
	Active                       // verified and fenced, work begins
	Disconnected                 // the session ended
	LeaseGone                    // the lease was lost: Err
	SteppingDown                 // the way down begins: Err, nil when it was asked for
	Stopped                      // everything has ended
)

// Action is what the core asks the shell to do.
type Action struct {
	Kind    ActionKind
	Part    Part
	Timer   int
	At      time.Time
	Note    Note
	Err     error
	Overdue []Part
}

// Options configure a Core.
type Options struct {
	Before, Group, Engine, Work bool // which optional parts there are
	Yield                       bool // Warm and Yield, too
	ExitOnLoss                  bool // Finish with the error instead of standing by
	StopLimit                   time.Duration
	DrainLimit                  time.Duration // added to StopLimit while draining
	LossLimit                   time.Duration // in place of StopLimit when the lease is lost
}

// cause is why an agent steps down.
type cause int

const (
	none     cause = iota
	stopped        // asked for, or nothing left to do
	failed         // stand by, or finish with the error
	fatal          // finish with the error
	lost           // the lease is gone; the only cause that overtakes another
	finished       // Finish was emitted
)

// stage is what the running timer covers.
type stage int

const (
	noStage         stage = iota
	endOfGeneration       // the session is gone, its users must end
	endOfAccepting        // on the way down: nothing new
	draining
	endOfWork
	closingEngine
	disconnecting
	noLimit // resources have limits of their own
)

// Core is the state machine of one agent.
type Core struct {
	o   Options
	now time.Time
	out []Action

	begun     bool
	running   [partCount]bool
	cancelled [partCount]bool
	abandoned [partCount]bool // overran: its end no longer counts
	online    [partCount]bool // Before and Group

	lease  bool // held, as far as known
	engine bool // open

	generation  uint64 // 0: no session
	sessionOver bool
	stalled     bool // a part was cancelled by the end of a session that is not reported yet
	verified    bool
	input       bool
	commands    bool
	active      bool // in this generation
	everActive  bool

	cause   cause
	err     error // of the cause
	stop    bool  // somebody asked for the end, whatever the cause
	drain   bool
	drained bool
	stage   stage
	timer   int
	overdue []Part
}

// New makes a Core that waits for Begin.
func New(o Options) *Core {
	c := &Core{o: o}
	c.online[Before], c.online[Group] = !o.Before, !o.Group
	return c
}

// Step takes one event and appends what is to be done now, in this order, to buf.
func (c *Core) Step(now time.Time, ev Event, buf []Action) []Action {
	c.now, c.out = now, buf
	if c.cause != finished {
		c.apply(ev)
	}
	if c.begun && c.cause != finished {
		if c.cause == none {
			c.up()
		}
		if c.cause != none {
			c.down()
		}
	}
	out := c.out
	c.out = nil
	return out
}
