package connect

import (
	"fmt"
	"testing"
	"time"
)

const (
	testMin = 20 * time.Millisecond
	testMax = time.Second
)

// scripted answers what a test says, also what a sane generator never would.
type scripted struct {
	next   func() time.Duration
	resets int
}

func (s *scripted) NextBackOff() time.Duration { return s.next() }
func (s *scripted) Reset()                     { s.resets++ }

func fixed(d time.Duration) *scripted {
	return &scripted{next: func() time.Duration { return d }}
}

func newCore(endpoints int, i Intervals) *Core {
	return New(Config{Endpoints: endpoints, Min: testMin, Max: testMax, Intervals: i,
		RefusedTries: 5, RefusedDelay: 30 * time.Second, Settled: 30 * time.Second})
}

// story drives a core by hand and keeps its clock.
type story struct {
	t    *testing.T
	core *Core
	now  time.Time
}

func (s *story) step(e Event) []Action {
	s.t.Helper()
	return s.core.Step(s.now, e, nil)
}

// expect steps and checks what the core wants done.
func (s *story) expect(e Event, want ...Action) {
	s.t.Helper()
	if got := s.step(e); fmt.Sprint(got) != fmt.Sprint(want) {
		s.t.Fatalf("after %+v: %+v, want %+v", e, got, want)
	}
}

func begin(t *testing.T, endpoints int, i Intervals) *story {
	t.Helper()
	s := &story{t: t, core: newCore(endpoints, i), now: time.Unix(0, 0)}
	s.expect(Event{Kind: Started}, Action{Kind: Dial})
	return s
}

func failed(v Verdict) Event { return Event{Kind: DialFailed, Verdict: v} }

func wait(d time.Duration) Action { return Action{Kind: Wait, Delay: d} }

func TestAllEndpointsAreTriedBeforeTheDelay(t *testing.T) {
	s := begin(t, 3, fixed(testMin))
	s.expect(failed(Outage), Action{Kind: Dial, Endpoint: 1})
	s.expect(failed(WrongEndpoint), Action{Kind: Dial, Endpoint: 2})
	s.expect(failed(Refused), wait(testMin))
	s.expect(Event{Kind: Elapsed}, Action{Kind: Dial, Endpoint: 0})
}

func TestNextEndpointComesFirstAfterALoss(t *testing.T) {
	s := begin(t, 2, fixed(testMin))
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(Event{Kind: Lost, Verdict: Outage, Generation: 1}, Action{Kind: End, Generation: 1})
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed}, wait(testMin))
	s.expect(Event{Kind: Elapsed}, Action{Kind: Dial, Endpoint: 1})
}

// Also where the loss ended Run, because of an outcome that is not known: the host may be gone with its packets, and the
// program that calls Run again would wait for the limit of a dial there.
func TestNextEndpointComesFirstAfterALossInDoubt(t *testing.T) {
	s := begin(t, 2, fixed(testMin))
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(Event{Kind: Lost, Verdict: Outage, Generation: 1}, Action{Kind: End, Generation: 1})
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed, Unknown: true}, Action{Kind: Finish, Result: InDoubt})
	s.expect(Event{Kind: Started}, Action{Kind: Dial, Endpoint: 1})
}

// IT38745: a reconnect loop without a delay took a whole processor. backoff/v4 answers -1 for "stop",
// and its jitter goes below and beyond its own bounds.
func TestDelayIsNeverZeroIT38745(t *testing.T) {
	for _, d := range []time.Duration{-1, 0, 1, time.Hour} {
		s := begin(t, 1, fixed(d))
		for range 3 {
			got := s.step(failed(Outage))
			if len(got) != 1 || got[0].Kind != Wait || got[0].Delay < testMin || got[0].Delay > testMax {
				t.Fatalf("generator says %v: %+v", d, got)
			}
			s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
		}
	}
}

// A dial that hangs until it is given up has waited already. A host that came back meanwhile waited for one delay more.
func TestDelayCountsFromTheBeginningOfTheRound(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 500 * time.Millisecond, 300 * time.Millisecond: 200 * time.Millisecond, 490 * time.Millisecond: testMin, 31 * time.Second: testMin,
		-time.Hour: testMax, // the clock was set back
	} {
		s := begin(t, 2, fixed(500*time.Millisecond))
		s.expect(failed(Outage), Action{Kind: Dial, Endpoint: 1})
		s.now = s.now.Add(took)
		s.expect(failed(Outage), wait(want))
		s.now = s.now.Add(want)
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
		s.expect(failed(Outage), Action{Kind: Dial, Endpoint: 1})
		s.expect(failed(Outage), wait(500*time.Millisecond)) // of this round
	}
}

// IT35599: a standby ended because of 2009 in one phase of its start. Whatever phase a recoverable
// error comes in, the core goes on to another dial.
func TestRecoverableErrorInAnyStartUpPhaseDoesNotEndRunIT35599(t *testing.T) {
	s := begin(t, 1, fixed(testMin))
	for range 100 { // the first dial
		s.expect(failed(Outage), wait(testMin))
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	}
	for range 4 { // refusals, then an outage: nothing is settled
		s.expect(failed(Refused), wait(testMax))
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	}
	s.expect(failed(Outage), wait(testMin))
	s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	for range 4 {
		s.expect(failed(Refused), wait(testMax))
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	}
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(Event{Kind: Lost, Verdict: Outage, Generation: 1}, Action{Kind: End, Generation: 1}) // the first call
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed}, wait(testMin))
}

func TestRefusedRoundsEndRunOnlyBeforeTheFirstGoodConnection(t *testing.T) {
	s := begin(t, 1, fixed(testMin))
	for range 4 {
		s.expect(failed(Refused), wait(testMax))
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	}
	s.expect(failed(WrongEndpoint), Action{Kind: Finish, Result: GaveUp})

	s.expect(Event{Kind: Started}, Action{Kind: Dial}) // a new Run counts anew
	s.expect(failed(Refused), wait(testMax))
	s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(Event{Kind: Lost, Verdict: Refused, Generation: 1}, Action{Kind: End, Generation: 1})
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed}, wait(30*time.Second))
	for range 100 {
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
		s.expect(failed(Refused), wait(30*time.Second))
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
		s.expect(failed(WrongEndpoint), wait(testMin))
	}
}

func TestOneRefusalAmongEndpointsThatAreDownDoesNotGiveUp(t *testing.T) {
	s := begin(t, 2, fixed(testMin))
	for range 100 {
		s.expect(failed(Refused), Action{Kind: Dial, Endpoint: 1})
		s.expect(failed(Outage), wait(testMin))
		s.expect(Event{Kind: Elapsed}, Action{Kind: Dial})
	}
}

// After the first good connection only a round in which each endpoint refuses waits for whoever mends it: where one is a
// standby, it may be the queue manager's next place.
func TestOneRefusalBesideAWrongEndpointIsNotWaitedOutForLong(t *testing.T) {
	s := begin(t, 2, fixed(testMin))
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(Event{Kind: Lost, Verdict: Outage, Generation: 1}, Action{Kind: End, Generation: 1})
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed}, wait(testMin))
	s.expect(Event{Kind: Elapsed}, Action{Kind: Dial, Endpoint: 1})
	s.expect(failed(Refused), Action{Kind: Dial})
	s.expect(failed(WrongEndpoint), wait(testMin))
	s.expect(Event{Kind: Elapsed}, Action{Kind: Dial, Endpoint: 1})
	s.expect(failed(Refused), Action{Kind: Dial})
	s.expect(failed(Refused), wait(30*time.Second))
}

func TestDelaysStartAnewOnlyAfterASessionThatWasOfUse(t *testing.T) {
	for _, c := range []struct {
		name      string
		lived     time.Duration
		committed bool
		resets    int
	}{
		{"dropped at once", time.Second, false, 0},
		{"almost settled", 30*time.Second - 1, false, 0},
		{"settled", 30 * time.Second, false, 1},
		{"committed work", time.Second, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := fixed(testMin)
			s := begin(t, 1, i)
			s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
			if c.committed {
				s.expect(Event{Kind: Committed, Generation: 1})
			}
			s.now = s.now.Add(c.lived)
			s.expect(Event{Kind: Lost, Verdict: Outage, Generation: 1}, Action{Kind: End, Generation: 1})
			s.now = s.now.Add(time.Hour) // the function takes its time to return
			s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
			s.expect(Event{Kind: Closed}, wait(testMin))
			if i.resets != c.resets {
				t.Errorf("generator was reset %d times, want %d", i.resets, c.resets)
			}
		})
	}
}

func TestCancelEndsEveryPhase(t *testing.T) {
	cancel := Event{Kind: Cancelled}
	stopped := Action{Kind: Finish, Result: Stopped}

	s := begin(t, 2, fixed(testMin))
	s.expect(cancel)
	s.expect(failed(Outage), stopped)

	s = begin(t, 2, fixed(testMin))
	s.expect(cancel)
	s.expect(Event{Kind: Connected}, Action{Kind: Close, Generation: 1}) // came in spite of it
	s.expect(Event{Kind: Closed}, stopped)

	s = begin(t, 1, fixed(testMin))
	s.expect(failed(Outage), wait(testMin))
	s.expect(cancel, stopped)
	s.expect(Event{Kind: Elapsed}) // too late

	s = begin(t, 1, fixed(testMin))
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(cancel, Action{Kind: End, Generation: 1})
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed}, Action{Kind: Finish, Result: FunctionReturned})

	s = begin(t, 1, fixed(testMin))
	s.expect(Event{Kind: Connected}, Action{Kind: Begin, Generation: 1})
	s.expect(Event{Kind: Lost, Verdict: Outage, Generation: 1}, Action{Kind: End, Generation: 1})
	s.expect(cancel)
	s.expect(Event{Kind: Returned}, Action{Kind: Close, Generation: 1})
	s.expect(Event{Kind: Closed}, stopped)
}

func TestNotBuiltGivesUpAtOnce(t *testing.T) {
	s := begin(t, 3, fixed(testMin))
	s.expect(failed(Impossible), Action{Kind: Finish, Result: GaveUp})
}
