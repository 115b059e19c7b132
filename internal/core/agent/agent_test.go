package agent

import (
	"flag"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A step costs a microsecond: the default of 100 histories would be modest.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "3000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func drawOptions(t *rapid.T) Options {
	return Options{
		Before: rapid.Bool().Draw(t, "before"), Group: rapid.Bool().Draw(t, "group"),
		Engine: rapid.Bool().Draw(t, "engine"), Work: rapid.Bool().Draw(t, "work"),
		Yield:      rapid.Bool().Draw(t, "yield"),
		ExitOnLoss: rapid.Bool().Draw(t, "exit"),
		StopLimit:  30 * time.Second, DrainLimit: 10 * time.Second, LossLimit: 2 * time.Second,
	}
}

// Whatever the order of answers, cuts, losses and stops: every action keeps the promises of the
// package comment, and an agent that is asked to stop ends.
func TestEveryOrderOfEventsKeepsThePromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawOptions(t))
		w.step(Event{Kind: Begin})
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if !w.finished {
				w.random()
			}
		}
		if !w.finished {
			w.step(Event{Kind: Stop})
			w.settle()
		}
		if !w.finished {
			t.Fatalf("asked to stop, but still running: %v", w.runningParts())
		}
	})
}

// After any history an agent that is left alone becomes active again, or stands with a reason.
func TestAgentLeftAloneBecomesActiveOrFinishes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawOptions(t))
		w.step(Event{Kind: Begin})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if !w.finished {
				w.random()
			}
		}
		if w.finished {
			return
		}
		if w.running[Connector] && !w.cancelled[Connector] && w.generation != 0 && w.session {
			w.cut() // the next generation must reach Active again
		}
		before := w.actives
		w.settle()
		if !w.finished && w.actives == before {
			t.Fatalf("neither active nor finished; running: %v", w.runningParts())
		}
	})
}
