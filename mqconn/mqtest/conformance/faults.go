package conformance

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

// faultTests says for each kind of fault what a client sees of it.
var faultTests = map[mqtest.FaultKind]func(rig, mqtest.FaultRow){
	mqtest.FaultReason:           reasonOfOneCall,
	mqtest.FaultCutBefore:        func(r rig, row mqtest.FaultRow) { cutInPut(r, row, mqtest.BeforeWork, 0) },
	mqtest.FaultCutAfter:         func(r rig, row mqtest.FaultRow) { cutInPut(r, row, mqtest.AfterWork, 1) },
	mqtest.FaultCommitLost:       func(r rig, row mqtest.FaultRow) { cutInCommit(r, row, mqtest.BeforeWork, 0) },
	mqtest.FaultCommitUnanswered: func(r rig, row mqtest.FaultRow) { cutInCommit(r, row, mqtest.AfterWork, 1) },
	mqtest.FaultDelay:            lateCall,
	mqtest.FaultLose:             lostMessage,
	mqtest.FaultRepeat:           repeatedMessage,
	mqtest.FaultCut:              outage,
	mqtest.FaultFreeze:           freeze,
	mqtest.FaultQuiesce:          quiesce,
	mqtest.FaultStop:             outage,
	mqtest.FaultNotAvailable:     outage,
	mqtest.FaultMovedAway:        outage,
	mqtest.FaultStandby:          outage,
	mqtest.FaultRefuse:           outage,
	mqtest.FaultHangUp:           outage,
	mqtest.FaultKill:             outage,
}

// runFaults makes each kind of fault happen once, on a Target of its own.
func runFaults(t *testing.T, start func(t *testing.T) Target) {
	t.Helper()
	for _, row := range mqtest.FaultKinds() {
		t.Run("fault "+string(row.Kind), func(t *testing.T) {
			test := faultTests[row.Kind]
			if test == nil || row.Effect == "" {
				t.Fatal("it has no test, or no words")
			}
			r := rig{T: t, Target: start(t)}
			test(r, row)
			if n := r.QueueManager.Struck()[row.Kind]; n != 1 {
				t.Errorf("it has struck %d times", n)
			}
		})
	}
	for kind := range faultTests {
		if !slices.ContainsFunc(mqtest.FaultKinds(), func(row mqtest.FaultRow) bool { return row.Kind == kind }) {
			t.Errorf("there is a test for %s, which is no kind of fault", kind)
		}
	}
}

// putVerbs are the ways to put a message: a transport uses the one or the other.
var putVerbs = []mqconn.Verb{mqconn.VerbPut, mqconn.VerbPut1}

func reasonOfOneCall(r rig, _ mqtest.FaultRow) {
	c := r.dial(false)
	for _, verb := range putVerbs {
		r.QueueManager.Inject(mqtest.Fault{Verb: verb, Skip: 2, Reason: mqrc.QFull})
	}
	r.put(c, "A", "1", false)
	r.put(c, "A", "2", false)
	r.wantReason(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.QFull)
	r.put(c, "A", "3", false)
	r.wantDepth("A", 3)
}

func cutInPut(r rig, row mqtest.FaultRow, side mqtest.Break, depth int) {
	c := r.dial(false)
	for _, verb := range putVerbs {
		r.QueueManager.Inject(mqtest.Fault{Verb: verb, Queue: "A", Break: side})
	}
	r.put(c, "B", "another queue", false)
	r.wantReason(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), row.Reason)
	r.wantReason(c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), row.Reason)
	r.wantDepth("A", depth)
}

func cutInCommit(r rig, row mqtest.FaultRow, side mqtest.Break, depth int) {
	c := r.dial(true)
	r.QueueManager.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: side})
	r.put(c, "A", "x", true)
	r.wantReason(c.Commit(), row.Reason)
	r.wantReason(c.Commit(), row.Reason)
	text := "x"
	if depth == 0 {
		text = ""
	}
	r.get(r.dial(false), "A", text)
}

// lateCall: a delay holds the work up, and ends with the connection.
func lateCall(r rig, _ mqtest.FaultRow) {
	c := r.dial(false)
	r.put(c, "A", "x", false)
	r.QueueManager.Inject(mqtest.Fault{Verb: mqconn.VerbGet, Delay: time.Hour})
	got := make(chan error, 1)
	go func() { got <- c.Get("A", new(mqconn.Message), mqconn.GetOptions{}) }()
	r.await("the delay has struck", func() bool { return r.QueueManager.Struck()[mqtest.FaultDelay] == 1 })
	r.wantDepth("A", 1)
	r.QueueManager.Cut()
	r.wantReason(<-got, mqrc.ConnectionBroken)
}

func lostMessage(r rig, _ mqtest.FaultRow) {
	c := r.dial(false)
	r.QueueManager.Inject(mqtest.Fault{Lose: true, Skip: 1})
	r.put(c, "A", "persistent ones are not counted", true)
	r.put(c, "A", "skipped", false)
	r.put(c, "A", "still not", true)
	r.put(c, "A", "lost", false)
	r.put(c, "A", "after it", false)
	for _, text := range []string{"persistent ones are not counted", "skipped", "still not", "after it", ""} {
		r.get(c, "A", text)
	}
}

func repeatedMessage(r rig, _ mqtest.FaultRow) {
	c := r.dial(true)
	r.QueueManager.Inject(mqtest.Fault{Repeat: true, Queue: "A"})
	r.put(c, "A", "persistent", true)
	id := r.put(c, "A", "twice", false)
	r.put(c, "A", "once", false)
	r.must(c.Commit())
	r.get(c, "A", "persistent")
	if a, b := r.get(c, "A", "twice"), r.get(c, "A", "twice"); a.ID != id || b.ID != id {
		r.Errorf("got %x and %x, put %x", a.ID, b.ID, id)
	}
	r.get(c, "A", "once")
	r.get(c, "A", "")
	r.must(c.Commit())
}

func freeze(r rig, row mqtest.FaultRow) {
	c := r.dial(false)
	r.put(c, "B", "x", false)
	waiting := r.waiting(1, r.dial(false), mqconn.GetOptions{})
	r.must(r.QueueManager.Strike(row.Kind))
	var m mqconn.Message
	got, dialled := make(chan error, 1), make(chan error, 1)
	go func() { got <- c.Get("B", &m, mqconn.GetOptions{}) }()
	go func() {
		other, err := r.Dialer.Dial(r.Context(), mqconn.DialOptions{Endpoint: r.Endpoint, Role: "other"})
		if err == nil {
			err = other.Close()
		}
		dialled <- err
	}()
	select {
	case err := <-got:
		r.Errorf("a frozen queue manager answered a get: %v", err)
	case err := <-dialled:
		r.Errorf("a frozen queue manager answered MQCONNX: %v", err)
	case <-time.After(20 * time.Millisecond): // that nothing comes cannot be awaited otherwise
	}
	r.must(r.QueueManager.Restore())
	if err := <-got; err != nil || string(m.Body) != "x" {
		r.Errorf("the get that waited for the thaw: %q, %v", m.Body, err)
	}
	r.must(<-dialled)
	r.put(c, "A", "y", false)
	if got := <-waiting; got.err != nil || string(got.Body) != "y" {
		r.Errorf("the waiting get: %q, %v", got.Body, got.err)
	}
}

func quiesce(r rig, row mqtest.FaultRow) {
	c := r.dial(true)
	r.put(c, "B", "before", true)
	outageBegins(r, row)
	r.wantReason(c.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), mqrc.QMgrQuiescing)
	if err := c.Commit(); err != nil {
		r.Error("commit still works: ", err)
	}
	outageEnds(r, row)
}

// outage expects of a fault of the whole queue manager what its row says.
func outage(r rig, row mqtest.FaultRow) {
	outageBegins(r, row)
	outageEnds(r, row)
}

// outageBegins looks at a get that waits, and at MQCONNX.
func outageBegins(r rig, row mqtest.FaultRow) {
	r.Helper()
	waiting := r.waiting(1, r.dial(false), mqconn.GetOptions{})
	r.must(r.QueueManager.Strike(row.Kind))
	r.wantReason((<-waiting).err, row.Reason)
	if got := r.QueueManager.States(); row.Lasts != slices.Contains(got, row.Kind) {
		r.Errorf("it lasts: %v, but now there are %q", row.Lasts, got)
	}
	want := row.OnConnect
	if want == mqrc.HostNotAvailable && r.QueueManager.ConnectionCounts()[0].Library == mqtest.LibraryInProcess {
		want = mqrc.QMgrNotAvailable // there is no host
	}
	for range 2 {
		c, err := r.Dialer.Dial(r.Context(), mqconn.DialOptions{Endpoint: r.Endpoint, Role: "test"})
		if err == nil {
			err = c.Close()
		}
		if want != mqrc.None {
			r.wantReason(err, want)
		} else {
			r.must(err)
		}
	}
}

// outageEnds checks that everything works after Restore, except for the dead.
func outageEnds(r rig, row mqtest.FaultRow) {
	r.Helper()
	err := r.QueueManager.Restore()
	if row.Kind == mqtest.FaultKill {
		if !errors.Is(err, mqtest.ErrStopped) {
			r.Errorf("restoring the dead: %v", err)
		}
		return
	}
	r.must(err)
	if got := r.QueueManager.States(); len(got) != 0 {
		r.Errorf("after Restore there are %q", got)
	}
	c := r.dial(false)
	r.put(c, "A", "again", false)
	r.get(c, "A", "again")
}
