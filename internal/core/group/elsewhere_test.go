package group

import (
	"errors"
	"testing"
	"time"
)

var errAway = errors.New("no route to host")

// stage is a group whose members answer at once, with a clock that only the test moves.
type stage struct {
	t      *testing.T
	core   *Core
	now    time.Time
	due    time.Time
	last   map[int]Action // the latest Report of each member
	answer map[call]Event // what a call says; at first all goes well
	over   bool
}

func newStage(t *testing.T, members ...Member) *stage {
	s := &stage{t: t, core: New(members), now: time.Unix(0, 0), last: map[int]Action{}, answer: map[call]Event{}}
	s.tell(Event{Kind: Begin})
	return s
}

func (s *stage) tell(ev Event) {
	for next := []Event{ev}; len(next) > 0; next = next[1:] {
		for _, a := range s.core.Step(s.now, next[0], nil) {
			switch {
			case a.Op == Report:
				s.last[a.Member] = a
			case a.Op == SetTimer:
				s.due = a.At
			case a.Op == Finish:
				s.over = true
			case a.Op.Asks():
				ev := s.answer[call{a.Member, a.Op}]
				ev.Kind, ev.Member, ev.Op = Returned, a.Member, a.Op
				next = append(next, ev)
			}
		}
	}
}

func (s *stage) pass(d time.Duration) {
	for end := s.now.Add(d); !s.over && !s.due.IsZero() && !s.due.After(end); {
		s.now = s.due
		s.tell(Event{Kind: Wake})
	}
}

func (s *stage) expect(member int, state State, err error, failures int) {
	s.t.Helper()
	if got := s.last[member]; got.To != state || !errors.Is(got.Err, err) || (err == nil) != (got.Err == nil) || got.Failures != failures {
		s.t.Fatalf("member %d: state %d, %v, %d failures; want %d, %v, %d", member, got.To, got.Err, got.Failures, state, err, failures)
	}
}

func (s *stage) outage(member int, calls ...Op) {
	for _, op := range calls {
		s.answer[call{member, op}] = Event{Err: errAway, Elsewhere: true}
	}
}

func TestHourWithoutTheQueueManagerUsesUpNoRestart(t *testing.T) {
	s := newStage(t, Member{Policy: patient})
	s.outage(0, LooksAlive, IsAlive)
	s.pass(time.Hour)
	s.expect(0, Up, errAway, 0)
	clear(s.answer)
	s.pass(2 * time.Minute)
	s.expect(0, Up, nil, 0)
}

func TestStartWithoutTheQueueManagerIsTriedForAnHourAndUsesUpNoRestart(t *testing.T) {
	p := patient
	p.Retry = 5 * time.Second
	s := newStage(t, Member{Policy: p}, Member{After: [][]int{{0}}, Policy: p})
	s.outage(1, Online)
	s.tell(Event{Kind: Want, Member: 1})
	s.tell(Event{Kind: Want, Member: 1, Wanted: true})
	s.expect(1, Broken, errAway, 0)
	s.pass(time.Hour)
	s.expect(1, Broken, errAway, 0)
	clear(s.answer)
	s.pass(5 * time.Second)
	s.expect(1, Up, nil, 0)
}

// The application below which the queue manager is away does not know why it fails; the group does.
func TestFailureAboveSomethingThatIsAwayIsNotCounted(t *testing.T) {
	s := newStage(t, Member{Policy: patient}, Member{After: [][]int{{0}}, Policy: patient})
	s.outage(0, LooksAlive, IsAlive)
	s.pass(time.Minute)
	s.expect(0, Up, errAway, 0)
	s.answer[call{1, IsAlive}] = Event{Err: errIll}
	s.pass(time.Hour)
	s.expect(1, Up, errIll, 0)
	delete(s.answer, call{0, IsAlive})
	delete(s.answer, call{0, LooksAlive})
	s.pass(2 * time.Minute)
	if s.last[1].Failures == 0 {
		t.Error("it still fails, and nothing is away any more: not counted")
	}
}

// The application notices first. The member below is asked, and says that its trouble is elsewhere: the
// application is restarted once, and that is not counted.
func TestFirstFailureOfAnOutageIsNotCountedEither(t *testing.T) {
	s := newStage(t, Member{Policy: patient}, Member{After: [][]int{{0}}, Policy: patient})
	s.outage(0, LooksAlive, IsAlive)
	s.answer[call{1, IsAlive}] = Event{Err: errIll}
	s.tell(Event{Kind: Alarm, Member: 1, Err: errIll})
	s.pass(time.Hour)
	s.expect(0, Up, errAway, 0)
	s.expect(1, Up, errIll, 0)
}

// The queue manager has just come back, and nobody knows yet: a start that failed a moment earlier failed for it.
func TestStartThatFailsAtTheEndOfAnOutageIsNotCounted(t *testing.T) {
	p := patient
	p.Retry = 5 * time.Second
	s := newStage(t, Member{Policy: p}, Member{After: [][]int{{0}}, Policy: p})
	s.outage(0, LooksAlive, IsAlive)
	s.pass(time.Minute)
	s.tell(Event{Kind: Want, Member: 1})
	clear(s.answer)
	s.answer[call{1, Online}] = Event{Err: errIll}
	s.tell(Event{Kind: Want, Member: 1, Wanted: true})
	s.expect(1, Broken, errIll, 0)
}

func TestGuessDoesNotEndWhatTheCompleteCheckHasFound(t *testing.T) {
	s := newStage(t, Member{Policy: patient})
	s.outage(0, IsAlive)
	s.pass(time.Minute + 50*time.Second) // ten good guesses
	s.expect(0, Up, errAway, 0)
}

// Without IsAlivePoll nobody asked again for what the complete check had found: the member stayed in trouble for ever, and
// excused for ever what failed above it, so that the group never moved.
func TestCompleteCheckIsAskedAgainWhileItsTroubleLasts(t *testing.T) {
	for name, p := range map[string]Policy{"no IsAlive": {LooksAlive: 5 * time.Second, IsAlive: -1}, "no check at all": {LooksAlive: -1, IsAlive: -1}} {
		p.Retry, p.Pending, p.Threshold, p.Period = 5*time.Second, patient.Pending, patient.Threshold, patient.Period
		s := newStage(t, Member{Policy: p}, Member{After: [][]int{{0}}, Policy: patient})
		s.outage(0, IsAlive)
		s.tell(Event{Kind: Alarm, Member: 0, Err: errIll})
		s.pass(time.Hour)
		s.expect(0, Up, errAway, 0)
		clear(s.answer)
		s.pass(p.Retry)
		s.expect(0, Up, nil, 0)
		s.answer[call{1, IsAlive}] = Event{Err: errIll}
		s.tell(Event{Kind: Alarm, Member: 1, Err: errIll})
		if s.last[1].Failures == 0 {
			t.Errorf("%s: a failure is excused by an outage that is over", name)
		}
	}
}

func TestHealthyAlternativeLeavesNoExcuse(t *testing.T) {
	s := newStage(t, Member{Policy: patient}, Member{Policy: patient}, Member{After: [][]int{{0, 1}}, Policy: patient})
	s.outage(0, LooksAlive, IsAlive)
	s.pass(time.Minute)
	s.expect(0, Up, errAway, 0)
	c := s.core
	if !c.m[0].healthy() || c.carriedBySick(c.m[2]) {
		t.Error("member 1 carries it, but its failures are excused")
	}
	c.m[1].elsewhere = errAway
	if !c.carriedBySick(c.m[2]) {
		t.Error("nothing carries it, but its failures count")
	}
}

func TestAlarmIsConfirmedAtOnceAndItsTextIsKept(t *testing.T) {
	s := newStage(t, Member{Policy: patient})
	said := errors.New("process ended with status 3")
	var first Action
	for _, a := range s.core.Step(s.now, Event{Kind: Alarm, Err: said, Watched: true}, nil) {
		if a.Op.Asks() {
			first = a
		}
	}
	if first.Op != IsAlive {
		t.Fatalf("asked for %v", first.Op)
	}
	s.core.Step(s.now, Event{Kind: Alarm}, nil) // the channel is closed: a Command's is, just after
	var failed Action
	for _, a := range s.core.Step(s.now, Event{Kind: Returned, Op: IsAlive, Err: errIll}, nil) {
		if a.Op == Report && a.To == Broken {
			failed = a
		}
	}
	if !errors.Is(failed.Err, said) || !errors.Is(failed.Err, errIll) || failed.Failures != 1 {
		t.Errorf("reported %+v", failed)
	}
}

func TestFalseAlarmChangesNothing(t *testing.T) {
	s := newStage(t, Member{Policy: patient})
	s.tell(Event{Kind: Alarm, Err: errIll, Watched: true})
	s.expect(0, Up, nil, 0)
}
