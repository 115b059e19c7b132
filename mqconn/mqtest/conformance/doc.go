// Package conformance holds every mqconn.Transport to the same contract, row by row, against the
// queue manager for tests.
//
// A transport that is to be used with package mqconn runs it in a test:
//
//	func TestConformance(t *testing.T) {
//		skipped := conformance.Run(t, func(t *testing.T) conformance.Target {
//			qm := mqtest.New(t, mqtest.Options{MQSC: conformance.Definitions})
//			return conformance.Target{QueueManager: qm, Dialer: mine, Endpoint: serve(t, qm)}
//		})
//		...
//	}
//
// A row about something that a transport may lack is skipped if its Info says that it does. Run
// returns the names of those rows, so that the test can say which it expects: a transport cannot
// leave out in silence what it once could do.
package conformance

import (
	_ "embed"
	"testing"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// Target is a queue manager and the way to it that is tested.
type Target struct {
	QueueManager *mqtest.QueueManager // named QM1, with Definitions; nil: another, see Foreign
	Dialer       mqconn.Dialer        // whose connections have user "mqha"
	Endpoint     string
	Foreign      Foreign
}

// Definitions are what a Target's queue manager needs, as MQSC.
//
//go:embed definitions.mqsc
var Definitions string

// row is one promise of the contract.
type row struct {
	name  string
	run   func(rig)
	needs func(mqconn.Info) bool // nil: every transport keeps it
}

var rows = []row{
	{"a message arrives as it was put", messageArrivesWhole, nil},
	{"reports tell of arrival and delivery", reportsTell, nil},
	{"an empty body arrives", emptyBodyArrives, nil},
	{"the body's memory is used again", bodyIsReused, nil},
	{"identifiers of any form arrive", identifiersArrive, nil},
	{"priority first, then order of arrival", priorityThenArrival, nil},
	{"gets by message and by correlation identifier", getsByIdentifier, nil},
	{"an uncommitted put is invisible", uncommittedPutIsInvisible, nil},
	{"a backed-out get comes back in its place", backedOutGetComesBack, nil},
	{"a unit of work is seen as a whole", unitIsSeenAsAWhole, nil},
	{"nothing is in syncpoint without a transaction", notTransacted, nil},
	{"commit and backout of nothing succeed", emptyUnit, nil},
	{"closing backs out", closingBacksOut, nil},
	{"browse reads in order and leaves everything", browseLeavesEverything, nil},
	{"hold shuts out everybody else", holdShutsOut, nil},
	{"hold takes over from its own get", holdTakesOver, nil},
	{"a queue defined as exclusive belongs to its first getter", exclusiveByDefinition, nil},
	{"limits of a queue", limitsOfAQueue, nil},
	{"inhibited gets and puts", inhibited, nil},
	{"a message longer than the channel allows", tooLongForTheChannel, nil},
	{"an unknown queue", unknownQueue, nil},
	{"a wait ends with the message", waitEndsWithTheMessage, nil},
	{"a wait for one identifier leaves the others asleep", waitForOneIdentifier, nil},
	{"a wait ends when gets are inhibited", waitEndsWhenInhibited, nil},
	{"quiesce ends waits and refuses work", quiesceEndsWaits, nil},
	{"an orderly stop ends waits", stopEndsWaits, nil},
	{"a cut breaks every connection", cutBreaksConnections, nil},
	{"the answer of a commit is lost", commitAnswerIsLost, nil},
	{"the n-th call fails", nthCallFails, nil},
	{"what a connection says of itself", infoIsTrue, nil},

	{"user id", userID, func(i mqconn.Info) bool { return i.UserID }},
	{"backout count", backoutCount, func(i mqconn.Info) bool { return i.BackoutCount }},
	{"remote queue manager", remoteQueueManager, func(i mqconn.Info) bool { return i.RemoteQueueManager }},
	{"get by id on a held queue", getByIDFromHeldQueue, func(i mqconn.Info) bool { return i.HeldBrowse }},
	{"browse on a held queue", browseHeldQueue, func(i mqconn.Info) bool { return i.HeldBrowse }},
	{"exclusive open by option", exclusiveByOption, func(i mqconn.Info) bool { return i.ExclusiveOpen }},
}

// Run runs every row as a sub-test, each on a Target of its own, then every kind of fault of package mqtest, and returns the names of the rows
// that the transport does not claim to keep.
func Run(t *testing.T, start func(t *testing.T) Target) (skipped []string) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := rig{T: t, Target: start(t)}
			if row.needs != nil && !row.needs(r.dial(false).Info()) {
				skipped = append(skipped, row.name)
				t.Skip("Info says that this transport does not do it")
			}
			row.run(r)
		})
	}
	runFaults(t, start)
	return skipped
}
