package resource

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrFailover matches *FailoverError.
	ErrFailover = errors.New("resource: the group should move to another node")
	// ErrHang matches *HangError.
	ErrHang = errors.New("resource: a call does not return")
	// ErrRunning is returned by a Run while another one of the same Group has not ended.
	ErrRunning = errors.New("resource: the group is running already")
	// ErrUnknown is returned for a name that is not in the group.
	ErrUnknown = errors.New("resource: no such resource in the group")
	// ErrWishes is returned when the file with the wishes of SetWanted cannot be read, understood or
	// written. It is not guessed what an operator wanted: repair the file, or remove it, which
	// means that everything is wanted.
	ErrWishes = errors.New("resource: wishes of SetWanted")
	// ErrElsewhere matches what Elsewhere returns.
	ErrElsewhere = errors.New("the cause is elsewhere")
)

// Elsewhere marks an error of Online, LooksAlive or IsAlive whose cause is nothing that this node runs:
// a queue manager on another machine does not answer. A restart here does not help, and moving the
// group does not either, so it is no failure: a resource that was online stays online with the error
// in its Status and is asked again; Online is tried again after LooksAlivePoll (5 s where that is off),
// and nothing is counted. While it lasts, failures of what depends on the resource are taken for the
// same cause. Elsewhere(nil) is nil.
//
// A check may dial until its context ends and say so then. An Online that waits for something elsewhere must
// not: silent beyond PendingTimeout, it has failed and that counts. It shows Progress, or returns earlier.
func Elsewhere(err error) error {
	if err == nil {
		return nil
	}
	return &elsewhereError{err}
}

type elsewhereError struct{ err error }

func (e *elsewhereError) Error() string { return e.err.Error() }

func (e *elsewhereError) Is(target error) bool { return target == ErrElsewhere }

func (e *elsewhereError) Unwrap() error { return e.err }

// FailoverError says which resource failed beyond its policy. The group is offline here, but for
// what a HangError beside it names. The caller gives up what entitles it to run the group, and
// does not try again here before RetryAfter.
type FailoverError struct {
	Resource   string
	Failures   int           // within RestartPeriod; 0 when a call hung and a restart was not possible
	Period     time.Duration // RestartPeriod, negative: for ever
	RetryAfter time.Duration // RetryPeriodOnFailure; negative: only when somebody asks; 0: unknown
	Err        error         // the last failure
}

func (e *FailoverError) Error() string {
	what := "failed"
	if e.Failures > 0 {
		what += " " + times(e.Failures)
		if e.Period > 0 {
			what += " within " + e.Period.String()
		}
	}
	text := fmt.Sprintf("resource %s: %s: %v: move the group to another node", e.Resource, what, e.Err)
	switch {
	case e.RetryAfter > 0:
		text += ", retry here after " + e.RetryAfter.String()
	case e.RetryAfter < 0:
		text += ", do not retry here before it is repaired"
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Is matches ErrFailover.
func (e *FailoverError) Is(target error) bool { return target == ErrFailover }

// Unwrap gives the last failure.
func (e *FailoverError) Unwrap() error { return e.Err }

// HangError names the resources with calls that have not returned, not even after Terminate. They
// may still be online. The caller cannot end them; it ends the process, or has the node fenced,
// before another node uses what they use.
type HangError struct {
	Resources []string
}

func (e *HangError) Error() string {
	return fmt.Sprintf("resource %s: still hangs after Terminate and may be online: end this process, or fence this node",
		strings.Join(e.Resources, ", "))
}

// Is matches ErrHang.
func (e *HangError) Is(target error) bool { return target == ErrHang }
