package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqha/mqha/internal/core/lease"
)

// waiter is an Acquire that waits for the holder of path.
type waiter struct {
	lease *Lease
	err   error
	ended chan struct{}
}

// startWaiter returns when a holder was seen.
func startWaiter(t *testing.T, path string, o Options) *waiter {
	t.Helper()
	w := &waiter{ended: make(chan struct{})}
	waits := make(chan struct{})
	seen := false
	o.OnEvent = func(e Event) {
		if e.Kind == Waiting && !seen {
			seen = true
			close(waits)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	go func() {
		defer close(w.ended)
		w.lease, w.err = Acquire(ctx, path, o)
	}()
	select {
	case <-waits:
	case <-w.ended:
		t.Fatalf("it did not wait: %v", w.err)
	}
	return w
}

// end returns what Acquire has returned; a lease is released.
func (w *waiter) end(t *testing.T) error {
	t.Helper()
	<-w.ended
	if w.lease != nil {
		mustRelease(t, w.lease)
	}
	return w.err
}

// TestErrorAfterWaitingDoesNotSayHeld: the holder had gone, and the error of the epoch floor still named it.
func TestErrorAfterWaitingDoesNotSayHeld(t *testing.T) {
	path := lockPath(t)
	holder := mustTake(t, path, quick())
	o := quick()
	o.EpochFloor = func(context.Context) (uint64, error) { return 0, errInjected }
	w := startWaiter(t, path, o)
	mustRelease(t, holder)
	if err := w.end(t); !errors.Is(err, errInjected) || errors.Is(err, ErrHeld) || strings.Contains(err.Error(), "is held by") {
		t.Errorf("%v", err)
	}
}

// TestWaiterOutlivesABlipOfItsFileSystem: one ESTALE or EIO ended each standby.
func TestWaiterOutlivesABlipOfItsFileSystem(t *testing.T) {
	for _, blip := range []error{syscall.EIO, syscall.ESTALE, syscall.ENOLCK, syscall.ENOTCONN} {
		if runtime.GOOS == "windows" {
			blip = syscall.Errno(64) // ERROR_NETNAME_DELETED
		}
		synctest.Test(t, func(t *testing.T) {
			d := &fakeDisk{}
			tries := 0
			d.on(func(a lease.Action) *outcome {
				if a.Op != lease.TryLock {
					return nil
				}
				tries++
				switch {
				case tries > 9:
					return nil
				case tries > 3 && tries < 7:
					o := failed(fmt.Errorf("lock: %w", os.NewSyscallError("lock", blip)))
					return &o
				}
				return &outcome{event: lease.Event{Result: lease.Busy}}
			})
			var got []EventKind
			l := takeFake(t, d, nil, func(e Event) {
				got = append(got, e.Kind)
				if e.Kind == TryFailed && !errors.Is(e.Err, blip) {
					t.Errorf("%v: %v", e.Kind, e.Err)
				}
			})
			mustRelease(t, l)
			if want := []EventKind{Waiting, TryFailed, Waiting, Acquired, Released}; !slices.Equal(got, want) {
				t.Errorf("%v: events %v, want %v", blip, got, want)
			}
		})
	}
}

// TestWaiterEndsWithWhatSomebodyHasToMend, and says that, not that the lock is held.
func TestWaiterEndsWithWhatSomebodyHasToMend(t *testing.T) {
	for _, trouble := range []error{syscall.ENOSPC, syscall.EROFS, os.ErrPermission, ErrForeign} {
		synctest.Test(t, func(t *testing.T) {
			d := &fakeDisk{}
			tries := 0
			d.on(func(a lease.Action) *outcome {
				if a.Op != lease.TryLock {
					return nil
				}
				if tries++; tries > 3 {
					o := failed(trouble)
					return &o
				}
				return &outcome{event: lease.Event{Result: lease.Busy}}
			})
			if _, err := take(t.Context(), "/fake", d, newClock(), true, nil); !errors.Is(err, trouble) || errors.Is(err, ErrHeld) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestErrorNamesWhatDoesNotAnswer: that the file system does not was said of functions of the caller, too.
func TestErrorNamesWhatDoesNotAnswer(t *testing.T) {
	for want, options := range map[string]func(hung chan struct{}) (lease.Op, func(Event)){
		"the file system of /fake": func(chan struct{}) (lease.Op, func(Event)) { return lease.Sync, nil },
		"EpochFloor":               func(chan struct{}) (lease.Op, func(Event)) { return lease.Floor, nil },
		"OnEvent":                  func(hung chan struct{}) (lease.Op, func(Event)) { return 0, func(Event) { <-hung } },
	} {
		synctest.Test(t, func(t *testing.T) {
			d, hung := &fakeDisk{}, make(chan struct{})
			op, onEvent := options(hung)
			d.on(func(a lease.Action) *outcome {
				if a.Op == op {
					<-hung
				}
				if a.Op == lease.TryLock && op == 0 {
					return &outcome{event: lease.Event{Result: lease.Busy}}
				}
				return nil
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := take(ctx, "/fake", d, newClock(), true, onEvent)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "lockfile: "+want+" does not answer") {
				t.Errorf("%s: %v", want, err)
			}
			close(hung)
		})
	}
}

// TestReleaseEndsWithItsContextWhileOnEventHangs: a second Release, and an Acquire whose last wait was cut short, waited for
// a goroutine that had ended.
func TestReleaseEndsWithItsContextWhileOnEventHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		l := takeFake(t, &fakeDisk{}, nil, func(Event) { <-hung })
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := l.Release(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Release: %v", err)
			}
		}
		close(hung)
		mustRelease(t, l)
	})
}

// TestVerifyDoesNotWaitForOnEventOfALeaseThatEnds: the lease was given back between its first look and its question to the
// keeper. It waited for the end of OnEvent then, and for ever where OnEvent was who asked.
func TestVerifyDoesNotWaitForOnEventOfALeaseThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{verify: make(chan chan error), over: make(chan struct{}), stopped: make(chan struct{})}
		l := &Lease{deadline: time.Minute, keeper: k}
		l.good.Store(&lease.Instant{})
		l.clock = func() lease.Instant { // asked by Err, before it answers
			l.decide(ErrReleased)
			close(k.over)
			return lease.Instant{}
		}
		if err := l.Verify(t.Context()); !errors.Is(err, ErrReleased) {
			t.Error(err)
		}
	})
}
