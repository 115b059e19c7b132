package mqtest

import (
	"cmp"
	"maps"
	"slices"
)

// ChannelState is what DISPLAY CHSTATUS says of a channel.
type ChannelState string

// States of a channel.
const (
	ChannelInactive ChannelState = "INACTIVE" // not started, disconnected after DISCINT, or nobody has called
	ChannelStarting ChannelState = "STARTING" // connecting and agreeing with the other side
	ChannelRunning  ChannelState = "RUNNING"
	ChannelPaused   ChannelState = "PAUSED"   // a receiver waits for MRTMR before it tries a put again
	ChannelRetrying ChannelState = "RETRYING" // a sender waits for SHORTTMR or LONGTMR
	ChannelStopped  ChannelState = "STOPPED"  // until START CHANNEL
)

// ChannelStatus is the state of a channel between queue managers.
type ChannelStatus struct {
	Name         string
	Type         string // "SDR" or "RCVR"
	State        ChannelState
	QueueManager string // at the other end, once it has answered
	Connections  int    // since the queue manager was started
	Batches      int    // since then
	Messages     int    // since then, in batches and fast ones
	Sequence     int    // number of the last message of the last batch that is committed here
	InDoubt      bool   // a sender does not know whether its last batch was committed
	ShortLeft    int    // of SHORTRTY
	LongLeft     int    // of LONGRTY
	Err          error  // why the channel is retrying or stopped; nil for STOP CHANNEL
}

// Channels gives the state of every channel between queue managers, sorted by name and then by the queue manager at
// the other end. A receiver channel that nobody has called yet is there once.
func (q *QueueManager) Channels() []ChannelStatus {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []ChannelStatus
	for _, name := range slices.Sorted(maps.Keys(q.senders)) {
		all = append(all, q.senders[name].read())
	}
	called := make(map[string]bool)
	for key, s := range q.received {
		called[key.channel] = true
		all = append(all, q.receiverStatus(key, s))
	}
	for name := range q.objects.receivers {
		if !called[name] {
			all = append(all, q.receiverStatus(syncKey{channel: name, receiver: true}, &ChannelStatus{State: ChannelInactive}))
		}
	}
	slices.SortFunc(all, func(a, b ChannelStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.QueueManager, b.QueueManager))
	})
	return all
}

// Channel gives the state of one channel; of a receiver channel that several queue managers have called, the first
// by their names. A channel that is not defined has no State.
func (q *QueueManager) Channel(name string) ChannelStatus {
	for _, s := range q.Channels() {
		if s.Name == name {
			return s
		}
	}
	return ChannelStatus{Name: name}
}

// receiverStatus completes what an instance counts. The caller holds the mutex.
func (q *QueueManager) receiverStatus(key syncKey, counted *ChannelStatus) ChannelStatus {
	s := *counted
	s.Name, s.Type, s.QueueManager, s.Sequence = key.channel, "RCVR", key.partner, q.sync[key].Sequence
	if q.objects.receivers[key.channel].stopped {
		s.State = ChannelStopped
	}
	return s
}

func (s *sender) read() ChannelStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}
