package group

import (
	"fmt"
	"slices"
	"time"
)

// phase is what the core is doing with a member.
type phase uint8

const (
	down     phase = iota // no call runs: only now may Online be asked for again
	starting              // Online runs
	up                    // Online returned without error
	stopping              // Online was cancelled, or Offline runs
	ending                // after Offline or Terminate: waits for every call to return
	hung                  // that took too long: given up
)

// member is one member's books.
type member struct {
	index  int
	rank   int // place in an order in which dependencies come before dependents
	after  [][]int
	above  []*member // that name it
	below  ranks     // every member that it depends on, directly or not
	policy Policy

	wanted bool
	phase  phase
	shown  State
	calls  [callCount]bool // that have not returned

	leaving bool // starting or up, and to be stopped
	late    bool // Online came through when Terminate had been called already, or failed when that had ended
	killed  bool // Terminate was called since it was last asked to go online
	failed  bool // since it was last asked to go online
	asked   bool // by a dependent that failed: IsAlive before anything else
	suspect bool // failed; whether it is the root cause is not known yet
	watched bool // will say by itself when it fails
	err     error
	alarmed error // what it said by itself, until IsAlive has answered

	elsewhere error // it cannot do its work, for a cause that no restart here mends
	notedBy   Op    // the call that said so

	deadline  time.Time // of Online, Offline or Terminate
	notBefore time.Time // of the next Online; zero: at once
	answerBy  time.Time // of LooksAlive or IsAlive: the end of its context, then of its last word
	lastWord  bool      // the context of the check has ended
	nextLooks time.Time // zero: never
	nextIs    time.Time // zero: never
	failures  []time.Time

	// What the rest of the books was derived from when the member was last looked at.
	possible bool // wanted, and can be online with the others that are wanted
	missing  bool // counted in Core.missing
	present  bool // counted in Core.present
	carried  bool // was healthy
	blocked  bool // kept those below it from being stopped
	dueAt    time.Time
	slot     int // in Core.due; -1: not there
}

// OverdueError says that a call did not return within its limit.
type OverdueError struct {
	Op    Op
	Limit time.Duration
}

func (e *OverdueError) Error() string {
	return fmt.Sprintf("%s has not returned within %v", e.Op, e.Limit)
}

// AlarmError is the failure of a member that said so by itself, confirmed by IsAlive.
type AlarmError struct {
	Alarm error // what the member said
	Err   error // of IsAlive
}

func (e *AlarmError) Error() string {
	if e.Alarm.Error() == e.Err.Error() {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (IsAlive: %v)", e.Alarm, e.Err)
}

// Unwrap gives both.
func (e *AlarmError) Unwrap() []error { return []error{e.Alarm, e.Err} }

func (m *member) healthy() bool { return m.phase == up && !m.leaving && !m.failed }

// gone: nobody has to wait for it.
func (m *member) gone() bool { return m.phase == down || m.phase == hung }

func (m *member) checking() bool { return m.calls[LooksAlive] || m.calls[IsAlive] }

func (m *member) busy() bool { return m.calls != [callCount]bool{} }

// blocks: whatever it names has to wait until it is down.
func (m *member) blocks() bool { return m.leaving || m.phase == stopping || m.phase == ending }

// returned notes the end of a call. Only the phase says whether its result still matters.
func (c *Core) returned(m *member, ev Event) {
	op, err := ev.Op, ev.Err
	m.calls[op] = false
	switch {
	case op == Online && m.phase == starting && !m.failed:
		switch {
		case err == nil:
			c.online(m, ev.Watched)
		case ev.Elsewhere || c.carriedBySick(m):
			c.postpone(m, err)
			return
		default:
			c.fail(m, err)
			return
		}
	case op == Online && m.phase == stopping:
		if err != nil {
			c.terminate(m, nil) // refused or interrupted half way: nobody knows what it left
			return
		}
		c.call(m, Offline)
	case op == Online && (err == nil || !m.calls[Terminate]) && (m.phase == ending || m.phase == hung):
		m.late = true
	case op == Offline && m.phase == stopping:
		if err != nil {
			c.terminate(m, err)
			return
		}
		m.phase = ending // a check may still run, although it was cancelled
		m.deadline = c.after(m.policy.Pending)
	case (op == LooksAlive || op == IsAlive) && m.healthy():
		if !c.checked(m, ev) {
			return
		}
	}
	c.ended(m)
}

// checked takes the answer of a check of a healthy member, and reports whether it is healthy still.
func (c *Core) checked(m *member, ev Event) bool {
	switch {
	case ev.Err == nil:
		c.recover(m, ev.Op)
	case ev.Elsewhere:
		c.impair(m, ev.Op, ev.Err)
	case ev.Op == LooksAlive:
		m.asked = true // a guess: the complete check decides
		return true
	case c.carriedBySick(m):
		c.impair(m, ev.Op, ev.Err)
	default:
		err := ev.Err
		if m.alarmed != nil {
			err = &AlarmError{Alarm: m.alarmed, Err: err}
		}
		c.fail(m, err)
		return false
	}
	c.nextChecks(m, ev.Op)
	return true
}

func (c *Core) nextChecks(m *member, answered Op) {
	m.nextLooks = time.Time{}
	if !m.watched {
		m.nextLooks = c.after(m.policy.LooksAlive)
	}
	if answered != LooksAlive {
		m.nextIs = c.after(m.policy.IsAlive)
		m.alarmed = nil
	}
	if m.elsewhere != nil && m.notedBy == IsAlive && m.nextIs.IsZero() {
		m.nextIs = c.after(m.policy.Retry) // nothing else ends what it has found
	}
}

// alarm: a member says by itself that it has failed. IsAlive confirms it.
func (c *Core) alarm(m *member, ev Event) {
	if !m.healthy() {
		return
	}
	m.asked = true
	if ev.Err != nil { // none is the end of the channel, which says why before
		m.alarmed = ev.Err
	}
	if m.watched && !ev.Watched {
		m.watched = false // that was its last word: from now on it has to be asked
	}
}

// busy: the limit is one of silence, as MSCS's PendingTimeout is.
func (c *Core) busy(m *member, op Op) {
	if m.calls[op] && (op == Online && m.phase == starting && !m.failed || op == Offline && m.phase == stopping) {
		m.deadline = c.after(m.policy.Pending)
	}
}

// impair notes that a member is not to blame for what it cannot do. It stays online.
func (c *Core) impair(m *member, by Op, err error) {
	if m.elsewhere == nil {
		m.elsewhere, m.notedBy, m.err = err, by, err
		c.show(m, Up)
	}
}

// recover: only the check that found the trouble, or a more complete one, knows that it is over.
func (c *Core) recover(m *member, by Op) {
	if m.elsewhere != nil && by >= m.notedBy {
		m.elsewhere, m.err = nil, nil
		c.out = append(c.out, Action{Op: Report, Member: m.index, From: Up, To: Up, Failures: len(c.recent(m))})
	}
}

// carriedBySick: nothing that m could stand on, in one of its OR groups, can do its work, for a cause
// elsewhere. Whatever m fails for is taken for the same cause.
func (c *Core) carriedBySick(m *member) bool {
	able := make(map[*member]bool)
	stands := func(x *member, ok func(*member) bool) bool {
		for _, group := range x.after {
			if !slices.ContainsFunc(group, func(d int) bool { return ok(c.m[d]) }) {
				return false
			}
		}
		return true
	}
	m.below.ascend(func(rank int) {
		d := c.byRank[rank]
		able[d] = d.healthy() && d.elsewhere == nil && stands(d, func(x *member) bool { return able[x] })
	})
	return stands(m, (*member).healthy) && !stands(m, func(x *member) bool { return able[x] })
}

// postpone: the start failed for a cause elsewhere. Nothing counts, and another try comes later.
func (c *Core) postpone(m *member, err error) {
	m.failed, m.err = true, err
	m.notBefore = c.after(m.policy.Retry)
	c.show(m, Broken)
}

// ended ends the phases that wait for every call to return. A start that came through beside Terminate, or that
// ended after it, however it did, may have left something online that Terminate did not see.
func (c *Core) ended(m *member) {
	if m.late && !m.calls[Terminate] {
		m.late, m.phase = false, ending
		c.call(m, Terminate)
		return
	}
	if (m.phase != ending && m.phase != hung) || m.busy() {
		return
	}
	m.phase = down
	if !m.failed {
		c.show(m, Down)
	}
}

func (c *Core) online(m *member, watched bool) {
	m.phase, m.err, m.watched = up, nil, watched
	c.nextChecks(m, IsAlive)
	m.asked = false
	c.show(m, Up)
}

// fail marks a member that did not come or stay online. It is stopped by settle, after those that
// rely on it.
func (c *Core) fail(m *member, err error) {
	m.failed, m.asked, m.err = true, false, err
	if !c.mayCount(m) {
		c.show(m, Broken)
		return
	}
	m.suspect = true
	c.doubted.add(m.rank)
	m.below.ascend(func(rank int) {
		if d := c.byRank[rank]; d.healthy() {
			d.asked = true
			c.touch(d)
		}
	})
}

// terminate is the last resort for a member; err is why, nil when that is already in the books.
func (c *Core) terminate(m *member, err error) {
	if err != nil {
		m.err = err
	}
	if m.busy() {
		c.out = append(c.out, Action{Op: Cancel, Member: m.index})
	}
	m.phase, m.leaving, m.killed = ending, false, true
	if !m.failed {
		c.show(m, Stopping)
	}
	c.call(m, Terminate)
}

// call asks for a call with its limit.
func (c *Core) call(m *member, op Op) {
	m.calls[op] = true
	at := c.after(m.policy.Pending)
	if op == LooksAlive || op == IsAlive {
		at = at.Add(-m.policy.lastWord())
		m.answerBy, m.lastWord = at, false
	} else {
		m.deadline = at
	}
	c.out = append(c.out, Action{Op: op, Member: m.index, At: at})
}

// overdue looks for calls that are past their limit.
func (c *Core) overdue() {
	for _, m := range c.due.passed(c.now) {
		c.touch(m)
		if m.healthy() && m.checking() && c.passed(m.answerBy) {
			if !m.lastWord {
				// Counted from now: for a process that stood still both instants have passed.
				m.lastWord, m.answerBy = true, c.after(m.policy.lastWord())
				continue
			}
			op := LooksAlive
			if m.calls[IsAlive] {
				op = IsAlive
			}
			c.fail(m, &OverdueError{op, m.policy.Pending})
			continue
		}
		if !c.passed(m.deadline) {
			continue
		}
		switch m.phase {
		case starting:
			if !m.failed {
				c.out = append(c.out, Action{Op: Cancel, Member: m.index})
				c.fail(m, &OverdueError{Online, m.policy.Pending})
			}
		case stopping:
			op := Offline
			if m.calls[Online] {
				op = Online
			}
			c.terminate(m, &OverdueError{op, m.policy.Pending})
		case ending:
			if m.killed {
				c.giveUp(m)
			} else {
				c.terminate(m, c.hanging(m)) // Offline succeeded, a check hangs
			}
		}
	}
}

// giveUp stops waiting for a member that has calls which nothing ends. It cannot be started again
// here while an old call may still change it, so the group has to move.
func (c *Core) giveUp(m *member) {
	err := c.hanging(m)
	m.phase, m.failed, m.err = hung, true, err
	c.show(m, Broken)
	c.failover(m, err)
}

// hanging names the call that hangs: rather the one that Terminate should have ended.
func (c *Core) hanging(m *member) error {
	op := Online
	for op < Terminate && !m.calls[op] {
		op++
	}
	return &OverdueError{op, m.policy.Pending}
}

func (c *Core) failover(m *member, err error) {
	if !c.stopping {
		c.failed, c.cause = m, err
		c.stop()
	}
}

// show reports a state, and in the same state a new error or count.
func (c *Core) show(m *member, to State) {
	if m.shown == to && m.err == nil {
		return
	}
	c.out = append(c.out, Action{Op: Report, Member: m.index, From: m.shown, To: to, Err: m.err, Failures: len(c.recent(m))})
	m.shown = to
}

// after is the instant d from now, or never when d is negative.
func (c *Core) after(d time.Duration) time.Time {
	if d < 0 {
		return time.Time{}
	}
	return c.now.Add(d)
}

func (c *Core) passed(at time.Time) bool { return !at.IsZero() && !c.now.Before(at) }
