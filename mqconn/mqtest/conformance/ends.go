package conformance

import (
	"errors"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
	"github.com/mqha/mqha/mqconn/mqtest"
)

func waitEndsWithTheMessage(r rig) {
	a, b := r.dial(true), r.dial(true)
	result := r.waiting(1, a, mqconn.GetOptions{})
	r.put(b, "A", "x", true)
	r.must(b.Commit())
	if got := <-result; got.err != nil || string(got.Body) != "x" {
		r.Fatal(got)
	}
	if err := a.Get("A", new(mqconn.Message), mqconn.GetOptions{Wait: time.Millisecond}); !errors.Is(err, mqconn.ErrNoMessage) {
		r.Fatal(err)
	}
}

func waitForOneIdentifier(r rig) {
	a, b, c := r.dial(false), r.dial(false), r.dial(false)
	id := mqconn.ID{23: 7}
	one := r.waiting(1, a, mqconn.GetOptions{CorrelationID: id})
	anyone := r.waiting(2, b, mqconn.GetOptions{})
	r.put(c, "A", "for anyone", false)
	if got := <-anyone; got.err != nil || string(got.Body) != "for anyone" {
		r.Fatal(got)
	}
	r.must(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{Body: []byte("for one"), CorrelationID: id}))
	if got := <-one; got.err != nil || string(got.Body) != "for one" {
		r.Fatal(got)
	}
}

func waitEndsWhenInhibited(r rig) {
	result := r.waiting(1, r.dial(false), mqconn.GetOptions{})
	r.inhibit(false, true)
	r.wantReason((<-result).err, mqrc.GetInhibited)
}

func quiesceEndsWaits(r rig) {
	a, b := r.dial(false), r.dial(true)
	result := r.waiting(1, a, mqconn.GetOptions{})
	r.put(b, "B", "x", true)
	r.QueueManager.Quiesce()
	r.wantReason((<-result).err, mqrc.QMgrQuiescing)
	r.wantReason(b.Put(mqconn.Address{Queue: "B"}, &mqconn.Message{}), mqrc.QMgrQuiescing)
	r.wantReason(b.Get("B", new(mqconn.Message), mqconn.GetOptions{}), mqrc.QMgrQuiescing)
	if err := b.Commit(); err != nil {
		r.Fatal("commit still works: ", err)
	}
	r.wantDepth("B", 1)
}

func stopEndsWaits(r rig) {
	a, b := r.dial(false), r.dial(true)
	result := r.waiting(1, a, mqconn.GetOptions{})
	r.must(r.QueueManager.Close())
	r.wantReason((<-result).err, mqrc.QMgrStopping)
	r.wantReason(b.Commit(), mqrc.ConnectionBroken)
	if connections, _ := r.QueueManager.Handles(); connections != 0 {
		r.Errorf("%d connections", connections)
	}
}

func cutBreaksConnections(r rig) {
	a, b, idle := r.dial(false), r.dial(true), r.dial(true)
	r.put(b, "B", "uncommitted", true)
	r.must(b.Hold("HELD"))
	result := r.waiting(1, a, mqconn.GetOptions{})
	r.QueueManager.Cut()
	r.wantReason((<-result).err, mqrc.ConnectionBroken)
	r.wantReason(b.Commit(), mqrc.ConnectionBroken)
	r.wantReason(b.Close(), mqrc.ConnectionBroken)
	r.wantReason(idle.Close(), mqrc.ConnectionBroken)
	c := r.dial(false)
	r.must(c.Hold("HELD"))
	r.get(c, "B", "")
}

func commitAnswerIsLost(r rig) {
	for _, row := range []struct {
		side mqtest.Break
		text string
	}{{mqtest.BeforeWork, ""}, {mqtest.AfterWork, "x"}} {
		a := r.dial(true)
		r.put(a, "A", "x", true)
		r.QueueManager.Inject(mqtest.Fault{Verb: mqconn.VerbCommit, Break: row.side})
		r.wantReason(a.Commit(), mqrc.ConnectionBroken)
		r.wantReason(a.Commit(), mqrc.ConnectionBroken)
		r.get(r.dial(false), "A", row.text)
	}
}

func nthCallFails(r rig) {
	c := r.dial(false)
	for _, verb := range []mqconn.Verb{mqconn.VerbPut, mqconn.VerbPut1} { // whichever it uses
		r.QueueManager.Inject(mqtest.Fault{Verb: verb, Queue: "A", Skip: 1, Times: 2, Reason: mqrc.QFull})
	}
	r.put(c, "B", "not counted", false)
	r.put(c, "A", "1", false)
	for range 2 {
		r.wantReason(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.QFull)
	}
	r.put(c, "A", "2", false)
	r.wantDepth("A", 2)
}
