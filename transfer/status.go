package transfer

import "github.com/mqha/mqha/internal/core/stream"

// State is how far a transfer is, as an operator sees it.
type State string

// The states.
const (
	Waiting    State = "waiting"    // no answer of the receiver yet, or not its turn
	Running    State = "running"    // data flows
	Recovering State = "recovering" // the link or the other agent is away
	Deleting   State = "deleting"   // every file is delivered or reported failed; now the sources are deleted
	Completed  State = "completed"  // the same, and sources that were to be deleted are, or are reported left
	Refused    State = "refused"    // the receiver will not have it; Status.Reason says why
	Cancelling State = "cancelling" // to be cancelled, and the receiver has not answered yet
	Cancelled  State = "cancelled"  // given up; files that were delivered before stay
)

// Ended says that the state will not change any more.
func (s State) Ended() bool { return s == Completed || s == Refused || s == Cancelled }

// endState is the state that a last word means.
func endState(a stream.Answer) State {
	switch a {
	case stream.Completed:
		return Completed
	case stream.Cancelled:
		return Cancelled
	}
	return Refused
}

func endEvent(a stream.Answer) EventKind {
	switch a {
	case stream.Completed:
		return EventCompleted
	case stream.Cancelled:
		return EventCancelled
	}
	return EventRefused
}

// FileFailure is one file, directory or link that was not delivered, or in Status.LeftFiles one source that was
// not deleted.
type FileFailure struct {
	Name   string `json:"name"` // below the receiver's WriteRoot
	Reason string `json:"reason"`
}

// maxFailures is how many failures a Status lists; Failed counts them all.
const maxFailures = 100

// Status describes one transfer.
type Status struct {
	ID       ID            `json:"id"`
	Peer     string        `json:"peer"` // the other agent
	Sending  bool          `json:"sending"`
	State    State         `json:"state"`
	Files    int           `json:"files"`              // regular files in what Request.Items name
	Bytes    int64         `json:"bytes"`              // of all these files
	Durable  int64         `json:"durable"`            // bytes that are durable at the receiver
	Failed   int           `json:"failed"`             // not delivered: files, and directories, links and special files, which Files does not count
	Failures []FileFailure `json:"failures,omitempty"` // the first 100 of them
	Reason   string        `json:"reason,omitempty"`   // of the end, or why there is no way to Peer at present
	// Left counts the sources that were to be deleted (Request.SourceDisposition) and are there still, but
	// for those of files that were not delivered. LeftFiles lists the first 100 of them by their paths below
	// the ReadRoot. When it is not known which files were not delivered, nothing is deleted and all are
	// counted. A path that ends with .deleting is that of a directory in which some may lie now.
	Left      int           `json:"left,omitempty"`
	LeftFiles []FileFailure `json:"leftFiles,omitempty"`
}
