package transfer

import (
	"sync"
	"time"
)

// EventKind says what an Event reports.
type EventKind string

// The kinds of events.
const (
	EventSubmitted EventKind = "submitted" // recorded durably
	EventOpened    EventKind = "opened"    // the receiver knows the transfer
	EventResumed   EventKind = "resumed"   // goes on at Offset after a loss of link, process or epoch
	EventProgress  EventKind = "progress"  // Durable has advanced
	EventFailed    EventKind = "failed"    // one file is not delivered: File, Reason
	// EventStalled: the receiver's disk is full, or (without a Transfer) there is no way to Peer, such as a
	// queue that is not defined. It is tried again until somebody has mended it.
	EventStalled   EventKind = "stalled"
	EventCompleted EventKind = "completed"
	EventRefused   EventKind = "refused" // Reason says why
	EventCancelled EventKind = "cancelled"
	EventDropped   EventKind = "dropped" // a frame was not understood or came from an older epoch: Reason
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
	Dropped  int       `json:"dropped,omitempty"` // events that could not be delivered before this one
}

// maxEvents is how many events wait for OnEvent.
const maxEvents = 4096

// dispatcher calls OnEvent from one goroutine, so that the engine never waits for it.
type dispatcher struct {
	mu      sync.Mutex
	queue   []Event
	dropped int
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

func newDispatcher(onEvent func(Event)) *dispatcher {
	d := &dispatcher{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(d.done)
		for range d.wake {
			events, closed := d.take()
			for _, e := range events {
				if onEvent != nil {
					onEvent(e)
				}
			}
			if closed {
				return
			}
		}
	}()
	return d
}

func (d *dispatcher) take() ([]Event, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.queue
	d.queue = nil
	return events, d.closed
}

func (d *dispatcher) emit(e Event) {
	d.mu.Lock()
	if len(d.queue) >= maxEvents {
		d.dropped++
		d.mu.Unlock()
		return
	}
	e.Time, e.Dropped, d.dropped = time.Now(), d.dropped, 0
	d.queue = append(d.queue, e)
	d.mu.Unlock()
	d.signal()
}

func (d *dispatcher) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// close delivers what waits and ends the goroutine.
func (d *dispatcher) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.signal()
	<-d.done
}
