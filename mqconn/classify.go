package mqconn

import (
	"errors"
	"slices"

	"github.com/mqha/mqha/mqconn/mqrc"
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

// rule says what some reasons mean where all of its conditions hold.
type rule struct {
	verbs   []Verb // none: any
	where   where
	reasons []mqrc.Reason
	class   Class
}

type where int

const (
	anywhere where = iota
	inBindings
	inClient
)

var (
	connecting = []Verb{VerbConnect}
	putting    = []Verb{VerbPut, VerbPut1}
)

// rules are tried from the top; the first that fits counts. "Reason codes" is IBM MQ's documentation
// "API completion and reason codes" (pages Q04xxxx_).
var rules = []rule{
	// Reason codes: 2058 is a name that the local installation does not know (bindings), or an
	// answer from another queue manager or an unknown client group (client). On a cluster node the
	// former is what is left after the queue manager moved away (FTE: BFGAG0050E).
	{connecting, inBindings, []mqrc.Reason{mqrc.QMgrNameError}, NotHere},
	{connecting, inClient, []mqrc.Reason{mqrc.QMgrNameError}, NextEndpoint},
	// Reason codes: client connection definition errors. A queue manager that has just started
	// somewhere else may give 2540 for a moment, hence not Fatal.
	{connecting, anywhere, []mqrc.Reason{mqrc.UnknownChannelName, mqrc.ChannelConfigError, mqrc.CDError,
		mqrc.ClientConnError, mqrc.AnotherQMgrConnected}, NextEndpoint},
	// Reason codes: security. 2035 may pass by itself while LDAP or the node's user registry starts
	// after a failover (kafka-connect-mq-source retries it), so Fatal is tried a few times.
	{connecting, anywhere, []mqrc.Reason{mqrc.NotAuthorized, mqrc.SecurityError, mqrc.ConnectionNotAuthorized,
		mqrc.SCOError, mqrc.KeyRepositoryError, mqrc.SSLConfigError, mqrc.SSLInitializationError, mqrc.SSLNotAllowed,
		mqrc.JSSEError, mqrc.SSLPeerNameMismatch, mqrc.SSLPeerNameError, mqrc.SSLCertificateRevoked,
		mqrc.SSLCertStoreError, mqrc.PasswordProtectionError}, Fatal},
	// Reason codes: what this program or its installation asks for is impossible. 2012 and 2495:
	// bindings without a local installation (FTE: BFGAG0077E).
	{connecting, anywhere, []mqrc.Reason{mqrc.EnvironmentError, mqrc.OptionsError, mqrc.CNOError,
		mqrc.FunctionNotSupported, mqrc.ModuleNotFound, mqrc.AdapterServLoadError}, Fatal},
	// Everything else at connect: IBM's list of reasons to reconnect on (2009 2059 2161 2162 2202
	// 2203 2223 2279 2537 2538), 2543 (a standby instance; the active one is at another endpoint),
	// connection limits (2025, 2537: typical right after a failover while old connections still
	// count), 2102, 2195. "Almost any error should allow us to attempt to reconnect"
	// (mq-metric-samples).
	{connecting, anywhere, nil, Retry},

	// Reason codes: 2003, the current unit of work has been backed out.
	{nil, anywhere, []mqrc.Reason{mqrc.BackedOut}, BackedOut},
	// Reason codes: 2549, interrupted while reconnecting: persistent put outside syncpoint, or
	// MQCMIT. 2123 and 2124: commit with other participants.
	{nil, anywhere, []mqrc.Reason{mqrc.CallInterrupted, mqrc.OutcomeMixed, mqrc.OutcomePending}, OutcomeUnknown},
	// Reason codes: 2042, open with incompatible options elsewhere (MFT: BFGAG0035W).
	{nil, anywhere, []mqrc.Reason{mqrc.ObjectInUse}, InUse},
	// Reason codes: shortages and inhibitions that an operator or time lifts. 2219 is a call
	// overlapping another on the same handle: a defect, never a reason to reconnect.
	{nil, anywhere, []mqrc.Reason{mqrc.QFull, mqrc.PutInhibited, mqrc.GetInhibited, mqrc.StorageNotAvailable,
		mqrc.StorageMediumFull, mqrc.QSpaceNotAvailable, mqrc.SyncpointLimitReached, mqrc.HandleNotAvailable,
		mqrc.ResourceProblem, mqrc.ClusterResourceError, mqrc.CallInProgress}, Throttle},
	// Reason codes: the message itself. 2460 and 2587: its message handle.
	{nil, anywhere, []mqrc.Reason{mqrc.TruncatedMsgFailed, mqrc.TruncatedMsgAccepted, mqrc.DataLengthError,
		mqrc.MsgTooBigForQ, mqrc.MsgTooBigForQMgr, mqrc.MsgTooBigForChannel, mqrc.CorrelIDError, mqrc.MsgIDError,
		mqrc.HMsgError, mqrc.HMsgNotAvailable, mqrc.PropertyValueTooBig, mqrc.PropertyNotAvailable, mqrc.ExpiryError,
		mqrc.MDError, mqrc.MissingReplyToQ, mqrc.MsgTypeError, mqrc.ReportOptionsError, mqrc.PersistenceError,
		mqrc.PersistentNotAllowed, mqrc.PriorityError, mqrc.PriorityExceedsMaximum, mqrc.FormatError,
		mqrc.CodedCharSetIDError, mqrc.NotConverted, mqrc.BufferError, mqrc.BufferLengthError, mqrc.NoMsgUnderCursor,
		mqrc.BackoutThresholdReached}, MessageFault},
	// One destination that cannot be reached says nothing about the others: IT29902 is an agent
	// that went into recovery as a whole because of one unknown remote queue manager (2087).
	{putting, anywhere, []mqrc.Reason{mqrc.NotAuthorized, mqrc.UnknownObject, mqrc.UnknownObjectQMgr,
		mqrc.UnknownRemoteQMgr, mqrc.UnknownAliasBaseQ, mqrc.AliasBaseQTypeError, mqrc.ObjectTypeError, mqrc.QTypeError,
		mqrc.QDeleted, mqrc.OptionNotValidForType, mqrc.NotOpenForOutput, mqrc.XmitQTypeError, mqrc.XmitQUsageError,
		mqrc.UnknownXmitQ, mqrc.UnknownDefXmitQ, mqrc.DefXmitQTypeError, mqrc.DefXmitQUsageError, mqrc.RemoteQNameError,
		mqrc.ObjectNameError, mqrc.ObjectQMgrNameError, mqrc.ClusterResolutionError, mqrc.ObjectDamaged}, MessageFault},
	// The same on the program's own queues: nothing will come from there until somebody acts.
	{nil, anywhere, []mqrc.Reason{mqrc.NotAuthorized, mqrc.UnknownObject, mqrc.UnknownObjectQMgr,
		mqrc.UnknownRemoteQMgr, mqrc.UnknownAliasBaseQ, mqrc.AliasBaseQTypeError, mqrc.ObjectTypeError, mqrc.QTypeError,
		mqrc.QDeleted, mqrc.OptionNotValidForType, mqrc.OptionsError, mqrc.NotOpenForInput, mqrc.NotOpenForInquire,
		mqrc.ObjectNameError, mqrc.ObjectQMgrNameError, mqrc.ODError, mqrc.GMOError, mqrc.PMOError, mqrc.MatchOptionsError,
		mqrc.SyncpointNotAvailable, mqrc.ObjectDamaged, mqrc.SecurityError}, Fatal},
	// These say that the call did not begin: the queue manager or the connection is quiescing, or
	// the handle was invalid already.
	{[]Verb{VerbPut, VerbPut1, VerbGet, VerbOpen, VerbInquire}, anywhere, []mqrc.Reason{mqrc.QMgrQuiescing,
		mqrc.ConnectionQuiescing, mqrc.HConnError, mqrc.HObjError, mqrc.ObjectChanged}, Retry},
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
	for _, r := range rules {
		if r.fits(f) {
			if f.Syncpoint && r.class == Retry && isPut(f.Verb) {
				return BackedOut
			}
			return r.class
		}
	}
	if f.CompletionCode == 1 {
		return MessageFault // a warning: the call was done, the connection is good
	}
	return broken(f)
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
