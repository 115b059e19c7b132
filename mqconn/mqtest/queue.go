package mqtest

import (
	"slices"
	"sync"
	"time"

	"github.com/mqha/mqha/mqconn/mqrc"
)

// attributes of a local queue; the names are those of MQSC.
type attributes struct {
	maxDepth      int  // MAXDEPTH
	maxLength     int  // MAXMSGL
	putInhibited  bool // PUT(DISABLED)
	getInhibited  bool // GET(DISABLED)
	noShare       bool // NOSHARE
	exclusive     bool // DEFSOPT(EXCL)
	defPersistent bool // DEFPSIST(YES)
	defPriority   int  // DEFPRTY
	fifo          bool // MSGDLVSQ(FIFO)
	transmission  bool // USAGE(XMITQ)
	triggered     bool // TRIGGER
}

// Attributes of SYSTEM.DEFAULT.LOCAL.QUEUE as IBM MQ ships it.
var defaultAttributes = attributes{maxDepth: 5000, maxLength: 4 << 20}

// A queue holds messages by priority, first in first out within one, and those who wait for them.
type queue struct {
	name   string
	expire func(*message) // called with the mutex held when a message expires; must not wait

	mu      sync.Mutex
	attrs   attributes
	lists   [highestPriority + 1]list
	depth   int // visible and putting: what CURDEPTH counts
	arrived uint64
	waiters []*waiter
	untold  []*message // expired, and a report may have been asked for

	inputs    int
	outputs   int
	exclusive bool // the one input handle is exclusive
}

func (o *objects) newQueue(name string) *queue {
	q := &queue{name: name, expire: o.expire, attrs: defaultAttributes}
	o.queues[name] = q
	return q
}

// A waiter is a get that found nothing. It is woken, looks again, and consumes only then: a
// client that dies while it waits has been given nothing.
type waiter struct {
	selection
	woken  bool          // guarded by the queue's mutex
	signal chan struct{} // capacity 1
	memory []byte        // empty, with room for a message that is handed over; nil: none is
	given  *message      // handed over; guarded by the queue's mutex
}

// put links m in. As putting it is counted but not seen.
func (q *queue) put(m *message, as state) mqrc.Reason {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.attrs.putInhibited:
		return mqrc.PutInhibited
	case len(m.body.data) > q.attrs.maxLength:
		return mqrc.MsgTooBigForQ
	case q.depth >= q.attrs.maxDepth:
		if q.sweep(time.Now()); q.depth >= q.attrs.maxDepth {
			return mqrc.QFull
		}
	}
	q.link(m, as)
	return mqrc.None
}

// link appends m at the end of its priority. The caller holds the mutex.
func (q *queue) link(m *message, as state) {
	q.complete(m)
	if q.attrs.fifo {
		m.priority = q.attrs.defPriority
	}
	q.arrived++
	m.queue, m.state, m.sequence = q, as, q.arrived
	q.lists[m.priority].append(m)
	q.depth++
	if as == visible {
		q.wake(m)
	}
}

// complete gives m the priority and persistence that it leaves to the queue.
func (q *queue) complete(m *message) {
	switch p := int(getLong(m.md[:], mdPriority)); {
	case p != priorityAsQDef:
		m.priority = p
	default:
		m.priority = q.attrs.defPriority
		putLong(m.md[:], mdPriority, int32(m.priority))
	}
	if getLong(m.md[:], mdPersistence) == persistenceAsQDef {
		m.persistent = q.attrs.defPersistent
		putLong(m.md[:], mdPersistence, boolLong(m.persistent))
	}
}

func boolLong(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// show makes a put or got message visible: its put was committed or its get backed out.
func (q *queue) show(m *message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.state == getting {
		q.depth++
	}
	m.state = visible
	q.wake(m)
}

// remove unlinks m: its get was committed or its put backed out.
func (q *queue) remove(m *message) {
	q.mu.Lock()
	q.unlink(m)
	q.mu.Unlock()
}

func (q *queue) unlink(m *message) {
	if m.state != getting {
		q.depth--
	}
	m.state = removed
	q.lists[m.priority].remove(m)
}

// drop takes away an expired message. Its body is left to the garbage collector: the log may be reading it.
func (q *queue) drop(m *message) {
	q.unlink(m)
	q.expire(m)
	if getLong(m.md[:], mdReport) != 0 {
		q.untold = append(q.untold, m)
	}
}

// hold makes a visible message a got one, which nobody else sees. The caller holds the mutex.
func (q *queue) hold(m *message) {
	m.state = getting
	q.depth--
}

// find gives the first visible message for s, and drops the expired ones that it meets: as in IBM MQ
// an expired message leaves its queue when a get looks at it.
func (q *queue) find(s selection, now time.Time) *message {
	for p := highestPriority; p >= 0; p-- {
		for m := q.lists[p].first; m != nil; {
			next := m.next
			switch {
			case m.state != visible:
			case m.expired(now):
				q.drop(m)
			case s.selects(m):
				return m
			}
			m = next
		}
	}
	return nil
}

// browse gives the first visible message behind the cursor.
func (q *queue) browse(c *cursor, s selection, now time.Time) *message {
	start := highestPriority
	if c.set {
		start = c.priority
	}
	for p := start; p >= 0; p-- {
		for m := q.lists[p].first; m != nil; m = m.next {
			if c.set && p == c.priority && m.sequence <= c.sequence {
				continue
			}
			if m.state == visible && !m.expired(now) && s.selects(m) {
				c.set, c.priority, c.sequence = true, p, m.sequence
				return m
			}
		}
	}
	return nil
}

// cursor is a browse cursor: the place of the message browsed last.
type cursor struct {
	set      bool
	priority int
	sequence uint64
}

func (m *message) expired(now time.Time) bool {
	return !m.expires.IsZero() && !now.Before(m.expires)
}

// sweep drops every expired message.
func (q *queue) sweep(now time.Time) {
	for p := range q.lists {
		for m := q.lists[p].first; m != nil; {
			next := m.next
			if m.state == visible && m.expired(now) {
				q.drop(m)
			}
			m = next
		}
	}
}

// wake signals the first sleeping waiter that m is for. One message wakes one waiter.
func (q *queue) wake(m *message) {
	for _, w := range q.waiters {
		if !w.woken && w.selects(m) {
			w.woken = true
			w.signal <- struct{}{}
			return
		}
	}
}

// wait enters s among the waiters. The caller holds the mutex and has just found nothing.
func (q *queue) wait(s selection) *waiter {
	w := &waiter{selection: s, signal: make(chan struct{}, 1)}
	q.waiters = append(q.waiters, w)
	return w
}

// sleep lets w be woken again. Who was woken and looks for another reason has not read the signal: whoever wakes it next
// would wait, holding the mutex, for room for a second one. The caller holds the mutex.
func (w *waiter) sleep() {
	w.woken = false
	select {
	case <-w.signal:
	default:
	}
}

// leave takes w from the waiters. The caller holds the mutex.
func (q *queue) leave(w *waiter) {
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	}
}

// passOn is called by a woken waiter that took nothing. What it was woken for may be visible still,
// with another waiter asleep that was passed over because this one stood before it.
func (q *queue) passOn() {
	asleep := func(w *waiter) bool { return !w.woken }
	if !slices.ContainsFunc(q.waiters, asleep) {
		return
	}
	for p := range q.lists {
		for m := q.lists[p].first; m != nil; m = m.next {
			if m.state == visible {
				q.wake(m)
			}
		}
	}
}

// wakeAll makes every waiter look again, for example because gets are now inhibited.
func (q *queue) wakeAll() {
	for _, w := range q.waiters {
		if !w.woken {
			w.woken = true
			w.signal <- struct{}{}
		}
	}
}
