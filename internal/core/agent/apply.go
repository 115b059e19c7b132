package agent

import "errors"

var errEnded = errors.New("ended by itself")

func (c *Core) apply(ev Event) {
	switch ev.Kind {
	case Begin:
		c.begun = true
	case Online:
		c.online[ev.Part] = c.running[ev.Part]
	case Ended:
		c.ended(ev)
	case Connected:
		c.forgetGeneration()
		c.generation = ev.Generation
	case SessionEnded:
		if ev.Generation == c.generation {
			c.sessionOver = true
			c.report(Disconnected, ev.Err)
		}
	case LeaseLost:
		if c.lease {
			c.stepDown(lost, ev.Err)
		}
	case Stop:
		c.askedToStop(ev.Drain)
	case Timer:
		if ev.Timer == c.timer {
			c.overran()
		}
	}
}

func (c *Core) askedToStop(drain bool) {
	if c.stop && !drain {
		c.cancel(Drain)
	}
	c.drain = drain && (!c.stop || c.drain)
	c.stop = true
	if c.running[StandBack] {
		c.err = nil // it was told when it happened; now the agent only ends
	}
	c.stepDown(stopped, nil)
}

func (c *Core) ended(ev Event) {
	p := ev.Part
	if c.abandoned[p] || !c.running[p] {
		return
	}
	wanted := !c.cancelled[p]
	c.running[p] = false
	if ev.Outcome == Hangs {
		c.hangs(p, ev.Err)
		return
	}
	switch p {
	case Before, Group:
		c.online[p] = false
		if wanted && ev.Outcome == Done {
			ev.Outcome, ev.Err = Failed, errEnded
		}
	case Connector, RunEngine, Commands:
		if wanted && ev.Outcome == Done {
			ev.Outcome, ev.Err = Failed, errEnded
		}
		if p == Connector && c.generation != 0 {
			c.sessionOver = true
		}
	case Campaign:
		if ev.Outcome == Done {
			c.lease = true
			c.report(Elected, nil)
		}
	case OpenEngine:
		c.engine = ev.Outcome == Done
	case Verify:
		c.verified = ev.Outcome == Done
		if ev.Outcome == Failed {
			ev.Outcome = Lost // what cannot be proven is not held
		}
	case HoldInput:
		c.input = ev.Outcome == Done
	case HoldCommands:
		c.commands = ev.Outcome == Done
	case Yield:
		if c.generation != 0 && !c.sessionOver {
			return // connected in that instant: up() has it look again until that works
		}
	case Work:
		if ev.Outcome == Done && wanted {
			c.askedToStop(true)
		}
	case Drain, CloseEngine:
		c.engine = c.engine && p != CloseEngine
		return // on the way down already; the shell reports what went wrong
	case Release:
		c.lease = false
		return
	case StandBack:
		c.backFromStandBack()
		return
	}
	c.judge(p, ev, wanted)
}

// hangs is an overrun that the part itself found: a resource that did not go offline may still be
// in use here, and a successor must not bring it online beside us.
func (c *Core) hangs(p Part, err error) {
	c.online[p] = false
	c.overdue = append(c.overdue, p)
	c.out = append(c.out, Action{Kind: HardStop, Overdue: []Part{p}, Err: err})
	c.stepDown(failed, err)
	if c.err == nil {
		c.err = err
	}
}

// judge turns the end of a part into a cause to step down. What fails after it was cancelled is no
// news, except that the lease is lost.
func (c *Core) judge(p Part, ev Event, wanted bool) {
	switch {
	case ev.Outcome == Lost && c.lease:
		c.stepDown(lost, ev.Err)
	case !wanted:
	case ev.Outcome == Cancelled:
		c.stalled = c.stalled || p == Verify || p == HoldInput || p == HoldCommands
	case ev.Outcome == Failed || ev.Outcome == Lost:
		c.stepDown(failed, ev.Err)
	case ev.Outcome == Fatal:
		c.stepDown(fatal, ev.Err)
	}
}

func (c *Core) backFromStandBack() {
	if c.stop {
		return // end() finishes
	}
	c.cause, c.err, c.stage = none, nil, noStage
	c.drain, c.drained = false, false
}
