package lockfile

import "time"

// EventKind says what an Event reports.
type EventKind int

// The kinds.
const (
	Waiting       EventKind = iota + 1 // another instance, Owner, holds the lock; once for each holder
	Acquired                           // Epoch
	HeartbeatLate                      // Err: heartbeats fail or are slow; once until one is good again
	Lost                               // Err: a *LostError
	Released                           // the lock is free
	Overwritten                        // Owner, an earlier holder, woke up and wrote its record over ours; ours is written again
)

var kindNames = [...]string{Waiting: "waiting", Acquired: "acquired", HeartbeatLate: "heartbeat late",
	Lost: "lost", Released: "released", Overwritten: "overwritten"}

func (k EventKind) String() string {
	if k < Waiting || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Event is something that happened to a lock.
type Event struct {
	Kind    EventKind
	Time    time.Time
	Owner   Record // of Waiting and Overwritten; zero when it has not written any yet, or the file was damaged
	Epoch   uint64 // our own; 0 in Waiting
	Err     error
	Dropped uint64 // events before this one that OnEvent was too slow for
}

// eventQueue is the longest a slow OnEvent can fall behind.
const eventQueue = 64

// reporter hands events to OnEvent without making the sender wait. The sender is one goroutine.
type reporter struct {
	queue   chan Event
	dropped uint64
	done    chan struct{}
}

func startReporter(onEvent func(Event)) *reporter {
	r := &reporter{queue: make(chan Event, eventQueue), done: make(chan struct{})}
	if onEvent == nil {
		close(r.done)
		return r
	}
	go func() {
		defer close(r.done)
		for e := range r.queue {
			onEvent(e)
		}
	}()
	return r
}

func (r *reporter) report(e Event) {
	e.Dropped = r.dropped
	select {
	case r.queue <- e:
		r.dropped = 0
	default:
		r.dropped++
	}
}

// close waits until everything is reported.
func (r *reporter) close() {
	close(r.queue)
	<-r.done
}
