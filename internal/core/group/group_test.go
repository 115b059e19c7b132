package group

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A step costs a microsecond: the default of 100 histories would be modest.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "2000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

var errIll = errors.New("ill")

func drawPolicy(t *rapid.T) Policy {
	return Policy{
		LooksAlive: rapid.SampledFrom([]time.Duration{5 * time.Second, -1}).Draw(t, "looks alive"),
		IsAlive:    rapid.SampledFrom([]time.Duration{time.Minute, -1}).Draw(t, "is alive"),
		Retry:      5 * time.Second,
		Pending:    rapid.SampledFrom([]time.Duration{7 * time.Second, 3 * time.Minute}).Draw(t, "pending"),
		Threshold:  rapid.SampledFrom([]int{-1, 1, 3}).Draw(t, "threshold"),
		Period:     rapid.SampledFrom([]time.Duration{time.Minute, 15 * time.Minute}).Draw(t, "period"),
	}
}

// drawMembers draws dependencies on earlier members, then shuffles nothing: order must not matter,
// so every other history is drawn backwards.
func drawMembers(t *rapid.T, single bool) []Member {
	n := rapid.IntRange(1, 6).Draw(t, "members")
	backwards := rapid.Bool().Draw(t, "backwards")
	at := func(i int) int {
		if backwards {
			return n - 1 - i
		}
		return i
	}
	members := make([]Member, n)
	for i := range n {
		m := &members[at(i)]
		m.Policy = drawPolicy(t)
		if i == 0 {
			continue
		}
		for range rapid.IntRange(0, 2).Draw(t, "groups") {
			var group []int
			most := 2
			if single {
				most = 1
			}
			for range rapid.IntRange(1, most).Draw(t, "alternatives") {
				group = append(group, at(rapid.IntRange(0, i-1).Draw(t, "dependency")))
			}
			m.After = append(m.After, group)
		}
	}
	return members
}

func TestGroupKeepsItsPromisesWhateverTheWorldAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, drawMembers(t, false))
		w.step(Event{Kind: Begin})
		wishes := rapid.Bool().Draw(t, "wishes")
		for range rapid.IntRange(0, 120).Draw(t, "steps") {
			if w.finished {
				break
			}
			w.happen(wishes)
		}
		if !w.stopping {
			w.stopping = true
			w.step(Event{Kind: Stop})
		}
		for k := 0; !w.finished; k++ {
			if k > 1000 {
				t.Fatalf("does not end; calls %v", w.calls)
			}
			w.pass()
		}
		for len(w.calls) > 0 { // what comes too late is of no interest
			w.end(w.calls[0], nil)
		}
	})
}

func (w *world) happen(wishes bool) {
	t := w.t
	choice := rapid.IntRange(0, 9).Draw(t, "happens")
	switch {
	case choice <= 5 && len(w.calls) > 0:
		c := rapid.SampledFrom(w.calls).Draw(t, "returns")
		var ev Event
		switch fails := rapid.IntRange(0, 9).Draw(t, "fails"); {
		case c.op != Terminate && fails < 2:
			ev.Err = errIll
		case c.op < Terminate && c.op != Offline && fails == 2:
			ev.Err, ev.Elsewhere = errIll, true
		case c.op == Online && fails < 6:
			ev.Watched = true
		}
		w.returns(c, ev)
	case choice == 7 && slices.Contains(w.online, true):
		i := rapid.IntRange(0, len(w.members)-1).Draw(t, "alarm")
		last := rapid.Bool().Draw(t, "last word")
		w.watched[i] = w.watched[i] && !last
		w.step(Event{Kind: Alarm, Member: i, Err: errIll, Watched: !last})
	case choice == 6 && len(w.calls) > 0:
		c := rapid.SampledFrom(w.calls).Draw(t, "is busy")
		w.step(Event{Kind: Busy, Member: c.member, Op: c.op})
	case choice == 9 && wishes:
		i := rapid.IntRange(0, len(w.members)-1).Draw(t, "wish")
		w.wanted[i] = !w.wanted[i]
		w.broken[i] = nil // a failure of something unwanted does not count
		w.step(Event{Kind: Want, Member: i, Wanted: w.wanted[i]})
	case choice == 8 && rapid.IntRange(0, 9).Draw(t, "stop") == 0:
		if !w.stopping {
			w.stopping = true
			w.step(Event{Kind: Stop})
		}
	case !w.timer.IsZero():
		w.pass()
	}
}

// One member is ill until it has been started again so many times; whatever depends on it fails
// as long as it is ill. Answers come in any order, and are decided when they come.
func TestOneRootCauseCountsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, true)
		for i := range members {
			members[i].Policy.Threshold, members[i].Policy.Period = 3, -1
			members[i].Policy.LooksAlive, members[i].Policy.IsAlive = 5*time.Second, time.Minute
			members[i].Policy.Pending = 3 * time.Minute
		}
		w := newWorld(t, members)
		root := rapid.IntRange(0, len(members)-1).Draw(t, "root")
		cures := rapid.IntRange(1, 3).Draw(t, "restarts")
		ill, begun, bad := false, false, 0
		var suffers func(i int) bool
		suffers = func(i int) bool {
			return i == root || !w.satisfied(i, func(d int) bool { return !suffers(d) })
		}
		answer := func(c call) {
			err := errIll
			if c.op == Offline || c.op == Terminate || !ill || !suffers(c.member) {
				err = nil
			}
			if c.op == Online && c.member == root && begun {
				if bad++; bad >= cures {
					ill, err = false, nil
				}
			}
			w.end(c, err)
		}
		w.step(Event{Kind: Begin})
		for len(w.calls) > 0 {
			answer(w.calls[0])
		}
		if w.announced != 1 {
			t.Fatal("not everything is online")
		}
		ill, begun = true, true
		for range 500 {
			switch {
			case len(w.calls) > 0:
				answer(rapid.SampledFrom(w.calls).Draw(t, "returns"))
			case ill || slices.Contains(w.online, false):
				w.pass()
			}
			if len(w.calls) == 0 && !ill && !slices.Contains(w.online, false) {
				break
			}
		}
		for i := range members {
			want := 0
			if i == root {
				want = cures
			}
			if !w.online[i] || w.failures[i] != want {
				t.Fatalf("member %d: online %v, %d failures, want %d; the root is %d", i, w.online[i], w.failures[i], want, root)
			}
		}
	})
}

func TestCallThatMakesProgressIsNotOverdue(t *testing.T) {
	for _, op := range []Op{Online, Offline} {
		c := New([]Member{{Policy: patient}})
		now := time.Unix(0, 0)
		c.Step(now, Event{Kind: Begin}, nil)
		if op == Offline {
			c.Step(now, Event{Kind: Returned, Op: Online}, nil)
			c.Step(now, Event{Kind: Want}, nil)
		}
		for range 100 {
			now = now.Add(patient.Pending - time.Second)
			got := c.Step(now, Event{Kind: Busy, Op: op}, nil)
			if len(got) != 1 || got[0].Op != SetTimer || !got[0].At.Equal(now.Add(patient.Pending)) {
				t.Fatalf("%v: %+v", op, got)
			}
		}
		now = now.Add(patient.Pending)
		if got := ops(c.Step(now, Event{Kind: Wake}, nil)); !slices.Contains(got, Cancel) || !slices.Contains(got, Terminate) {
			t.Errorf("%v: when it is silent: %v", op, got)
		}
	}
}

func TestCycleIsFoundWithItsPath(t *testing.T) {
	for _, row := range []struct {
		after []int
		want  []int
	}{
		{[]int{-1, 0, 1}, nil},
		{[]int{0}, []int{0, 0}},
		{[]int{1, 2, 1}, []int{1, 2, 1}},
		{[]int{1, 2, 0}, []int{0, 1, 2, 0}},
	} {
		var members []Member
		for _, d := range row.after {
			m := Member{}
			if d >= 0 {
				m.After = [][]int{{d}}
			}
			members = append(members, m)
		}
		if got := Cycle(members); !slices.Equal(got, row.want) {
			t.Errorf("%v: got %v, want %v", row.after, got, row.want)
		}
	}
}

func TestEveryOperationHasAName(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range []Op{Online, Offline, LooksAlive, IsAlive, Terminate, Cancel, SetTimer, Report, AllOnline, Finish} {
		if name := fmt.Sprint(op); name == "unknown" || seen[name] {
			t.Errorf("%d is called %q", op, name)
		} else {
			seen[name] = true
		}
	}
}
