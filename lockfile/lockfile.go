// Package lockfile elects one active instance with a lock on a shared disk. (Skeleton.)
package lockfile

import (
	"context"
	"errors"
	"time"
)

// Options configure Acquire.
type Options struct {
	Instance                  string
	Poll, Heartbeat, Deadline time.Duration
	EpochFloor                func(context.Context) (uint64, error)
	OnEvent                   func(Event)
}

// Record is what the holder says of itself in the lock file.
type Record struct {
	Instance, Host, BootID string
	PID                    int
	Epoch, Beat            uint64
	Since                  time.Time
	Primitive              string
}

// EventKind says what an Event reports.
type EventKind int

// The kinds.
const (
	Waiting EventKind = iota + 1
	Acquired
	HeartbeatLate
	Lost
	Released
)

// Event is something that happened to a lock.
type Event struct {
	Kind  EventKind
	Time  time.Time
	Owner Record
	Epoch uint64
	Err   error
}

// ErrHeld matches *HeldError.
var ErrHeld = errors.New("lockfile: held by another instance")

// HeldError says who holds the lock.
type HeldError struct{ Owner Record }

func (e *HeldError) Error() string { panic("skeleton") }

// Is matches ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// ErrLost matches *LostError.
var ErrLost = errors.New("lockfile: lease lost")

// LostError says why a lease ended.
type LostError struct{ Reason string }

func (e *LostError) Error() string { panic("skeleton") }

// Is matches ErrLost.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Lease is the lock while it is held.
type Lease struct{}

// Acquire waits for the lock; ctx bounds only the wait.
func Acquire(ctx context.Context, path string, o Options) (*Lease, error) { panic("skeleton") }

// TryAcquire does not wait.
func TryAcquire(path string, o Options) (*Lease, error) { panic("skeleton") }

// Inspect reads the record.
func Inspect(path string) (Record, error) { panic("skeleton") }

// Epoch grows with each lease.
func (*Lease) Epoch() uint64 { panic("skeleton") }

// Done is closed when the lease has ended.
func (*Lease) Done() <-chan struct{} { panic("skeleton") }

// Err is nil while the lease is good.
func (*Lease) Err() error { panic("skeleton") }

// Context ends with the lease.
func (*Lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	panic("skeleton")
}

// Verify proves the lease by I/O now.
func (*Lease) Verify(ctx context.Context) error { panic("skeleton") }

// Release gives the lock back.
func (*Lease) Release(ctx context.Context) error { panic("skeleton") }
