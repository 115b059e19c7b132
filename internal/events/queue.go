// Package events hands events to whoever listens: in order, from one goroutine, never under a lock of the
// one who reports them, and without making that one wait.
package events

import "sync"

// Queue is the way of events from those who report them to one listener.
type Queue[E any] struct {
	limit int
	tell  func(E)
	lost  func(dropped int) E

	mu      sync.Mutex
	waiting []E // from first on
	first   int
	dropped int
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

// Start begins to hand events to tell, from a goroutine of its own. Up to limit events wait while tell does
// not return. What comes then is dropped, and where it would have stood comes the event that lost makes, which
// says how many are missing. A nil tell means that nobody listens.
func Start[E any](limit int, tell func(E), lost func(dropped int) E) *Queue[E] {
	q := &Queue[E]{limit: limit, tell: tell, lost: lost, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if tell == nil {
		close(q.done)
		return q
	}
	go q.run()
	return q
}

// Add reports an event. It never waits. After Close it does nothing.
func (q *Queue[E]) Add(e E) {
	if q.tell == nil {
		return
	}
	q.mu.Lock()
	switch {
	case q.closed:
	case len(q.waiting)-q.first >= q.limit:
		q.dropped++
	default:
		q.makeRoom()
		q.sayLost()
		q.waiting = append(q.waiting, e)
	}
	q.mu.Unlock()
	q.signal()
}

// makeRoom moves what waits to the front when the end of the slice is reached.
func (q *Queue[E]) makeRoom() {
	if q.first > 0 && len(q.waiting) == cap(q.waiting) {
		n := copy(q.waiting, q.waiting[q.first:])
		clear(q.waiting[n:])
		q.first, q.waiting = 0, q.waiting[:n]
	}
}

// sayLost puts the event for what was dropped in its place.
func (q *Queue[E]) sayLost() {
	if q.dropped > 0 {
		q.waiting = append(q.waiting, q.lost(q.dropped))
		q.dropped = 0
	}
}

func (q *Queue[E]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue[E]) run() {
	defer close(q.done)
	for range q.wake {
		for {
			e, found, closed := q.take()
			if !found && closed {
				return
			}
			if !found {
				break
			}
			q.tell(e)
		}
	}
}

// take gives the first event that waits.
func (q *Queue[E]) take() (e E, found, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.waiting) {
		q.first, q.waiting = 0, q.waiting[:0]
		q.sayLost()
	}
	if q.first == len(q.waiting) {
		return e, false, q.closed
	}
	e, q.waiting[q.first] = q.waiting[q.first], e
	q.first++
	return e, true, q.closed
}

// Close lets no more events in. What waits is still handed on.
func (q *Queue[E]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// Done is closed when the last event was handed on after Close.
func (q *Queue[E]) Done() <-chan struct{} { return q.done }
