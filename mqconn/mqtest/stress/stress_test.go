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
	a := Identity{1, 1}
	put := func(o Outcome) Unit { return Unit{Put: []Identity{a}, Outcome: o} }
	got := func(o Outcome) Unit { return Unit{Got: []Identity{a}, Outcome: o} }
	for _, c := range []struct {
		name  string
		units []Unit
		want  string // a part of the one problem; empty: none
	}{
		{"once", []Unit{put(Committed), got(Committed)}, ""},
		{"never got", []Unit{put(Committed)}, "lost"},
		{"got in a unit of work that was not made", []Unit{put(Committed), got(NotMade)}, "lost"},
		{"got in one that may have been made", []Unit{put(Committed), got(Unknown)}, ""},
		{"put twice, got once", []Unit{put(Committed), put(Committed), got(Committed)}, "lost"},
		{"put again after an unknown outcome", []Unit{put(Unknown), put(Committed), got(Committed)}, ""},
		{"put again after an unknown outcome, got twice", []Unit{put(Unknown), put(Committed), got(Committed), got(Committed)}, ""},
		{"put again although it had been made, got once", []Unit{put(Made), put(Committed), got(Committed)}, "lost"},
		{"put again although it had been made, got twice", []Unit{put(Made), put(Committed), got(Committed), got(Committed)}, ""},
		{"put again because it had not been made, got twice", []Unit{put(NotMade), put(Committed), got(Committed), got(Committed)}, "twice"},
		{"got twice", []Unit{put(Committed), got(Committed), got(Committed)}, "twice"},
		{"got twice, once perhaps", []Unit{put(Committed), got(Unknown), got(Committed)}, ""},
		{"got twice, once for certain without an answer", []Unit{put(Committed), got(Made), got(Committed)}, "twice"},
		{"never put for certain, got", []Unit{put(Unknown), got(Committed)}, ""},
	} {
		l := NewLedger()
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
	l := NewLedger()
	l.BackedOut([]Identity{{1, 1}})
	l.Saw(Identity{1, 1})
	if _, problems := l.Judge(); len(problems) != 1 {
		t.Errorf("got %v", problems)
	}
}

func TestLedgerCountsDuplicates(t *testing.T) {
	l := NewLedger()
	a, b := Identity{1, 1}, Identity{1, 2}
	for _, u := range []Unit{
		{Put: []Identity{a, b}, Outcome: Made}, {Put: []Identity{a, b}}, {Got: []Identity{a, b}}, {Got: []Identity{b, a}},
	} {
		l.Add(u)
	}
	if r, problems := l.Judge(); r.Duplicates != 2 || r.Messages != 2 || r.Made != 1 || len(problems) != 0 {
		t.Errorf("got %+v, %v", r, problems)
	}
}

// Two commits that lost their answers where one was to would be entered with the wrong outcome.
func TestLedgerDecidesOnlyWhatHasOneCause(t *testing.T) {
	l := NewLedger()
	l.Add(Unit{Outcome: Unknown}) // by a kill, before
	m := l.mark()
	l.Add(Unit{})
	l.Add(Unit{Outcome: Unknown})
	if err := l.decide(context.Background(), m, Made); err != nil || l.units[2].Outcome != Made || l.units[0].Outcome != Unknown {
		t.Errorf("got %v, %+v", err, l.units)
	}
	l.Add(Unit{Outcome: Unknown})
	l.Add(Unit{Outcome: Unknown})
	if err := l.decide(context.Background(), m, Made); err == nil {
		t.Error("it decided on one of two")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.decide(ended, l.mark(), Made); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
