package mqtest

import "github.com/mqha/mqha/mqconn/mqrc"

// A unit of work is what a connection has put and got in syncpoint since its last commit or backout.
type unit struct {
	puts []*message
	gets []*message
	// spoiled: an asynchronous put of a persistent message has failed, so that a commit must not succeed
	spoiled bool
}

// full says that the unit of work has as many messages as MAXUMSGS allows.
func (s *session) full() bool { return len(s.unit.puts)+len(s.unit.gets) >= s.qm.maxUncommitted() }

// commit makes the persistent part durable first, as one log record, and only then shows any of it.
func (u *unit) commit(qm *QueueManager) mqrc.Reason {
	return u.commitAs(qm, func() mqrc.Reason { return qm.log.write(u.puts, u.gets) })
}

// commitSync commits what a channel has received, together with where it is now.
func (u *unit) commitSync(qm *QueueManager, s syncState) mqrc.Reason {
	return u.commitAs(qm, func() mqrc.Reason { return qm.keepSync(s, u.puts, u.gets) })
}

func (u *unit) commitAs(qm *QueueManager, write func() mqrc.Reason) mqrc.Reason {
	if u.spoiled {
		u.backOut(qm)
		return mqrc.BackedOut
	}
	if r := write(); r != mqrc.None {
		u.backOut(qm)
		return r
	}
	for _, m := range u.gets {
		m.queue.remove(m)
		m.body.release()
	}
	for _, m := range u.puts {
		m.queue.show(m)
	}
	u.reset()
	return mqrc.None
}

// backOut takes the puts away and gives the gets back, each with its backout count one higher.
func (u *unit) backOut(qm *QueueManager) {
	u.spoiled = false
	if len(u.puts)+len(u.gets) == 0 {
		return
	}
	qm.log.backouts(u.gets)
	for _, m := range u.puts {
		m.queue.remove(m)
		m.body.release()
	}
	for _, m := range u.gets {
		m.queue.giveBack(m)
	}
	u.reset()
}

func (u *unit) reset() {
	clear(u.puts)
	clear(u.gets)
	u.puts, u.gets = u.puts[:0], u.gets[:0]
}

func (q *queue) giveBack(m *message) {
	q.mu.Lock()
	putLong(m.md[:], mdBackoutCount, getLong(m.md[:], mdBackoutCount)+1)
	q.mu.Unlock()
	q.show(m)
}
