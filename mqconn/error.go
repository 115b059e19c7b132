package mqconn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// ErrStuck says that a call did not return from the MQ client within its limit. The call may still
// be running, with the Message that was given to it: that Message must not be used again.
var ErrStuck = errors.New("mqconn: the call did not return from the MQ client")

// ErrSessionEnded says that a call was not made because the Session had ended before. What ended it
// is wrapped beside it.
var ErrSessionEnded = errors.New("mqconn: the session has ended")

// ErrClosed says that a call was not made because its Conn had been closed.
var ErrClosed = errors.New("mqconn: the connection is closed")

// Error is a failed call with its class. errors.As finds the *Fault below it, where a queue manager
// gave one; errors.Is finds ErrStuck, ErrSessionEnded and, where a call was not made because a
// context had ended, that context's error.
type Error struct {
	Verb           Verb
	CompletionCode int32 // 1 warning, 2 failed, 0 where no queue manager gave one
	Reason         mqrc.Reason
	Endpoint       string
	Queue          string // empty where the call names none
	Class          Class

	cause error
}

// Error names the call, the queue, the endpoint and the reason, and says what can be done.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mqconn: ")
	b.WriteString(string(e.Verb))
	if e.Queue != "" {
		fmt.Fprintf(&b, " queue %s", e.Queue)
	}
	if e.Endpoint != "" {
		fmt.Fprintf(&b, " at %s", e.Endpoint)
	}
	var f *Fault
	switch {
	case errors.Is(e.cause, ErrSessionEnded), e.cause != nil && !errors.As(e.cause, &f):
		fmt.Fprintf(&b, ": %v", e.cause)
	case f != nil:
		b.WriteString(": ")
		b.WriteString(f.what())
	default:
		fmt.Fprintf(&b, ": completion code %d, reason %s", e.CompletionCode, e.Reason)
	}
	if hint := e.Class.hint(); hint != "" && !errors.Is(e.cause, ErrSessionEnded) {
		b.WriteString(": ")
		b.WriteString(hint)
	}
	return b.String()
}

// Unwrap gives the *Fault, or what else was the cause.
func (e *Error) Unwrap() error { return e.cause }

// EndsSession says whether the error has ended the Session of the call that returned it. A failed
// connect always has: a Session that cannot have the connections it asks for is of no use.
func (e *Error) EndsSession() bool {
	if e.Verb == VerbConnect {
		return true
	}
	switch e.Class {
	case InUse, Throttle, MessageFault, Fatal:
		return false
	}
	return true
}

// classify turns a Fault that a transport reported into an Error. as is the verb that was asked for:
// a transport may open the queue inside a put, and then the MQOPEN fails for the reasons of the put.
func (c *Connector) classify(err error, as Verb, endpoint, queue string, syncpoint bool) *Error {
	var reported *Fault
	if !errors.As(err, &reported) {
		// Not what a Transport may return; the connection is not worth trusting.
		f := Fault{Verb: as, CompletionCode: 2, Reason: mqrc.ConnectionBroken, Queue: queue, Syncpoint: syncpoint}
		return &Error{Verb: as, Endpoint: endpoint, Queue: queue, Class: c.class(f), cause: err}
	}
	f := *reported // a transport may report one Fault to several connections
	if f.Verb == "" {
		f.Verb = as
	}
	if f.Queue == "" {
		f.Queue = queue
	}
	f.Syncpoint = f.Syncpoint || syncpoint
	f.Connected = c.everConnected()
	e := &Error{Verb: f.Verb, CompletionCode: f.CompletionCode, Reason: f.Reason, Endpoint: endpoint, Queue: f.Queue, cause: &f}
	e.Class = c.class(f)
	if as == VerbPut && f.Verb == VerbOpen {
		// Of an open that the connection broke under it is known that no message was put after it.
		asked := f
		asked.Verb = VerbPut1
		if class := c.class(asked); class != OutcomeUnknown {
			e.Class = class
		}
	}
	return e
}

func (c *Connector) class(f Fault) Class {
	if c.cfg.Classify != nil {
		if class := c.cfg.Classify(f); class != 0 {
			return class
		}
	}
	return Classify(f)
}
