package mqtest

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// A confirmation is a report that the sender of a message asked for in MQMD.Report: each has three bits,
// for the report itself, for the first hundred bytes of the message in it, and for all of them.
type confirmation struct {
	report, withData, withAllData int32
	feedback                      int32
}

var (
	confirmArrival  = confirmation{0x0100, 0x0200, 0x0400, 259} // MQRO_COA, MQFB_COA
	confirmDelivery = confirmation{0x0800, 0x1000, 0x2000, 260} // MQRO_COD, MQFB_COD

	tellExpiration = confirmation{0x00200000, 0x00400000, 0x00800000, 258} // MQRO_EXPIRATION, MQFB_EXPIRATION
)

const (
	reportPassMsgID    = 0x0080 // MQRO_PASS_MSG_ID
	reportPassCorrelID = 0x0040 // MQRO_PASS_CORREL_ID
	reportDataLength   = 100    // MQRO_COA_WITH_DATA

	// What asks for a report: exception, expiration, COA, COD, PAN and NAN.
	reportAsked int32 = 0x07000000 | 0x00E00000 | 0x0700 | 0x3800 | 0x0003
	// What a queue manager knows: those, MQRO_ACTIVITY, how identifiers are passed on, and what becomes of a message.
	reportKnown = reportAsked | 0x0004 | reportPassMsgID | reportPassCorrelID | 0x08000000 | 0x4000
	// MQRO_REJECT_UNSUP_MASK and MQRO_ACCEPT_UNSUP_IF_XMIT_MASK: what fails if it is not known.
	reportRejected int32 = 0x101C0000 | 0x0003FF00
)

// checkReport finds what cannot be asked for.
func (d *md) checkReport() mqrc.Reason {
	asked := getLong(d[:], mdReport)
	switch {
	case asked&reportRejected&^reportKnown != 0:
		return mqrc.ReportOptionsError
	case asked&reportAsked != 0 && getText(d[:], mdReplyToQ, queueNameLength) == "":
		return mqrc.MissingReplyToQ
	}
	return mqrc.None
}

// report puts a report about m on m's reply-to queue, in the unit of work of its cause. One that cannot be
// put is dropped; IBM MQ would try the dead-letter queue.
func (s *session) report(m *message, c confirmation, syncpoint bool) {
	asked := getLong(m.md[:], mdReport)
	if asked&c.report == 0 {
		return
	}
	t, r := s.qm.target(mqconn.Address{
		QueueManager: getText(m.md[:], mdReplyToQMgr, queueNameLength),
		Queue:        getText(m.md[:], mdReplyToQ, queueNameLength),
	}, ooOutput)
	if r != mqrc.None {
		return
	}
	b := newBody(c.data(asked, m))
	report := &message{md: c.descriptor(s, m), body: b, persistent: m.persistent}
	if r := s.deliver(t, report, syncpoint); r != mqrc.None {
		b.release()
	}
}

// reportExpired tells of the messages that somebody's look at q has taken away: q itself cannot, under its mutex.
func (s *session) reportExpired(q *queue) {
	q.mu.Lock()
	expired := q.untold
	q.untold = nil
	q.mu.Unlock()
	for _, m := range expired {
		s.report(m, tellExpiration, false)
	}
}

func (c confirmation) data(asked int32, m *message) []byte {
	switch {
	case asked&c.withAllData != 0:
		return append([]byte(nil), m.body.data...)
	case asked&c.withData != 0:
		return append([]byte(nil), m.body.data[:min(reportDataLength, len(m.body.data))]...)
	default:
		return nil
	}
}

func (c confirmation) descriptor(s *session, m *message) md {
	d := newMD()
	putLong(d[:], mdMsgType, typeReport)
	putLong(d[:], mdFeedback, c.feedback)
	for _, at := range []int{mdPriority, mdPersistence, mdEncoding, mdCodedCharSet} {
		putLong(d[:], at, getLong(m.md[:], at))
	}
	putText(d[:], mdFormat, 8, getText(m.md[:], mdFormat, 8))
	asked := getLong(m.md[:], mdReport)
	d.setID(mdMsgID, s.qm.newID())
	if asked&reportPassMsgID != 0 {
		d.setID(mdMsgID, m.md.id(mdMsgID))
	}
	d.setID(mdCorrelID, m.md.id(mdMsgID))
	if asked&reportPassCorrelID != 0 {
		d.setID(mdCorrelID, m.md.id(mdCorrelID))
	}
	s.setContext(&d)
	putText(d[:], mdUserID, userIDLength, getText(m.md[:], mdUserID, userIDLength)) // whose message it is about
	putLong(d[:], mdPutApplType, applicationQMgr)
	putText(d[:], mdPutApplName, applNameLength, s.qm.name)
	return d
}
