package ha

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mqha/mqha/lockfile"
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/resource"
	"github.com/mqha/mqha/transfer"
)

// ErrFence matches *FenceError.
var ErrFence = errors.New("ha: a queue of the agent is held by another connection")

// FenceError says that another connection still held a queue of the agent after Config.FenceWait.
// The agent steps down: it may be alone with the lock, but it is not alone with the queue.
type FenceError struct {
	Queue  string
	Waited time.Duration
	Err    error
}

func (e *FenceError) Error() string {
	return fmt.Sprintf("ha: queue %s is still held by another connection after %v (see DISPLAY QSTATUS(%s) TYPE(HANDLE)): %v",
		e.Queue, e.Waited, e.Queue, e.Err)
}

// Is matches ErrFence.
func (e *FenceError) Is(target error) bool { return target == ErrFence }

// Unwrap gives the last answer of the queue manager.
func (e *FenceError) Unwrap() error { return e.Err }

// ErrYield matches *YieldError.
var ErrYield = errors.New("ha: a standby is connected, and this instance is not")

// ErrOverrun matches *OverrunError.
var ErrOverrun = errors.New("ha: something did not end in time")

// OverrunError names what did not end in time. The process still runs it, and keeps the lock for
// that reason: only the end of the process makes room for a successor.
type OverrunError struct {
	Running []string
	Cause   error // what hangs, or why the agent stepped down; or nil
}

func (e *OverrunError) Error() string {
	s := "ha: did not end in time: " + strings.Join(e.Running, ", ")
	if e.Cause != nil {
		s += " (" + e.Cause.Error() + ")"
	}
	return s
}

// Is matches ErrOverrun.
func (e *OverrunError) Is(target error) bool { return target == ErrOverrun }

// Unwrap gives the cause.
func (e *OverrunError) Unwrap() error { return e.Cause }

// The exit codes of Main. 75 and 78 are EX_TEMPFAIL and EX_CONFIG of sysexits.h, 70 is EX_SOFTWARE;
// IBM's agents end with 75 when their queue manager is unavailable and with 70 abnormally.
const (
	exitDone      = 0
	exitSoftware  = 70
	exitTemporary = 75
	exitConfig    = 78
)

// ExitCode maps what Run, New or a Client returned to the exit code of a process:
//
//	0   done, or stopped as asked
//	75  queue manager away, lease lost, failover, yielded, no answer: another try or another node may do
//	78  not built in, configuration, authentication: somebody has to change something
//	70  the rest, and whatever did not end in time
func ExitCode(err error) int {
	var fault *mqconn.Error
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, ErrOverrun): // first: its cause may be any of the others
		return exitSoftware
	case errors.Is(err, ErrYield): // its cause may be what counts as configuration here
		return exitTemporary
	case errors.Is(err, ErrConfig), errors.Is(err, mqconn.ErrNotBuilt):
		return exitConfig
	case errors.As(err, &fault):
		if fault.Class == mqconn.Fatal {
			return exitConfig
		}
		return exitTemporary
	case errors.Is(err, lockfile.ErrLost), errors.Is(err, lockfile.ErrHeld), errors.Is(err, transfer.ErrFenced),
		errors.Is(err, resource.ErrFailover), errors.Is(err, ErrFence), errors.Is(err, ErrNoAnswer):
		return exitTemporary
	default:
		return exitSoftware
	}
}
