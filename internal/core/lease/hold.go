package lease

import (
	"errors"
	"slices"
)

var (
	errSlow        = errors.New("the heartbeat under way is slow")
	errOverwritten = errors.New("the record is overwritten again and again by an earlier holder")
)

// watch needs no I/O to have ended: it is what notices a hung disk and a process that was stopped.
func (m *Machine) watch(now Instant, tooLate bool, buf []Action) []Action {
	age := now.Since(m.good)
	if tooLate || age >= m.deadline {
		return m.lose(buf, Action{Reason: Expired, Err: m.lastErr})
	}
	if age > (m.interval+m.deadline)/2 { // halfway from the heartbeat's time to the deadline
		return m.warn(buf, errSlow)
	}
	return buf
}

// write begins a heartbeat.
func (m *Machine) write(now Instant, buf []Action) []Action {
	m.begun, m.covered, m.mended = now, m.tickets, false
	m.beat++
	return m.ask(buf, Action{Op: Write, Epoch: m.epoch, Beat: m.beat})
}

// held follows an operation of a heartbeat, or of the pruning between two.
func (m *Machine) held(e Event, buf []Action) []Action {
	switch {
	case m.asked.Op == Prune:
		return buf // a name too many harms nobody
	case e.Err != nil:
		return m.missed(buf, e.Err)
	case m.asked.Op == Write:
		return m.ask(buf, Action{Op: Sync})
	case m.asked.Op == Claim:
		return m.writeAgain(buf)
	case m.asked.Op == Sync:
		return m.ask(buf, Action{Op: Look})
	case m.asked.Op == List:
		return m.proven(e, buf)
	case e.Result == Missing:
		return m.lose(buf, Action{Reason: Deleted})
	case e.Result == Other:
		return m.lose(buf, Action{Reason: Replaced})
	case e.highest() > m.epoch, e.Epoch == m.epoch && (!e.Mine || e.Beat > m.beat):
		return m.lose(buf, Action{Reason: Superseded, Epoch: e.highest()})
	case e.Epoch < m.epoch || e.Beat < m.beat:
		return m.overwritten(e, buf)
	}
	claimed := slices.Contains(e.Claims, m.epoch)
	if (e.Damaged || !claimed) && !m.mended {
		return m.mend(claimed, buf)
	}
	m.damaged = e.Damaged || !claimed
	return m.ask(buf, Action{Op: List})
}

// proven follows the last operation of a heartbeat. The names are asked too: they outlast an edited or truncated
// file, and an instance of an earlier release claims nothing.
func (m *Machine) proven(e Event, buf []Action) []Action {
	for _, name := range e.Names {
		if name > m.epoch {
			return m.lose(buf, Action{Reason: Superseded, Epoch: slices.Max(e.Names)})
		}
	}
	m.good, m.lastErr, m.late, m.rewrites = m.begun, nil, false, 0
	buf = append(buf, Action{Op: Renew, At: m.good})
	return m.answer(buf, m.covered, nil)
}

// overwritten: a stopped holder of a lower epoch woke up in the middle of its last heartbeat. It has
// one such write per goroutine, so that writing again at once ends it; a second time in a row is
// something else, and waits for the next heartbeat.
func (m *Machine) overwritten(e Event, buf []Action) []Action {
	buf = append(buf, Action{Op: Overwritten, Epoch: e.Epoch})
	m.rewrites++
	if m.rewrites > 1 {
		return m.missed(buf, errOverwritten)
	}
	return m.writeAgain(buf)
}

// mend writes the other line again, and our claim if it is gone: somebody has edited or truncated the file, or
// another holder writes into it. If that one's heartbeats follow ours, each time into the line that we have just
// written, it would never see our record; with both lines ours it does.
func (m *Machine) mend(claimed bool, buf []Action) []Action {
	if !m.damaged {
		buf = append(buf, Action{Op: Overwritten})
	}
	m.mended, m.damaged = true, true
	if !claimed {
		return m.ask(buf, Action{Op: Claim, Epoch: m.epoch})
	}
	return m.writeAgain(buf)
}

// writeAgain writes the other line, too.
func (m *Machine) writeAgain(buf []Action) []Action {
	m.beat++
	return m.ask(buf, Action{Op: Write, Epoch: m.epoch, Beat: m.beat})
}

// missed: the heartbeat has failed. The deadline decides how many may.
func (m *Machine) missed(buf []Action, err error) []Action {
	m.lastErr = err
	m.rewrites = 0
	return m.answer(m.warn(buf, err), m.covered, err)
}

// warn reports one trouble once.
func (m *Machine) warn(buf []Action, err error) []Action {
	if m.late {
		return buf
	}
	m.late = true
	return append(buf, Action{Op: Late, Err: err})
}

// lose ends the lease, not the lock.
func (m *Machine) lose(buf []Action, why Action) []Action {
	m.phase = lost
	why.Op = Lose
	return m.answer(append(buf, why), m.tickets, nil)
}
