package mqtest

import (
	"encoding/binary"
	"strings"

	"github.com/mqha/mqha/mqconn"
)

// The descriptors of the MQI as a 64-bit little-endian C program lays them out in memory, so that
// a C client library can send its own structures as they are. Pointer fields are carried and
// ignored: nothing that they point to crosses the wire.
const (
	mdLength  = 364 // MQMD_LENGTH_2
	odLength  = 424 // MQOD_LENGTH_4
	pmoLength = 184 // MQPMO_LENGTH_3
	gmoLength = 112 // MQGMO_LENGTH_4
	cnoLength = 272 // MQCNO_LENGTH_8

	queueNameLength = 48 // MQ_Q_NAME_LENGTH and MQ_Q_MGR_NAME_LENGTH
	userIDLength    = 12 // MQ_USER_ID_LENGTH
	applNameLength  = 28 // MQ_APPL_NAME_LENGTH
)

type (
	md  [mdLength]byte
	od  [odLength]byte
	pmo [pmoLength]byte
	gmo [gmoLength]byte
	cno [cnoLength]byte
)

// Offsets of the fields in use.
const (
	mdVersion      = 4
	mdReport       = 8
	mdMsgType      = 12
	mdExpiry       = 16
	mdFeedback     = 20
	mdEncoding     = 24
	mdCodedCharSet = 28
	mdFormat       = 32
	mdPriority     = 40
	mdPersistence  = 44
	mdMsgID        = 48
	mdCorrelID     = 72
	mdBackoutCount = 96
	mdReplyToQ     = 100
	mdReplyToQMgr  = 148
	mdUserID       = 196
	mdPutApplType  = 272
	mdPutApplName  = 276
	mdPutDate      = 304
	mdPutTime      = 312
	mdMsgSeqNumber = 348
	mdOriginalLen  = 360

	odVersion     = 4
	odObjectType  = 8
	odObjectName  = 12
	odObjectQMgr  = 60
	pmoVersion    = 4
	pmoOptions    = 8
	pmoResolvedQ  = 32
	pmoResolvedQM = 80

	gmoVersion        = 4
	gmoOptions        = 8
	gmoWaitInterval   = 12
	gmoResolvedQ      = 24
	gmoMatchOptions   = 72
	gmoReturnedLength = 96

	cnoVersion  = 4
	cnoOptions  = 8
	cnoApplName = 224
)

func getLong(b []byte, at int) int32 { return int32(binary.LittleEndian.Uint32(b[at:])) }

func putLong(b []byte, at int, v int32) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }

// getText reads a blank-padded field; C programs may also end it with a null.
func getText(b []byte, at, length int) string {
	s := string(b[at : at+length])
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ")
}

// putText writes a blank-padded field and cuts what does not fit, as the MQI does.
func putText(b []byte, at, length int, s string) {
	n := copy(b[at:at+length], s)
	for i := at + n; i < at+length; i++ {
		b[i] = ' '
	}
}

// newMD is MQMD_DEFAULT at version 2.
func newMD() md {
	var d md
	copy(d[:], "MD  ")
	putLong(d[:], mdVersion, 2)
	putLong(d[:], mdMsgType, typeDatagram)
	putLong(d[:], mdExpiry, expiryUnlimited)
	putLong(d[:], mdEncoding, nativeEncoding)
	putText(d[:], mdFormat, 8, "")
	putLong(d[:], mdPriority, priorityAsQDef)
	putLong(d[:], mdPersistence, persistenceAsQDef)
	putText(d[:], mdReplyToQ, queueNameLength, "")
	putText(d[:], mdReplyToQMgr, queueNameLength, "")
	putText(d[:], mdUserID, userIDLength, "")
	putLong(d[:], mdMsgSeqNumber, 1)
	putLong(d[:], mdOriginalLen, -1)
	return d
}

func (d *md) id(at int) (id mqconn.ID) {
	copy(id[:], d[at:])
	return id
}

func (d *md) setID(at int, id mqconn.ID) { copy(d[at:], id[:]) }

func newOD(a mqconn.Address) od {
	var d od
	copy(d[:], "OD  ")
	putLong(d[:], odVersion, 4)
	putLong(d[:], odObjectType, objectQueue)
	putText(d[:], odObjectName, queueNameLength, a.Queue)
	putText(d[:], odObjectQMgr, queueNameLength, a.QueueManager)
	return d
}

func (d *od) address() mqconn.Address {
	return mqconn.Address{
		QueueManager: getText(d[:], odObjectQMgr, queueNameLength),
		Queue:        getText(d[:], odObjectName, queueNameLength),
	}
}

func newPMO(options int32) pmo {
	var o pmo
	copy(o[:], "PMO ")
	putLong(o[:], pmoVersion, 3)
	putLong(o[:], pmoOptions, options)
	putText(o[:], pmoResolvedQ, queueNameLength, "")
	putText(o[:], pmoResolvedQM, queueNameLength, "")
	return o
}

func (o *pmo) options() int32 { return getLong(o[:], pmoOptions) }

func newGMO(options, match, waitMilliseconds int32) gmo {
	var o gmo
	copy(o[:], "GMO ")
	putLong(o[:], gmoVersion, 4)
	putLong(o[:], gmoOptions, options)
	putLong(o[:], gmoMatchOptions, match)
	putLong(o[:], gmoWaitInterval, waitMilliseconds)
	putText(o[:], gmoResolvedQ, queueNameLength, "")
	return o
}

func (o *gmo) options() int32 { return getLong(o[:], gmoOptions) }

func newCNO(application string) cno {
	var o cno
	copy(o[:], "CNO ")
	putLong(o[:], cnoVersion, 8)
	putText(o[:], cnoApplName, applNameLength, application)
	return o
}
