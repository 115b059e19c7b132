package mqconn

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/mqha/mqha/internal/events"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// EventKind says what an Event reports.
type EventKind int

// The kinds of events. Each has the fields Time, Endpoint, QueueManager, Generation and Info besides those named.
const (
	DialFailed     EventKind = iota + 1 // Attempt, Err, NextTry
	Connected                           // Attempt; the Session begins
	ConnectionLost                      // Err; the Session has ended
	CallStuck                           // Err; the call was given up
	GaveUp                              // Err; Run returns it and does not try again
	QueueHeld                           // Queue, Err; Hold waits, because another connection has the queue
	PoisonMoved                         // Queue, To, MessageID, Attempt; a message was moved out of the way
	PoisonFailed                        // Queue, MessageID, Err; it could not be moved, or its attempts not be written down
	Missed                              // Dropped; OnEvent was too slow, and so many events are missing here
)

var eventNames = [...]string{
	DialFailed: "dial failed", Connected: "connected", ConnectionLost: "connection lost", CallStuck: "call stuck",
	GaveUp: "gave up", QueueHeld: "queue held elsewhere", PoisonMoved: "poison message moved", PoisonFailed: "poison message not moved",
	Missed: "events missed",
}

// String names the kind in lower case.
func (k EventKind) String() string {
	if k < DialFailed || k > Missed {
		return "unknown"
	}
	return eventNames[k]
}

// Code is the stable code of an Event, for alarms. Its last letter is the severity: I information, W
// warning, E error.
type Code string

// The codes, each with the message of IBM MQ Managed File Transfer that says the same.
const (
	CodeBindingsFailed Code = "MQCN0046W" // no connection in bindings, tried again (BFGAG0046W)
	CodeClientFailed   Code = "MQCN0048W" // no connection as a client, tried again (BFGAG0048W)
	CodeRefused        Code = "MQCN0049E" // no connection, because somebody must mend something (none; BFGAG0048W)
	CodeNoBindings     Code = "MQCN0077E" // bindings asked for, but not to be had here (BFGAG0077E)
	CodeGaveUp         Code = "MQCN0050E" // not tried again (BFGAG0050E)
	CodeConnected      Code = "MQCN0057I" // connected (BFGAG0057I)
	CodeLost           Code = "MQCN0183W" // a reason code ended the session, recovery begins (BFGAG0183I)
	CodeStuck          Code = "MQCN0184E" // a call did not return (none)
	CodeQueueHeld      Code = "MQCN0035W" // the queue is open elsewhere (BFGAG0035W)
	CodePoisonMoved    Code = "MQCN0190W" // a message failed too often (none)
	CodePoisonFailed   Code = "MQCN0191E" // and could not be moved out of the way (none)
	CodeMissed         Code = "MQCN0199W" // events are missing (none)
)

// Event is something that happened to a Connector.
type Event struct {
	Kind         EventKind
	Time         time.Time
	Endpoint     string
	QueueManager string // the name that the queue manager gave; before it did, the one that the Dialer asks for
	Generation   uint64 // of the session concerned; in DialFailed the last one, zero if there was none
	Attempt      int    // dials since the last good connection; PoisonMoved: how often the message was got
	Info         Info   // what the connection is; where there is none, what the Dialer says of it (Describer)
	Err          error
	NextTry      time.Duration // DialFailed: the delay before the next dial; zero: at once, or never
	Queue        string        // QueueHeld, PoisonMoved, PoisonFailed
	To           string        // PoisonMoved: the queue that has the message now
	MessageID    ID            // PoisonMoved, PoisonFailed
	Dropped      int           // Missed
}

// Code is the event's stable code.
func (e Event) Code() Code {
	switch e.Kind {
	case DialFailed:
		return e.dialCode()
	case Connected:
		return CodeConnected
	case ConnectionLost:
		return CodeLost
	case CallStuck:
		return CodeStuck
	case QueueHeld:
		return CodeQueueHeld
	case PoisonMoved:
		return CodePoisonMoved
	case PoisonFailed:
		return CodePoisonFailed
	case Missed:
		return CodeMissed
	}
	return CodeGaveUp
}

func (e Event) dialCode() Code {
	var failed *Error
	if !errors.As(e.Err, &failed) {
		failed = &Error{}
	}
	var f *Fault
	bindings := errors.As(e.Err, &f) && f.Bindings || e.Info.Bindings
	switch {
	case errors.Is(e.Err, ErrNotBuilt):
		return CodeNoBindings
	case failed.Class == Fatal && bindings && noInstallation(failed.Reason):
		return CodeNoBindings
	case failed.Class == Fatal:
		return CodeRefused
	case bindings:
		return CodeBindingsFailed
	}
	return CodeClientFailed
}

// noInstallation says whether r is what a program gets that asks for bindings without a local queue manager's
// installation, or with a client library only.
func noInstallation(r mqrc.Reason) bool {
	switch r {
	case mqrc.EnvironmentError, mqrc.ModuleNotFound, mqrc.ModuleInvalid, mqrc.ModuleEntryNotFound, mqrc.FunctionNotSupported,
		mqrc.InstallationMissing, mqrc.InstallationMismatch:
		return true
	}
	return false
}

// eventQueue is how many events may wait for a slow OnEvent. Whoever reports an event may be about to
// disconnect, so it never waits.
const eventQueue = 256

// startEvents hands events to OnEvent and the log from a goroutine of its own: both may be slow, and a log on a
// disk that hangs must not keep a connection open.
func startEvents(onEvent func(Event), log *zap.Logger) *events.Queue[Event] {
	tell := onEvent
	if log != nil {
		w := &logWriter{log: log}
		tell = func(e Event) {
			w.write(e)
			if onEvent != nil {
				onEvent(e)
			}
		}
	}
	return events.Start(eventQueue, tell, func(n int) Event { return Event{Kind: Missed, Time: time.Now(), Dropped: n} })
}
