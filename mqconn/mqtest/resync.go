package mqtest

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// syncKey names one end of a channel. A receiver channel has one for each queue manager that calls it.
type syncKey struct {
	channel  string
	partner  string // the queue manager that sends; empty for a sender
	receiver bool
}

// syncState is what one end of a channel must know after a crash, so that a batch arrives exactly once (IBM MQ,
// SYSTEM.CHANNEL.SYNCQ). It is logged with the messages that it is about, in one record.
//
// A sender logs the batch as in doubt before it asks the receiver to commit, and settles it with the removal
// of its messages. A receiver logs the name of the batch with the puts of its messages. When they meet again
// the receiver's last batch tells the sender whether the one in doubt was committed.
type syncState struct {
	Channel  string `json:"channel"`
	Partner  string `json:"partner,omitempty"`
	Receiver bool   `json:"receiver,omitempty"`

	Sequence int       `json:"sequence"` // of the last message that is committed
	Batch    mqconn.ID `json:"batch"`    // a receiver's last, or the one that a sender is in doubt about

	Doubtful      bool     `json:"doubtful,omitempty"`
	DoubtSequence int      `json:"doubtSequence,omitempty"` // Sequence, if the batch was committed
	DoubtMessages []uint64 `json:"doubtMessages,omitempty"` // numbers in the log of its persistent messages
}

func (s syncState) key() syncKey { return syncKey{s.Channel, s.Partner, s.Receiver} }

// syncState of one end; the zero state where it has none yet.
func (q *QueueManager) syncState(key syncKey) syncState {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s, ok := q.sync[key]; ok {
		return s
	}
	return syncState{Channel: key.channel, Partner: key.partner, Receiver: key.receiver}
}

// keepSync makes s durable together with gets and puts, and only then believes it.
func (q *QueueManager) keepSync(s syncState, puts, gets []*message) mqrc.Reason {
	if r := q.log.write(puts, gets, s); r != mqrc.None {
		return r
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sync[s.key()] = s
	return mqrc.None
}

// following is the sequence number after n: it wraps at SEQWRAP.
func following(n, wrap int) int { return n%wrap + 1 }

// hideDoubtful keeps the messages of batches in doubt from everybody until the channels have settled them.
// It belongs to the recovery of a queue manager.
func (q *QueueManager) hideDoubtful(live map[uint64]*message) {
	for _, s := range q.sync {
		for _, number := range s.DoubtMessages {
			if m := live[number]; m != nil {
				m.queue.mu.Lock()
				m.queue.hold(m)
				m.queue.mu.Unlock()
				q.doubtful[s.Channel] = append(q.doubtful[s.Channel], m)
			}
		}
	}
}

// resetReceiver is RESET CHANNEL at the receiving end: the next message to come has that number, whoever sends it.
func (q *QueueManager) resetReceiver(name string, next int) error {
	q.endReceivers(name)
	q.mu.Lock()
	var states []syncState
	for key, s := range q.sync {
		if key.receiver && key.channel == name {
			states = append(states, s)
		}
	}
	q.mu.Unlock()
	for _, s := range states {
		s.Sequence = next - 1
		if r := q.keepSync(s, nil, nil); r != mqrc.None {
			return &ChannelError{Channel: name, Reason: r, Text: "the sequence number cannot be kept"}
		}
	}
	return nil
}
