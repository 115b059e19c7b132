package mqtest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Break says whether a Fault breaks the connection, and on which side of the work.
type Break int

const (
	// Intact leaves the connection as it is.
	Intact Break = iota
	// BeforeWork breaks the connection before the queue manager has acted on the call: a
	// commit so lost was not made, and the unit of work is backed out.
	BeforeWork
	// AfterWork breaks the connection after the queue manager has acted on the call and before
	// its answer: a commit so lost was made. The client cannot tell this from BeforeWork.
	AfterWork
)

// A Fault is something that goes wrong with single calls, chosen by counting. It has exactly one of
// Reason, Break, Delay, Lose and Repeat, which is its Kind.
type Fault struct {
	// Verb is the call that goes wrong; empty: any.
	Verb mqconn.Verb
	// Queue restricts the fault to calls on this queue; empty: any. MQCONNX, MQCMIT, MQBACK, MQSTAT and MQDISC
	// name none.
	Queue string
	// Skip lets that many matching calls pass first.
	Skip int
	// Times is how many matching calls go wrong; default 1, negative: all from then on.
	Times int
	// Chance is how likely each of them is to go wrong, from 0 to 1; default 1. Which ones do depends on Seed and
	// on their number alone: with one connection a run can be repeated exactly.
	Chance float64
	// Seed of the Chance; faults with the same seed throw the same dice.
	Seed uint64

	// Reason is what the call answers, without having done anything. 2009 is BeforeWork.
	Reason mqrc.Reason
	// Break breaks the connection; the client sees 2009, or 2059 in MQCONNX.
	Break Break
	// Delay is waited before the work of the call. The end of its client is only noticed after it.
	Delay time.Duration
	// Lose lets a put succeed and its message vanish; Repeat puts the message twice, with the same identifiers.
	// Both strike and count puts of non-persistent messages only: a persistent one is never lost or repeated by
	// a queue manager.
	Lose, Repeat bool
}

// InjectedFault is a Fault and what has become of it.
type InjectedFault struct {
	Number int // counted from 1
	Fault  Fault
	Calls  int // that matched, those skipped included
	Struck int // calls that went wrong
	Spent  bool
}

// ErrFault is the reason why a Fault is refused that could never strike.
var ErrFault = errors.New("mqtest: this fault cannot strike")

// check says why f could not strike, or that two things should go wrong at once.
func (f Fault) check() error {
	kinds := 0
	for _, is := range []bool{f.Reason != mqrc.None, f.Break != Intact, f.Delay > 0, f.Lose, f.Repeat} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("%w: it needs one of Reason, Break, Delay, Lose and Repeat, not %d", ErrFault, kinds)
	case f.Break < Intact || f.Break > AfterWork:
		return fmt.Errorf("%w: Break %d is not known", ErrFault, f.Break)
	case f.Delay < 0 || f.Skip < 0:
		return fmt.Errorf("%w: Delay %s or Skip %d is negative", ErrFault, f.Delay, f.Skip)
	case !(f.Chance >= 0 && f.Chance <= 1):
		return fmt.Errorf("%w: Chance %g is not from 0 to 1", ErrFault, f.Chance)
	case f.Verb != "" && !slices.Contains(verbsWithQueue, f.Verb) && !slices.Contains(verbsWithout, f.Verb):
		return fmt.Errorf("%w: no call %q is made here", ErrFault, f.Verb)
	case f.Queue != "" && slices.Contains(verbsWithout, f.Verb):
		return fmt.Errorf("%w: %s names no queue", ErrFault, f.Verb)
	case (f.Lose || f.Repeat) && f.Verb != "" && f.Verb != mqconn.VerbPut && f.Verb != mqconn.VerbPut1:
		return fmt.Errorf("%w: %s puts no message", ErrFault, f.Verb)
	}
	return nil
}

// The calls that a fault can strike.
var (
	verbsWithQueue = []mqconn.Verb{mqconn.VerbOpen, mqconn.VerbClose, mqconn.VerbPut, mqconn.VerbPut1, mqconn.VerbGet,
		mqconn.VerbInquire, verbSet}
	verbsWithout = []mqconn.Verb{mqconn.VerbConnect, mqconn.VerbCommit, mqconn.VerbBackout, mqconn.VerbDisconnect, verbStatus}
)

// Inject adds faults to those that wait for a call, and returns their numbers. Each call is counted by every
// fault that it matches. The first of those that are due strikes it, in the order in which they were injected; the
// others wait on. Delays strike besides.
//
// Inject panics with ErrFault on a fault that could never strike: a test that waits for it would prove nothing.
func (q *QueueManager) Inject(more ...Fault) (numbers []int) {
	for _, fault := range more {
		if err := fault.check(); err != nil {
			panic(err)
		}
	}
	return q.faults.add(more)
}

// Clear takes back the faults with these numbers, or all of them, and forgets their counters. Struck goes on.
func (q *QueueManager) Clear(numbers ...int) { q.faults.clear(numbers) }

// Faults lists what was injected and not cleared, spent ones as well, in order.
func (q *QueueManager) Faults() []InjectedFault {
	q.faults.mu.Lock()
	defer q.faults.mu.Unlock()
	all := make([]InjectedFault, 0, len(q.faults.injected))
	for _, fault := range q.faults.injected {
		all = append(all, fault.InjectedFault)
	}
	return all
}

// Struck counts how often a fault of each kind has struck since the start: calls for those of single calls, Strikes
// for those of the whole queue manager. Kinds that never did are missing.
func (q *QueueManager) Struck() map[FaultKind]int {
	q.faults.mu.Lock()
	defer q.faults.mu.Unlock()
	return maps.Clone(q.faults.struck)
}

// faults is the table of what is to go wrong.
type faults struct {
	armed    atomic.Int32 // how many wait, so that the table costs nothing while none does
	mu       sync.Mutex
	last     int
	injected []*injected
	waiting  []*injected
	struck   map[FaultKind]int
}

type injected struct {
	InjectedFault
	left int // Times, counted down; negative: no end
	dice *rand.Rand
}

func (f *faults) add(more []Fault) (numbers []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range more {
		if fault.Reason == mqrc.ConnectionBroken {
			fault.Reason, fault.Break = mqrc.None, BeforeWork // what answers 2009 has no connection any more
		}
		f.last++
		i := &injected{InjectedFault: InjectedFault{Number: f.last, Fault: fault}, left: fault.Times}
		if i.left == 0 {
			i.left = 1
		}
		if fault.Chance > 0 {
			i.dice = rand.New(rand.NewPCG(fault.Seed, 0))
		}
		f.injected = append(f.injected, i)
		f.waiting = append(f.waiting, i)
		numbers = append(numbers, f.last)
	}
	f.armed.Store(int32(len(f.waiting)))
	return numbers
}

func (f *faults) clear(numbers []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gone := func(i *injected) bool { return len(numbers) == 0 || slices.Contains(numbers, i.Number) }
	f.injected = slices.DeleteFunc(f.injected, gone)
	f.waiting = slices.DeleteFunc(f.waiting, gone)
	f.armed.Store(int32(len(f.waiting)))
}

// count notes that a fault has struck.
func (f *faults) count(kind FaultKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.countLocked(kind)
}

func (f *faults) countLocked(kind FaultKind) {
	if f.struck == nil {
		f.struck = make(map[FaultKind]int)
	}
	f.struck[kind]++
}

// next gives what goes wrong with a call: at most one fault that is not a delay, and the sum of the delays.
func (f *faults) next(verb mqconn.Verb, queue string) Fault {
	return f.strike(verb, queue, func(fault Fault) bool { return !fault.Lose && !fault.Repeat })
}

// fate gives what becomes of a non-persistent message.
func (f *faults) fate(verb mqconn.Verb, queue string) Fault {
	return f.strike(verb, queue, func(fault Fault) bool { return fault.Lose || fault.Repeat })
}

func (f *faults) strike(verb mqconn.Verb, queue string, concerns func(Fault) bool) (hit Fault) {
	if f.armed.Load() == 0 {
		return Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var delay time.Duration
	struck := false
	for _, i := range f.waiting {
		fault := i.Fault
		if fault.Verb != "" && fault.Verb != verb || fault.Queue != "" && fault.Queue != queue || !concerns(fault) {
			continue
		}
		if i.Calls++; i.Calls <= fault.Skip {
			continue
		}
		// The dice are thrown for each call, also for one that another fault strikes.
		if i.dice != nil && i.dice.Float64() >= fault.Chance || struck && fault.Delay == 0 {
			continue
		}
		if fault.Delay > 0 {
			delay += fault.Delay
		} else {
			hit, struck = fault, true
		}
		f.hit(i)
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(i *injected) bool { return i.Spent })
	f.armed.Store(int32(len(f.waiting)))
	hit.Delay = delay
	return hit
}

func (f *faults) hit(i *injected) {
	i.Struck++
	if i.left--; i.left == 0 {
		i.Spent = true
	}
	f.countLocked(i.Fault.Kind())
}
