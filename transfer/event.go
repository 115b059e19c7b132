package transfer

import "time"

// EventKind says what an Event reports.
type EventKind string

// The kinds of events.
const (
	EventSubmitted EventKind = "submitted" // recorded durably
	EventOpened    EventKind = "opened"    // the receiver knows the transfer
	EventResumed   EventKind = "resumed"   // goes on at Offset after a loss of link, process or epoch
	EventProgress  EventKind = "progress"  // Durable has advanced
	EventFailed    EventKind = "failed"    // one file is not delivered: File, Reason
	EventLeft      EventKind = "left"      // a source that was to be deleted stays: File at this agent, Reason
	// EventStalled: the receiver's disk is full, the disk that a transfer is read from is away (Sending), or, without
	// a Transfer, there is no way to Peer, such as a queue that is not defined. It is tried again until somebody has
	// mended it.
	EventStalled EventKind = "stalled"
	// EventDegraded: the engine goes on without something that it can do without: Reason.
	EventDegraded  EventKind = "degraded"
	EventFinalised EventKind = "finalised" // the journal is written in NewestFormat from now on: Reason
	EventCompleted EventKind = "completed"
	EventRefused   EventKind = "refused" // Reason says why
	EventCancelled EventKind = "cancelled"
	EventDropped   EventKind = "dropped" // a frame was not understood, came from an older epoch, or too often: Reason
	EventMissed    EventKind = "missed"  // OnEvent was too slow, and so many events are missing here: Dropped
)

// Event is something that happened to a transfer, seen from this agent.
type Event struct {
	Kind     EventKind `json:"kind"`
	Time     time.Time `json:"time"`
	Transfer ID        `json:"transfer"`
	Peer     string    `json:"peer"`
	Sending  bool      `json:"sending"`
	Bytes    int64     `json:"bytes"`   // of all files
	Durable  int64     `json:"durable"` // bytes of files that are durable at the receiver
	Offset   int64     `json:"offset"`  // EventResumed: where in the bytes of all files it goes on
	File     string    `json:"file,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Dropped  int       `json:"dropped,omitempty"` // EventMissed
}

// maxEvents is how many events wait for OnEvent.
const maxEvents = 4096

func missed(n int) Event { return Event{Kind: EventMissed, Time: time.Now(), Dropped: n} }

func (e *Engine) tell(ev Event) {
	ev.Time = time.Now()
	e.events.Add(ev)
}
