package mqconn

import (
	"errors"
	"slices"
)

// Class is what a Fault means for the caller.
type Class int

// The classes. Those marked "ends" have ended the Session when the call returns, and Run makes
// another; after the others the Session lives and the caller decides.
const (
	Retry          Class = iota + 1 // ends: the connection or the queue manager is gone for now
	NextEndpoint                    // ends: this endpoint will not do; a configuration error if none does
	NotHere                         // ends: this node has no such queue manager (2058 in bindings); it may have moved
	InUse                           // another connection holds the queue exclusively (2042)
	Throttle                        // a resource is short; the same call may succeed a little later
	MessageFault                    // this message, or its destination, is at fault; others are not
	BackedOut                       // ends: the whole unit of work was backed out, repeat all of it
	OutcomeUnknown                  // ends: the call may have happened or not; only a repeatable caller can go on
	Fatal                           // authentication, authority or configuration: somebody must mend it
)

var classNames = [...]string{
	Retry: "retry", NextEndpoint: "next endpoint", NotHere: "not here", InUse: "in use", Throttle: "throttle",
	MessageFault: "message fault", BackedOut: "backed out", OutcomeUnknown: "outcome unknown", Fatal: "fatal",
}

// String names the class in lower case.
func (c Class) String() string {
	if c < Retry || c > Fatal {
		return "unclassified"
	}
	return classNames[c]
}

// hint is what a person can do about an error of this class.
func (c Class) hint() string {
	switch c {
	case NextEndpoint:
		return "check the endpoint's address, channel and queue manager name"
	case NotHere:
		return "this node has no such queue manager: it runs elsewhere, or its name is wrong"
	case InUse:
		return "another instance holds the queue"
	case Throttle:
		return "a resource is short, try again later"
	case MessageFault:
		return "this message or its destination is at fault, others are not"
	case BackedOut:
		return "the unit of work was backed out, repeat all of it"
	case OutcomeUnknown:
		return "it is not known whether the call took effect"
	case Fatal:
		return "check user, authorities, channel authentication, TLS and queue definitions"
	}
	return ""
}

// Classify is the classification that a Connector uses where Config.Classify gives none. A reason
// that it does not know is taken for a broken connection, since a connection that is made again
// costs little and one that is trusted wrongly costs messages.
func Classify(f Fault) Class {
	switch { // what the transport knows better than the reason tells
	case errors.Is(f.Err, ErrNotExclusive):
		return Fatal
	case errors.Is(f.Err, ErrReopen):
		return Retry
	}
	r, known := find(f)
	switch {
	case !known && f.CompletionCode == 1:
		return MessageFault // a warning: the call was done, the connection is good
	case !known, r.class == lost:
		return broken(f)
	case r.class == Retry && f.Syncpoint && isPut(f.Verb):
		return BackedOut // the end of the Session backs out what the unit of work had before
	}
	return r.class
}

// find gives the first rule that fits.
func find(f Fault) (rule, bool) {
	for _, r := range rules {
		if r.fits(f) {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) fits(f Fault) bool {
	if r.verbs != nil && !slices.Contains(r.verbs, f.Verb) {
		return false
	}
	if r.where == inBindings && !f.Bindings || r.where == inClient && f.Bindings {
		return false
	}
	return r.reasons == nil || slices.Contains(r.reasons, f.Reason)
}

// broken says what is left of a call whose connection broke under it (2009 and its like). The queue
// manager backs an uncommitted unit of work out; whether it had seen the rest nobody can tell.
func broken(f Fault) Class {
	switch {
	case f.Verb == VerbCommit:
		return OutcomeUnknown
	case f.Verb == VerbPut, f.Verb == VerbPut1:
		if f.Syncpoint {
			return BackedOut
		}
		return OutcomeUnknown
	case f.Verb == VerbGet && !f.Syncpoint:
		return OutcomeUnknown
	}
	return Retry
}

func isPut(v Verb) bool { return v == VerbPut || v == VerbPut1 }
