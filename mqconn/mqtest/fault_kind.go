package mqtest

import (
	"slices"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// FaultKind names one thing that can go wrong here. The admin port uses the same names.
type FaultKind string

// Faults of single calls, which Inject chooses by counting.
const (
	FaultReason           FaultKind = "reason"
	FaultCutBefore        FaultKind = "cut-before"
	FaultCutAfter         FaultKind = "cut-after"
	FaultCommitLost       FaultKind = "commit-lost"
	FaultCommitUnanswered FaultKind = "commit-unanswered"
	FaultDelay            FaultKind = "delay"
	FaultLose             FaultKind = "lose"
	FaultRepeat           FaultKind = "repeat"
)

// Faults of the whole queue manager, which Strike begins.
const (
	FaultCut          FaultKind = "cut"
	FaultFreeze       FaultKind = "freeze"
	FaultQuiesce      FaultKind = "quiesce"
	FaultStop         FaultKind = "stop"
	FaultNotAvailable FaultKind = "not-available"
	FaultMovedAway    FaultKind = "moved-away"
	FaultStandby      FaultKind = "standby"
	FaultRefuse       FaultKind = "refuse"
	FaultHangUp       FaultKind = "hang-up"
	FaultKill         FaultKind = "kill"
)

// FaultRow describes a kind of fault.
type FaultRow struct {
	Kind FaultKind
	// Injected says that the kind is one of single calls, for Inject; the others are for Strike.
	Injected bool
	// Reason is what a client sees in a call that the fault strikes; None: whatever the Fault says, or nothing
	// at all. A client that connects over TCP while a fault of the whole queue manager lasts sees OnConnect. In
	// process HostNotAvailable is QMgrNotAvailable, as with local bindings: there is no host to be reached.
	Reason, OnConnect mqrc.Reason
	// Lasts says that a fault of the whole queue manager goes on until Restore.
	Lasts bool
	// Effect is one sentence for people.
	Effect string
}

// FaultKinds lists every kind of fault that this package knows. A test of what a program does about each of them
// compares its own rows with this list, so that a new kind cannot go untested.
func FaultKinds() []FaultRow { return slices.Clone(faultRows[:]) }

// What is connected sees ConnectionBroken (2009) wherever its socket is closed; what connects while nobody
// listens sees HostNotAvailable (2538), and while the socket is closed at once QMgrNotAvailable (2059), as IBM's
// client reports both. 2543 is how an instance of a multi-instance queue manager answers that is the standby.
var faultRows = [...]FaultRow{
	{Kind: FaultReason, Injected: true, Effect: "the call answers the reason and has done nothing"},
	{Kind: FaultCutBefore, Injected: true, Reason: mqrc.ConnectionBroken,
		Effect: "the connection breaks before the work of the call"},
	{Kind: FaultCutAfter, Injected: true, Reason: mqrc.ConnectionBroken,
		Effect: "the connection breaks after the work of the call and before its answer"},
	{Kind: FaultCommitLost, Injected: true, Reason: mqrc.ConnectionBroken,
		Effect: "the connection breaks in MQCMIT, and the unit of work is backed out"},
	{Kind: FaultCommitUnanswered, Injected: true, Reason: mqrc.ConnectionBroken,
		Effect: "the connection breaks in MQCMIT, and the unit of work is committed"},
	{Kind: FaultDelay, Injected: true, Effect: "the call is late"},
	{Kind: FaultLose, Injected: true, Effect: "a non-persistent message is lost, and its put succeeds"},
	{Kind: FaultRepeat, Injected: true, Effect: "a non-persistent message is put twice"},

	{Kind: FaultCut, Reason: mqrc.ConnectionBroken, Effect: "every connection breaks; new ones are welcome"},
	{Kind: FaultFreeze, Lasts: true, Effect: "nothing answers, and sockets stay open: a client gives up by itself"},
	{Kind: FaultQuiesce, Reason: mqrc.QMgrQuiescing, OnConnect: mqrc.QMgrQuiescing, Lasts: true,
		Effect: "opens, puts, gets and waits are refused; commit and backout work"},
	{Kind: FaultStop, Reason: mqrc.QMgrStopping, OnConnect: mqrc.QMgrStopping, Lasts: true,
		Effect: "waits end with 2162, then every connection breaks"},
	{Kind: FaultNotAvailable, Reason: mqrc.ConnectionBroken, OnConnect: mqrc.QMgrNotAvailable, Lasts: true,
		Effect: "every connection breaks, and the queue manager is down"},
	{Kind: FaultMovedAway, Reason: mqrc.ConnectionBroken, OnConnect: mqrc.QMgrNameError, Lasts: true,
		Effect: "every connection breaks, and the queue manager is not on this machine any more"},
	{Kind: FaultStandby, Reason: mqrc.ConnectionBroken, OnConnect: mqrc.StandbyQMgr, Lasts: true,
		Effect: "every connection breaks, and this instance is the standby"},
	{Kind: FaultRefuse, Reason: mqrc.ConnectionBroken, OnConnect: mqrc.HostNotAvailable, Lasts: true,
		Effect: "every connection breaks, and nobody listens"},
	{Kind: FaultHangUp, Reason: mqrc.ConnectionBroken, OnConnect: mqrc.QMgrNotAvailable, Lasts: true,
		Effect: "every connection breaks, and a new one is closed as soon as it is accepted"},
	{Kind: FaultKill, Reason: mqrc.ConnectionBroken, OnConnect: mqrc.HostNotAvailable,
		Effect: "the queue manager dies as by kill -9; Start it again with the same Dir"},
}

// row gives the row of k, or nil.
func (k FaultKind) row() *FaultRow {
	for i := range faultRows {
		if faultRows[i].Kind == k {
			return &faultRows[i]
		}
	}
	return nil
}

// Kind says which kind of fault f is; empty for the zero Fault.
func (f Fault) Kind() FaultKind {
	commit := f.Verb == mqconn.VerbCommit
	switch {
	case f.Break == BeforeWork && commit:
		return FaultCommitLost
	case f.Break == BeforeWork:
		return FaultCutBefore
	case f.Break == AfterWork && commit:
		return FaultCommitUnanswered
	case f.Break == AfterWork:
		return FaultCutAfter
	case f.Lose:
		return FaultLose
	case f.Repeat:
		return FaultRepeat
	case f.Reason != mqrc.None:
		return FaultReason
	case f.Delay > 0:
		return FaultDelay
	default:
		return ""
	}
}
