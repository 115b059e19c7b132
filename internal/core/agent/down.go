package agent

// down takes the next step of the one path that leads down: nothing new, drain, work ends, journals
// closed, disconnected, resources offline, lease released. It is walked again from the top at every
// event, so that a cause that comes while another is on its way finds the same order.
func (c *Core) down() {
	if c.cause == lost {
		// The successor may be active already. First the work, then the connections that hold
		// its queues; neither waits for anything.
		c.cancel(Verify, HoldInput, HoldCommands, RunEngine, Commands, Work, Drain)
		c.cancel(Connector)
	}
	if c.workEnds() && c.journalsClose() && c.disconnects() && c.resourcesEnd() {
		c.end()
	}
}

func (c *Core) workEnds() bool {
	c.cancel(Campaign, Warm, OpenEngine, Yield, Verify, HoldInput, HoldCommands, Commands)
	if c.any(Campaign, Warm, OpenEngine, Yield, Verify, HoldInput, HoldCommands, Commands) {
		c.enter(endOfAccepting)
		return false
	}
	if c.drain && !c.drained && c.cause == stopped && c.running[RunEngine] && !c.sessionOver {
		c.drained = true
		c.start(Drain)
	}
	if c.running[Drain] {
		c.enter(draining)
		return false
	}
	c.cancel(RunEngine, Work)
	if c.any(RunEngine, Work) {
		c.enter(endOfWork)
		return false
	}
	return true
}

func (c *Core) journalsClose() bool {
	if c.engine {
		c.start(CloseEngine)
	}
	if c.running[CloseEngine] {
		c.enter(closingEngine)
		return false
	}
	return true
}

func (c *Core) disconnects() bool {
	c.cancel(Connector)
	if c.running[Connector] {
		c.enter(disconnecting)
		return false
	}
	c.forgetGeneration()
	c.enter(noLimit)
	return true
}

// resourcesEnd never releases the lease while something overran: the lock then stays with this
// process until it ends.
func (c *Core) resourcesEnd() bool {
	c.cancel(Group)
	if c.running[Group] {
		return false
	}
	if c.lease && len(c.overdue) == 0 {
		c.start(Release)
	}
	return !c.running[Release]
}

func (c *Core) end() {
	if c.standsBy() {
		c.start(StandBack)
		return
	}
	c.cancel(StandBack, Before)
	if c.any(StandBack, Before) {
		return
	}
	c.report(Stopped, c.err)
	c.cause = finished
	c.out = append(c.out, Action{Kind: Finish, Err: c.err, Overdue: c.overdue})
}

func (c *Core) standsBy() bool {
	return (c.cause == failed || c.cause == lost) && !c.stop && !c.o.ExitOnLoss && len(c.overdue) == 0
}

// stepDown begins the way down. The first cause stays, but for the loss of the lease.
func (c *Core) stepDown(why cause, err error) {
	if why == fatal && c.everActive {
		why = failed // it was right once: somebody changed something, and may change it back
	}
	switch {
	case c.cause == none:
		if why == lost {
			c.report(LeaseGone, err)
		} else {
			c.report(SteppingDown, err)
		}
	case why == lost && c.cause != lost && c.lease:
		c.report(LeaseGone, err)
	default:
		return
	}
	c.cause, c.err, c.stage = why, err, noStage
}

// overran gives up waiting for what should have ended by now.
func (c *Core) overran() {
	var late []Part
	for p := range partCount {
		if c.running[p] && (c.cancelled[p] || p == Drain || p == CloseEngine) && p != Group && p != Before {
			late = append(late, p)
			c.running[p], c.abandoned[p] = false, true
		}
	}
	if len(late) == 0 {
		return
	}
	c.engine = false // never closed under a call that may still be inside
	c.overdue = append(c.overdue, late...)
	c.out = append(c.out, Action{Kind: HardStop, Overdue: late, Err: c.err})
	c.stepDown(failed, c.err)
	c.stage = noStage
}
