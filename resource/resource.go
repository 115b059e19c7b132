// Package resource keeps what a service needs online, in order. (Skeleton.)
package resource

import (
	"context"
	"errors"
	"time"
)

// Resource is something that can be online.
type Resource interface {
	Online(context.Context) error
	Offline(context.Context) error
	LooksAlive(context.Context) error
	IsAlive(context.Context) error
	Terminate()
}

// Policy says when to poll, restart and move. Zero fields are Microsoft's defaults; negative: off.
type Policy struct {
	LooksAlivePoll, IsAlivePoll time.Duration // 5 s, 60 s
	PendingTimeout              time.Duration // 180 s
	RestartThreshold            int           // 3
	RestartPeriod               time.Duration // 15 min
	RetryPeriodOnFailure        time.Duration // 1 h
}

// Spec is one member of a Group. After is an AND of OR groups of names.
type Spec struct {
	Name     string
	Resource Resource
	After    [][]string
	Policy   Policy
}

// Options configure a Group.
type Options struct {
	OnEvent func(Event)
}

// State of a resource.
type State int

// The states.
const (
	Offline State = iota
	OnlinePending
	Online
	OfflinePending
	Failed
)

// Status of one resource.
type Status struct {
	Name  string
	State State
	Since time.Time
	Err   error
}

// Event is a change of state.
type Event struct {
	Time     time.Time
	Resource string
	From, To State
	Err      error
}

// ErrFailover matches *FailoverError.
var ErrFailover = errors.New("resource: the group should move to another node")

// FailoverError says which resource failed beyond its policy.
type FailoverError struct {
	Resource string
	Err      error
}

func (e *FailoverError) Error() string { panic("skeleton") }

// Is matches ErrFailover.
func (e *FailoverError) Is(target error) bool { return target == ErrFailover }

// Unwrap gives the cause.
func (e *FailoverError) Unwrap() error { return e.Err }

// Group is a set of resources.
type Group struct{}

// NewGroup checks names and dependencies.
func NewGroup(o Options, specs ...Spec) (*Group, error) { panic("skeleton") }

// Run brings the group online, calls online, watches it, and takes it offline when ctx ends.
func (*Group) Run(ctx context.Context, online func()) error { panic("skeleton") }

// Snapshot lists the members.
func (*Group) Snapshot() []Status { panic("skeleton") }

// SetWanted takes a member offline or online by an operator's wish.
func (*Group) SetWanted(name string, online bool) error { panic("skeleton") }

// Program is a service that ocf, winsvc and sdnotify can host.
type Program struct {
	Name string
	Run  func(ctx context.Context, n Notifier) error
}

// Notifier is how a Program tells its host how it is.
type Notifier interface {
	Ready()
	Progress(what string, next time.Duration)
	Healthy(check func(context.Context) error)
}
