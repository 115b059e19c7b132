package connect

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what a shell sees: it answers the action that is outstanding, sometimes tells of things
// that are long over, and checks that the core keeps its promises.
type model struct {
	core      *Core
	endpoints int
	now       time.Time

	outstanding Action // Kind 0: none, Run is not active
	inFunction  uint64 // generation given to the function
	open        uint64 // generation whose connections are not closed
	lost        bool
	cancelled   bool
	connected   bool

	last          uint64 // highest generation begun
	repeatable    bool
	doubt         bool // an outcome of the last generation is unknown
	whole         bool // the last function returned with its session whole
	dialled       map[int]bool
	refusedOnly   bool // this round
	refusedRounds int
	impossible    bool
}

func (m *model) step(t *rapid.T, e Event) {
	ended := false
	next := Action{}
	for _, a := range m.core.Step(m.now, e, nil) {
		if a.Kind == End {
			if a.Generation != m.open || ended {
				t.Fatalf("%+v after %+v while generation %d is open", a, e, m.open)
			}
			if e.Kind == Lost && e.Generation != m.open {
				t.Fatalf("generation %d ended by %+v", m.open, e)
			}
			ended = true
			continue
		}
		if next.Kind != 0 {
			t.Fatalf("two actions at once: %+v and %+v", next, a)
		}
		next = a
	}
	if next.Kind != 0 {
		m.check(t, next)
	}
}

func (m *model) check(t *rapid.T, a Action) {
	m.outstanding = a
	switch a.Kind {
	case Dial:
		if m.doubt && !m.repeatable {
			t.Fatal("goes on although an outcome is unknown and must not be repeated")
		}
		if m.cancelled || m.open != 0 || m.inFunction != 0 {
			t.Fatalf("dial while cancelled %v, generation %d open", m.cancelled, m.open)
		}
		if m.dialled[a.Endpoint] {
			t.Fatalf("endpoint %d dialled twice without a delay", a.Endpoint)
		}
		m.dialled[a.Endpoint] = true
	case Wait:
		if m.cancelled {
			t.Fatal("waits although cancelled")
		}
		if a.Delay < testMin || a.Delay > testMax && a.Delay != 30*time.Second {
			t.Fatalf("delay %v", a.Delay)
		}
		if len(m.dialled) != m.endpoints && len(m.dialled) != 0 {
			t.Fatalf("waits after %d of %d endpoints", len(m.dialled), m.endpoints)
		}
	case Begin:
		if m.cancelled || m.inFunction != 0 || m.open != 0 || a.Generation <= m.last {
			t.Fatalf("generation %d begins after %d", a.Generation, m.last)
		}
		m.last, m.inFunction, m.open, m.lost, m.whole = a.Generation, a.Generation, a.Generation, false, false
	case Close:
		if m.inFunction != 0 {
			t.Fatal("closes while the function runs")
		}
	case Finish:
		m.checkFinish(t, a.Result)
	}
}

func (m *model) checkFinish(t *rapid.T, r Result) {
	m.outstanding = Action{}
	switch {
	case m.open != 0:
		t.Fatal("finished with connections open")
	case (r == InDoubt) != (m.lost && m.doubt && !m.repeatable):
		t.Fatalf("result %d: session lost %v, outcome unknown %v, repeatable %v", r, m.lost, m.doubt, m.repeatable)
	case r == FunctionReturned && m.lost:
		t.Fatal("took the function's result although its session was lost")
	case r == Stopped && !m.cancelled:
		t.Fatal("stopped without being asked")
	case r == GaveUp && !m.impossible && (m.connected || m.refusedRounds < 5):
		t.Fatalf("gave up: connected before %v, %d rounds refused", m.connected, m.refusedRounds)
	}
}

func (m *model) dialEnds(t *rapid.T) {
	v := rapid.SampledFrom([]Verdict{0, Outage, Outage, WrongEndpoint, Refused, Refused, Refused, Impossible}).Draw(t, "verdict")
	if v == 0 {
		m.connected, m.refusedRounds, m.dialled = true, 0, map[int]bool{}
		if m.cancelled {
			m.open, m.whole, m.lost = m.core.Generation()+1, false, false
		}
		m.step(t, Event{Kind: Connected})
		return
	}
	m.impossible = v == Impossible
	m.refusedOnly = m.refusedOnly && v != Outage
	if len(m.dialled) == m.endpoints && v != Impossible {
		if m.refusedOnly {
			m.refusedRounds++
		} else {
			m.refusedRounds = 0
		}
	}
	m.step(t, failed(v))
}

func TestCoreKeepsItsPromisesWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{endpoints: rapid.IntRange(1, 3).Draw(t, "endpoints"), now: time.Unix(0, 0), dialled: map[int]bool{}}
		m.core = newCore(m.endpoints, &scripted{next: func() time.Duration {
			return rapid.SampledFrom([]time.Duration{-1, 0, 1, testMin, testMax / 2, time.Hour}).Draw(t, "interval")
		}})
		m.repeatable = rapid.Bool().Draw(t, "repeatable")
		m.core.cfg.Repeatable = m.repeatable
		t.Repeat(map[string]func(*rapid.T){
			"complete": func(t *rapid.T) { m.complete(t) },
			"time":     func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "s")) * time.Second) },
			"lost": func(t *rapid.T) {
				g := rapid.Uint64Range(0, m.last+1).Draw(t, "generation")
				if g == m.inFunction && g != 0 && !m.cancelled {
					m.lost = true
				}
				m.step(t, Event{Kind: Lost, Generation: g, Verdict: Outage})
			},
			"committed": func(t *rapid.T) {
				m.step(t, Event{Kind: Committed, Generation: rapid.Uint64Range(0, m.last+1).Draw(t, "generation")})
			},
			"cancel": func(t *rapid.T) {
				if m.outstanding.Kind == 0 || rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
					t.Skip()
				}
				m.cancelled = true
				m.step(t, Event{Kind: Cancelled})
			},
			"": func(t *rapid.T) {
				if (m.core.Phase() == Idle) != (m.outstanding.Kind == 0) {
					t.Fatalf("phase %d with %+v outstanding", m.core.Phase(), m.outstanding)
				}
				if m.core.Whole() != m.whole {
					t.Fatalf("the last session was whole when its function returned: %v, want %v", m.core.Whole(), m.whole)
				}
				if m.lost && m.inFunction != 0 && m.core.Phase() != Ending {
					t.Fatal("a lost session still counts as live")
				}
			},
		})
	})
}

// complete answers the outstanding action, as the shell would.
func (m *model) complete(t *rapid.T) {
	switch m.outstanding.Kind {
	case 0:
		m.cancelled, m.impossible, m.refusedRounds, m.lost, m.doubt = false, false, 0, false, false
		m.dialled, m.refusedOnly = map[int]bool{}, true
		m.step(t, Event{Kind: Started})
	case Dial:
		m.dialEnds(t)
	case Wait:
		m.dialled, m.refusedOnly = map[int]bool{}, true
		m.step(t, Event{Kind: Elapsed})
	case Begin:
		m.whole, m.inFunction = !m.lost && !m.cancelled, 0
		m.step(t, Event{Kind: Returned})
	case Close:
		// A call may be under way until the connections are closed, whether the function has returned or not.
		m.open = 0
		m.doubt = rapid.Bool().Draw(t, "unknown")
		m.step(t, Event{Kind: Closed, Unknown: m.doubt})
	}
}
