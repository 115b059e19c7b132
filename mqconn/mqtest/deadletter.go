package mqtest

import (
	"time"

	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// MQDLH, the header of a message on a dead-letter queue.
const (
	dlhLength        = 172 // MQDLH_LENGTH_1
	dlhVersion       = 4
	dlhReason        = 8
	dlhDestQ         = 12
	dlhDestQMgr      = 60
	dlhEncoding      = 108
	dlhCodedCharSet  = 112
	dlhFormat        = 116
	dlhPutApplType   = 124
	dlhPutApplName   = 128
	dlhPutDate       = 156
	dlhPutTime       = 164
	formatDeadLetter = "MQDEAD"

	// xmitQMsgError is MQFB_XMIT_Q_MSG_ERROR: what a channel found on its transmission queue has no MQXQH.
	xmitQMsgError mqrc.Reason = 271
)

// deadLetter puts m, which could not be put to where it was meant for, on the dead-letter queue of this queue
// manager. It takes over the body if that succeeds.
func (s *session) deadLetter(m *message, meant mqconn.Address, why mqrc.Reason, syncpoint bool) mqrc.Reason {
	q, r := s.qm.deadLetterQueue()
	if r != mqrc.None {
		return r
	}
	dead := s.qm.bury(m, meant, why)
	if r := s.place(q, dead, syncpoint); r != mqrc.None {
		dead.body.release()
		return r
	}
	m.body.release()
	return mqrc.None
}

// deadLetterQueue is DEADQ, which must be a local queue.
func (q *QueueManager) deadLetterQueue() (*queue, mqrc.Reason) {
	q.mu.Lock()
	defer q.mu.Unlock()
	local := q.objects.queues[q.objects.deadLetter]
	if local == nil {
		return nil, mqrc.UnknownObject
	}
	return local, mqrc.None
}

// bury makes the message for a dead-letter queue. Format, encoding and character set of the body move into the
// header, because those of the descriptor now describe the header.
func (q *QueueManager) bury(m *message, meant mqconn.Address, why mqrc.Reason) *message {
	b := q.bodies.take(dlhLength + len(m.body.data))
	b.properties = m.body.properties
	h := b.data[:dlhLength]
	clear(h)
	copy(h, "DLH ")
	putLong(h, dlhVersion, 1)
	putLong(h, dlhReason, int32(why))
	putText(h, dlhDestQ, queueNameLength, meant.Queue)
	putText(h, dlhDestQMgr, queueNameLength, meant.QueueManager)
	putLong(h, dlhEncoding, getLong(m.md[:], mdEncoding))
	putLong(h, dlhCodedCharSet, getLong(m.md[:], mdCodedCharSet))
	copy(h[dlhFormat:], m.md[mdFormat:mdFormat+8])
	putLong(h, dlhPutApplType, applicationQMgr)
	putText(h, dlhPutApplName, applNameLength, q.name)
	utc := time.Now().UTC()
	putText(h, dlhPutDate, 8, utc.Format("20060102"))
	putText(h, dlhPutTime, 8, utc.Format("150405")+hundredths(utc))
	copy(b.data[dlhLength:], m.body.data)

	dead := &message{md: m.md, body: b, persistent: m.persistent, expires: m.expires}
	putText(dead.md[:], mdFormat, 8, formatDeadLetter)
	putLong(dead.md[:], mdEncoding, nativeEncoding)
	putLong(dead.md[:], mdCodedCharSet, utf8CharSet)
	return dead
}
