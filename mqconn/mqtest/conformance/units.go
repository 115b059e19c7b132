package conformance

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

func uncommittedPutIsInvisible(r rig) {
	a, b := r.dial(true), r.dial(true)
	r.put(a, "A", "np", false)
	r.put(a, "A", "p", true)
	r.get(b, "A", "")
	r.get(a, "A", "")
	r.wantDepth("A", 2)
	r.must(a.Commit())
	r.get(b, "A", "np")
	r.get(b, "A", "p")
	r.must(b.Commit())
	r.put(a, "A", "regretted", true)
	r.must(a.Backout())
	r.wantDepth("A", 0)
	r.get(a, "A", "")
}

func backedOutGetComesBack(r rig) {
	a, b := r.dial(true), r.dial(false)
	r.put(b, "A", "first", true)
	r.put(b, "A", "second", true)
	for range 3 {
		r.get(a, "A", "first")
		r.wantDepth("A", 1)
		r.must(a.Backout())
	}
	r.get(a, "A", "first")
	r.get(b, "A", "second")
	r.must(a.Commit())
	r.must(a.Backout())
	r.get(b, "A", "")
}

// What is in the unit of work or not for a non-persistent get, the others see it at once or never.
func unitIsSeenAsAWhole(r rig) {
	a, b := r.dial(true), r.dial(false)
	r.put(b, "A", "in", true)
	r.get(a, "A", "in")
	r.put(a, "B", "out", true)
	r.get(b, "B", "")
	r.must(a.Backout())
	r.get(b, "B", "")
	r.get(a, "A", "in")
	r.put(a, "B", "out", true)
	r.must(a.Commit())
	r.get(b, "A", "")
	r.get(b, "B", "out")
}

func notTransacted(r rig) {
	a, b := r.dial(false), r.dial(false)
	r.put(a, "A", "x", true)
	r.get(b, "A", "x")
	r.must(b.Backout())
	r.get(a, "A", "")
}

func emptyUnit(r rig) {
	for _, transacted := range []bool{false, true} {
		c := r.dial(transacted)
		for range 2 {
			r.must(c.Commit())
			r.must(c.Backout())
		}
	}
}

func closingBacksOut(r rig) {
	a, b := r.dial(true), r.dial(false)
	r.put(b, "A", "stays", true)
	r.get(a, "A", "stays")
	r.put(a, "A", "goes", true)
	r.must(a.Close())
	r.get(b, "A", "stays")
	r.get(b, "A", "")
}

func limitsOfAQueue(r rig) {
	c := r.dial(true)
	to := mqconn.Address{Queue: "SMALL"}
	r.wantReason(c.Put(to, &mqconn.Message{Body: make([]byte, 11)}), mqrc.MsgTooBigForQ)
	r.put(c, "SMALL", "0123456789", true)
	r.put(c, "SMALL", "2", false)
	r.wantReason(c.Put(to, &mqconn.Message{}), mqrc.QFull) // uncommitted puts count
	r.must(c.Commit())
	r.get(c, "SMALL", "0123456789")
	r.put(c, "SMALL", "3", false) // an uncommitted get has made room
	r.wantReason(c.Put(to, &mqconn.Message{}), mqrc.QFull)
}
