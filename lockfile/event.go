package lockfile

import "time"

// EventKind says what an Event reports.
type EventKind int

// The kinds.
const (
	Waiting       EventKind = iota + 1 // another instance, Owner, holds the lock; once for each holder, and again after TryFailed
	Acquired                           // Epoch
	HeartbeatLate                      // Err: heartbeats fail or are slow; once until one is good again
	Lost                               // Err: a *LostError
	Released                           // the lock is free
	Overwritten                        // Owner, an earlier holder, woke up and wrote its record over ours; ours is written again
	Missed                             // OnEvent was too slow, and so many events are missing here: Dropped
	TryFailed                          // Err: while another instance is waited for, the file system fails; once until it answers again
)

var kindNames = [...]string{Waiting: "waiting", Acquired: "acquired", HeartbeatLate: "heartbeat late",
	Lost: "lost", Released: "released", Overwritten: "overwritten", Missed: "missed", TryFailed: "try failed"}

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
	Epoch   uint64 // our own; 0 in Waiting and TryFailed
	Err     error
	Dropped uint64 // of Missed
}

// eventQueue is the longest a slow OnEvent can fall behind.
const eventQueue = 64

func missed(n int) Event { return Event{Kind: Missed, Time: time.Now(), Dropped: uint64(n)} }
