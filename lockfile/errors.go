package lockfile

import (
	"errors"
	"fmt"
	"time"
)

// ErrHeld matches *HeldError.
var ErrHeld = errors.New("lockfile: held by another instance")

// HeldError is what TryAcquire returns when another instance holds the lock.
type HeldError struct {
	Path  string
	Owner Record // as the record says; a holder of this very moment may not have written it yet. Zero if there is none
}

func (e *HeldError) Error() string {
	o := e.Owner
	if o.Epoch == 0 {
		return fmt.Sprintf("lockfile: %s is held by an instance that has not written its name yet", e.Path)
	}
	return fmt.Sprintf("lockfile: %s is held by instance %q on host %s (process %d, epoch %d) since %s",
		e.Path, o.Instance, o.Host, o.PID, o.Epoch, o.Since.Format(time.RFC3339))
}

// Is matches ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// ErrLost matches *LostError.
var ErrLost = errors.New("lockfile: lease lost")

// LostError says why a lease ended before it was released.
type LostError struct {
	Path   string
	Epoch  uint64
	Reason string
	Cause  error // why the last heartbeats failed, if they did
}

func (e *LostError) Error() string {
	s := fmt.Sprintf("lockfile: lease %d of %s is lost: %s", e.Epoch, e.Path, e.Reason)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Is matches ErrLost.
func (e *LostError) Is(target error) bool { return target == ErrLost }

// Unwrap returns Cause.
func (e *LostError) Unwrap() error { return e.Cause }

// ErrReleased is what Lease.Err returns after Release, unless the lease was lost before.
var ErrReleased = errors.New("lockfile: lease released")

// ErrForeign means that the lock file is not ours to use: it is a symbolic link, has other content, or its record was
// written under another kind of lock (Record.Primitive) that does not exclude ours. When nobody uses
// the file, remove it; the epochs live on beside it.
var ErrForeign = errors.New("not a lock file for this program")
