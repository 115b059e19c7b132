package group

import (
	"slices"
	"testing"
	"time"
)

var patient = Policy{LooksAlive: 5 * time.Second, IsAlive: time.Minute, Pending: 3 * time.Minute, Threshold: 3, Period: 15 * time.Minute}

func ops(actions []Action) []Op {
	var out []Op
	for _, a := range actions {
		if a.Op != Report && a.Op != SetTimer {
			out = append(out, a.Op)
		}
	}
	return out
}

func TestTimerThatFiredEarlyIsSetAgain(t *testing.T) {
	c := New([]Member{{Policy: patient}})
	now := time.Unix(0, 0)
	c.Step(now, Event{Kind: Begin}, nil)
	got := c.Step(now.Add(time.Second), Event{Kind: Wake}, nil)
	if len(got) != 1 || got[0].Op != SetTimer || !got[0].At.Equal(now.Add(patient.Pending)) {
		t.Errorf("got %+v", got)
	}
}

// The start of member 1 is overdue while member 2, which names it, is still on its way down.
func TestStartThatFailsLateCountsOnce(t *testing.T) {
	c := New([]Member{{Policy: patient}, {Policy: patient}, {After: [][]int{{0, 1}}, Policy: patient}})
	now := time.Unix(0, 0)
	c.Step(now, Event{Kind: Begin}, nil)
	c.Step(now, Event{Kind: Returned, Member: 0, Op: Online}, nil)
	now = now.Add(2 * time.Minute)
	c.Step(now, Event{Kind: Returned, Member: 2, Op: Online}, nil)
	if got := ops(c.Step(now, Event{Kind: Want, Member: 2}, nil)); !slices.Equal(got, []Op{Offline}) {
		t.Fatalf("got %v", got)
	}
	now = now.Add(time.Minute)
	c.Step(now, Event{Kind: Wake}, nil) // the limit of the start
	late := c.Step(now, Event{Kind: Returned, Member: 1, Op: Online, Err: errIll}, nil)
	if got := ops(late); len(got) != 0 {
		t.Errorf("late answer: got %v", got)
	}
	last := c.Step(now, Event{Kind: Returned, Member: 2, Op: Offline}, nil)
	if got := ops(last); !slices.Equal(got, []Op{Terminate}) {
		t.Errorf("got %v", got)
	}
	for _, a := range c.Step(now, Event{Kind: Returned, Member: 1, Op: Terminate}, nil) {
		if a.Op == Report && a.Failures != 1 {
			t.Errorf("%d failures", a.Failures)
		}
	}
}

// givenUp is a group that stops while the start of its only member hangs: it was given up, and Terminate is called.
func givenUp(t *testing.T) (returned func(Op, error) []Op) {
	t.Helper()
	c, now := New([]Member{{Policy: patient}}), time.Unix(0, 0)
	c.Step(now, Event{Kind: Begin}, nil)
	c.Step(now, Event{Kind: Stop}, nil)
	now = now.Add(patient.Pending)
	if got := ops(c.Step(now, Event{Kind: Wake}, nil)); !slices.Equal(got, []Op{Cancel, Terminate}) {
		t.Fatalf("got %v", got)
	}
	return func(op Op, err error) []Op { return ops(c.Step(now, Event{Kind: Returned, Op: op, Err: err}, nil)) }
}

// A start that hung in the operating system failed only after Terminate had found nothing to do, and left a process: the
// group ended without another Terminate, and so without a word that something is online still.
func TestStartThatFailsAfterTerminateIsTerminatedAgain(t *testing.T) {
	returned := givenUp(t)
	returned(Terminate, nil)
	if got := returned(Online, errIll); !slices.Equal(got, []Op{Terminate}) {
		t.Fatalf("got %v", got)
	}
	if got := returned(Terminate, nil); !slices.Equal(got, []Op{Finish}) {
		t.Errorf("got %v", got)
	}
}

// A start that comes through while Terminate runs may have done so after Terminate had looked.
func TestStartThatComesThroughBesideTerminateIsTerminatedAgain(t *testing.T) {
	returned := givenUp(t)
	returned(Online, nil)
	for _, want := range []Op{Terminate, Finish} {
		if got := returned(Terminate, nil); !slices.Equal(got, []Op{want}) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// A start that was given up comes through while the others are still on their way down.
func TestStartThatComesThroughWhenItWasGivenUpIsTerminated(t *testing.T) {
	c := New([]Member{{Policy: patient}, {Policy: patient}})
	now := time.Unix(0, 0)
	c.Step(now, Event{Kind: Begin}, nil)
	c.Step(now, Event{Kind: Returned, Member: 1, Op: Online, Watched: true}, nil)
	for _, want := range [][]Op{{Cancel, Terminate}, {Offline}} { // its limit, and that of Terminate
		now = now.Add(patient.Pending)
		got := ops(c.Step(now, Event{Kind: Wake}, nil))
		got = slices.DeleteFunc(got, func(op Op) bool { return op == IsAlive })
		for _, op := range want {
			if !slices.Contains(got, op) {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
		c.Step(now, Event{Kind: Returned, Member: 1, Op: IsAlive}, nil)
		c.Step(now, Event{Kind: Returned, Member: 0, Op: Terminate}, nil)
	}
	if got := ops(c.Step(now, Event{Kind: Returned, Member: 0, Op: Online}, nil)); !slices.Equal(got, []Op{Terminate}) {
		t.Fatalf("got %v", got)
	}
	c.Step(now, Event{Kind: Returned, Member: 1, Op: Offline}, nil)
	last := c.Step(now, Event{Kind: Returned, Member: 0, Op: Terminate}, nil)
	if end := last[len(last)-1]; end.Op != Finish || !end.Failed || end.Hung != nil {
		t.Errorf("%+v", last)
	}
}
