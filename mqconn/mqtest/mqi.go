package mqtest

import "github.com/mqha/mqha/mqconn/mqrc"

// Values of the public MQI (cmqc.h), as IBM documents them under "IBM MQ constants".
const (
	ooInputAsQDef    = 0x00000001
	ooInputShared    = 0x00000002
	ooInputExclusive = 0x00000004
	ooBrowse         = 0x00000008
	ooOutput         = 0x00000010
	ooInquire        = 0x00000020
	ooFailQuiescing  = 0x00002000

	ooInput = ooInputAsQDef | ooInputShared | ooInputExclusive

	pmoSyncpoint     = 0x00000002
	pmoNoSyncpoint   = 0x00000004
	pmoNewMsgID      = 0x00000040
	pmoNewCorrelID   = 0x00000080
	pmoSetAllContext = 0x00000800
	pmoFailQuiescing = 0x00002000

	gmoWait                  = 0x00000001
	gmoSyncpoint             = 0x00000002
	gmoNoSyncpoint           = 0x00000004
	gmoBrowseFirst           = 0x00000010
	gmoBrowseNext            = 0x00000020
	gmoAcceptTruncated       = 0x00000040
	gmoSyncpointIfPersistent = 0x00001000
	gmoFailQuiescing         = 0x00002000

	gmoBrowse = gmoBrowseFirst | gmoBrowseNext

	moMatchMsgID    = 0x00000001
	moMatchCorrelID = 0x00000002

	objectQueue        = 1
	objectQueueManager = 5

	persistenceAsQDef = 2
	priorityAsQDef    = -1
	expiryUnlimited   = -1
	waitUnlimited     = -1
	typeDatagram      = 8
	highestPriority   = 9

	inquireDepth           = 3
	inquireInhibitGet      = 9
	inquireInhibitPut      = 10
	inquireMaxMsgLength    = 13
	inquireMaxDepth        = 15
	inquireOpenInputCount  = 17
	inquireOpenOutputCount = 18
)

// Reason codes that a queue manager answers with (MQRC_*, IBM MQ "API completion and reason codes").
const (
	none                   mqrc.Reason = 0
	connectionBroken       mqrc.Reason = 2009
	bufferLengthError      mqrc.Reason = 2005
	dataLengthError        mqrc.Reason = 2010
	expiryError            mqrc.Reason = 2013
	getInhibited           mqrc.Reason = 2016
	hconnError             mqrc.Reason = 2018
	hobjError              mqrc.Reason = 2019
	syncpointLimitReached  mqrc.Reason = 2024
	mdError                mqrc.Reason = 2026
	msgTooBigForQ          mqrc.Reason = 2030
	msgTooBigForQMgr       mqrc.Reason = 2031
	noMsgAvailable         mqrc.Reason = 2033
	notOpenForBrowse       mqrc.Reason = 2036
	notOpenForInput        mqrc.Reason = 2037
	notOpenForInquire      mqrc.Reason = 2038
	notOpenForOutput       mqrc.Reason = 2039
	objectInUse            mqrc.Reason = 2042
	objectTypeError        mqrc.Reason = 2043
	optionsError           mqrc.Reason = 2046
	persistenceError       mqrc.Reason = 2047
	priorityExceedsMaximum mqrc.Reason = 2049
	priorityError          mqrc.Reason = 2050
	putInhibited           mqrc.Reason = 2051
	qFull                  mqrc.Reason = 2053
	qMgrNameError          mqrc.Reason = 2058
	qMgrNotAvailable       mqrc.Reason = 2059
	selectorError          mqrc.Reason = 2067
	truncatedMsgAccepted   mqrc.Reason = 2079
	truncatedMsgFailed     mqrc.Reason = 2080
	unknownAliasBaseQ      mqrc.Reason = 2082
	unknownObject          mqrc.Reason = 2085
	unknownRemoteQMgr      mqrc.Reason = 2087
	resourceProblem        mqrc.Reason = 2102
	qMgrQuiescing          mqrc.Reason = 2161
	qMgrStopping           mqrc.Reason = 2162
	unexpectedError        mqrc.Reason = 2195
	callInProgress         mqrc.Reason = 2219
	functionNotSupported   mqrc.Reason = 2298
	channelNotAvailable    mqrc.Reason = 2537
	hostNotAvailable       mqrc.Reason = 2538
	unknownChannelName     mqrc.Reason = 2540
	protocolMismatch       mqrc.Reason = 2539
)

// completion is the MQCC that goes with a reason: truncated-but-accepted is the one warning that
// this queue manager gives.
func completion(r mqrc.Reason) int32 {
	switch r {
	case none:
		return 0
	case truncatedMsgAccepted:
		return 1
	default:
		return 2
	}
}
