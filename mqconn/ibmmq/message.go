//go:build ibmmq && cgo

package ibmmq

// #include <cmqc.h>
import "C"

import (
	"bytes"
	"time"
	"unsafe"

	"github.com/mqha/mqha/mqconn"
)

// expiryUnit is the unit of MQMD.Expiry.
const expiryUnit = 100 * time.Millisecond

// longestExpiry is the largest MQMD.Expiry, a little over three years.
const longestExpiry = 999999999

func (c *call) forPut(m *mqconn.Message, transacted bool) {
	c.md, c.pmo = c.freshMD, c.freshPMO
	c.md.Persistence = C.MQPER_NOT_PERSISTENT
	if m.Persistent {
		c.md.Persistence = C.MQPER_PERSISTENT
	}
	c.md.Priority = C.MQLONG(m.Priority)
	if m.Expiry > 0 {
		c.md.Expiry = C.MQLONG(min((m.Expiry+expiryUnit-1)/expiryUnit, longestExpiry))
	}
	setID(&c.md.CorrelId, m.CorrelationID)
	setText(c.md.ReplyToQ[:], m.ReplyTo.Queue)
	setText(c.md.ReplyToQMgr[:], m.ReplyTo.QueueManager)
	c.md.Report = C.MQLONG(m.Report)

	c.pmo.Options = C.MQPMO_NEW_MSG_ID | C.MQPMO_FAIL_IF_QUIESCING | C.MQPMO_NO_SYNCPOINT
	if transacted {
		c.pmo.Options = C.MQPMO_NEW_MSG_ID | C.MQPMO_FAIL_IF_QUIESCING | C.MQPMO_SYNCPOINT
	}
}

// forGet selects by the identifiers that are not zero: version 1 of MQGMO matches both, and the zero
// identifiers (MQMI_NONE, MQCI_NONE) match any. Those of the last message would select the next one.
func (c *call) forGet(options int32, o mqconn.GetOptions) {
	c.md, c.gmo = c.freshMD, c.freshGMO
	setID(&c.md.MsgId, o.ID)
	setID(&c.md.CorrelId, o.CorrelationID)
	c.gmo.Options = C.MQLONG(options) | C.MQGMO_FAIL_IF_QUIESCING | C.MQGMO_NO_PROPERTIES | C.MQGMO_NO_WAIT
	if o.Wait > 0 {
		c.gmo.Options |= C.MQGMO_WAIT
		c.gmo.WaitInterval = C.MQLONG((o.Wait + time.Millisecond - 1) / time.Millisecond)
	}
}

// fill makes a Message of the descriptor.
func (c *call) fill(m *mqconn.Message, known names) {
	m.ID, m.CorrelationID = idOf(&c.md.MsgId), idOf(&c.md.CorrelId)
	m.Persistent = c.md.Persistence == C.MQPER_PERSISTENT
	m.Priority = int(c.md.Priority)
	m.Expiry = 0
	if c.md.Expiry > 0 {
		m.Expiry = time.Duration(c.md.Expiry) * expiryUnit
	}
	m.ReplyTo = mqconn.Address{QueueManager: known.text(c.md.ReplyToQMgr[:]), Queue: known.text(c.md.ReplyToQ[:])}
	m.Report, m.Feedback = mqconn.Report(c.md.Report), mqconn.Feedback(c.md.Feedback)
	m.UserID = known.text(c.md.UserIdentifier[:])
	m.BackoutCount = int(c.md.BackoutCount)
}

func setID(field *[24]C.MQBYTE, id mqconn.ID) { *(*mqconn.ID)(unsafe.Pointer(field)) = id }

func idOf(field *[24]C.MQBYTE) mqconn.ID { return *(*mqconn.ID)(unsafe.Pointer(field)) }

// names are the texts of descriptors that were seen before, so that the few users and reply queues of a connection cost an
// allocation once and not with each message.
type names map[string]string

// mostNames bounds what strangers can make a connection keep.
const mostNames = 256

func (n names) text(field []C.MQCHAR) string {
	b := octets(field)
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	b = bytes.TrimSpace(b)
	if s, known := n[string(b)]; known {
		return s
	}
	if len(n) >= mostNames {
		clear(n)
	}
	s := string(b)
	n[s] = s
	return s
}
