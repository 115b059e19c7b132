package mqtest

import (
	"errors"
	"fmt"
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Quiesce begins an orderly end: connections, opens, puts and gets answer 2161 from now on, waiting
// gets too; commit and backout still work.
func (q *QueueManager) Quiesce() {
	if q.quiesced.set() {
		q.faults.count(FaultQuiesce)
	}
}

func (q *QueueManager) quiescing() bool { return q.quiesced.happened() }

// Freeze makes the queue manager stand still as a stopped process does (SIGSTOP): no call is answered and none
// does anything, sockets stay open, and the system goes on accepting connections. A client over TCP gives up after
// twice its heartbeat interval, with 2009; one in process waits for Thaw, Close or Kill. What a client did
// meanwhile, its end for example, is seen at Thaw.
func (q *QueueManager) Freeze() {
	if q.thawed.reset() {
		q.faults.count(FaultFreeze)
	}
}

// Thaw lets a frozen queue manager go on where it was.
func (q *QueueManager) Thaw() { q.thawed.set() }

// awaitThaw returns when the queue manager is not frozen, and false when it or the connection has ended instead.
func (q *QueueManager) awaitThaw(done <-chan struct{}) bool {
	if q.thawed.happened() {
		return true
	}
	select {
	case <-q.thawed.wait():
		return true
	case <-done:
		return false
	case <-q.ended:
		return false
	}
}

// ErrNotStruck is the reason why Strike refuses.
var ErrNotStruck = errors.New("mqtest: not a fault of the whole queue manager")

// Strike makes a fault of the whole queue manager happen: the row of its kind in FaultKinds says what clients see. It
// takes the place of one that lasts, except that a frozen queue manager stays so. A queue manager that has been
// closed or killed answers ErrStopped; a kind that is not one of the whole queue manager, ErrNotStruck.
func (q *QueueManager) Strike(kind FaultKind) error {
	row := kind.row()
	if row == nil || row.Injected {
		return fmt.Errorf("%w: %q", ErrNotStruck, kind)
	}
	if q.hasEnded() {
		return ErrStopped
	}
	switch kind {
	case FaultCut:
		q.Cut()
	case FaultFreeze:
		q.Freeze()
	case FaultQuiesce:
		q.Quiesce()
	case FaultKill:
		q.Kill()
	default:
		q.leave(row)
	}
	return nil
}

// leave begins an outage: nobody connects any more, and who is connected loses the connection.
func (q *QueueManager) leave(row *FaultRow) {
	q.faults.count(row.Kind)
	q.mu.Lock()
	q.outage = row // from here on connect refuses, so that the sessions below are all there are
	servers := q.servers
	q.mu.Unlock()
	if row.Kind == FaultRefuse {
		for _, s := range servers {
			s.refuse()
		}
	}
	for _, s := range q.connected() {
		if row.Kind == FaultStop {
			s.stop()
		} else {
			s.end()
		}
	}
}

// Restore ends every fault that lasts: it thaws, ends the outage, and no longer quiesces. After FaultRefuse it listens
// again on the old addresses; where somebody else has taken one it fails, the fault goes on, and Restore may be called
// again. What was injected stays.
func (q *QueueManager) Restore() error {
	if q.hasEnded() {
		return ErrStopped
	}
	q.mu.Lock()
	servers := q.servers
	q.mu.Unlock()
	for _, s := range servers {
		if err := s.listenAgain(); err != nil {
			return err
		}
	}
	q.mu.Lock()
	q.outage = nil
	q.mu.Unlock()
	q.quiesced.reset()
	q.Thaw()
	return nil
}

// States lists the faults that last at the moment: an outage, quiesce, freeze.
func (q *QueueManager) States() (kinds []FaultKind) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.outage != nil {
		kinds = append(kinds, q.outage.Kind)
	}
	if q.quiescing() {
		kinds = append(kinds, FaultQuiesce)
	}
	if !q.thawed.happened() {
		kinds = append(kinds, FaultFreeze)
	}
	return kinds
}

func (q *QueueManager) hasEnded() bool {
	select {
	case <-q.ended:
		return true
	default:
		return false
	}
}

// absent is what a client sees that connects during an outage. The caller holds the mutex.
func (q *QueueManager) absent(remote bool) mqrc.Reason {
	switch {
	case q.outage == nil:
		return mqrc.None
	case remote && (q.outage.Kind == FaultRefuse || q.outage.Kind == FaultHangUp):
		return mqrc.ConnectionBroken // no answer: its socket is closed
	case q.outage.Kind == FaultRefuse:
		return mqrc.QMgrNotAvailable
	default:
		return q.outage.OnConnect
	}
}

// suffer makes a call with whatever goes wrong with it.
func (s *session) suffer(verb mqconn.Verb, queue string, work func() mqrc.Reason) mqrc.Reason {
	if !s.qm.awaitThaw(s.done) {
		return s.endReason()
	}
	fault := s.qm.faults.next(verb, queue)
	s.pause(fault.Delay)
	switch {
	case fault.Break == BeforeWork:
		s.end()
		return mqrc.ConnectionBroken
	case fault.Reason != mqrc.None:
		return fault.Reason
	case !s.alive():
		return s.endReason() // it ended in the pause, or while the queue manager was frozen
	}
	s.verb = verb
	reason := work()
	if fault.Break == AfterWork {
		s.end()
		return mqrc.ConnectionBroken
	}
	if !s.qm.awaitThaw(s.done) {
		return s.endReason() // it ended between work and answer
	}
	return reason
}

// pause waits, at most until the connection ends.
func (s *session) pause(d time.Duration) {
	if d > 0 {
		sleep(d, s.done)
	}
}

// sleep returns after d, or when over is closed.
func sleep(d time.Duration, over <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	}
}

// stop ends the connection as an orderly stop of the queue manager does: a get that waits answers 2162 first.
func (s *session) stop() {
	s.stopping.Store(true)
	s.end()
}

// endReason is what a call answers whose connection ended under it.
func (s *session) endReason() mqrc.Reason {
	if s.stopping.Load() {
		return mqrc.QMgrStopping
	}
	return s.qm.endReason()
}

// fate decides what becomes of a message that a client puts.
func (s *session) fate(q *queue, m *message) Fault {
	if s.qm.faults.armed.Load() == 0 || q.keeps(m) {
		return Fault{}
	}
	return s.qm.faults.fate(s.verb, q.name)
}

// keeps says whether m will be persistent on q.
func (q *queue) keeps(m *message) bool {
	if getLong(m.md[:], mdPersistence) != persistenceAsQDef {
		return m.persistent
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.attrs.defPersistent
}

// again puts a second message like m. One that finds no room is dropped: nobody waits for it.
func (s *session) again(q *queue, m *message, syncpoint bool) {
	second := &message{md: m.md, body: m.body.retain(), expires: m.expires}
	if r := s.place(q, second, syncpoint); r != mqrc.None {
		second.body.release()
	}
}
