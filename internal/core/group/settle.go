package group

import "time"

// settle compares what is with what should be and asks for the difference. One pass is enough:
// dependencies come before dependents where doubt and departure spread upwards, and after them
// where members are stopped.
func (c *Core) settle() {
	c.doubted.ascend(func(rank int) { c.judge(c.byRank[rank]) })
	c.changed.ascend(func(rank int) { c.leave(c.byRank[rank]) })
	c.changed.descend(func(rank int) { c.depart(c.byRank[rank]) })
	c.changed.ascend(func(rank int) {
		c.start(c.byRank[rank])
		c.check(c.byRank[rank])
	})
	c.changed.ascend(func(rank int) { c.book(c.byRank[rank]) })
	c.changed.clear()
	c.announce()
	if !c.finish() {
		c.arm()
	}
}

// judge decides for whom a failure counts, once the members below have answered.
func (c *Core) judge(m *member) {
	c.touch(m)
	if !c.mayCount(m) || c.waitsForAnswers(m) {
		m.suspect = c.mayCount(m)
		if !m.suspect {
			c.doubted.remove(m.rank)
		}
		if m.shown != Broken {
			c.show(m, Broken)
		}
		return
	}
	m.suspect = false
	c.doubted.remove(m.rank)
	if c.carriedBySick(m) {
		m.notBefore = c.after(m.policy.Retry)
		c.show(m, Broken)
		return
	}
	m.failures = append(c.recent(m), c.now)
	c.show(m, Broken)
	if len(m.failures) > max(m.policy.Threshold, 0) {
		c.failover(m, m.err)
	}
}

// mayCount: a failure of a member that has lost what it relies on, or that is to stop anyway, is
// no failure of its own.
func (c *Core) mayCount(m *member) bool { return !c.stopping && m.wanted && c.supported(m) }

func (c *Core) waitsForAnswers(m *member) bool {
	waits := false
	m.below.ascend(func(rank int) {
		d := c.byRank[rank]
		waits = waits || d.healthy() && (d.asked || d.calls[IsAlive])
	})
	return waits
}

// recent are the failures that still count.
func (c *Core) recent(m *member) []time.Time {
	if m.policy.Period < 0 {
		return m.failures
	}
	k := 0
	for k < len(m.failures) && c.now.Sub(m.failures[k]) >= m.policy.Period {
		k++
	}
	return m.failures[k:]
}

// supported reports whether each OR group has a healthy member.
func (c *Core) supported(m *member) bool {
	for _, group := range m.after {
		any := false
		for _, d := range group {
			any = any || c.m[d].healthy()
		}
		if !any {
			return false
		}
	}
	return true
}

// leave marks who cannot stay, and passes on to the neighbours what has changed for them.
func (c *Core) leave(m *member) {
	if (m.phase == starting || m.phase == up) && !m.leaving {
		m.leaving = c.stopping || !m.wanted || m.failed || !c.supported(m)
	}
	if m.healthy() != m.carried {
		m.carried = m.healthy()
		for _, x := range m.above {
			c.touch(x)
		}
	}
	if m.blocks() != m.blocked {
		m.blocked = m.blocks()
		for _, group := range m.after {
			for _, d := range group {
				c.touch(c.m[d])
			}
		}
	}
}

// depart begins to stop a member that is leaving, unless one that relies on it has yet to go.
func (c *Core) depart(m *member) {
	if !m.leaving {
		return
	}
	for _, x := range m.above {
		if x.blocks() {
			return
		}
	}
	switch {
	case m.failed:
		c.terminate(m, nil)
	case m.phase == starting:
		m.phase, m.leaving = stopping, false
		m.deadline = c.after(m.policy.Pending)
		c.show(m, Stopping)
		c.out = append(c.out, Action{Op: Cancel, Member: m.index})
	default:
		m.phase, m.leaving = stopping, false
		c.show(m, Stopping)
		if m.busy() {
			c.out = append(c.out, Action{Op: Cancel, Member: m.index})
		}
		c.call(m, Offline)
	}
}

// start asks a member to go online when it is wanted and everything below is there.
func (c *Core) start(m *member) {
	if c.stopping || !m.wanted || m.phase != down || m.suspect || c.now.Before(m.notBefore) || !c.supported(m) {
		return
	}
	m.phase, m.failed, m.killed, m.err, m.notBefore = starting, false, false, nil, time.Time{}
	m.elsewhere, m.alarmed = nil, nil
	c.show(m, Starting)
	c.call(m, Online)
}

// check asks a healthy member how it is. IsAlive covers what LooksAlive guesses.
func (c *Core) check(m *member) {
	if !m.healthy() || m.checking() {
		return
	}
	switch {
	case m.asked || c.passed(m.nextIs):
		m.asked = false
		c.call(m, IsAlive)
	case c.passed(m.nextLooks):
		c.call(m, LooksAlive)
	}
}

// book notes when a member has to be looked at again, and whether the others wait for it.
func (c *Core) book(m *member) {
	c.due.set(m, c.nextDue(m))
	if missing := m.possible && !m.healthy(); missing != m.missing {
		m.missing = missing
		c.missing += change(missing)
	}
	if present := !m.gone(); present != m.present {
		m.present = present
		c.present += change(present)
	}
}

func change(more bool) int {
	if more {
		return 1
	}
	return -1
}

// plan works out which members can be online with the others that are wanted.
func (c *Core) plan() {
	for _, m := range c.byRank {
		possible := m.wanted
		for _, group := range m.after {
			any := false
			for _, d := range group {
				any = any || c.m[d].possible
			}
			possible = possible && any
		}
		if possible != m.possible {
			m.possible = possible
			c.touch(m)
		}
	}
}

// announce says once that everything is online that is wanted and can be with the others wanted.
func (c *Core) announce() {
	if !c.announced && !c.stopping && c.missing == 0 {
		c.announced = true
		c.out = append(c.out, Action{Op: AllOnline})
	}
}

// finish ends everything when all members are down or given up.
func (c *Core) finish() bool {
	if !c.stopping || c.present > 0 {
		return false
	}
	a := Action{Op: Finish, Err: c.cause}
	for _, m := range c.m {
		if m.phase == hung {
			a.Hung = append(a.Hung, m.index)
		}
	}
	if c.failed != nil {
		a.Failed, a.Member, a.Failures = true, c.failed.index, len(c.recent(c.failed))
	}
	c.finished = true
	c.out = append(c.out, a)
	return true
}

// nextDue is when a member has to be looked at, whatever happens; zero: never.
func (c *Core) nextDue(m *member) time.Time {
	switch {
	case m.phase == starting && !m.failed, m.phase == stopping, m.phase == ending:
		return m.deadline
	case m.healthy() && m.checking():
		return m.answerBy
	case m.healthy():
		return earlier(m.nextLooks, m.nextIs)
	case m.phase == down && !c.stopping && m.wanted && c.now.Before(m.notBefore):
		return m.notBefore
	}
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// arm sets the one timer to the earliest instant at which something is due.
func (c *Core) arm() {
	if next := c.due.first(); !next.Equal(c.timer) {
		c.timer = next
		c.out = append(c.out, Action{Op: SetTimer, At: next})
	}
}
