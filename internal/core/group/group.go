package group

import "time"

// Op says what an Action asks for.
type Op uint8

// Calls to a member. Each is answered by one Returned event.
const (
	Online     Op = iota + 1 // At: when it is overdue
	Offline                  // At: when it is overdue
	LooksAlive               // At: when its context ends; it is overdue a little later
	IsAlive                  // At: the same
	Terminate
	callCount
)

// What the shell is told; no answer is expected.
const (
	Cancel    Op = iota + 64 // end the contexts of the calls to Member
	SetTimer                 // answer with Wake at At; an earlier timer is void; zero: no timer
	Report                   // Member went From To: Err, Failures
	AllOnline                // everything wanted is online; once
	Finish                   // nothing more will be asked: Failed, Failures, Err, Hung
)

// String names a call as the resource's method is named.
func (o Op) String() string {
	switch o {
	case Online:
		return "Online"
	case Offline:
		return "Offline"
	case LooksAlive:
		return "LooksAlive"
	case IsAlive:
		return "IsAlive"
	case Terminate:
		return "Terminate"
	case Cancel:
		return "cancel"
	case SetTimer:
		return "set timer"
	case Report:
		return "report"
	case AllOnline:
		return "all online"
	case Finish:
		return "finish"
	}
	return "unknown"
}

// Asks reports whether the shell has to answer with Returned.
func (o Op) Asks() bool { return o < callCount }

// State is what the world is told about a member.
type State uint8

// The states.
const (
	Down State = iota
	Starting
	Up
	Stopping
	Broken
)

// Action is one thing to do. Which fields count depends on Op.
type Action struct {
	Op       Op
	Member   int
	At       time.Time
	From, To State
	Err      error
	Failures int   // counted against Member within its Period
	Failed   bool  // Finish: because Member failed
	Hung     []int // Finish: members with calls that have not returned
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	Begin    EventKind = iota + 1
	Returned           // the call Op to Member ended: Err, Elsewhere, Watched
	Alarm              // Member says by itself that it has failed: Err, Watched
	Busy               // the call Op to Member, Online or Offline, makes progress: its limit begins anew
	Wake               // the timer fired
	Want               // Member is wanted online or not: Wanted
	Stop               // take everything offline
)

// Event is what the shell tells the core.
type Event struct {
	Kind      EventKind
	Member    int
	Op        Op
	Err       error
	Elsewhere bool // Err says that its cause is nothing that a restart here can mend
	Watched   bool // Member will say by itself when it fails, so that nobody has to guess
	Wanted    bool
}

// Policy of one member, defaults filled in.
type Policy struct {
	LooksAlive time.Duration // between two quick checks; negative: none
	IsAlive    time.Duration // between two complete checks; negative: none
	Pending    time.Duration // limit of every call
	Retry      time.Duration // before another start after one that failed for a cause elsewhere, or IsAlive where there is none
	Threshold  int           // failures within Period that lead to a restart; negative: none
	Period     time.Duration // negative: failures are never forgotten
}

// lastWord is what is kept back of the limit of a check for what it says when its context has ended: that
// of one that dials with this context is that the cause is elsewhere.
func (p Policy) lastWord() time.Duration { return min(p.Pending/10, 5*time.Second) }

// Member describes one member.
type Member struct {
	After  [][]int // AND of OR groups
	Policy Policy
}

// Core is the state machine of one group. A step costs what it changes, not what the group has: only
// members whose own books, or whose neighbours', have changed are looked at.
type Core struct {
	m       []*member
	byRank  []*member // dependencies before dependents
	changed ranks     // members to look at
	doubted ranks     // members that failed, and nobody knows yet for whom it counts
	due     dues      // when to look at a member whatever happens
	now     time.Time
	out     []Action

	begun     bool
	stopping  bool
	finished  bool
	announced bool
	timer     time.Time
	missing   int // members wanted and possible, and not healthy
	present   int // members that are not gone

	failed *member // the one that ends the group
	cause  error   // its failure
}

// New makes a Core that waits for Begin; every member is wanted. The dependencies must have no
// cycle, see Cycle.
func New(members []Member) *Core {
	c := &Core{changed: newRanks(len(members)), doubted: newRanks(len(members))}
	for i, d := range members {
		c.m = append(c.m, &member{index: i, after: d.After, policy: d.Policy, wanted: true, slot: -1})
	}
	for rank, i := range order(members) {
		m := c.m[i]
		m.rank, m.below = rank, newRanks(len(members))
		c.byRank = append(c.byRank, m)
		for _, group := range m.after {
			for _, d := range group {
				below := c.m[d]
				m.below.add(below.rank)
				m.below.addAll(below.below)
				if k := len(below.above); k == 0 || below.above[k-1] != m {
					below.above = append(below.above, m)
				}
			}
		}
		c.changed.add(rank)
	}
	c.plan()
	return c
}

// Step takes one event and appends what is to be done now, in this order, to buf.
func (c *Core) Step(now time.Time, ev Event, buf []Action) []Action {
	c.now, c.out = now, buf
	if !c.finished {
		c.apply(ev)
	}
	if c.begun && !c.finished {
		c.overdue()
		c.settle()
	}
	out := c.out
	c.out = nil
	return out
}

func (c *Core) apply(ev Event) {
	switch ev.Kind {
	case Begin:
		c.begun = true
	case Stop:
		c.stop()
	case Want:
		c.m[ev.Member].wanted = ev.Wanted
		c.touch(c.m[ev.Member])
		c.plan()
	case Wake:
		c.timer = time.Time{}
	case Busy:
		c.touch(c.m[ev.Member])
		c.busy(c.m[ev.Member], ev.Op)
	case Alarm:
		c.touch(c.m[ev.Member])
		c.alarm(c.m[ev.Member], ev)
	case Returned:
		c.touch(c.m[ev.Member])
		c.returned(c.m[ev.Member], ev)
	}
}

// touch has a member looked at in this step.
func (c *Core) touch(m *member) { c.changed.add(m.rank) }

// stop begins the way down of all members.
func (c *Core) stop() {
	c.stopping = true
	for _, m := range c.m {
		c.touch(m)
	}
}

// Cycle returns the members along a cycle of dependencies, first and last the same, or nil.
func Cycle(members []Member) []int {
	const (
		unseen = iota
		onPath
		done
	)
	seen := make([]int, len(members))
	var path []int
	var visit func(i int) []int
	visit = func(i int) []int {
		switch seen[i] {
		case done:
			return nil
		case onPath:
			for k, j := range path {
				if j == i {
					return append(append([]int(nil), path[k:]...), i)
				}
			}
		}
		seen[i] = onPath
		path = append(path, i)
		for _, group := range members[i].After {
			for _, d := range group {
				if cycle := visit(d); cycle != nil {
					return cycle
				}
			}
		}
		path = path[:len(path)-1]
		seen[i] = done
		return nil
	}
	for i := range members {
		if cycle := visit(i); cycle != nil {
			return cycle
		}
	}
	return nil
}

// order lists dependencies before dependents.
func order(members []Member) []int {
	var out []int
	seen := make([]bool, len(members))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, group := range members[i].After {
			for _, d := range group {
				visit(d)
			}
		}
		out = append(out, i)
	}
	for i := range members {
		visit(i)
	}
	return out
}
