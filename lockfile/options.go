package lockfile

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Options configure Acquire and TryAcquire. The zero value is ready for use. None of the durations
// can be off: a negative one is an error.
type Options struct {
	// Instance names this instance in the record, for people. It should be new at each process start.
	// The default is made of host, process id and a random number. At most 64 bytes.
	Instance string

	// Poll is the time between two tries while another instance holds the lock; each wait is a random
	// time between half of it and all of it. The default is 100 ms, on network file systems 500 ms.
	Poll time.Duration

	// Heartbeat is the time between the beginnings of two heartbeats. The default is 1 s, on network
	// file systems 2 s, but at most two fifths of Deadline.
	Heartbeat time.Duration

	// Deadline is how old the last good heartbeat may become before the lease is lost; it counts from
	// the beginning of that heartbeat. It must be at least twice Heartbeat. The default is 10 s, because
	// the program's own sync of a large file may hold up a heartbeat that long. On network file systems
	// it is 5 s, or half the server's lock lease where the mount tells it (NFS version 4 on Linux) and that
	// is less: the lease should be given up before the server gives the lock to somebody else. On GlusterFS it is
	// 3 s, because a server that is set to notice quickly frees the lock after about 3.5 s; where it is set to take
	// longer, so may Deadline. File systems that are not known to be local count as network file systems.
	//
	// How long a takeover takes after the holder's process has died does not depend on it.
	Deadline time.Duration

	// EpochFloor is asked, after the lock is held and before the epoch is chosen, for the highest epoch
	// that the caller knows from elsewhere; the lease gets a higher one. An error ends the attempt. It is
	// called from another goroutine, with a context that ends with Acquire's.
	EpochFloor func(context.Context) (uint64, error)

	// OnEvent is called with each Event, in order, from one goroutine. It may be slow, but when 64 events
	// are waiting for it, further ones are dropped and counted in the next Event. Release waits for it,
	// so that it must not call Release itself.
	OnEvent func(Event)
}

const (
	localPoll, networkPoll           = 100 * time.Millisecond, 500 * time.Millisecond
	localHeartbeat, networkHeartbeat = time.Second, 2 * time.Second
	localDeadline, networkDeadline   = 10 * time.Second, 5 * time.Second
)

const maxInstance = 64

// check finds what is wrong without knowing the file system.
func (o Options) check() error {
	switch {
	case o.Poll < 0 || o.Heartbeat < 0 || o.Deadline < 0:
		return errors.New("a duration is negative, and none of Poll, Heartbeat and Deadline can be off")
	case len(o.Instance) > maxInstance || !utf8.ValidString(o.Instance):
		return fmt.Errorf("option Instance must be UTF-8 of at most %d bytes", maxInstance)
	case o.Heartbeat > 0 && o.Deadline > 0:
		return o.checkRelation()
	}
	return nil
}

func (o Options) checkRelation() error {
	if o.Deadline < 2*o.Heartbeat {
		return fmt.Errorf("option Deadline (%v) must be at least twice Heartbeat (%v)", o.Deadline, o.Heartbeat)
	}
	return nil
}

// on fills in the defaults for a file system. lockLease is how long its server remembers the locks of
// a client that is silent, longest what is known of a deadline there; 0 if unknown.
func (o Options) on(local bool, lockLease, longest time.Duration) (Options, error) {
	poll, heartbeat, deadline := localPoll, localHeartbeat, localDeadline
	if !local {
		poll, heartbeat, deadline = networkPoll, networkHeartbeat, networkDeadline
		if lockLease > 0 {
			deadline = min(deadline, lockLease/2)
		}
		if longest > 0 {
			deadline = min(deadline, longest)
		}
	}
	if o.Poll == 0 {
		o.Poll = poll
	}
	if o.Deadline == 0 {
		o.Deadline = deadline
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = min(heartbeat, o.Deadline*2/5)
	}
	return o, o.checkRelation()
}
