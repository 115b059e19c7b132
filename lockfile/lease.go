package lockfile

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
)

// Lease is the lock while it is held. Its methods may be called from any goroutine.
type Lease struct {
	path     string
	clock    func() lease.Instant
	epoch    uint64        // set before the caller gets the lease
	deadline time.Duration // likewise

	good    atomic.Pointer[lease.Instant] // the last good heartbeat was begun then
	verdict atomic.Pointer[verdict]       // nil while the lease is good; the first one stays
	ended   context.Context               // ends, with the verdict as cause, soon after it
	end     context.CancelCauseFunc

	keeper *keeper
}

type verdict struct{ err error }

// Epoch is higher than that of every earlier lease of the same path.
func (l *Lease) Epoch() uint64 { return l.epoch }

// Done is closed soon after Err has become non-nil, and when Release is called.
func (l *Lease) Done() <-chan struct{} { return l.ended.Done() }

// Err is nil while the lease is good, a *LostError once it is lost, and ErrReleased after Release.
// Once it is not nil it stays the same. It reads the clocks, does no I/O and waits for nothing, so that
// it can be asked before every write.
func (l *Lease) Err() error {
	if v := l.verdict.Load(); v != nil {
		return v.err
	}
	for {
		good := l.good.Load()
		age := l.clock().Since(*good)
		if age < l.deadline {
			return nil
		}
		// A heartbeat may have ended between the two lines above, while this goroutine was not running.
		if l.good.Load() == good {
			return l.expire(age)
		}
	}
}

func (l *Lease) expire(age time.Duration) error {
	l.decide(l.lost(fmt.Sprintf("no good heartbeat for %v, the deadline is %v", age.Round(time.Millisecond), l.deadline), nil))
	select {
	case l.keeper.tooLate <- struct{}{}:
	default: // it knows already
	}
	return l.verdict.Load().err
}

// decide ends the lease, unless that has happened already.
func (l *Lease) decide(err error) { l.verdict.CompareAndSwap(nil, &verdict{err}) }

func (l *Lease) lost(reason string, cause error) *LostError {
	return &LostError{Path: l.path, Epoch: l.epoch, Reason: reason, Cause: cause}
}

// Context returns a copy of parent that ends with the lease; its cause is then a *LostError or
// ErrReleased. Like Done it ends soon after Err, so that it is no substitute for asking Err before
// a write. Call cancel when it is no longer needed.
func (l *Lease) Context(parent context.Context) (ctx context.Context, cancel context.CancelFunc) {
	ctx, cancelCause := context.WithCancelCause(parent)
	stop := context.AfterFunc(l.ended, func() { cancelCause(context.Cause(l.ended)) })
	return ctx, func() {
		stop()
		cancelCause(nil)
	}
}

// Verify makes a heartbeat now and returns nil if it is good: at the time of the call the lease was
// ours, so that what was done under it before the call counts. Another error than those of Err means
// that this one heartbeat failed, or that ctx ended first; the lease is still held then, until its
// deadline.
func (l *Lease) Verify(ctx context.Context) error {
	if err := l.Err(); err != nil {
		return err
	}
	answer := make(chan error, 1)
	select {
	case l.keeper.verify <- answer:
	case <-l.keeper.over: // and not stopped, which OnEvent holds up, and OnEvent may be who asks
		return l.Err()
	case <-ctx.Done():
		return l.unproven(context.Cause(ctx))
	}
	select {
	case err := <-answer:
		if lost := l.Err(); lost != nil {
			return lost
		}
		if err != nil {
			return l.unproven(err)
		}
		return nil
	case <-ctx.Done():
		return l.unproven(context.Cause(ctx))
	}
}

func (l *Lease) unproven(err error) error {
	return fmt.Errorf("lockfile: lease %d of %s is not proven: %w", l.epoch, l.path, err)
}

// Release ends the lease and gives the lock back; call it when the work under the lease has ended, also
// after a loss. It waits for a heartbeat under way and for OnEvent. An error means that ctx ended
// before the file system answered: the lock becomes free when it does, or when the process ends. To
// call Release again is harmless, and waits again.
func (l *Lease) Release(ctx context.Context) error {
	l.decide(ErrReleased)
	l.end(l.verdict.Load().err)
	l.keeper.leave(nil)
	select {
	case <-l.keeper.stopped:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("lockfile: release of %s: the file system has not answered yet: %w", l.path, context.Cause(ctx))
	}
}
