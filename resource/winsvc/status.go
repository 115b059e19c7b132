package winsvc

import "time"

// state is what the control manager knows of the service.
type state int

// The states.
const (
	startPending state = iota
	running
	stopPending
)

// status is one report to the control manager.
type status struct {
	state      state
	checkPoint uint32        // grows while pending: 0 otherwise
	waitHint   time.Duration // until the next report at the latest; 0 when not pending
}

// ledger decides what the control manager is told. It has no clock and no goroutine.
type ledger struct {
	status
	hint time.Duration
}

func newLedger(readyAtStart bool, hint time.Duration) *ledger {
	l := &ledger{status: status{state: startPending, checkPoint: 1, waitHint: hint}, hint: hint}
	if readyAtStart {
		l.ready()
	}
	return l
}

// ready reports whether that is news.
func (l *ledger) ready() bool {
	if l.state != startPending {
		return false
	}
	l.status = status{state: running}
	return true
}

func (l *ledger) stop() bool {
	if l.state == stopPending {
		return false
	}
	l.status = status{state: stopPending, checkPoint: 1, waitHint: l.hint}
	return true
}

// progress: the control manager takes the hint literally, so it is told half as much again.
func (l *ledger) progress(next time.Duration) bool {
	if l.state == running {
		return false
	}
	l.checkPoint++
	l.waitHint = max(next+next/2, l.hint)
	return true
}

// beat is a sign of life that announces nothing. It shortens no hint: the announced time still runs.
func (l *ledger) beat() bool {
	if l.state == running {
		return false
	}
	l.checkPoint++
	return true
}
