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

// call is one that has not returned.
type call struct {
	member int
	op     Op
}

// world plays the shell and the resources, and checks every action against what the package
// promises. It keeps its own books and never looks into the Core.
type world struct {
	t       *rapid.T
	core    *Core
	members []Member
	now     time.Time
	timer   time.Time

	calls     []call
	cancelled map[call]bool
	online    []bool // Online returned without error, and nothing stopped it since
	touched   []bool // Online was called, and neither Offline nor Terminate has succeeded since
	leaving   []bool // Offline or Terminate was called, or Online cancelled, and it is touched still
	hung      []bool // given up
	wanted    []bool
	shown     []State
	broken    [][]time.Time // failures
	failures  []int         // as last reported
	stopping  bool
	announced int
	finished  bool
	finish    Action
}

func newWorld(t *rapid.T, members []Member) *world {
	n := len(members)
	w := &world{t: t, core: New(members), members: members, now: time.Unix(0, 0), cancelled: map[call]bool{},
		online: make([]bool, n), touched: make([]bool, n), leaving: make([]bool, n), hung: make([]bool, n),
		wanted: make([]bool, n), shown: make([]State, n), broken: make([][]time.Time, n), failures: make([]int, n)}
	for i := range w.wanted {
		w.wanted[i] = true
	}
	return w
}

func (w *world) step(ev Event) {
	w.t.Helper()
	for _, a := range w.core.Step(w.now, ev, nil) {
		if w.finished {
			w.t.Fatalf("%v after the end", a.Op)
		}
		w.act(a)
	}
}

// satisfied reports whether each OR group of i has a member of which ok is true.
func (w *world) satisfied(i int, ok func(int) bool) bool {
	for _, group := range w.members[i].After {
		if !slices.ContainsFunc(group, ok) {
			return false
		}
	}
	return true
}

func (w *world) running(i int, ops ...Op) bool {
	return slices.ContainsFunc(w.calls, func(c call) bool {
		return c.member == i && (len(ops) == 0 || slices.Contains(ops, c.op))
	})
}

func (w *world) act(a Action) {
	w.t.Helper()
	i := a.Member
	switch a.Op {
	case Online:
		w.mayStart(i)
		w.touched[i], w.leaving[i] = true, false
	case Offline, Terminate:
		w.mayStop(i)
		w.online[i], w.leaving[i] = false, true
	case LooksAlive, IsAlive:
		if !w.online[i] || w.running(i, LooksAlive, IsAlive) {
			w.t.Fatalf("%v to %d: online %v, calls %v", a.Op, i, w.online[i], w.calls)
		}
	case Cancel:
		for _, c := range w.calls {
			if c.member == i {
				w.cancelled[c] = true
				w.leaving[i] = w.leaving[i] || c.op == Online
			}
		}
	case SetTimer:
		w.timer = a.At
	case Report:
		if a.From != w.shown[i] {
			w.t.Fatalf("%d reported from %v, was %v", i, a.From, w.shown[i])
		}
		if a.To == Broken && a.From != Broken {
			w.broken[i] = append(w.broken[i], w.now)
		}
		w.shown[i], w.failures[i] = a.To, a.Failures
		var overdue *OverdueError
		if a.To == Broken && w.leaving[i] && w.running(i) && errors.As(a.Err, &overdue) {
			w.hung[i] = true
		}
	case AllOnline:
		w.announced++
		if w.announced > 1 || w.stopping {
			w.t.Fatalf("announced %d times, stopping %v", w.announced, w.stopping)
		}
	case Finish:
		w.mayFinish(a)
	}
	if a.Op.Asks() {
		c := call{i, a.Op}
		if slices.Contains(w.calls, c) {
			w.t.Fatalf("%v called twice", c)
		}
		if !a.At.Equal(w.now.Add(w.members[i].Policy.Pending)) {
			w.t.Fatalf("%v is limited to %v", c, a.At.Sub(w.now))
		}
		w.calls = append(w.calls, c)
	}
}

func (w *world) mayStart(i int) {
	w.t.Helper()
	switch {
	case w.running(i):
		w.t.Fatalf("Online of %d beside %v", i, w.calls)
	case !w.satisfied(i, func(d int) bool { return w.online[d] }):
		w.t.Fatalf("Online of %d before what it depends on: %v", i, w.online)
	case w.stopping || !w.wanted[i] || w.touched[i]:
		w.t.Fatalf("Online of %d: stopping %v, wanted %v, touched %v", i, w.stopping, w.wanted[i], w.touched[i])
	}
	w.restarts(i)
}

// restarts: after a failure, a member that depends on nothing is started again only if the failures
// within the period up to this one are within the threshold.
func (w *world) restarts(i int) {
	w.t.Helper()
	p, broken := w.members[i].Policy, w.broken[i]
	if len(w.members[i].After) > 0 || len(broken) == 0 {
		return
	}
	count, last := 0, broken[len(broken)-1]
	for _, at := range broken {
		if last.Sub(at) < p.Period {
			count++
		}
	}
	if count > max(p.Threshold, 0) {
		w.t.Fatalf("%d is started after %d failures within %v, the threshold is %d", i, count, p.Period, p.Threshold)
	}
}

func (w *world) mayStop(i int) {
	w.t.Helper()
	if !w.online[i] {
		return // nobody can rely on what did not come online, or was stopped before
	}
	for x := range w.members {
		names := slices.ContainsFunc(w.members[x].After, func(group []int) bool { return slices.Contains(group, i) })
		if !names || !w.touched[x] || w.hung[x] {
			continue
		}
		if w.leaving[x] {
			w.t.Fatalf("%d is stopped before %d, which is on its way down", i, x)
		}
		if !w.satisfied(x, func(d int) bool { return d != i && w.online[d] }) {
			w.t.Fatalf("%d is stopped under %d", i, x)
		}
	}
}

func (w *world) mayFinish(a Action) {
	w.t.Helper()
	for i := range w.members {
		if w.touched[i] && !w.hung[i] {
			w.t.Fatalf("finished while %d is up", i)
		}
		if w.running(i) != slices.Contains(a.Hung, i) {
			w.t.Fatalf("finished with %v, hung %v", w.calls, a.Hung)
		}
	}
	if !w.stopping && !a.Failed {
		w.t.Fatal("finished for no reason")
	}
	w.finished, w.finish = true, a
}

// end lets a call return.
func (w *world) end(c call, err error) {
	w.t.Helper()
	w.calls = slices.DeleteFunc(w.calls, func(x call) bool { return x == c })
	delete(w.cancelled, c)
	i := c.member
	switch {
	case c.op == Online && err == nil && !w.leaving[i] && w.shown[i] == Starting:
		w.online[i] = true
	case c.op == Offline && err == nil && !w.running(i, Terminate):
		w.touched[i] = false
	case c.op == Terminate:
		w.touched[i] = false
	}
	if w.leaving[i] && !w.touched[i] && !w.running(i) {
		w.leaving[i] = false
	}
	w.step(Event{Kind: Returned, Member: i, Op: c.op, Err: err})
}

// pass lets time pass to the timer.
func (w *world) pass() {
	w.t.Helper()
	if w.timer.IsZero() {
		w.t.Fatalf("nothing is due, but the end has not come: calls %v", w.calls)
	}
	if w.timer.After(w.now) {
		w.now = w.timer
	}
	w.timer = time.Time{}
	w.step(Event{Kind: Wake})
}

func drawPolicy(t *rapid.T) Policy {
	return Policy{
		LooksAlive: rapid.SampledFrom([]time.Duration{5 * time.Second, -1}).Draw(t, "looks alive"),
		IsAlive:    rapid.SampledFrom([]time.Duration{time.Minute, -1}).Draw(t, "is alive"),
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
	case choice <= 6 && len(w.calls) > 0:
		c := rapid.SampledFrom(w.calls).Draw(t, "returns")
		var err error
		if c.op != Terminate && rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
			err = errIll
		}
		w.end(c, err)
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
