package lockfile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
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
