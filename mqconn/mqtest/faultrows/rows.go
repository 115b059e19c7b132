package faultrows

import (
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// row is what a program sees of one kind of fault.
type row struct {
	kind mqtest.FaultKind

	// Faults of single calls. The program puts one message and commits it; the put is in a unit of work if persistent.
	fault      mqtest.Fault
	persistent bool
	messages   int // on the queue when the program has done its work, repetitions included

	// class of the error that the program sees; zero: none. A loss while the program waits for a message is Retry.
	class mqconn.Class
	// ends says that the session has ended and another one follows.
	ends bool
	// stuck says that the call does not return within the connector's limit.
	stuck bool
	// unknown says that the next session is told of an unknown outcome.
	unknown bool

	// Faults of the whole queue manager. refused is the class of a dial while the fault lasts, and code its line in the
	// log; zero: dials are welcome.
	refused mqconn.Class
	code    mqconn.Code
	silent  bool // nothing answers: the error is ErrStuck, or 2009 where the client gave up first
}

var rows = []row{
	{kind: mqtest.FaultReason, fault: mqtest.Fault{Reason: mqrc.QFull}, persistent: true, messages: 1, class: mqconn.Throttle},
	{kind: mqtest.FaultCutBefore, fault: mqtest.Fault{Break: mqtest.BeforeWork}, persistent: true, messages: 1,
		class: mqconn.BackedOut, ends: true},
	{kind: mqtest.FaultCutAfter, fault: mqtest.Fault{Break: mqtest.AfterWork}, persistent: true, messages: 1,
		class: mqconn.BackedOut, ends: true},
	{kind: mqtest.FaultCommitLost, fault: mqtest.Fault{Verb: mqconn.VerbCommit, Break: mqtest.BeforeWork}, persistent: true,
		messages: 1, class: mqconn.OutcomeUnknown, ends: true, unknown: true},
	{kind: mqtest.FaultCommitUnanswered, fault: mqtest.Fault{Verb: mqconn.VerbCommit, Break: mqtest.AfterWork}, persistent: true,
		messages: 2, class: mqconn.OutcomeUnknown, ends: true, unknown: true},
	{kind: mqtest.FaultDelay, fault: mqtest.Fault{Delay: time.Hour}, persistent: true, messages: 1,
		class: mqconn.BackedOut, ends: true, stuck: true},
	{kind: mqtest.FaultLose, fault: mqtest.Fault{Lose: true}, messages: 0},
	{kind: mqtest.FaultRepeat, fault: mqtest.Fault{Repeat: true}, messages: 2},

	{kind: mqtest.FaultCut, class: mqconn.Retry, ends: true},
	{kind: mqtest.FaultFreeze, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed, silent: true},
	{kind: mqtest.FaultQuiesce, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultStop, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultNotAvailable, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultMovedAway, class: mqconn.Retry, ends: true, refused: mqconn.NextEndpoint, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultStandby, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultRefuse, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultHangUp, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
	{kind: mqtest.FaultKill, class: mqconn.Retry, ends: true, refused: mqconn.Retry, code: mqconn.CodeClientFailed},
}
