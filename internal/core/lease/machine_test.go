package lease

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

// script drives one machine and answers what it asks with success, unless a test says otherwise.
type script struct {
	t   *testing.T
	m   *Machine
	now Instant
	got []Action // by the last event
}

func newScript(t *testing.T, wait bool) *script {
	s := &script{t: t, m: New(Config{Wait: wait, Keep: 64})}
	s.event(Event{Kind: Start})
	return s
}

func (s *script) event(e Event) { s.got = s.m.Step(s.now, e, nil) }

func (s *script) done(e Event) {
	e.Kind = Done
	s.event(e)
}

func (s *script) pass(d time.Duration) {
	s.now.Mono += d
	s.now.Boot += d
	s.now.Wall += d
}

// expect compares the operations of the last step.
func (s *script) expect(ops ...Op) {
	s.t.Helper()
	var got []Op
	for _, a := range s.got {
		got = append(got, a.Op)
	}
	if !slices.Equal(got, ops) {
		s.t.Fatalf("got %v, want %v", got, ops)
	}
}

// lookAt answers until the first heartbeat is to be looked at.
func (s *script) lookAt() {
	s.t.Helper()
	for _, step := range []struct {
		op     Op
		answer Event
	}{
		{Open, Event{}}, {Inquire, Event{Interval: testInterval, Deadline: testDeadline}}, {TryLock, Event{}},
		{Look, Event{}}, {MakeNames, Event{}}, {SyncParent, Event{}}, {List, Event{Names: []uint64{4, 2}}},
		{Floor, Event{Epoch: 6}}, {CreateName, Event{}}, {SyncNames, Event{}}, {Write, Event{}}, {Write, Event{}},
		{Claim, Event{}}, {Sync, Event{}},
	} {
		s.expect(step.op)
		s.done(step.answer)
	}
	s.expect(Look)
}

// listed ends a heartbeat.
func (s *script) listed() {
	s.t.Helper()
	s.expect(List)
	s.done(Event{Names: []uint64{2, 4, 7}})
}

// hold goes on until the lease of epoch 7 is granted.
func (s *script) hold() {
	s.t.Helper()
	s.lookAt()
	s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{7}})
	s.expect(List)
	s.done(Event{Names: []uint64{2, 4, 7}})
	s.expect(Grant)
}

func TestEpochIsAboveNamesAndFloor(t *testing.T) {
	s := newScript(t, false)
	s.hold()
	if s.got[0].Epoch != 7 {
		t.Errorf("epoch %d", s.got[0].Epoch)
	}
}

func TestNameThatExistsIsSteppedOver(t *testing.T) {
	s := newScript(t, false)
	for s.got[0].Op != CreateName {
		s.done(Event{Interval: testInterval, Deadline: testDeadline})
	}
	for n := uint64(1); n < 4; n++ {
		s.expect(CreateName)
		if s.got[0].Epoch != n {
			t.Errorf("epoch %d, want %d", s.got[0].Epoch, n)
		}
		s.done(Event{Result: Busy})
	}
}

func TestAttemptEndsWithoutALockWhateverFails(t *testing.T) {
	failure := errors.New("failure")
	for fail := range 16 {
		s := newScript(t, false)
		answers := []Event{{}, {Interval: testInterval, Deadline: testDeadline}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
			{Epoch: 1, Beat: 1, Mine: true, Claims: []uint64{1}}, {}}
		for i := range fail {
			s.done(answers[i])
		}
		failed := s.got[0].Op
		s.done(Event{Err: failure})
		if fail > 2 {
			s.expect(Unlock)
			s.done(Event{Err: failure}) // closing unlocks, too
		}
		if fail > 0 {
			s.expect(Close)
			s.done(Event{Err: failure})
		}
		s.expect(End)
		if s.got[0].Err != failure {
			t.Errorf("%v: ended with %v", failed, s.got[0].Err)
		}
	}
}

func TestWaitingIsReportedOnceForEachHolder(t *testing.T) {
	s := newScript(t, true)
	for _, try := range []struct {
		holder uint64
		first  bool
	}{{0, true}, {0, false}, {3, true}, {3, false}, {4, true}} {
		s.inquired()
		s.done(Event{Result: Busy})
		s.expect(Look)
		s.done(Event{Epoch: try.holder})
		if try.first {
			s.expect(Waiting, Close)
		} else {
			s.expect(Close)
		}
		s.done(Event{})
		s.expect(Pause)
		s.done(Event{})
	}
}

// TestWaiterSurvivesTroubleThatPasses: one answer of a network file system that its server is away ended every standby.
func TestWaiterSurvivesTroubleThatPasses(t *testing.T) {
	for _, row := range []struct {
		answers []Event // the last one fails
		then    []Op    // what gives back what the try had
	}{
		{[]Event{{}}, nil},
		{[]Event{{}, {}}, []Op{Close}},
		{[]Event{{}, {Interval: testInterval, Deadline: testDeadline}, {}}, []Op{Close}},
		{[]Event{{}, {Interval: testInterval, Deadline: testDeadline}, {Result: Busy}, {}}, []Op{Close}},
		{[]Event{{}, {Interval: testInterval, Deadline: testDeadline}, {}, {}}, []Op{Unlock, Close}},
	} {
		s := newScript(t, true)
		s.inquired()
		s.done(Event{Result: Busy})
		s.done(Event{Epoch: 3})
		s.expect(Waiting, Close)
		s.done(Event{})
		for i := range 2 {
			s.expect(Pause)
			s.done(Event{})
			last := len(row.answers) - 1
			for _, answer := range row.answers[:last] {
				s.done(answer)
			}
			s.done(Event{Err: errInjected, Passing: true})
			if i == 0 {
				if s.got[0].Op != Trouble || s.got[0].Err != errInjected {
					t.Errorf("%d: %v", last, s.got)
				}
				s.got = s.got[1:]
			}
			for _, op := range row.then {
				s.expect(op)
				s.done(Event{})
			}
		}
		s.expect(Pause)
		s.done(Event{})
		s.inquired()
		s.done(Event{Result: Busy})
		s.done(Event{Epoch: 3})
		s.expect(Waiting, Close) // again: that is how it is known that the trouble is over
		s.done(Event{})
		s.done(Event{})
		s.expect(Open)
		s.done(Event{Err: errInjected})
		s.expect(End)
	}
}

// TestTroubleEndsWhoDoesNotWait: who has seen no holder does not know that the place is good.
func TestTroubleEndsWhoDoesNotWait(t *testing.T) {
	for _, wait := range []bool{false, true} {
		s := newScript(t, wait)
		s.done(Event{Err: errInjected, Passing: true})
		s.expect(End)
		if s.got[0].Err != errInjected {
			t.Errorf("ended with %v", s.got[0].Err)
		}
	}
}

// TestTroubleUnderTheLockEndsTheAttempt: what was asked to be durable may be half so.
func TestTroubleUnderTheLockEndsTheAttempt(t *testing.T) {
	s := newScript(t, true)
	s.inquired()
	s.done(Event{Result: Busy})
	s.done(Event{Epoch: 3})
	s.expect(Waiting, Close)
	s.done(Event{})
	s.done(Event{})
	s.inquired()
	s.done(Event{})
	s.done(Event{})
	s.expect(MakeNames)
	s.done(Event{Err: errInjected, Passing: true})
	s.expect(Unlock)
}

// inquired answers until the lock is tried.
func (s *script) inquired() {
	s.t.Helper()
	s.expect(Open)
	s.done(Event{})
	s.expect(Inquire)
	s.done(Event{Interval: testInterval, Deadline: testDeadline})
	s.expect(TryLock)
}

// TestWhatIsOpenedWhileWaitingIsInquiredAbout: another disk was mounted over the directory in the meantime.
func TestWhatIsOpenedWhileWaitingIsInquiredAbout(t *testing.T) {
	s := newScript(t, true)
	s.inquired()
	s.done(Event{Result: Busy})
	s.done(Event{Epoch: 3})
	s.expect(Waiting, Close)
	s.done(Event{})
	s.done(Event{})
	s.expect(Open)
	s.done(Event{})
	s.expect(Inquire)
	s.done(Event{Interval: testInterval / 2, Deadline: testDeadline / 2})
	if s.m.interval != testInterval/2 || s.m.deadline != testDeadline/2 {
		t.Errorf("interval %v, deadline %v", s.m.interval, s.m.deadline)
	}
}

func TestFirstHeartbeatIsRepeatedAndThenGivenUp(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	for range rewritesLimit - 1 {
		s.done(Event{Epoch: 6})
		s.expect(Write)
		s.done(Event{})
		s.done(Event{})
		s.done(Event{})
		s.done(Event{})
		s.expect(Look)
	}
	s.done(Event{Epoch: 6})
	s.expect(Unlock)
}

func TestFirstHeartbeatSlowerThanTheDeadlineIsNotGranted(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	s.pass(testDeadline)
	s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{7}})
	s.expect(List)
	s.done(Event{Names: []uint64{7}})
	s.expect(Write)
}

func TestHigherNameInTheLastListingIsGoneAbove(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{7}})
	s.done(Event{Names: []uint64{7, 9}})
	s.expect(CreateName)
	if s.got[0].Epoch != 10 {
		t.Errorf("epoch %d", s.got[0].Epoch)
	}
}

// TestTwoThatOvertakeEachOtherGiveUp: a lock that excludes nobody would keep both busy for ever.
func TestTwoThatOvertakeEachOtherGiveUp(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	for epoch := uint64(7); epoch < 7+2*overtakenLimit; epoch += 2 {
		s.done(Event{Epoch: epoch, Beat: 1, Mine: true, Claims: []uint64{epoch}})
		s.expect(List)
		s.done(Event{Names: []uint64{epoch + 1}})
		if epoch == 7+2*(overtakenLimit-1) {
			break
		}
		for s.got[0].Op != Look {
			s.done(Event{})
		}
	}
	s.expect(Unlock)
}

func TestHigherEpochUnderTheLockEndsTheAttempt(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	s.done(Event{Epoch: 8})
	s.expect(Unlock)
}

func TestLossByWhatTheLookFinds(t *testing.T) {
	for _, row := range []struct {
		name string
		look Event
		why  Reason
	}{
		{"deleted", Event{Result: Missing}, Deleted},
		{"replaced", Event{Result: Other}, Replaced},
		{"higher epoch", Event{Epoch: 8}, Superseded},
		{"our epoch by another", Event{Epoch: 7, Beat: 2}, Superseded},
		{"our epoch from the future", Event{Epoch: 7, Beat: 3, Mine: true, Claims: []uint64{7}}, Superseded},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScript(t, false)
			s.hold()
			s.event(Event{Kind: Verify, Ticket: 1})
			s.expect(Write)
			s.done(Event{})
			s.done(Event{})
			s.done(row.look)
			s.expect(Lose, Answer)
			if s.got[0].Reason != row.why {
				t.Errorf("reason %d", s.got[0].Reason)
			}
		})
	}
}

func TestOldestNamesArePrunedOneAfterTheOther(t *testing.T) {
	s := newScript(t, false)
	s.lookAt()
	s.done(Event{Epoch: 7, Beat: 1, Mine: true, Claims: []uint64{7}})
	names := []uint64{5, 3, 7, 6}
	for n := uint64(0); len(names) < 66; n++ {
		names = append(names, math.MaxUint32+n)
	}
	s.m.epoch = math.MaxUint64 - 1 // so that none of them is higher
	s.done(Event{Names: names})
	s.expect(Grant, Prune)
	if s.got[1].Epoch != 3 {
		t.Errorf("pruned %d", s.got[1].Epoch)
	}
	s.done(Event{Err: errors.New("failure")})
	s.expect(Prune)
	if s.got[0].Epoch != 5 {
		t.Errorf("pruned %d", s.got[0].Epoch)
	}
	s.done(Event{})
	s.expect()
}

func TestNoEpochIsLeft(t *testing.T) {
	s := newScript(t, false)
	for range 6 {
		s.done(Event{Interval: testInterval, Deadline: testDeadline})
	}
	s.expect(List)
	s.done(Event{Names: []uint64{math.MaxUint64}})
	s.expect(Floor)
	s.done(Event{})
	s.expect(Unlock)
}

func TestFileSystemWithoutIdentitiesIsGivenUp(t *testing.T) {
	for _, wait := range []bool{false, true} {
		s := newScript(t, wait)
		for range strangersLimit - 1 {
			s.inquired()
			s.done(Event{})
			s.done(Event{Result: Other})
			s.expect(Unlock)
			s.done(Event{})
			s.done(Event{})
			if wait {
				s.expect(Pause)
				s.done(Event{})
			}
		}
		s.inquired()
		s.done(Event{})
		s.done(Event{Result: Other})
		s.expect(Unlock)
		s.done(Event{})
		s.done(Event{})
		s.expect(End)
		if s.got[0].Err != errNoIdentity {
			t.Errorf("ended with %v", s.got[0].Err)
		}
	}
}
