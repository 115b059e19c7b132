package mqrc

// The reason codes, by number.
const (
	None                    Reason = 0
	AliasBaseQTypeError     Reason = 2001
	AlreadyConnected        Reason = 2002
	BackedOut               Reason = 2003
	BufferError             Reason = 2004
	BufferLengthError       Reason = 2005
	ConnectionBroken        Reason = 2009
	DataLengthError         Reason = 2010
	EnvironmentError        Reason = 2012
	ExpiryError             Reason = 2013
	GetInhibited            Reason = 2016
	HandleNotAvailable      Reason = 2017
	HConnError              Reason = 2018
	HObjError               Reason = 2019
	SyncpointLimitReached   Reason = 2024
	MaxConnsLimitReached    Reason = 2025
	MDError                 Reason = 2026
	MissingReplyToQ         Reason = 2027
	MsgTypeError            Reason = 2029
	MsgTooBigForQ           Reason = 2030
	MsgTooBigForQMgr        Reason = 2031
	NoMsgAvailable          Reason = 2033
	NoMsgUnderCursor        Reason = 2034
	NotAuthorized           Reason = 2035
	NotOpenForInput         Reason = 2037
	NotOpenForInquire       Reason = 2038
	NotOpenForOutput        Reason = 2039
	ObjectChanged           Reason = 2041
	ObjectInUse             Reason = 2042
	ObjectTypeError         Reason = 2043
	ODError                 Reason = 2044
	OptionNotValidForType   Reason = 2045
	OptionsError            Reason = 2046
	PersistenceError        Reason = 2047
	PersistentNotAllowed    Reason = 2048
	PriorityExceedsMaximum  Reason = 2049
	PriorityError           Reason = 2050
	PutInhibited            Reason = 2051
	QDeleted                Reason = 2052
	QFull                   Reason = 2053
	QNotEmpty               Reason = 2055
	QSpaceNotAvailable      Reason = 2056
	QTypeError              Reason = 2057
	QMgrNameError           Reason = 2058
	QMgrNotAvailable        Reason = 2059
	ReportOptionsError      Reason = 2061
	SecurityError           Reason = 2063
	StorageNotAvailable     Reason = 2071
	SyncpointNotAvailable   Reason = 2072
	TruncatedMsgAccepted    Reason = 2079
	TruncatedMsgFailed      Reason = 2080
	UnknownAliasBaseQ       Reason = 2082
	UnknownObject           Reason = 2085
	UnknownObjectQMgr       Reason = 2086
	UnknownRemoteQMgr       Reason = 2087
	XmitQTypeError          Reason = 2091
	XmitQUsageError         Reason = 2092
	ObjectDamaged           Reason = 2101
	ResourceProblem         Reason = 2102
	AnotherQMgrConnected    Reason = 2103
	FormatError             Reason = 2110
	NotConverted            Reason = 2119
	OutcomeMixed            Reason = 2123
	OutcomePending          Reason = 2124
	AdapterServLoadError    Reason = 2130
	OpenFailed              Reason = 2137
	CNOError                Reason = 2139
	ObjectNameError         Reason = 2152
	ObjectQMgrNameError     Reason = 2153
	QMgrQuiescing           Reason = 2161
	QMgrStopping            Reason = 2162
	PMOError                Reason = 2173
	RemoteQNameError        Reason = 2184
	GMOError                Reason = 2186
	ClusterResolutionError  Reason = 2189
	StorageMediumFull       Reason = 2192
	UnexpectedError         Reason = 2195
	UnknownXmitQ            Reason = 2196
	UnknownDefXmitQ         Reason = 2197
	DefXmitQTypeError       Reason = 2198
	DefXmitQUsageError      Reason = 2199
	ConnectionQuiescing     Reason = 2202
	ConnectionStopping      Reason = 2203
	MsgIDError              Reason = 2206
	CorrelIDError           Reason = 2207
	ConnectionNotAuthorized Reason = 2217
	MsgTooBigForChannel     Reason = 2218
	CallInProgress          Reason = 2219
	QMgrNotActive           Reason = 2223
	MatchOptionsError       Reason = 2247
	ClusterResourceError    Reason = 2269
	ConnectionError         Reason = 2273
	CDError                 Reason = 2277
	ClientConnError         Reason = 2278
	ChannelStoppedByUser    Reason = 2279
	ChannelStopped          Reason = 2283
	FunctionNotSupported    Reason = 2298
	CodedCharSetIDError     Reason = 2330
	UOWEnlistmentError      Reason = 2354
	UOWMixNotSupported      Reason = 2355
	BackoutThresholdReached Reason = 2362
	APIExitError            Reason = 2374
	SCOError                Reason = 2380
	KeyRepositoryError      Reason = 2381
	SSLAlreadyInitialized   Reason = 2391
	SSLConfigError          Reason = 2392
	SSLInitializationError  Reason = 2393
	SSLNotAllowed           Reason = 2396
	JSSEError               Reason = 2397
	SSLPeerNameMismatch     Reason = 2398
	SSLPeerNameError        Reason = 2399
	SSLCertificateRevoked   Reason = 2401
	SSLCertStoreError       Reason = 2402
	OptionsChanged          Reason = 2457
	HMsgError               Reason = 2460
	PropertyValueTooBig     Reason = 2469
	PropertyNotAvailable    Reason = 2471
	ModuleNotFound          Reason = 2495
	ConnectionStopped       Reason = 2528
	ChannelNotAvailable     Reason = 2537
	HostNotAvailable        Reason = 2538
	ChannelConfigError      Reason = 2539
	UnknownChannelName      Reason = 2540
	StandbyQMgr             Reason = 2543
	Reconnecting            Reason = 2544
	Reconnected             Reason = 2545
	ReconnectQMIDMismatch   Reason = 2546
	ReconnectIncompatible   Reason = 2547
	ReconnectFailed         Reason = 2548
	CallInterrupted         Reason = 2549
	ChannelSSLWarning       Reason = 2552
	ReconnectQMgrReqd       Reason = 2555
	ReconnectTimedOut       Reason = 2556
	ConnectionNotAvailable  Reason = 2568
	HMsgNotAvailable        Reason = 2587
	PasswordProtectionError Reason = 2594
	QMgrReconnectRequested  Reason = 2601
)

var names = map[Reason]string{
	None:                    "MQRC_NONE",
	AliasBaseQTypeError:     "MQRC_ALIAS_BASE_Q_TYPE_ERROR",
	AlreadyConnected:        "MQRC_ALREADY_CONNECTED",
	BackedOut:               "MQRC_BACKED_OUT",
	BufferError:             "MQRC_BUFFER_ERROR",
	BufferLengthError:       "MQRC_BUFFER_LENGTH_ERROR",
	ConnectionBroken:        "MQRC_CONNECTION_BROKEN",
	DataLengthError:         "MQRC_DATA_LENGTH_ERROR",
	EnvironmentError:        "MQRC_ENVIRONMENT_ERROR",
	ExpiryError:             "MQRC_EXPIRY_ERROR",
	GetInhibited:            "MQRC_GET_INHIBITED",
	HandleNotAvailable:      "MQRC_HANDLE_NOT_AVAILABLE",
	HConnError:              "MQRC_HCONN_ERROR",
	HObjError:               "MQRC_HOBJ_ERROR",
	SyncpointLimitReached:   "MQRC_SYNCPOINT_LIMIT_REACHED",
	MaxConnsLimitReached:    "MQRC_MAX_CONNS_LIMIT_REACHED",
	MDError:                 "MQRC_MD_ERROR",
	MissingReplyToQ:         "MQRC_MISSING_REPLY_TO_Q",
	MsgTypeError:            "MQRC_MSG_TYPE_ERROR",
	MsgTooBigForQ:           "MQRC_MSG_TOO_BIG_FOR_Q",
	MsgTooBigForQMgr:        "MQRC_MSG_TOO_BIG_FOR_Q_MGR",
	NoMsgAvailable:          "MQRC_NO_MSG_AVAILABLE",
	NoMsgUnderCursor:        "MQRC_NO_MSG_UNDER_CURSOR",
	NotAuthorized:           "MQRC_NOT_AUTHORIZED",
	NotOpenForInput:         "MQRC_NOT_OPEN_FOR_INPUT",
	NotOpenForInquire:       "MQRC_NOT_OPEN_FOR_INQUIRE",
	NotOpenForOutput:        "MQRC_NOT_OPEN_FOR_OUTPUT",
	ObjectChanged:           "MQRC_OBJECT_CHANGED",
	ObjectInUse:             "MQRC_OBJECT_IN_USE",
	ObjectTypeError:         "MQRC_OBJECT_TYPE_ERROR",
	ODError:                 "MQRC_OD_ERROR",
	OptionNotValidForType:   "MQRC_OPTION_NOT_VALID_FOR_TYPE",
	OptionsError:            "MQRC_OPTIONS_ERROR",
	PersistenceError:        "MQRC_PERSISTENCE_ERROR",
	PersistentNotAllowed:    "MQRC_PERSISTENT_NOT_ALLOWED",
	PriorityExceedsMaximum:  "MQRC_PRIORITY_EXCEEDS_MAXIMUM",
	PriorityError:           "MQRC_PRIORITY_ERROR",
	PutInhibited:            "MQRC_PUT_INHIBITED",
	QDeleted:                "MQRC_Q_DELETED",
	QFull:                   "MQRC_Q_FULL",
	QNotEmpty:               "MQRC_Q_NOT_EMPTY",
	QSpaceNotAvailable:      "MQRC_Q_SPACE_NOT_AVAILABLE",
	QTypeError:              "MQRC_Q_TYPE_ERROR",
	QMgrNameError:           "MQRC_Q_MGR_NAME_ERROR",
	QMgrNotAvailable:        "MQRC_Q_MGR_NOT_AVAILABLE",
	ReportOptionsError:      "MQRC_REPORT_OPTIONS_ERROR",
	SecurityError:           "MQRC_SECURITY_ERROR",
	StorageNotAvailable:     "MQRC_STORAGE_NOT_AVAILABLE",
	SyncpointNotAvailable:   "MQRC_SYNCPOINT_NOT_AVAILABLE",
	TruncatedMsgAccepted:    "MQRC_TRUNCATED_MSG_ACCEPTED",
	TruncatedMsgFailed:      "MQRC_TRUNCATED_MSG_FAILED",
	UnknownAliasBaseQ:       "MQRC_UNKNOWN_ALIAS_BASE_Q",
	UnknownObject:           "MQRC_UNKNOWN_OBJECT_NAME",
	UnknownObjectQMgr:       "MQRC_UNKNOWN_OBJECT_Q_MGR",
	UnknownRemoteQMgr:       "MQRC_UNKNOWN_REMOTE_Q_MGR",
	XmitQTypeError:          "MQRC_XMIT_Q_TYPE_ERROR",
	XmitQUsageError:         "MQRC_XMIT_Q_USAGE_ERROR",
	ObjectDamaged:           "MQRC_OBJECT_DAMAGED",
	ResourceProblem:         "MQRC_RESOURCE_PROBLEM",
	AnotherQMgrConnected:    "MQRC_ANOTHER_Q_MGR_CONNECTED",
	FormatError:             "MQRC_FORMAT_ERROR",
	NotConverted:            "MQRC_NOT_CONVERTED",
	OutcomeMixed:            "MQRC_OUTCOME_MIXED",
	OutcomePending:          "MQRC_OUTCOME_PENDING",
	AdapterServLoadError:    "MQRC_ADAPTER_SERV_LOAD_ERROR",
	OpenFailed:              "MQRC_OPEN_FAILED",
	CNOError:                "MQRC_CNO_ERROR",
	ObjectNameError:         "MQRC_OBJECT_NAME_ERROR",
	ObjectQMgrNameError:     "MQRC_OBJECT_Q_MGR_NAME_ERROR",
	QMgrQuiescing:           "MQRC_Q_MGR_QUIESCING",
	QMgrStopping:            "MQRC_Q_MGR_STOPPING",
	PMOError:                "MQRC_PMO_ERROR",
	RemoteQNameError:        "MQRC_REMOTE_Q_NAME_ERROR",
	GMOError:                "MQRC_GMO_ERROR",
	ClusterResolutionError:  "MQRC_CLUSTER_RESOLUTION_ERROR",
	StorageMediumFull:       "MQRC_STORAGE_MEDIUM_FULL",
	UnexpectedError:         "MQRC_UNEXPECTED_ERROR",
	UnknownXmitQ:            "MQRC_UNKNOWN_XMIT_Q",
	UnknownDefXmitQ:         "MQRC_UNKNOWN_DEF_XMIT_Q",
	DefXmitQTypeError:       "MQRC_DEF_XMIT_Q_TYPE_ERROR",
	DefXmitQUsageError:      "MQRC_DEF_XMIT_Q_USAGE_ERROR",
	ConnectionQuiescing:     "MQRC_CONNECTION_QUIESCING",
	ConnectionStopping:      "MQRC_CONNECTION_STOPPING",
	MsgIDError:              "MQRC_MSG_ID_ERROR",
	CorrelIDError:           "MQRC_CORREL_ID_ERROR",
	ConnectionNotAuthorized: "MQRC_CONNECTION_NOT_AUTHORIZED",
	MsgTooBigForChannel:     "MQRC_MSG_TOO_BIG_FOR_CHANNEL",
	CallInProgress:          "MQRC_CALL_IN_PROGRESS",
	QMgrNotActive:           "MQRC_Q_MGR_NOT_ACTIVE",
	MatchOptionsError:       "MQRC_MATCH_OPTIONS_ERROR",
	ClusterResourceError:    "MQRC_CLUSTER_RESOURCE_ERROR",
	ConnectionError:         "MQRC_CONNECTION_ERROR",
	CDError:                 "MQRC_CD_ERROR",
	ClientConnError:         "MQRC_CLIENT_CONN_ERROR",
	ChannelStoppedByUser:    "MQRC_CHANNEL_STOPPED_BY_USER",
	ChannelStopped:          "MQRC_CHANNEL_STOPPED",
	FunctionNotSupported:    "MQRC_FUNCTION_NOT_SUPPORTED",
	CodedCharSetIDError:     "MQRC_CODED_CHAR_SET_ID_ERROR",
	UOWEnlistmentError:      "MQRC_UOW_ENLISTMENT_ERROR",
	UOWMixNotSupported:      "MQRC_UOW_MIX_NOT_SUPPORTED",
	BackoutThresholdReached: "MQRC_BACKOUT_THRESHOLD_REACHED",
	APIExitError:            "MQRC_API_EXIT_ERROR",
	SCOError:                "MQRC_SCO_ERROR",
	KeyRepositoryError:      "MQRC_KEY_REPOSITORY_ERROR",
	SSLAlreadyInitialized:   "MQRC_SSL_ALREADY_INITIALIZED",
	SSLConfigError:          "MQRC_SSL_CONFIG_ERROR",
	SSLInitializationError:  "MQRC_SSL_INITIALIZATION_ERROR",
	SSLNotAllowed:           "MQRC_SSL_NOT_ALLOWED",
	JSSEError:               "MQRC_JSSE_ERROR",
	SSLPeerNameMismatch:     "MQRC_SSL_PEER_NAME_MISMATCH",
	SSLPeerNameError:        "MQRC_SSL_PEER_NAME_ERROR",
	SSLCertificateRevoked:   "MQRC_SSL_CERTIFICATE_REVOKED",
	SSLCertStoreError:       "MQRC_SSL_CERT_STORE_ERROR",
	OptionsChanged:          "MQRC_OPTIONS_CHANGED",
	HMsgError:               "MQRC_HMSG_ERROR",
	PropertyValueTooBig:     "MQRC_PROPERTY_VALUE_TOO_BIG",
	PropertyNotAvailable:    "MQRC_PROPERTY_NOT_AVAILABLE",
	ModuleNotFound:          "MQRC_MODULE_NOT_FOUND",
	ConnectionStopped:       "MQRC_CONNECTION_STOPPED",
	ChannelNotAvailable:     "MQRC_CHANNEL_NOT_AVAILABLE",
	HostNotAvailable:        "MQRC_HOST_NOT_AVAILABLE",
	ChannelConfigError:      "MQRC_CHANNEL_CONFIG_ERROR",
	UnknownChannelName:      "MQRC_UNKNOWN_CHANNEL_NAME",
	StandbyQMgr:             "MQRC_STANDBY_Q_MGR",
	Reconnecting:            "MQRC_RECONNECTING",
	Reconnected:             "MQRC_RECONNECTED",
	ReconnectQMIDMismatch:   "MQRC_RECONNECT_QMID_MISMATCH",
	ReconnectIncompatible:   "MQRC_RECONNECT_INCOMPATIBLE",
	ReconnectFailed:         "MQRC_RECONNECT_FAILED",
	CallInterrupted:         "MQRC_CALL_INTERRUPTED",
	ChannelSSLWarning:       "MQRC_CHANNEL_SSL_WARNING",
	ReconnectQMgrReqd:       "MQRC_RECONNECT_Q_MGR_REQD",
	ReconnectTimedOut:       "MQRC_RECONNECT_TIMED_OUT",
	ConnectionNotAvailable:  "MQRC_CONNECTION_NOT_AVAILABLE",
	HMsgNotAvailable:        "MQRC_HMSG_NOT_AVAILABLE",
	PasswordProtectionError: "MQRC_PASSWORD_PROTECTION_ERROR",
	QMgrReconnectRequested:  "MQRC_Q_MGR_RECONNECT_REQUESTED",
}
