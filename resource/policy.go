package resource

import (
	"fmt"
	"time"
)

// Policy says when to check, restart and move. Names, meaning and defaults are those of MSCS
// resource properties; a zero field is the default, a negative one turns the thing off.
type Policy struct {
	// LooksAlivePoll is the time between two LooksAlive; default 5 s; negative: none.
	LooksAlivePoll time.Duration
	// IsAlivePoll is the time between two IsAlive; default 60 s. Negative: only when LooksAlive,
	// a dependent's failure or an alarm gives reason to ask, and then, while it says that the cause is
	// elsewhere, every LooksAlivePoll (5 s where that is off). (MSCS has no such value.)
	IsAlivePoll time.Duration
	// PendingTimeout limits each call; default 180 s. For Online and Offline it limits the silence:
	// Progress begins it anew. The context of LooksAlive and IsAlive ends a tenth of it earlier, 5 s
	// at most, so that what a check says then still counts. Stopping a silent member takes at most three times as long: Offline,
	// Terminate, and a check that hangs. Negative is refused: a stop without a limit could keep the
	// group here for ever.
	PendingTimeout time.Duration
	// RestartThreshold is how many failures within RestartPeriod lead to a restart; the next one
	// moves the group. Default 3; negative: none, the first failure moves the group.
	RestartThreshold int
	// RestartPeriod is how long a failure counts; default 15 min; negative: for ever.
	RestartPeriod time.Duration
	// RetryPeriodOnFailure is how long the group should stay away from this node after a
	// FailoverError, which carries it; default 1 h, not less than RestartPeriod; negative: until
	// somebody asks. A Group does not wait for it.
	RetryPeriodOnFailure time.Duration
}

const defaultLooksAlive = 5 * time.Second

// withDefaults fills in the defaults. Sources, row by row, are the pages of the same names in
// Microsoft's Failover Cluster API reference (Resource Common Properties). Releases since Windows
// Server 2008 set a threshold of 1 in the resources that their tools create; the documented default
// of the property is still 3.
func (p Policy) withDefaults() Policy {
	if p.LooksAlivePoll == 0 {
		p.LooksAlivePoll = defaultLooksAlive // LooksAlivePollInterval: 5000 ms
	}
	if p.IsAlivePoll == 0 {
		p.IsAlivePoll = 60 * time.Second // IsAlivePollInterval: 60000 ms
	}
	if p.PendingTimeout == 0 {
		p.PendingTimeout = 180 * time.Second // PendingTimeout: 180000 ms
	}
	if p.RestartThreshold == 0 {
		p.RestartThreshold = 3 // RestartThreshold: 3
	}
	if p.RestartPeriod == 0 {
		p.RestartPeriod = 15 * time.Minute // RestartPeriod: 900000 ms
	}
	if p.RetryPeriodOnFailure == 0 {
		p.RetryPeriodOnFailure = time.Hour // RetryPeriodOnFailure: 3600000 ms
	}
	return p
}

// check looks at the relations between the values, defaults filled in.
func (p Policy) check() error {
	switch {
	case p.PendingTimeout < 0:
		return fmt.Errorf("PendingTimeout is %v: calls without a limit could keep the group here for ever", p.PendingTimeout)
	case p.RetryPeriodOnFailure >= 0 && p.RetryPeriodOnFailure < p.RestartPeriod:
		// RetryPeriodOnFailure: "must be greater than or equal to RestartPeriod"
		return fmt.Errorf("RetryPeriodOnFailure %v is shorter than RestartPeriod %v", p.RetryPeriodOnFailure, p.RestartPeriod)
	}
	return nil
}
