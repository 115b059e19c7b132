package agent

import (
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"
)

var (
	generationParts = []Part{Verify, HoldInput, HoldCommands, RunEngine, Commands, Work}
	workingParts    = []Part{Verify, HoldInput, HoldCommands, RunEngine, Commands, Work, OpenEngine, Drain, CloseEngine, Connector, Campaign, Warm, Yield}
)

// world plays the shell: it performs actions, and checks every one against what the package
// promises. It keeps its own books and never looks into the Core.
type world struct {
	t    *rapid.T
	core *Core
	o    Options
	now  time.Time

	running    map[Part]bool
	cancelled  map[Part]bool
	overdue    map[Part]bool
	hung       map[Part]bool
	online     map[Part]bool
	lease      bool
	leaseGone  bool
	count      uint64 // generations so far
	generation uint64 // 0: none
	session    bool
	proven     map[Part]bool // Verify, HoldInput, HoldCommands done in this generation
	downs      map[Part]int  // Drain, CloseEngine, Release in this epoch
	stepDowns  int           // in this epoch
	actives    int
	timer      int
	deadline   time.Time
	finished   bool
	finish     Action
	trace      []Action
}

func newWorld(t *rapid.T, o Options) *world {
	return &world{t: t, core: New(o), o: o, now: time.Unix(0, 0), running: map[Part]bool{}, cancelled: map[Part]bool{},
		overdue: map[Part]bool{}, hung: map[Part]bool{}, online: map[Part]bool{}, proven: map[Part]bool{}, downs: map[Part]int{}}
}

func (w *world) step(ev Event) {
	out := w.core.Step(w.now, ev, nil)
	w.trace = append(w.trace, out...)
	for _, a := range out {
		w.perform(a)
	}
	w.looksOut()
}

// looksOut: an instance that waits for the lease is connected or tries to be, for the active one to see; and the one that
// holds it looks until it is active in its session, and not a step longer.
func (w *world) looksOut() {
	if w.finished || !w.o.Yield {
		return
	}
	if w.running[Warm] && w.lease && !w.cancelled[Warm] {
		w.t.Fatal("elected, and the connection of the standby is not given up")
	}
	looks := w.running[Yield] && !w.cancelled[Yield]
	if w.session && w.running[Commands] && !w.cancelled[Commands] && looks {
		w.t.Fatal("active, and it still looks for a standby that is connected")
	}
	if w.stepDowns > 0 || w.leaseGone {
		return
	}
	if w.running[Connector] && !w.session && !w.running[Yield] {
		w.t.Fatal("without a session, and nobody looks for a standby that has one")
	}
	if w.running[Campaign] && !w.running[Warm] {
		w.t.Fatal("it stands by, and nobody connects")
	}
}

func (w *world) perform(a Action) {
	if w.finished {
		w.t.Fatalf("%+v after Finish", a)
	}
	switch a.Kind {
	case Start:
		w.startPart(a.Part)
	case Cancel:
		if !w.running[a.Part] || w.cancelled[a.Part] {
			w.t.Fatalf("cancel of %v, which is not running", a.Part)
		}
		w.cancelled[a.Part] = true
	case EndGeneration:
		if w.session {
			w.t.Fatal("generation ended while its session lives")
		}
		w.noneRuns("end of generation", generationParts...)
		w.generation = 0
	case Arm:
		w.timer, w.deadline = a.Timer, a.At
		if !a.At.After(w.now) {
			w.t.Fatal("a timer that fires at once")
		}
	case HardStop:
		for _, p := range a.Overdue {
			if !w.running[p] && !w.hung[p] {
				w.t.Fatalf("hard stop for %v, which is not running", p)
			}
			w.overdue[p] = true
		}
	case Report:
		w.note(a)
	case Finish:
		for _, p := range allParts() {
			if w.running[p] && !w.overdue[p] {
				w.t.Fatalf("Finish while %v runs", p)
			}
		}
		w.finished, w.finish = true, a
	}
}

func (w *world) startPart(p Part) {
	if w.running[p] {
		w.t.Fatalf("%v started twice", p)
	}
	if w.leaseGone && p != CloseEngine && p != Release {
		w.t.Fatalf("%v started after the lease was lost", p)
	}
	switch p {
	case Warm, Yield:
		if !w.o.Yield || w.lease != (p == Yield) {
			w.t.Fatalf("%v started: lease %t", p, w.lease)
		}
	case RunEngine, Commands, Work:
		if !w.proven[Verify] || !w.proven[HoldCommands] || w.o.Engine && !w.proven[HoldInput] {
			w.t.Fatalf("%v started with only %v proven in this generation", p, w.proven)
		}
	case HoldInput, HoldCommands:
		if !w.proven[Verify] {
			w.t.Fatalf("%v before the lease was verified in this generation", p)
		}
	case Release:
		w.noneRuns("release", append([]Part{Group}, workingParts...)...)
		if len(w.overdue) > 0 {
			w.t.Fatal("released while something overran")
		}
	case CloseEngine:
		w.noneRuns("closing of the journals", RunEngine, Work, Drain, Commands)
	}
	switch p {
	case Drain, CloseEngine, Release:
		if w.downs[p]++; w.downs[p] > 1 {
			w.t.Fatalf("second step down: %v again", p)
		}
	}
	w.running[p], w.cancelled[p] = true, false
}

func (w *world) noneRuns(when string, parts ...Part) {
	for _, p := range parts {
		if w.running[p] {
			w.t.Fatalf("%s while %v runs", when, p)
		}
	}
}

func (w *world) note(a Action) {
	switch a.Note {
	case Active:
		w.actives++
	case SteppingDown:
		if w.stepDowns++; w.stepDowns > 1 {
			w.t.Fatal("a second way down")
		}
	}
}

// end reports the end of p, in the books first.
func (w *world) end(p Part, o Outcome) {
	w.running[p], w.online[p] = false, false
	if o == Done {
		switch p {
		case Campaign:
			w.lease = true
		case Verify, HoldInput, HoldCommands:
			w.proven[p] = true
		}
	}
	if p == Release {
		w.lease, w.leaseGone = false, false
	}
	if w.lease && (o == Lost || p == Verify && o == Failed) {
		w.leaseGone = true
	}
	if p == Connector {
		w.session, w.generation = false, 0
	}
	w.hung[p] = w.hung[p] || o == Hangs
	if p == StandBack { // the next round begins
		w.stepDowns, w.downs = 0, map[Part]int{}
	}
	var err error
	if o != Done {
		err = errors.New(p.String())
	}
	w.step(Event{Kind: Ended, Part: p, Outcome: o, Err: err})
}

func allParts() []Part {
	var all []Part
	for p := range partCount {
		all = append(all, p)
	}
	return all
}

func (w *world) runningParts() []Part {
	return slices.DeleteFunc(allParts(), func(p Part) bool { return !w.running[p] })
}

// outcomes of a part that the world can really produce now.
func (w *world) outcomes(p Part) []Outcome {
	switch p {
	case Before, Group:
		if w.cancelled[p] {
			return []Outcome{Done, Failed, Hangs}
		}
		return []Outcome{Failed, Failed, Hangs}
	case Campaign:
		if w.cancelled[p] {
			return []Outcome{Cancelled, Done} // it may have been elected just before
		}
		return []Outcome{Done, Failed, Fatal}
	case OpenEngine:
		return []Outcome{Done, Failed, Fatal, Lost}
	case Warm:
		if w.cancelled[p] {
			return []Outcome{Cancelled}
		}
		return nil
	case Yield:
		if w.cancelled[p] {
			return []Outcome{Cancelled, Failed} // it may have found one just before
		}
		return []Outcome{Failed}
	case Connector:
		if w.cancelled[p] {
			return []Outcome{Cancelled}
		}
		return []Outcome{Failed, Fatal}
	case Verify:
		if w.cancelled[p] || !w.session {
			return []Outcome{Cancelled, Done}
		}
		return []Outcome{Done, Failed, Lost}
	case HoldInput, HoldCommands:
		if w.cancelled[p] || !w.session {
			return []Outcome{Cancelled, Done}
		}
		return []Outcome{Done, Failed, Fatal}
	case RunEngine, Commands:
		if w.cancelled[p] || !w.session {
			return []Outcome{Cancelled}
		}
		return []Outcome{Failed, Lost}
	case Work:
		if w.cancelled[p] || !w.session {
			return []Outcome{Cancelled, Done}
		}
		return []Outcome{Done, Failed}
	default:
		return []Outcome{Done}
	}
}

// random makes one thing happen; most often something that brings the agent on.
func (w *world) random() {
	move := rapid.SampledFrom([]string{"well", "well", "well", "well", "well", "well", "badly", "cut", "lose", "time", "stop"}).Draw(w.t, "move")
	switch move {
	case "well", "badly":
		w.answer(move == "badly")
	case "cut":
		if w.session && !w.cancelled[Connector] {
			w.cut()
		}
	case "lose":
		if w.lease && !w.leaseGone && rapid.IntRange(0, 3).Draw(w.t, "really") == 0 {
			w.lose()
		}
	case "time":
		if !w.deadline.IsZero() {
			w.now, w.deadline = w.deadline, time.Time{}
			w.step(Event{Kind: Timer, Timer: w.timer})
		}
	case "stop":
		if rapid.IntRange(0, 5).Draw(w.t, "really") == 0 {
			w.step(Event{Kind: Stop, Drain: rapid.Bool().Draw(w.t, "drain")})
		}
	}
}

// answer lets one part go on: as the agent hopes, or in any way it can.
func (w *world) answer(badly bool) {
	parts := w.runningParts()
	if len(parts) == 0 {
		return
	}
	p := rapid.SampledFrom(parts).Draw(w.t, "part")
	switch {
	case badly && len(w.outcomes(p)) == 0, !badly && !w.cancelled[p] && (p == Warm || p == Yield):
	case badly:
		w.end(p, rapid.SampledFrom(w.outcomes(p)).Draw(w.t, "outcome"))
	case w.cancelled[p]:
		w.end(p, w.outcomes(p)[0])
	case p == Before || p == Group:
		w.comeOnline(p)
	case p == Connector:
		if w.generation == 0 {
			w.connect()
		}
	case p != RunEngine && p != Commands && p != Work:
		w.end(p, w.outcomes(p)[0])
	}
}

func (w *world) comeOnline(p Part) {
	if w.running[p] && !w.online[p] && !w.cancelled[p] {
		w.online[p] = true
		w.step(Event{Kind: Online, Part: p})
	}
}

// lose takes the lease away; at that very step the work and the connections must be told.
func (w *world) lose() {
	w.leaseGone = true
	w.step(Event{Kind: LeaseLost, Err: errors.New("lost")})
	for _, p := range append([]Part{Connector, Drain, Yield}, generationParts...) {
		if w.running[p] && !w.cancelled[p] && !w.overdue[p] {
			w.t.Fatalf("the lease is lost, and %v was not cancelled at once", p)
		}
	}
}

func (w *world) connect() {
	w.count++
	w.generation = w.count
	w.session, w.proven = true, map[Part]bool{}
	w.step(Event{Kind: Connected, Generation: w.generation})
}

func (w *world) cut() {
	w.session = false
	w.step(Event{Kind: SessionEnded, Generation: w.generation, Err: errors.New("2009")})
}

// settle lets everything answer well until nothing more happens.
func (w *world) settle() {
	for range 200 {
		before := len(w.trace)
		w.comeOnline(Before)
		w.comeOnline(Group)
		for _, p := range w.runningParts() {
			longLived := p == Before || p == Group || p == Connector || p == RunEngine || p == Commands || p == Work || p == Warm || p == Yield
			if !w.running[p] || longLived && !w.cancelled[p] {
				continue
			}
			if o := w.outcomes(p); w.cancelled[p] || longLived {
				w.end(p, o[0])
			} else {
				w.end(p, Done)
			}
		}
		if w.running[Connector] && !w.cancelled[Connector] && !w.session && w.generation == 0 {
			w.connect()
		}
		if len(w.trace) == before {
			return
		}
	}
	w.t.Fatal("the agent never comes to rest")
}
