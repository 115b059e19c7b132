package mqtest

import (
	"github.com/mqha/mqha/mqconn"
	"github.com/mqha/mqha/mqconn/mqrc"
)

// Values of the public MQI (cmqc.h), as IBM documents them under "IBM MQ constants".
const (
	ooInputAsQDef    = 0x00000001
	ooInputShared    = 0x00000002
	ooInputExclusive = 0x00000004
	ooBrowse         = 0x00000008
	ooOutput         = 0x00000010
	ooInquire        = 0x00000020
	ooSet            = 0x00000040
	ooFailQuiescing  = 0x00002000

	ooInput = ooInputAsQDef | ooInputShared | ooInputExclusive

	pmoSyncpoint     = 0x00000002
	pmoNoSyncpoint   = 0x00000004
	pmoNewMsgID      = 0x00000040
	pmoNewCorrelID   = 0x00000080
	pmoSetAllContext = 0x00000800
	pmoFailQuiescing = 0x00002000
	pmoAsyncResponse = 0x00010000

	// What may be asked of a put; the numbers are MQPMO_DEFAULT_CONTEXT, MQPMO_SYNC_RESPONSE and MQPMO_RESOLVE_LOCAL_Q.
	pmoKnown = pmoSyncpoint | pmoNoSyncpoint | pmoNewMsgID | pmoNewCorrelID | pmoSetAllContext | pmoFailQuiescing |
		pmoAsyncResponse | 0x00000020 | 0x00020000 | 0x00040000

	gmoWait                  = 0x00000001
	gmoSyncpoint             = 0x00000002
	gmoNoSyncpoint           = 0x00000004
	gmoBrowseFirst           = 0x00000010
	gmoBrowseNext            = 0x00000020
	gmoAcceptTruncated       = 0x00000040
	gmoSyncpointIfPersistent = 0x00001000
	gmoFailQuiescing         = 0x00002000

	gmoBrowse = gmoBrowseFirst | gmoBrowseNext
	// What may be asked of a get. Conversion and properties are the client library's business.
	gmoKnown = gmoWait | gmoSyncpoint | gmoNoSyncpoint | gmoBrowse | gmoAcceptTruncated | gmoSyncpointIfPersistent |
		gmoFailQuiescing | 0x00004000 | 0x1E000000 // MQGMO_CONVERT, MQGMO_PROPERTIES_* and MQGMO_NO_PROPERTIES

	moMatchMsgID    = 0x00000001
	moMatchCorrelID = 0x00000002
	moKnown         = moMatchMsgID | moMatchCorrelID

	objectQueue        = 1
	objectQueueManager = 5

	persistenceAsQDef = 2
	priorityAsQDef    = -1
	expiryUnlimited   = -1
	waitUnlimited     = -1
	typeDatagram      = 8
	highestPriority   = 9
	applicationUnix   = 6   // MQAT_UNIX
	typeReport        = 4   // MQMT_REPORT
	nativeEncoding    = 546 // MQENC_NATIVE on a little-endian machine
)

// Reason codes that package mqrc does not name, because a program that uses this library never meets them.
const (
	notOpenForBrowse mqrc.Reason = 2036
	notOpenForSet    mqrc.Reason = 2040
	wrongOption      mqrc.Reason = 2045 // MQRC_OPTION_NOT_VALID_FOR_TYPE
	selectorError    mqrc.Reason = 2067

	inhibitValueError mqrc.Reason = 2020
	matchOptionsError mqrc.Reason = 2247
)

// Verbs that package mqconn does not name for the same reason.
const (
	verbSet    mqconn.Verb = "MQSET"
	verbStatus mqconn.Verb = "MQSTAT"
)

// completion is the MQCC that goes with a reason: truncated-but-accepted is the one warning that
// this queue manager gives.
func completion(r mqrc.Reason) int32 {
	switch r {
	case mqrc.None:
		return 0
	case mqrc.TruncatedMsgAccepted:
		return 1
	default:
		return 2
	}
}
