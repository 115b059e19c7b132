package mqtest

import (
	"sync"
	"sync/atomic"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A session is one connection as the queue manager sees it: its open handles and its unit of work.
// One call at a time runs on it; the end of the connection may come during that call.
type session struct {
	qm          *QueueManager
	number      int32
	application string
	user        string
	channel     string // empty: in process
	library     Library
	host        string // of the client; empty: this one
	maxLength   int
	hangUp      func(orderly bool) // closes the socket; nil in process
	gone        func() bool        // looks whether the client has closed the socket; nil in process

	mu    sync.Mutex
	busy  bool
	ended bool
	done  chan struct{} // closed when ended

	stopping atomic.Bool // it ends because the queue manager stops

	// The rest belongs to the running call, and to cleanUp after the last one.
	verb       mqconn.Verb
	handles    map[int32]*handle
	lastHandle int32
	unit       unit
	async      asyncPuts
}

// A handle is an open object.
type handle struct {
	queue   *queue // nil: the queue manager itself
	route   *route // of a queue elsewhere, to which queue is the way
	options int32
	input   bool
	cursor  cursor
}

// call runs one verb: it keeps calls apart, applies faults, and leaves nothing behind when the
// connection ends while the verb runs.
//
// The call is on an open queue or names one, for the fault table.
func (s *session) call(verb mqconn.Verb, object int32, queue string, work func() mqrc.Reason) mqrc.Reason {
	if r := s.enter(); r != mqrc.None {
		return r
	}
	defer s.leave()
	if h := s.handles[object]; h != nil && h.queue != nil {
		queue = h.queue.name
	}
	return s.suffer(verb, queue, work)
}

func (s *session) enter() mqrc.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return mqrc.ConnectionBroken
	case s.busy:
		return mqrc.CallInProgress
	}
	s.busy = true
	return mqrc.None
}

func (s *session) leave() {
	s.mu.Lock()
	s.busy = false
	ended := s.ended
	s.mu.Unlock()
	if ended {
		s.cleanUp()
	}
}

// end ends the connection, whatever it is doing. Whoever finds it idle cleans up: end itself, or the
// call that is running, which a wait inside it does not hold up.
func (s *session) end() {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	idle := !s.busy
	close(s.done)
	s.mu.Unlock()
	if s.hangUp != nil {
		s.hangUp(s.stopping.Load() || s.qm.stops())
	}
	if idle {
		s.cleanUp()
	}
}

func (s *session) cleanUp() {
	s.unit.backOut(s.qm)
	for number := range s.handles {
		s.release(number)
	}
	s.qm.forget(s)
}

func (s *session) alive() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// open resolves the name and checks who else has the queue open.
func (s *session) open(d *od, options int32) (number int32, reason mqrc.Reason) {
	name := d.address().Queue
	reason = s.call(mqconn.VerbOpen, 0, name, func() mqrc.Reason {
		if s.qm.quiescing() && options&ooFailQuiescing != 0 {
			return mqrc.QMgrQuiescing
		}
		if options&(ooInput|ooBrowse|ooOutput|ooInquire|ooSet) == 0 {
			return mqrc.OptionsError
		}
		h := &handle{options: options, input: options&ooInput != 0}
		if r := s.openObject(h, d); r != mqrc.None {
			return r
		}
		s.lastHandle++ // never used again, so that a stale handle is 2019 and not somebody else's queue
		number = s.lastHandle
		s.handles[number] = h
		return mqrc.None
	})
	return number, reason
}

// openObject finds what d names and lets h in.
func (s *session) openObject(h *handle, d *od) (r mqrc.Reason) {
	if getLong(d[:], odObjectType) == objectQueueManager {
		if h.options&^ooFailQuiescing != ooInquire {
			return wrongOption
		}
		return mqrc.None
	}
	t, r := s.target(d, h.options)
	if r != mqrc.None {
		return r
	}
	h.queue, h.route = t.queue, t.route
	return h.queue.admit(h)
}

// target finds what d names.
func (s *session) target(d *od, options int32) (target, mqrc.Reason) {
	if getLong(d[:], odObjectType) != objectQueue {
		return target{}, mqrc.ObjectTypeError
	}
	return s.qm.target(d.address(), options)
}

// admit lets h in unless that breaks the exclusive use of a queue. An exclusive handle shuts out
// every other for input, those of its own connection included (MQRC_OBJECT_IN_USE, 2042).
func (q *queue) admit(h *handle) mqrc.Reason {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h.input {
		exclusive := h.options&ooInputExclusive != 0 || q.attrs.noShare ||
			h.options&ooInputAsQDef != 0 && q.attrs.exclusive
		if q.exclusive || exclusive && q.inputs > 0 {
			return mqrc.ObjectInUse
		}
		q.inputs++
		q.exclusive = exclusive
	}
	if h.options&ooOutput != 0 {
		q.outputs++
	}
	return mqrc.None
}

func (s *session) release(number int32) {
	h := s.handles[number]
	delete(s.handles, number)
	if h.queue != nil {
		h.queue.dismiss(h)
	}
}

// dismiss undoes admit.
func (q *queue) dismiss(h *handle) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h.input {
		q.inputs--
		q.exclusive = false // either it was this one, or nobody was
	}
	if h.options&ooOutput != 0 {
		q.outputs--
	}
}

func (s *session) close(number int32) mqrc.Reason {
	return s.call(mqconn.VerbClose, number, "", func() mqrc.Reason {
		if s.handles[number] == nil {
			return mqrc.HObjError
		}
		s.release(number)
		return mqrc.None
	})
}

func (s *session) commit() mqrc.Reason {
	return s.call(mqconn.VerbCommit, 0, "", func() mqrc.Reason { return s.unit.commit(s.qm) })
}

func (s *session) backout() mqrc.Reason {
	return s.call(mqconn.VerbBackout, 0, "", func() mqrc.Reason {
		s.unit.backOut(s.qm)
		return mqrc.None
	})
}

// disconnect commits, as MQDISC does on an orderly end; the transport backs out before it.
func (s *session) disconnect() mqrc.Reason {
	r := s.call(mqconn.VerbDisconnect, 0, "", func() mqrc.Reason { return s.unit.commit(s.qm) })
	s.end()
	return r
}
