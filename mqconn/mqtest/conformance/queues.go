package conformance

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

func holdShutsOut(r rig) { shutsOut(r, "HELD") }

// A is a queue that could be shared: only the open option keeps the others away.
func exclusiveByOption(r rig) { shutsOut(r, "A") }

func shutsOut(r rig, queue string) {
	a, b := r.dial(true), r.dial(true)
	r.must(a.Hold(queue))
	r.wantReason(b.Hold(queue), mqrc.ObjectInUse)
	r.wantReason(a.Hold(queue), mqrc.ObjectInUse)
	r.wantReason(b.Get(queue, new(mqconn.Message), mqconn.GetOptions{}), mqrc.ObjectInUse)
	r.wantHeld(1)
	r.put(b, queue, "x", true)
	r.must(b.Commit())
	r.get(a, queue, "x")
	r.must(a.Commit())
	r.must(a.Close())
	if err := b.Hold(queue); err != nil {
		r.Fatal("after the holder has closed: ", err)
	}
}

func holdTakesOver(r rig) {
	a, b := r.dial(false), r.dial(false)
	r.get(a, "HELD", "")
	r.wantReason(b.Hold("HELD"), mqrc.ObjectInUse)
	r.must(a.Hold("HELD"))
	r.put(b, "HELD", "x", false)
	r.get(a, "HELD", "x")
}

func getByIDFromHeldQueue(r rig) {
	c := r.dial(true)
	r.must(c.Hold("HELD"))
	r.put(c, "HELD", "x", false)
	id := r.put(c, "HELD", "y", false)
	r.must(c.Commit())
	var m mqconn.Message
	if err := c.Get("HELD", &m, mqconn.GetOptions{ID: id}); err != nil || string(m.Body) != "y" {
		r.Fatalf("%q, %v", m.Body, err)
	}
	r.get(c, "HELD", "x")
}

func browseHeldQueue(r rig) {
	c := r.dial(true)
	r.must(c.Hold("HELD"))
	r.put(c, "HELD", "x", false)
	r.put(c, "HELD", "y", false)
	r.must(c.Commit())
	r.browse(c, "HELD", false, "x")
	r.browse(c, "HELD", true, "y")
	r.get(c, "HELD", "x")
}

func exclusiveByDefinition(r rig) {
	a, b := r.dial(false), r.dial(false)
	r.get(a, "HELD", "")
	r.wantReason(b.Get("HELD", new(mqconn.Message), mqconn.GetOptions{}), mqrc.ObjectInUse)
	r.put(b, "HELD", "x", false)
	r.get(a, "HELD", "x")
}

func inhibited(r rig) {
	c := r.dial(false)
	r.put(c, "A", "x", false)
	r.inhibit(true, true)
	r.wantReason(c.Put(mqconn.Address{Queue: "A"}, &mqconn.Message{}), mqrc.PutInhibited)
	r.wantReason(c.Get("A", new(mqconn.Message), mqconn.GetOptions{}), mqrc.GetInhibited)
	r.inhibit(false, false)
	r.put(c, "A", "y", false)
	r.get(c, "A", "x")
	r.get(c, "A", "y")
}

func unknownQueue(r rig) {
	c := r.dial(false)
	r.wantReason(c.Get("NOWHERE", new(mqconn.Message), mqconn.GetOptions{}), mqrc.UnknownObject)
	r.wantReason(c.Browse("NOWHERE", new(mqconn.Message), false), mqrc.UnknownObject)
	r.wantReason(c.Hold("NOWHERE"), mqrc.UnknownObject)
	r.wantReason(c.Put(mqconn.Address{Queue: "NOWHERE"}, &mqconn.Message{}), mqrc.UnknownObject)
}
