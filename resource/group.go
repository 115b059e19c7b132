package resource

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/mqha/mqha/internal/core/group"
)

// Options configure a Group.
type Options struct {
	// OnEvent is told each change of state, in order, from one goroutine and never under a lock.
	// Run does not wait for it, but does not return before it has been told everything. When it
	// is more than 1024 events behind, the oldest are dropped and counted in Event.Dropped.
	// Nil: nobody is told.
	OnEvent func(Event)
	// StateDir is an existing directory in which the wishes of SetWanted are kept, in the file
	// wanted.json, so that a new process on this or another node knows them. Run and SetWanted read
	// it, NewGroup does not: it may be on a disk that is not there yet. Two groups need two
	// directories. Both calls wait as long as that disk does not answer, and no context ends that.
	// Empty: wishes end with the process.
	StateDir string
}

// Group is a set of resources that live together on one node. Its methods may be called from any
// goroutine.
type Group struct {
	o       Options
	specs   []Spec // policies with defaults
	index   map[string]int
	members []group.Member
	disk    wishDisk

	mu      sync.Mutex
	status  []Status
	calls   []int         // running, by member; also after a Run gave up
	wish    chan struct{} // capacity 1: somebody called SetWanted
	saving  chan struct{} // capacity 1: holds a token while somebody writes the file of wishes
	running bool
}

// NewGroup checks names, dependencies and policies. It refuses an empty or repeated name, a missing
// Resource, an empty OR group, a name in After that is not in the group, and a cycle, which it
// spells out. It starts nothing.
func NewGroup(o Options, specs ...Spec) (*Group, error) {
	g := &Group{o: o, index: map[string]int{}, calls: make([]int, len(specs)), wish: make(chan struct{}, 1),
		saving: make(chan struct{}, 1), disk: realDisk()}
	for i, s := range specs {
		if s.Name == "" {
			return nil, fmt.Errorf("resource: member %d has no name", i+1)
		}
		if _, ok := g.index[s.Name]; ok {
			return nil, fmt.Errorf("resource %s: the name is used twice", s.Name)
		}
		if s.Resource == nil {
			return nil, fmt.Errorf("resource %s: Resource is nil", s.Name)
		}
		s.Policy = s.Policy.withDefaults()
		if err := s.Policy.check(); err != nil {
			return nil, fmt.Errorf("resource %s: %w", s.Name, err)
		}
		g.index[s.Name] = i
		g.specs = append(g.specs, s)
		g.status = append(g.status, Status{Name: s.Name, Wanted: true})
	}
	for _, s := range g.specs {
		m, err := g.member(s)
		if err != nil {
			return nil, err
		}
		g.members = append(g.members, m)
	}
	if cycle := group.Cycle(g.members); cycle != nil {
		var path []string
		for _, i := range cycle {
			path = append(path, g.specs[i].Name)
		}
		return nil, fmt.Errorf("resource: dependencies form a cycle: %s", strings.Join(path, " after "))
	}
	return g, nil
}

func (g *Group) member(s Spec) (group.Member, error) {
	m := group.Member{Policy: group.Policy{
		Retry:      s.Policy.LooksAlivePoll,
		LooksAlive: s.Policy.LooksAlivePoll,
		IsAlive:    s.Policy.IsAlivePoll,
		Pending:    s.Policy.PendingTimeout,
		Threshold:  s.Policy.RestartThreshold,
		Period:     s.Policy.RestartPeriod,
	}}
	if m.Policy.Retry < 0 {
		m.Policy.Retry = defaultLooksAlive
	}
	for _, or := range s.After {
		if len(or) == 0 {
			return m, fmt.Errorf("resource %s: an empty OR group in After can never be satisfied", s.Name)
		}
		var members []int
		for _, name := range or {
			d, ok := g.index[name]
			if !ok {
				return m, fmt.Errorf("resource %s: After names %q: %w", s.Name, name, ErrUnknown)
			}
			members = append(members, d)
		}
		m.After = append(m.After, members)
	}
	return m, nil
}

// Snapshot lists the members in the order in which NewGroup was given them.
func (g *Group) Snapshot() []Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Status(nil), g.status...)
}

func (g *Group) state(i int) State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status[i].State
}

// begin admits one Run at a time, and none while calls of an earlier one may still change a
// resource.
func (g *Group) begin() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running {
		return ErrRunning
	}
	var hang HangError
	for i, n := range g.calls {
		if n > 0 {
			hang.Resources = append(hang.Resources, g.specs[i].Name)
		}
	}
	if hang.Resources != nil {
		return &hang
	}
	g.running = true
	return nil
}

func (g *Group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = false
}

// result makes the error of Run.
func (g *Group) result(a group.Action) error {
	var failover, hang error
	if a.Failed {
		s := g.specs[a.Member]
		failover = &FailoverError{Resource: s.Name, Failures: a.Failures, Period: s.Policy.RestartPeriod,
			RetryAfter: s.Policy.RetryPeriodOnFailure, Err: a.Err}
	}
	if a.Hung != nil {
		e := &HangError{}
		for _, i := range a.Hung {
			e.Resources = append(e.Resources, g.specs[i].Name)
		}
		hang = e
	}
	switch {
	case failover == nil:
		return hang
	case hang == nil:
		return failover
	}
	return errors.Join(failover, hang)
}
