package group

import (
	"fmt"
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
	after  [][]int
	below  map[int]bool // every member that it depends on, directly or not
	policy Policy

	wanted bool
	phase  phase
	shown  State
	calls  [callCount]bool // that have not returned

	leaving bool // starting or up, and to be stopped
	killed  bool // Terminate was called since it was last asked to go online
	failed  bool // since it was last asked to go online
	asked   bool // by a dependent that failed: IsAlive before anything else
	suspect bool // failed; whether it is the root cause is not known yet
	err     error

	deadline  time.Time // of Online, Offline or Terminate
	answerBy  time.Time // of LooksAlive or IsAlive
	nextLooks time.Time // zero: never
	nextIs    time.Time // zero: never
	failures  []time.Time
}

// OverdueError says that a call did not return within its limit.
type OverdueError struct {
	Op    Op
	Limit time.Duration
}

func (e *OverdueError) Error() string {
	return fmt.Sprintf("%s has not returned within %v", e.Op, e.Limit)
}

func (m *member) healthy() bool { return m.phase == up && !m.leaving && !m.failed }

// gone: nobody has to wait for it.
func (m *member) gone() bool { return m.phase == down || m.phase == hung }

func (m *member) checking() bool { return m.calls[LooksAlive] || m.calls[IsAlive] }

func (m *member) busy() bool { return m.calls != [callCount]bool{} }

func (m *member) names(d int) bool {
	for _, group := range m.after {
		for _, i := range group {
			if i == d {
				return true
			}
		}
	}
	return false
}

// returned notes the end of a call. Only the phase says whether its result still matters.
func (c *Core) returned(m *member, op Op, err error) {
	m.calls[op] = false
	switch {
	case op == Online && m.phase == starting && !m.failed:
		if err != nil {
			c.fail(m, err)
			return
		}
		c.online(m)
	case op == Online && m.phase == stopping:
		if err != nil {
			c.terminate(m, nil) // refused or interrupted half way: nobody knows what it left
			return
		}
		c.call(m, Offline)
	case op == Offline && m.phase == stopping:
		if err != nil {
			c.terminate(m, err)
			return
		}
		m.phase = ending // a check may still run, although it was cancelled
		m.deadline = c.after(m.policy.Pending)
	case op == LooksAlive && m.healthy():
		if err != nil {
			m.asked = true // a guess: the complete check decides
			return
		}
		m.nextLooks = c.after(m.policy.LooksAlive)
	case op == IsAlive && m.healthy():
		if err != nil {
			c.fail(m, err)
			return
		}
		m.nextLooks = c.after(m.policy.LooksAlive)
		m.nextIs = c.after(m.policy.IsAlive)
	}
	c.ended(m)
}

// ended ends the phases that wait for every call to return.
func (c *Core) ended(m *member) {
	if (m.phase != ending && m.phase != hung) || m.busy() {
		return
	}
	m.phase = down
	if !m.failed {
		c.show(m, Down)
	}
}

func (c *Core) online(m *member) {
	m.phase, m.err = up, nil
	m.nextLooks = c.after(m.policy.LooksAlive)
	m.nextIs = c.after(m.policy.IsAlive)
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
	for d := range m.below {
		if c.m[d].healthy() {
			c.m[d].asked = true
		}
	}
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
		m.answerBy = at
	} else {
		m.deadline = at
	}
	c.out = append(c.out, Action{Op: op, Member: m.index, At: at})
}

// overdue looks for calls that are past their limit.
func (c *Core) overdue() {
	for _, m := range c.m {
		if m.healthy() && m.checking() && c.passed(m.answerBy) {
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
		c.stopping, c.failed, c.cause = true, m, err
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
