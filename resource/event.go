package resource

import (
	"fmt"
	"time"
)

// State of a resource; the names are those of MSCS.
type State int

// The states.
const (
	Offline        State = iota // stopped, or waiting for what it depends on
	OnlinePending               // Online runs
	Online                      // Online returned without error
	OfflinePending              // Offline or Terminate runs
	Failed                      // until the restart begins
)

// String gives the name of the state.
func (s State) String() string {
	switch s {
	case Offline:
		return "Offline"
	case OnlinePending:
		return "OnlinePending"
	case Online:
		return "Online"
	case OfflinePending:
		return "OfflinePending"
	case Failed:
		return "Failed"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Event is a change of state. An event with the same state in From and To brings a new Err, its end, or
// Progress, or tells that a failure counts after all, as those below are alive.
type Event struct {
	Time     time.Time
	Resource string
	From, To State
	Progress string // what a pending resource says it is busy with, see the function Progress
	Err      error  // why; nil for a change that was asked for
	Failures int    // that count, within RestartPeriod
	Dropped  int    // events left out before this one, because OnEvent was too slow
}

// Status of one resource.
type Status struct {
	Name     string
	State    State
	Since    time.Time // of the state; zero before the first Run
	Wanted   bool
	Progress string // while pending
	Failures int    // that counted at the last change
	Err      error  // the last failure until the resource is online again, or trouble elsewhere
}
