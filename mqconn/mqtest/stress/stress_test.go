package stress

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mqha/mqha/mqconn/mqtest"
)

func TestMain(m *testing.M) {
	Main()
	goleak.VerifyTestMain(m)
}

func TestNothingIsLostAndNothingComesTwiceWithoutAReason(t *testing.T) {
	Run(t, Options{Dialer: mqtest.TCP{}, Kills: 3, Forced: 5})
}

// The ledger finds what it is for.
func TestLedgerJudges(t *testing.T) {
	a := identity{1, 1}
	put := func(o ending) unit { return unit{Put: []identity{a}, Outcome: o} }
	got := func(o ending) unit { return unit{Got: []identity{a}, Outcome: o} }
	for _, c := range []struct {
		name  string
		units []unit
		want  string // a part of the one problem; empty: none
	}{
		{"once", []unit{put(committed), got(committed)}, ""},
		{"never got", []unit{put(committed)}, "lost"},
		{"got in a unit of work that was not made", []unit{put(committed), got(notMade)}, "lost"},
		{"got in one that may have been made", []unit{put(committed), got(unknown)}, ""},
		{"put twice, got once", []unit{put(committed), put(committed), got(committed)}, "lost"},
		{"put again after an unknown outcome", []unit{put(unknown), put(committed), got(committed)}, ""},
		{"put again after an unknown outcome, got twice", []unit{put(unknown), put(committed), got(committed), got(committed)}, ""},
		{"put again although it had been made, got once", []unit{put(made), put(committed), got(committed)}, "lost"},
		{"put again although it had been made, got twice", []unit{put(made), put(committed), got(committed), got(committed)}, ""},
		{"put again because it had not been made, got twice", []unit{put(notMade), put(committed), got(committed), got(committed)}, "twice"},
		{"got twice", []unit{put(committed), got(committed), got(committed)}, "twice"},
		{"got twice, once perhaps", []unit{put(committed), got(unknown), got(committed)}, ""},
		{"got twice, once for certain without an answer", []unit{put(committed), got(made), got(committed)}, "twice"},
		{"never put for certain, got", []unit{put(unknown), got(committed)}, ""},
	} {
		l := newLedger()
		for _, u := range c.units {
			l.Add(u)
		}
		_, problems := l.Judge()
		err := errors.Join(problems...)
		if len(problems) > 1 || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestLedgerFindsWhatWasBackedOut(t *testing.T) {
	l := newLedger()
	l.BackedOut([]identity{{1, 1}})
	l.Saw(identity{1, 1})
	if _, problems := l.Judge(); len(problems) != 1 {
		t.Errorf("got %v", problems)
	}
}

func TestLedgerCountsDuplicates(t *testing.T) {
	l := newLedger()
	a, b := identity{1, 1}, identity{1, 2}
	for _, u := range []unit{
		{Put: []identity{a, b}, Outcome: made}, {Put: []identity{a, b}}, {Got: []identity{a, b}}, {Got: []identity{b, a}},
	} {
		l.Add(u)
	}
	if r, problems := l.Judge(); r.Duplicates != 2 || r.Messages != 2 || r.Made != 1 || len(problems) != 0 {
		t.Errorf("got %+v, %v", r, problems)
	}
}

// Two commits that lost their answers where one was to would be entered with the wrong outcome.
func TestLedgerDecidesOnlyWhatHasOneCause(t *testing.T) {
	l := newLedger()
	l.Add(unit{Outcome: unknown}) // by a kill, before
	m := l.mark()
	l.Add(unit{})
	l.Add(unit{Outcome: unknown})
	if err := l.decide(context.Background(), m, made); err != nil || l.units[2].Outcome != made || l.units[0].Outcome != unknown {
		t.Errorf("got %v, %+v", err, l.units)
	}
	l.Add(unit{Outcome: unknown})
	l.Add(unit{Outcome: unknown})
	if err := l.decide(context.Background(), m, made); err == nil {
		t.Error("it decided on one of two")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.decide(ended, l.mark(), made); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
