package mqtest

import (
	"runtime"
	"slices"
)

// smallestHandOver is the length from which on a copy costs more than finding out whether it can be saved.
const smallestHandOver = bodyHeadroom

// handOver gives a message to a get that waits for it in this process, out of the sender's memory straight into the
// receiver's: one copy instead of two. It never was on the queue then. Only a message that leaves no trace can go this
// way: not persistent, in no unit of work, with no report asked for.
func (s *session) handOver(q *queue, m *message, syncpoint bool) bool {
	b := m.body
	if len(b.lent) < smallestHandOver || syncpoint || getLong(m.md[:], mdReport) != 0 || s.qm.faults.armed.Load() > 0 {
		return false
	}
	w := q.hand(m)
	if w == nil {
		return false
	}
	m.body = newBody(w.memory[:len(b.lent)])
	copy(m.body.data, b.lent)
	w.signal <- struct{}{}
	b.release()
	// Without this a sender that is alone on its processor goes on to the next message, finds nobody waiting, and
	// copies it twice.
	runtime.Gosched()
	return true
}

// hand chooses the waiter that wake would, if it takes messages into its memory and m fits there. From then on the
// waiter belongs to the sender, who signals when its memory is filled.
func (q *queue) hand(m *message) *waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	length := len(m.body.data)
	if q.attrs.putInhibited || q.attrs.getInhibited || length > q.attrs.maxLength || q.depth >= q.attrs.maxDepth {
		return nil // not even this way, or by the usual one, which says so
	}
	q.complete(m)
	i := slices.IndexFunc(q.waiters, func(w *waiter) bool { return !w.woken && w.selects(m) })
	if m.persistent || i < 0 || cap(q.waiters[i].memory) < length {
		return nil
	}
	w := q.waiters[i]
	q.waiters = slices.Delete(q.waiters, i, i+1)
	m.queue, m.state = q, removed
	w.woken, w.given = true, m
	return w
}

// received is the message that a sender has handed to w, or nil. The caller has found w.given under the mutex and
// holds it no more; signalled says that it has seen the signal.
func (w *waiter) received(signalled bool) *message {
	if !signalled {
		<-w.signal // the sender is copying, which takes no longer than that
	}
	return w.given
}

// takesInto is the memory that a message may be handed into; nil: none.
func (g *retrieval) takesInto() []byte {
	if g.options&(gmoBrowse|gmoSyncpoint) != 0 {
		return nil
	}
	return g.memory[:0:min(cap(g.memory), g.limit, g.maxLength)]
}
