package lease

import "testing"

func TestLateWriteOfAnEarlierHolderIsWrittenOver(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.expect(Write)
	begun := s.now
	s.done(Event{})
	s.expect(Sync)
	s.done(Event{})
	s.expect(Look)
	s.pass(testInterval / 2)
	s.done(Event{Epoch: 6, Beat: 12})
	s.expect(Overwritten, Write)
	s.done(Event{})
	s.done(Event{})
	s.expect(Look)
	s.done(Event{Epoch: 7, Beat: 3, Mine: true, Claims: []uint64{7}})
	s.listed()
	s.expect(Renew)
	if s.got[0].At != begun {
		t.Error("the heartbeat does not count from its beginning")
	}
}

func TestRecordOverwrittenAgainAndAgainDoesNotKeepTheDiskBusy(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	for _, then := range [][]Op{{Overwritten, Write}, {Overwritten, Late}} {
		s.done(Event{})
		s.done(Event{})
		s.done(Event{Epoch: 6})
		s.expect(then...)
	}
	s.pass(testInterval) // the next heartbeat writes over it once, too
	s.event(Event{Kind: Tick})
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 6})
	s.expect(Overwritten, Write)
}

// TestOtherHolderWhoseHeartbeatsFollowOursSeesOurRecord: two whose lock does not exclude held on for ever,
// when each heartbeat of the lower epoch came between two of the higher one and wrote into the same line.
func TestOtherHolderWhoseHeartbeatsFollowOursSeesOurRecord(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.beatDamaged(2, []Op{Overwritten, Write})
	s.beatDamaged(4, []Op{Write}) // it is the same trouble, and reported
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 6, Mine: true, Claims: []uint64{7}})
	s.listed()
	s.expect(Renew)
	s.beatDamaged(7, []Op{Overwritten, Write}) // it was good meanwhile
}

// beatDamaged is a heartbeat that finds the other line damaged, and again after it was written.
func (s *script) beatDamaged(beat uint64, told []Op) {
	s.t.Helper()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.expect(Write)
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: beat, Mine: true, Claims: []uint64{7}, Damaged: true})
	s.expect(told...)
	s.done(Event{})
	s.done(Event{})
	s.expect(Look)
	s.done(Event{Epoch: 7, Beat: beat + 1, Mine: true, Claims: []uint64{7}, Damaged: true}) // once is enough
	s.listed()
	s.expect(Renew)
}

// TestHigherNameEndsTheLeaseThoughTheRecordIsOurs: a third instance woke up and wrote over the record of the
// one that has superseded us.
func TestHigherNameEndsTheLeaseThoughTheRecordIsOurs(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 2, Mine: true, Claims: []uint64{7}})
	s.expect(List)
	s.done(Event{Names: []uint64{9, 8, 7}})
	s.expect(Lose)
	if a := s.got[0]; a.Reason != Superseded || a.Epoch != 9 {
		t.Errorf("%+v", a)
	}
}

func TestSlowHeartbeatIsReportedOnceAndAHungOneLosesTheLease(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.expect(Write) // and there it hangs
	s.pass(testInterval + testInterval/2)
	s.event(Event{Kind: Tick})
	s.expect()
	s.pass(1)
	s.event(Event{Kind: Tick})
	s.expect(Late)
	s.event(Event{Kind: Tick})
	s.expect()
	s.pass(s.m.Wake(s.now))
	for range 3 {
		if len(s.got) > 0 {
			break
		}
		s.event(Event{Kind: Tick})
		s.pass(s.m.Wake(s.now))
	}
	s.expect(Lose)
	s.event(Event{Kind: Verify, Ticket: 1})
	s.expect(Answer) // not after the disk has answered
	s.done(Event{})
	s.expect() // the lock stays until Release
	s.event(Event{Kind: Release})
	s.expect(Unlock)
}

// TestWakeIsNeverLaterThanAHeartbeat: the timer behind it may stand still in suspend, and a hung heartbeat ends by no
// event of its own.
func TestWakeIsNeverLaterThanAHeartbeat(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.expect(Write) // and there it hangs, with most of the deadline left
	if wake := s.m.Wake(s.now); wake != testInterval {
		t.Errorf("woken after %v", wake)
	}
}

// TestVerifyIsNotAnsweredByTheHeartbeatUnderWay: that one was begun before Verify was asked, and proves nothing about it.
func TestVerifyIsNotAnsweredByTheHeartbeatUnderWay(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	s.pass(testInterval)
	s.event(Event{Kind: Tick})
	s.expect(Write)
	s.event(Event{Kind: Verify, Ticket: 1})
	s.expect()
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 2, Mine: true, Claims: []uint64{7}})
	s.listed()
	s.expect(Renew, Write)
	s.done(Event{})
	s.done(Event{})
	s.done(Event{Epoch: 7, Beat: 3, Mine: true, Claims: []uint64{7}})
	s.listed()
	s.expect(Renew, Answer)
}
