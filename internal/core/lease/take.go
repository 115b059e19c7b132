package lease

import (
	"errors"
	"fmt"
	"slices"
)

// strangersLimit: after so many tries in a row whose locked file was not the one at the path, this
// is no longer somebody replacing the file, but a file system without stable file identities.
const strangersLimit = 3

// overtakenLimit: one late listing of a network file system is to be expected.
const overtakenLimit = 3

// rewritesLimit: one late write of an earlier holder is to be expected, more are not.
const rewritesLimit = 3

var errNoHeartbeat = errors.New("the first heartbeat took longer than the deadline again and again, or its record was not to be read back")

var errNoIdentity = errors.New("the locked file is never the one at the path: " +
	"the file is replaced all the time, or the file system has no stable file identities")

// took goes from one operation to the next until the epoch is granted.
func (m *Machine) took(now Instant, e Event, buf []Action) []Action {
	switch {
	case e.Err != nil && e.Passing && m.waits():
		return m.tolerate(e.Err, buf)
	case e.Err != nil:
		m.fail(e.Err)
		return buf
	}
	switch m.asked.Op {
	case Open:
		return m.ask(buf, Action{Op: Inquire}) // each time: the file may be another one by now, and on another disk
	case Inquire:
		m.interval, m.deadline = e.Interval, e.Deadline
		return m.ask(buf, Action{Op: TryLock})
	case TryLock:
		return m.ask(buf, Action{Op: Look})
	case Look:
		return m.looked(now, e, buf)
	case Unlock:
		return m.ask(buf, Action{Op: Close})
	case Close:
		if m.strangers > 0 && !m.cfg.Wait {
			return m.ask(buf, Action{Op: Open})
		}
		return m.ask(buf, Action{Op: Pause})
	case Pause:
		return m.ask(buf, Action{Op: Open})
	case MakeNames:
		return m.ask(buf, Action{Op: SyncParent})
	case SyncParent:
		return m.ask(buf, Action{Op: List})
	case List:
		return m.listed(now, e, buf)
	case Floor:
		return m.create(buf, e.Epoch)
	case CreateName:
		if e.Result == Busy {
			return m.create(buf, m.asked.Epoch)
		}
		m.created = true
		return m.ask(buf, Action{Op: SyncNames, Epoch: m.epoch})
	case SyncNames:
		return m.writeFirst(now, buf)
	case Write:
		// Both lines, so that a stopped holder which wakes and overwrites one of them still sees the other.
		if m.beat == 0 {
			m.beat = 1
			return m.ask(buf, Action{Op: Write, Epoch: m.epoch, Beat: m.beat})
		}
		return m.ask(buf, Action{Op: Claim, Epoch: m.epoch})
	case Claim:
		return m.ask(buf, Action{Op: Sync})
	case Sync:
		return m.ask(buf, Action{Op: Look})
	}
	return buf
}

// highest is the highest epoch that a Look found.
func (e Event) highest() uint64 {
	highest := e.Epoch
	for _, claimed := range e.Claims {
		highest = max(highest, claimed)
	}
	return highest
}

// looked follows a Look: after the lock was refused, after it was got, or after the first heartbeat.
func (m *Machine) looked(now Instant, e Event, buf []Action) []Action {
	switch {
	case !m.locked:
		return m.refused(e, buf)
	case e.Result != OK:
		// Two holders would each have a lock of their own, on different files.
		m.strangers++
		if m.strangers >= strangersLimit {
			m.fail(errNoIdentity)
			return buf
		}
		m.epoch, m.created = 0, false
		return m.again(buf)
	case !m.created:
		m.strangers = 0
		m.known = max(m.known, e.highest())
		return m.ask(buf, Action{Op: MakeNames})
	case e.highest() > m.epoch || e.Epoch == m.epoch && !e.Mine:
		m.fail(fmt.Errorf("the lock does not exclude: epoch %d is in use under it", e.highest()))
		return buf
	case e.Epoch != m.epoch || e.Beat != m.beat || !slices.Contains(e.Claims, m.epoch):
		return m.rewrite(now, buf)
	}
	return m.ask(buf, Action{Op: List})
}

// rewrite repeats a first heartbeat that does not count.
func (m *Machine) rewrite(now Instant, buf []Action) []Action {
	m.rewrites++
	if m.rewrites >= rewritesLimit {
		m.fail(errNoHeartbeat)
		return buf
	}
	return m.writeFirst(now, buf)
}

// writeFirst begins the first heartbeat.
func (m *Machine) writeFirst(now Instant, buf []Action) []Action {
	m.begun, m.beat = now, 0
	return m.ask(buf, Action{Op: Write, Epoch: m.epoch})
}

// refused reports the holder; e is its record, whatever it is worth.
func (m *Machine) refused(e Event, buf []Action) []Action {
	if !m.cfg.Wait {
		m.phase = ending
		return append(buf, Action{Op: Held})
	}
	if m.waitingFor != e.Epoch+1 || m.troubled {
		m.waitingFor, m.troubled = e.Epoch+1, false
		buf = append(buf, Action{Op: Waiting})
	}
	return m.again(buf)
}

// waits says whether the operation under way is one of those that a standby repeats. That it has seen a holder says that
// the place can carry the lock; from the first directory made on, the lock is ours.
func (m *Machine) waits() bool {
	switch m.asked.Op {
	case Open, Inquire, TryLock, Look:
		return m.cfg.Wait && m.waitingFor > 0 && !m.created
	}
	return false
}

// tolerate is for who waits what the deadline is for who holds: what a holder survives must not end its standbys.
func (m *Machine) tolerate(err error, buf []Action) []Action {
	if !m.troubled {
		m.troubled = true
		buf = append(buf, Action{Op: Trouble, Err: err})
	}
	return m.again(buf)
}

// again gives back what this try has and starts another: with a new descriptor, because the file at
// the path may be another one by then.
func (m *Machine) again(buf []Action) []Action {
	switch {
	case m.locked:
		return m.ask(buf, Action{Op: Unlock})
	case m.opened:
		return m.ask(buf, Action{Op: Close})
	}
	return m.ask(buf, Action{Op: Pause})
}

// listed follows the listing before the name is created, and the last one.
func (m *Machine) listed(now Instant, e Event, buf []Action) []Action {
	slices.Sort(e.Names)
	var highest uint64
	if n := len(e.Names); n > 0 {
		highest = e.Names[n-1]
	}
	if !m.created {
		// The record only informs, but who removed the names while nobody held the lock must not turn
		// the epoch back.
		m.known = max(m.known, highest)
		return m.ask(buf, Action{Op: Floor})
	}
	switch {
	case highest > m.epoch:
		return m.goAbove(highest, buf)
	case now.Since(m.begun) >= m.deadline:
		return m.rewrite(now, buf)
	}
	if old := len(e.Names) - m.cfg.Keep; old > 0 {
		m.prune = slices.Clone(e.Names[:old])
	}
	m.phase, m.good, m.rewrites = holding, m.begun, 0
	return append(buf, Action{Op: Grant, Epoch: m.epoch, At: m.good})
}

// goAbove follows a name that the first listing did not show. Two instances whose lock does not
// exclude would run after each other's names for ever.
func (m *Machine) goAbove(name uint64, buf []Action) []Action {
	m.overtaken++
	if m.overtaken >= overtakenLimit {
		m.fail(fmt.Errorf("the lock does not exclude: epoch %d was made under it", name))
		return buf
	}
	return m.create(buf, name)
}

// create asks for a name above everything known.
func (m *Machine) create(buf []Action, taken uint64) []Action {
	n, err := above(taken, m.known)
	if err != nil {
		m.fail(err)
		return buf
	}
	m.epoch, m.created = n, false
	return m.ask(buf, Action{Op: CreateName, Epoch: n})
}
