package mqtest

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Break says whether a Fault breaks the connection, and on which side of the work.
type Break int

const (
	// Intact leaves the connection as it is: the call answers Fault.Reason.
	Intact Break = iota
	// BeforeWork breaks the connection before the queue manager has acted on the call: a
	// commit so lost was not made, and the unit of work is backed out.
	BeforeWork
	// AfterWork breaks the connection after the queue manager has acted on the call and before
	// its answer: a commit so lost was made. The client cannot tell this from BeforeWork.
	AfterWork
)

// A Fault is something that goes wrong with one call, chosen by counting.
type Fault struct {
	// Verb is the call that goes wrong.
	Verb mqconn.Verb
	// Queue restricts the fault to calls on this queue; empty: any. Commit and backout name none.
	Queue string
	// Skip lets that many matching calls pass first.
	Skip int
	// Times is how many matching calls go wrong; default 1, negative: all from then on.
	Times int
	// Reason is what the call answers, without having done anything.
	Reason mqrc.Reason
	// Break breaks the connection instead; the client sees 2009.
	Break Break
}

// Inject adds faults to the table of q. Each call is held against them in the order they were
// injected; the first that fits decides, and counts it.
func (q *QueueManager) Inject(faults ...Fault) {
	q.faults.add(faults)
}

// faults is the table of what is to go wrong.
type faults struct {
	armed atomic.Bool // so that the table costs nothing while it is empty
	mu    sync.Mutex
	table []Fault
}

func (f *faults) add(more []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range more {
		if fault.Times == 0 {
			fault.Times = 1
		}
		f.table = append(f.table, fault)
	}
	f.armed.Store(len(f.table) > 0)
}

// next gives the fault for a call, or the zero Fault.
func (f *faults) next(verb mqconn.Verb, queue string) Fault {
	if !f.armed.Load() {
		return Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.table {
		fault := &f.table[i]
		if fault.Verb != verb || fault.Queue != "" && fault.Queue != queue {
			continue
		}
		if fault.Skip > 0 {
			fault.Skip--
			return Fault{}
		}
		hit := *fault
		if fault.Times--; fault.Times == 0 {
			f.table = slices.Delete(f.table, i, i+1)
			f.armed.Store(len(f.table) > 0)
		}
		return hit
	}
	return Fault{}
}
