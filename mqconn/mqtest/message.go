package mqtest

import (
	"time"

	"github.com/mqha/mqha/mqconn"
)

// state says who can see a message that is on a queue.
type state uint8

const (
	visible state = iota
	putting       // put, not committed: counted in the depth, seen by nobody
	getting       // got, not committed: keeps its place for a backout, not counted in the depth
	removed
)

// A message is linked into its queue from put until its get is committed, so that a backed-out
// get finds the old place again.
type message struct {
	md         md
	body       *body
	persistent bool
	expires    time.Time // zero: never
	logged     uint64    // number in the log; zero: not there

	// Guarded by the queue's mutex.
	queue      *queue
	state      state
	priority   int
	sequence   uint64
	prev, next *message
}

// selection is what a get asks for.
type selection struct {
	id, correlation mqconn.ID // zero: any
}

func (s selection) selects(m *message) bool {
	return (s.id == mqconn.ID{} || s.id == m.md.id(mdMsgID)) &&
		(s.correlation == mqconn.ID{} || s.correlation == m.md.id(mdCorrelID))
}

// list is a doubly linked list in order of arrival.
type list struct{ first, last *message }

func (l *list) append(m *message) {
	m.prev = l.last
	if l.last == nil {
		l.first = m
	} else {
		l.last.next = m
	}
	l.last = m
}

func (l *list) remove(m *message) {
	if m.prev == nil {
		l.first = m.next
	} else {
		m.prev.next = m.next
	}
	if m.next == nil {
		l.last = m.prev
	} else {
		m.next.prev = m.prev
	}
	m.prev, m.next = nil, nil
}
