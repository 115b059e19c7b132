package group

import "time"

// settle compares what is with what should be and asks for the difference. One pass is enough:
// dependencies come before dependents where doubt and departure spread upwards, and after them
// where members are stopped.
func (c *Core) settle() {
	c.judge()
	c.leave()
	for k := len(c.order) - 1; k >= 0; k-- {
		c.stop(c.m[c.order[k]])
	}
	for _, i := range c.order {
		c.start(c.m[i])
		c.check(c.m[i])
	}
	c.announce()
	if !c.finish() {
		c.arm()
	}
}

// judge decides for whom a failure counts, once the members below have answered.
func (c *Core) judge() {
	for _, i := range c.order {
		m := c.m[i]
		if !m.suspect {
			continue
		}
		if !c.mayCount(m) || c.waitsForAnswers(m) {
			m.suspect = c.mayCount(m)
			if m.shown != Broken {
				c.show(m, Broken)
			}
			continue
		}
		m.suspect = false
		m.failures = append(c.recent(m), c.now)
		c.show(m, Broken)
		if len(m.failures) > max(m.policy.Threshold, 0) {
			c.failover(m, m.err)
		}
	}
}

// mayCount: a failure of a member that has lost what it relies on, or that is to stop anyway, is
// no failure of its own.
func (c *Core) mayCount(m *member) bool { return !c.stopping && m.wanted && c.supported(m) }

func (c *Core) waitsForAnswers(m *member) bool {
	for d := range m.below {
		if b := c.m[d]; b.healthy() && (b.asked || b.calls[IsAlive]) {
			return true
		}
	}
	return false
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

// leave marks who cannot stay.
func (c *Core) leave() {
	for _, i := range c.order {
		m := c.m[i]
		if m.phase != starting && m.phase != up || m.leaving {
			continue
		}
		m.leaving = c.stopping || !m.wanted || m.failed || !c.supported(m)
	}
}

// stop begins to stop a member that is leaving, unless one that relies on it has yet to go.
func (c *Core) stop(m *member) {
	if !m.leaving || c.blocked(m) {
		return
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

func (c *Core) blocked(m *member) bool {
	for _, x := range c.m {
		if (x.leaving || x.phase == stopping || x.phase == ending) && x.names(m.index) {
			return true
		}
	}
	return false
}

// start asks a member to go online when it is wanted and everything below is there.
func (c *Core) start(m *member) {
	if c.stopping || !m.wanted || m.phase != down || m.suspect || !c.supported(m) {
		return
	}
	m.phase, m.failed, m.killed, m.err = starting, false, false, nil
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

// announce says once that everything is online that is wanted and can be with the others wanted.
func (c *Core) announce() {
	if c.announced || c.stopping {
		return
	}
	possible := make([]bool, len(c.m))
	for _, i := range c.order {
		m := c.m[i]
		possible[i] = m.wanted
		for _, group := range m.after {
			any := false
			for _, d := range group {
				any = any || possible[d]
			}
			possible[i] = possible[i] && any
		}
		if possible[i] && !m.healthy() {
			return
		}
	}
	c.announced = true
	c.out = append(c.out, Action{Op: AllOnline})
}

// finish ends everything when all members are down or given up.
func (c *Core) finish() bool {
	if !c.stopping {
		return false
	}
	a := Action{Op: Finish, Err: c.cause}
	for _, m := range c.m {
		if !m.gone() {
			return false
		}
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

// arm sets the one timer to the earliest instant at which something is due.
func (c *Core) arm() {
	var next time.Time
	due := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, m := range c.m {
		switch {
		case m.phase == starting && !m.failed, m.phase == stopping, m.phase == ending:
			due(m.deadline)
		case m.healthy() && m.checking():
			due(m.answerBy)
		case m.healthy():
			due(m.nextLooks)
			due(m.nextIs)
		}
	}
	if !next.Equal(c.timer) {
		c.timer = next
		c.out = append(c.out, Action{Op: SetTimer, At: next})
	}
}
