package agent

// up keeps an agent on its way to be active.
func (c *Core) up() {
	if c.lease {
		c.cancel(Warm)
	}
	c.next()
	c.outage()
}

// next starts the next thing that an agent needs to be active, and nothing twice.
func (c *Core) next() {
	switch {
	case !c.online[Before]:
		c.start(Before)
	case !c.lease:
		c.start(Campaign)
		if c.o.Yield {
			c.start(Warm)
		}
	case !c.online[Group]:
		c.start(Group)
	case c.o.Engine && !c.engine:
		c.start(OpenEngine)
	case c.generation == 0:
		c.start(Connector)
	case c.sessionOver:
		c.endGeneration()
	case c.stalled || c.active:
	case !c.verified:
		c.start(Verify)
	case c.o.Engine && !c.input:
		c.start(HoldInput)
	case !c.commands:
		c.start(HoldCommands)
	default:
		c.beActive()
	}
}

// outage has somebody look, until there is a session that works, whether a standby would fare better: two
// instances may see different things of the same queue manager. A session that breaks before it works changes nothing.
func (c *Core) outage() {
	if c.o.Yield && c.running[Connector] && (!c.active || c.sessionOver) {
		c.start(Yield)
	} else {
		c.cancel(Yield)
	}
}

func (c *Core) beActive() {
	c.active, c.everActive = true, true
	c.report(Active, nil)
	if c.o.Engine {
		c.start(RunEngine)
	}
	c.start(Commands)
	if c.o.Work {
		c.start(Work)
	}
}

// endGeneration lets the Connector dial again only when nothing uses the old session: a late answer
// of an old generation must not be taken for one of the next.
func (c *Core) endGeneration() {
	c.cancel(Verify, HoldInput, HoldCommands, RunEngine, Commands, Work)
	if c.any(Verify, HoldInput, HoldCommands, RunEngine, Commands, Work) {
		c.enter(endOfGeneration)
		return
	}
	c.enter(noLimit)
	c.stage = noStage
	c.forgetGeneration()
	c.out = append(c.out, Action{Kind: EndGeneration})
}

func (c *Core) forgetGeneration() {
	c.generation, c.sessionOver, c.stalled = 0, false, false
	c.verified, c.input, c.commands, c.active = false, false, false, false
}

func (c *Core) start(p Part) {
	if c.running[p] {
		return
	}
	c.running[p], c.cancelled[p] = true, false
	c.out = append(c.out, Action{Kind: Start, Part: p, Err: c.err})
}

func (c *Core) cancel(parts ...Part) {
	for _, p := range parts {
		if c.running[p] && !c.cancelled[p] {
			c.cancelled[p] = true
			c.out = append(c.out, Action{Kind: Cancel, Part: p})
		}
	}
}

func (c *Core) any(parts ...Part) bool {
	for _, p := range parts {
		if c.running[p] {
			return true
		}
	}
	return false
}

func (c *Core) report(n Note, err error) {
	c.out = append(c.out, Action{Kind: Report, Note: n, Err: err})
}

// enter arms the timer of a stage once; a stage without a limit voids the timer.
func (c *Core) enter(s stage) {
	if c.stage == s {
		return
	}
	c.stage = s
	c.timer++
	limit := c.o.StopLimit
	switch {
	case s == noLimit:
		return
	case c.cause == lost && s != closingEngine:
		limit = c.o.LossLimit
	case s == draining:
		limit += c.o.DrainLimit
	}
	c.out = append(c.out, Action{Kind: Arm, Timer: c.timer, At: c.now.Add(limit)})
}
