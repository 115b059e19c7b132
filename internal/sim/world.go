package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// Counts tells how often something happened, by name.
type Counts map[string]int

// world is one simulation.
type world struct {
	rng    *rand.Rand
	now    time.Duration
	calm   time.Duration // no fault is injected from then on
	agenda agenda
	serial int
	counts Counts
	broken error
	trace  func(format string, args ...any)

	defect   Defect // none: empty
	plan     plan
	disk     *disk
	wire     *wire
	sender   *sender
	receiver *receiver
	judge    *judge
}

const (
	disturbed = 3 * time.Second // how long faults are injected
	patience  = time.Minute     // how long both sides may take to end after that
	maxSteps  = 200_000
)

// Run simulates one transfer and returns the first broken promise. counts is added to; trace may be
// nil.
func Run(seed uint64, counts Counts, trace func(format string, args ...any)) error {
	return RunWith("", seed, counts, trace)
}

// RunWith is Run with a defect.
func RunWith(d Defect, seed uint64, counts Counts, trace func(format string, args ...any)) error {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0x6d716861)), counts: counts, trace: trace, defect: d}
	w.calm = time.Duration(w.rng.Int64N(int64(disturbed)))
	w.plan = newPlan(w.rng)
	w.disk = newDisk(w)
	w.wire = &wire{w: w}
	w.judge = &judge{w: w}
	w.sender = newSender(w)
	w.receiver = newReceiver(w)
	w.sender.start()
	w.receiver.start()
	w.after(0, w.disturb)
	if w.plan.cancel > 0 {
		w.at(w.plan.cancel, w.sender.cancelSoon)
	}
	w.at(w.calm, func() {})
	return w.run()
}

func (w *world) run() error {
	for steps := 0; len(w.agenda) > 0; steps++ {
		next := heap.Pop(&w.agenda).(entry)
		w.now = next.at
		next.do()
		if w.broken != nil {
			return w.broken
		}
		if w.now >= w.calm && w.ended() {
			return w.judge.verdict()
		}
		if w.now > w.calm+patience || steps > maxSteps {
			return fmt.Errorf("not ended %v after the last fault: %s", w.now-w.calm, w.where())
		}
	}
	return fmt.Errorf("nothing will ever happen again: %s", w.where())
}

func (w *world) ended() bool { return w.sender.ended() && w.receiver.ended() }

func (w *world) where() string {
	return fmt.Sprintf("sender %v, receiver %v", w.sender, w.receiver)
}

// time is what the cores are told; the zero Time means "never" to them.
func (w *world) time() time.Time { return time.Unix(1, 0).Add(w.now) }

func (w *world) violated(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf("%v: "+format, append([]any{w.now}, args...)...)
	}
}

func (w *world) count(what string) {
	w.counts[what]++
	if w.trace != nil {
		w.trace("%v %s", w.now, what)
	}
}

// fault decides whether a fault happens now, and counts it.
func (w *world) fault(rate float64, what string) bool {
	if w.now >= w.calm || w.rng.Float64() >= rate {
		return false
	}
	w.count("fault: " + what)
	return true
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// soon is how long an operation takes: mostly nothing, sometimes long.
func (w *world) soon() time.Duration {
	switch w.rng.IntN(8) {
	case 0:
		return time.Duration(w.rng.Int64N(int64(30 * time.Millisecond)))
	case 1, 2, 3:
		return 0
	}
	return time.Duration(w.rng.Int64N(int64(2 * time.Millisecond)))
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now+d, do) }

func (w *world) at(t time.Duration, do func()) {
	w.serial++
	heap.Push(&w.agenda, entry{at: t, serial: w.serial, do: do})
}

type entry struct {
	at     time.Duration
	serial int
	do     func()
}

// agenda is what is going to happen, soonest first.
type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].serial < a[j].serial
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
