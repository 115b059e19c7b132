package lease

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSuccessorIsSeenThoughItsNameIsLateAndItsRecordWrittenOver: the old holder, whose lock was dropped, went on for one
// more deadline. It had written over one line of its successor's record, and a third instance, stopped since its own
// last heartbeat, over the other one.
func TestSuccessorIsSeenThoughItsNameIsLateAndItsRecordWrittenOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.stale, w.perfect = true, false
		third := w.takesOver()
		third.beat()
		third.beatUntil(Write)
		third.drop()
		holder := w.takesOver()
		holder.beatUntil(Write)
		holder.drop()
		next := w.takesOver()
		next.beat()
		third.apply()
		holder.finish()
		if !holder.lost {
			t.Fatalf("%v holds on to %d beside %v with %d; the lines are %v", holder, holder.epoch, next, next.epoch, *w.lines[w.inode])
		}
		next.beat()
		if !next.held {
			t.Fatalf("%v lost what is its own", next)
		}
	})
}

// TestEpochIsAboveAClaimThoughItsNameIsLateAndItsRecordWrittenOver: the record of a lower epoch and a late listing were
// all that a successor had to go by.
func TestEpochIsAboveAClaimThoughItsNameIsLateAndItsRecordWrittenOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.stale, w.perfect = true, false
		var stopped [2]*node
		for i := range stopped {
			stopped[i] = w.takesOver()
			if i == 1 {
				stopped[i].beat() // so that the two are about to write different lines
			}
			stopped[i].beatUntil(Write)
			stopped[i].drop()
		}
		holder := w.takesOver()
		holder.drop()
		for _, n := range stopped {
			n.apply()
		}
		if next := w.takesOver(); next.epoch <= holder.epoch {
			t.Fatalf("epoch %d after %d", next.epoch, holder.epoch)
		}
	})
}

// takesOver starts an instance that takes the lease at once.
func (w *world) takesOver() *node {
	n := w.start(true, 0)
	for !n.held {
		if n.pending == nil || n.pending.Op == Pause {
			w.t.Fatalf("%v was not granted", n)
		}
		n.apply()
		n.deliver()
	}
	n.finish() // it may prune
	return n
}

// beatUntil lets n begin its next heartbeat and stops it in op.
func (n *node) beatUntil(op Op) {
	n.w.elapse(testInterval, nil, nil)
	n.step(Event{Kind: Tick})
	for n.pending != nil && n.pending.Op != op {
		n.apply()
		n.deliver()
	}
}

// beat is a whole heartbeat.
func (n *node) beat() {
	n.beatUntil(Write)
	n.finish()
}

// finish goes on until nothing is under way.
func (n *node) finish() {
	for n.pending != nil {
		if !n.applied {
			n.apply()
		}
		n.deliver()
	}
}

func TestClaimAboveOursEndsTheLeaseThoughTheRecordIsOurs(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.event(Event{Kind: Verify, Ticket: 1})
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 2, Mine: true, Claims: []uint64{6, 9, 7}})
	s.expect(Lose, Answer)
	if a := s.got[0]; a.Reason != Superseded || a.Epoch != 9 {
		t.Errorf("%+v", a)
	}
}

func TestEpochIsAboveTheClaims(t *testing.T) {
	s := newScript(t, false)
	for _, answer := range []Event{{}, {Interval: testInterval, Deadline: testDeadline}, {}, {Epoch: 5, Claims: []uint64{11, 4}},
		{}, {}, {Names: []uint64{5}}, {}} {
		s.done(answer)
	}
	s.expect(CreateName)
	if s.got[0].Epoch != 12 {
		t.Errorf("epoch %d", s.got[0].Epoch)
	}
}

func TestClaimAboveOursUnderTheLockEndsTheAttempt(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{7, 8}})
	s.expect(Unlock)
}

// TestEpochWithoutItsClaimIsNotGranted: nobody whose lock was dropped would be sure to notice it.
func TestEpochWithoutItsClaimIsNotGranted(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{6}})
	for _, op := range []Op{Write, Write, Claim, Sync, Look} {
		s.expect(op)
		s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{7}})
	}
	s.listed()
	s.expect(Grant)
}

// TestClaimThatIsGoneIsMadeAgain: somebody has truncated the file, and then once more.
func TestClaimThatIsGoneIsMadeAgain(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.event(Event{Kind: Verify, Ticket: 1})
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 2, Mine: true})
	s.expect(Overwritten, Claim)
	for _, op := range []Op{Write, Sync, Look} {
		s.done(Event{})
		s.expect(op)
	}
	s.done(Event{Epoch: 7, Beat: 3, Mine: true}) // once is enough
	s.listed()
	s.expect(Renew, Answer)
	s.event(Event{Kind: Verify, Ticket: 2})
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 4, Mine: true})
	s.expect(Claim) // it is the same trouble, and reported
}
