//go:build ibmmq && cgo

package ibmmq

import (
	"time"

	mqi "github.com/ibm-messaging/mq-golang/v5/ibmmq"

	"github.com/mqha/mqha/mqconn"
)

// descriptors are used again for each call of a connection. A call leaves its answers in them, and
// the identifiers of the last message would select the next one, so that each use begins with fresh
// contents. The identifiers are slices, which the fresh contents share: each use sets those that
// count, all 24 bytes of them.
type descriptors struct {
	md  *mqi.MQMD
	pmo *mqi.MQPMO
	gmo *mqi.MQGMO

	freshMD  mqi.MQMD
	freshPMO mqi.MQPMO
	freshGMO mqi.MQGMO
}

func newDescriptors() descriptors {
	d := descriptors{md: mqi.NewMQMD(), pmo: mqi.NewMQPMO(), gmo: mqi.NewMQGMO()}
	d.freshMD, d.freshPMO, d.freshGMO = *d.md, *d.pmo, *d.gmo
	return d
}

// expiryUnit is the unit of MQMD.Expiry.
const expiryUnit = 100 * time.Millisecond

// longestExpiry is the largest MQMD.Expiry, a little over three years.
const longestExpiry = 999999999

func (d *descriptors) forPut(m *mqconn.Message, transacted bool) (*mqi.MQMD, *mqi.MQPMO) {
	*d.md = d.freshMD
	md := d.md
	md.Format = mqi.MQFMT_NONE
	md.Persistence = mqi.MQPER_NOT_PERSISTENT
	if m.Persistent {
		md.Persistence = mqi.MQPER_PERSISTENT
	}
	md.Priority = int32(m.Priority)
	if m.Expiry > 0 {
		md.Expiry = int32(min((m.Expiry+expiryUnit-1)/expiryUnit, longestExpiry))
	}
	copy(md.CorrelId, m.CorrelationID[:])
	md.ReplyToQ, md.ReplyToQMgr = m.ReplyTo.Queue, m.ReplyTo.QueueManager

	*d.pmo = d.freshPMO
	d.pmo.Options = mqi.MQPMO_NEW_MSG_ID | mqi.MQPMO_FAIL_IF_QUIESCING | mqi.MQPMO_NO_SYNCPOINT
	if transacted {
		d.pmo.Options = mqi.MQPMO_NEW_MSG_ID | mqi.MQPMO_FAIL_IF_QUIESCING | mqi.MQPMO_SYNCPOINT
	}
	return md, d.pmo
}

// forGet selects by the identifiers that are not zero: version 1 of MQGMO matches both, and the zero
// identifiers (MQMI_NONE, MQCI_NONE) match any.
func (d *descriptors) forGet(options int32, o mqconn.GetOptions) (*mqi.MQMD, *mqi.MQGMO) {
	*d.md = d.freshMD
	md := d.md
	copy(md.MsgId, o.ID[:])
	copy(md.CorrelId, o.CorrelationID[:])

	*d.gmo = d.freshGMO
	d.gmo.Options = options | mqi.MQGMO_FAIL_IF_QUIESCING | mqi.MQGMO_NO_PROPERTIES | mqi.MQGMO_NO_WAIT
	if o.Wait > 0 {
		d.gmo.Options |= mqi.MQGMO_WAIT
		d.gmo.WaitInterval = int32((o.Wait + time.Millisecond - 1) / time.Millisecond)
	}
	return md, d.gmo
}

// fill makes a Message of a descriptor.
func fill(m *mqconn.Message, md *mqi.MQMD) {
	copy(m.ID[:], md.MsgId)
	copy(m.CorrelationID[:], md.CorrelId)
	m.Persistent = md.Persistence == mqi.MQPER_PERSISTENT
	m.Priority = int(md.Priority)
	m.Expiry = 0
	if md.Expiry > 0 {
		m.Expiry = time.Duration(md.Expiry) * expiryUnit
	}
	m.ReplyTo = mqconn.Address{QueueManager: md.ReplyToQMgr, Queue: md.ReplyToQ}
	m.UserID = md.UserIdentifier
	m.BackoutCount = int(md.BackoutCount)
}
