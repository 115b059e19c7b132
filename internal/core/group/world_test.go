package group

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"pgregory.net/rapid"
)

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
	twin    *Core // is made to look at every member in each step
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
	watched   []bool        // says by itself when it fails
	excused   bool          // the call that has just ended failed for a cause elsewhere
	failures  []int         // as last reported
	stopping  bool
	announced int
	finished  bool
	finish    Action
}

func newWorld(t *rapid.T, members []Member) *world {
	n := len(members)
	w := &world{t: t, core: New(members), twin: New(members), members: members, now: time.Unix(0, 0), cancelled: map[call]bool{},
		online: make([]bool, n), touched: make([]bool, n), leaving: make([]bool, n), hung: make([]bool, n),
		wanted: make([]bool, n), shown: make([]State, n), broken: make([][]time.Time, n), watched: make([]bool, n), failures: make([]int, n)}
	for i := range w.wanted {
		w.wanted[i] = true
	}
	return w
}

func (w *world) step(ev Event) {
	w.t.Helper()
	actions := w.core.Step(w.now, ev, nil)
	w.compare(ev, actions)
	for _, a := range actions {
		if w.finished {
			w.t.Fatalf("%v after the end", a.Op)
		}
		w.act(a)
	}
}

// compare: looking only at what has changed must come to the same as looking at everything.
func (w *world) compare(ev Event, actions []Action) {
	w.t.Helper()
	for _, m := range w.twin.m {
		w.twin.touch(m)
	}
	if all := w.twin.Step(w.now, ev, nil); !reflect.DeepEqual(actions, all) {
		w.t.Fatalf("after %+v\nchanged members only: %+v\nall members:          %+v", ev, actions, all)
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

// possible: wanted, and can be online with the others that are wanted.
func (w *world) possible(i int) bool { return w.wanted[i] && w.satisfied(i, w.possible) }

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
		if a.Op == LooksAlive && w.watched[i] {
			w.t.Fatalf("%d is asked for a guess, although it would say so by itself", i)
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
		if a.To == Broken && a.From != Broken && !w.excused {
			w.broken[i] = append(w.broken[i], w.now)
		}
		w.shown[i], w.failures[i] = a.To, a.Failures
		var overdue *OverdueError
		if a.To == Broken && w.leaving[i] && w.running(i) && errors.As(a.Err, &overdue) {
			w.hung[i] = true
		}
	case AllOnline:
		w.announced++
		for i := range w.members {
			if w.possible(i) && !w.online[i] {
				w.t.Fatalf("announced, but %d is not online", i)
			}
		}
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
		limit := w.members[i].Policy.Pending
		if a.Op == LooksAlive || a.Op == IsAlive {
			limit -= min(limit/10, 5*time.Second)
		}
		if !a.At.Equal(w.now.Add(limit)) {
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
func (w *world) end(c call, err error) { w.returns(c, Event{Err: err}) }

// returns is end with all that a call can say.
func (w *world) returns(c call, ev Event) {
	w.t.Helper()
	err := ev.Err
	w.calls = slices.DeleteFunc(w.calls, func(x call) bool { return x == c })
	delete(w.cancelled, c)
	i := c.member
	switch {
	case c.op == Online && err == nil && !w.leaving[i] && w.shown[i] == Starting:
		w.online[i], w.watched[i] = true, ev.Watched
	case c.op == Offline && err == nil && !w.running(i, Terminate):
		w.touched[i] = false
	case c.op == Online && err == nil && w.leaving[i] && !w.running(i, Offline):
		w.touched[i] = true // came through after all
	case c.op == Online && err != nil && w.leaving[i] && !w.running(i, Terminate):
		w.touched[i] = true // also when Terminate has ended: it did not see what this one leaves
	case c.op == Terminate:
		w.touched[i] = false
	}
	if w.leaving[i] && !w.touched[i] && !w.running(i) {
		w.leaving[i] = false
	}
	ev.Kind, ev.Member, ev.Op = Returned, i, c.op
	w.excused = ev.Elsewhere
	w.step(ev)
	w.excused = false
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
