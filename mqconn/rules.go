package mqconn

import "github.com/mqha/mqha/mqconn/mqrc"

// rule says what some reasons mean where all of its conditions hold.
type rule struct {
	verbs   []Verb // none: any
	where   where
	reasons []mqrc.Reason // none: any
	class   Class
	source  string
}

type where int

const (
	anywhere where = iota
	inBindings
	inClient
)

// lost stands for the class that a broken connection has, which depends on the call: see broken.
const lost Class = -1

var (
	connecting = []Verb{VerbConnect}
	putting    = []Verb{VerbPut, VerbPut1}
	working    = []Verb{VerbOpen, VerbPut, VerbPut1, VerbGet, VerbInquire} // not the ends of a unit of work
	ending     = []Verb{VerbCommit, VerbBackout}
)

// codes is IBM MQ's documentation of what a reason means and what a program should do, by number.
const codes = "IBM MQ, API completion and reason codes"

// rules are tried from the top; the first that fits counts. REASONS.md shows what comes out for every
// reason that a call can give.
var rules = []rule{
	// A name that the local installation does not know (bindings), or an answer from another queue manager
	// or an unknown client group (client). On a cluster node the former is what is left after the queue
	// manager moved away.
	{connecting, inBindings, []mqrc.Reason{mqrc.QMgrNameError}, NotHere, codes + " 2058; BFGAG0050E"},
	{connecting, inClient, []mqrc.Reason{mqrc.QMgrNameError}, NextEndpoint, codes + " 2058"},
	// A queue manager that has just started somewhere else may give 2540 for a moment, hence not Fatal.
	{connecting, anywhere, []mqrc.Reason{mqrc.UnknownChannelName, mqrc.ChannelConfigError, mqrc.CDError,
		mqrc.ClientConnError, mqrc.AnotherQMgrConnected, mqrc.ClientChannelConflict, mqrc.CDArrayError,
		mqrc.ChannelConvError}, NextEndpoint, codes + ", client connection definitions"},
	// 2035 may pass by itself while LDAP or the node's user registry starts after a failover, so Fatal is
	// tried a few times.
	{connecting, anywhere, []mqrc.Reason{mqrc.NotAuthorized, mqrc.SecurityError, mqrc.ConnectionNotAuthorized,
		mqrc.NotPrivileged, mqrc.CSPError, mqrc.PasswordProtectionError}, Fatal,
		codes + ", security; kafka-connect-mq-source retries 2035"},
	{connecting, anywhere, []mqrc.Reason{mqrc.SCOError, mqrc.KeyRepositoryError, mqrc.SSLConfigError,
		mqrc.SSLInitializationError, mqrc.SSLNotAllowed, mqrc.JSSEError, mqrc.SSLPeerNameMismatch, mqrc.SSLPeerNameError,
		mqrc.SSLCertificateRevoked, mqrc.SSLCertStoreError, mqrc.UnsupportedCipherSuite, mqrc.CryptoHardwareError,
		mqrc.AuthInfoRecCountError, mqrc.AuthInfoRecError, mqrc.AIRError, mqrc.AuthInfoTypeError,
		mqrc.AuthInfoConnNameError, mqrc.LDAPUserNameError, mqrc.LDAPUserNameLengthErr, mqrc.LDAPPasswordError,
		mqrc.SSLKeyResetError, mqrc.OCSPURLError, mqrc.SSLAltProviderRequired, mqrc.CipherSpecNotSuiteB,
		mqrc.SuiteBError, mqrc.CertValPolicyError, mqrc.CertLabelNotAllowed, mqrc.OutboundSNINotValid,
		mqrc.HTTPSKeystoreError}, Fatal, codes + ", TLS"},
	// What this program or its installation asks for is impossible. 2012 and 2495: bindings without a local
	// installation.
	{connecting, anywhere, []mqrc.Reason{mqrc.EnvironmentError, mqrc.OptionsError, mqrc.CNOError, mqrc.BNOError,
		mqrc.FunctionNotSupported, mqrc.ModuleNotFound, mqrc.ModuleInvalid, mqrc.ModuleEntryNotFound,
		mqrc.AdapterServLoadError, mqrc.AdapterConnLoadError, mqrc.AdapterDefsError, mqrc.AdapterDefsLoadError,
		mqrc.InstallationMismatch, mqrc.InstallationMissing, mqrc.FastpathNotAvailable, mqrc.APIExitNotFound,
		mqrc.APIExitLoadError, mqrc.APIExitInitError, mqrc.APIExitError, mqrc.ClientExitLoadError, mqrc.ClientExitError,
		mqrc.PreconnExitLoadError, mqrc.PreconnExitNotFound, mqrc.PreconnExitError, mqrc.ClusterExitLoadError,
		mqrc.ExitPropsNotSupported, mqrc.ConnTagNotUsable, mqrc.ReconnectIncompatible}, Fatal,
		codes + "; BFGAG0077E"},
	// Limits: typical right after a failover, while the connections of a host that vanished still count.
	{connecting, anywhere, []mqrc.Reason{mqrc.MaxConnsLimitReached, mqrc.ChannelNotAvailable, mqrc.HandleNotAvailable},
		Throttle, codes + ", MAXINST, MAXINSTC, MaxChannels"},
	// IBM's clients reconnect on 2009 2059 2161 2162 2202 2203 2279 2538. 2543 is a standby instance: the
	// active one is at another endpoint. 2600: the definition table's server may be down in the same outage.
	{connecting, anywhere, []mqrc.Reason{mqrc.ConnectionBroken, mqrc.QMgrNotAvailable, mqrc.QMgrQuiescing,
		mqrc.QMgrStopping, mqrc.ConnectionQuiescing, mqrc.ConnectionStopping, mqrc.ChannelStoppedByUser,
		mqrc.ChannelStopped, mqrc.HostNotAvailable, mqrc.StandbyQMgr, mqrc.ConnectionError, mqrc.ConnectionNotAvailable,
		mqrc.ReconnectFailed, mqrc.ReconnectQMIDMismatch, mqrc.ReconnectQMgrReqd, mqrc.ReconnectTimedOut,
		mqrc.QMgrReconnectRequested, mqrc.HConnError, mqrc.CallInProgress, mqrc.ResourceProblem, mqrc.StorageNotAvailable,
		mqrc.UnexpectedError, mqrc.InitializationFailed, mqrc.CCDTURLError, mqrc.AdapterNotAvailable, mqrc.ASIDMismatch,
		mqrc.ConnIDInUse, mqrc.ConnTagInUse, mqrc.DuplicateRecovCoord, mqrc.AlreadyConnected, mqrc.SSLAlreadyInitialized},
		Retry, "IBM MQ, automatic client reconnection, reasons that cause it; kafka-connect-mq-source"},
	{connecting, anywhere, nil, Retry, "mq-metric-samples: almost any error should allow an attempt to reconnect"},

	// On MQCMIT 2003 is a warning: the unit of work was backed out instead.
	{nil, anywhere, []mqrc.Reason{mqrc.BackedOut}, BackedOut, codes + " 2003"},
	{nil, anywhere, []mqrc.Reason{mqrc.CallInterrupted, mqrc.OutcomeMixed, mqrc.OutcomePending}, OutcomeUnknown,
		codes + " 2549, 2123, 2124"},
	{nil, anywhere, []mqrc.Reason{mqrc.ObjectInUse}, InUse, codes + " 2042; BFGAG0035W"},
	// A call that overlaps another on the same handle is a defect of the program, never a reason to reconnect.
	{nil, anywhere, []mqrc.Reason{mqrc.CallInProgress}, Throttle, codes + " 2219"},

	// The end of a unit of work. These say that it was refused and the unit of work is as it was.
	{ending, anywhere, []mqrc.Reason{mqrc.EnvironmentError, mqrc.FunctionNotSupported, mqrc.GlobalUOWConflict,
		mqrc.LocalUOWConflict, mqrc.UOWMixNotSupported, mqrc.UOWNotAvailable, mqrc.HConnAsyncActive}, Fatal,
		codes + "; MQCMIT, MQBACK"},
	{ending, anywhere, []mqrc.Reason{mqrc.ConnTagNotReleased}, MessageFault, codes + " 2344: the call was done"},
	// Whatever else goes wrong there is no proof of what became of the unit of work.
	{ending, anywhere, nil, lost, "the safe reading of " + codes},

	// Shortages and inhibitions that an operator or time lifts.
	{working, anywhere, []mqrc.Reason{mqrc.QFull, mqrc.PutInhibited, mqrc.GetInhibited, mqrc.GetEnabled,
		mqrc.ClusterPutInhibited, mqrc.PubsubInhibited, mqrc.StorageNotAvailable, mqrc.StorageMediumFull,
		mqrc.QSpaceNotAvailable, mqrc.FileSystemError, mqrc.SyncpointLimitReached, mqrc.HandleNotAvailable,
		mqrc.ResourceProblem, mqrc.ClusterResourceError, mqrc.NoDestinationsAvailable, mqrc.PagesetError,
		mqrc.CFNotAvailable, mqrc.CFStrucInUse, mqrc.CFStrucListHdrInUse, mqrc.CFStrucFailed, mqrc.DB2NotAvailable,
		mqrc.DataSetNotAvailable}, Throttle, codes + ", retry the operation later"},
	// The message itself: length, descriptor, headers, properties, or the data conversion that was asked for.
	{working, anywhere, []mqrc.Reason{mqrc.TruncatedMsgFailed, mqrc.TruncatedMsgAccepted, mqrc.DataLengthError,
		mqrc.MsgTooBigForQ, mqrc.MsgTooBigForQMgr, mqrc.MsgTooBigForChannel, mqrc.BufferError, mqrc.BufferLengthError,
		mqrc.CorrelIDError, mqrc.MsgIDError, mqrc.GroupIDError, mqrc.MDError, mqrc.MDEError, mqrc.ExpiryError,
		mqrc.FeedbackError, mqrc.MissingReplyToQ, mqrc.MsgTypeError, mqrc.MsgFlagsError, mqrc.MsgSeqNumberError,
		mqrc.OffsetError, mqrc.OriginalLengthError, mqrc.SegmentLengthZero, mqrc.SegmentationNotAllowed,
		mqrc.SegmentsNotSupported, mqrc.GroupingNotAllowed, mqrc.MsgNotAllowedInGroup, mqrc.IncompleteGroup,
		mqrc.IncompleteMsg, mqrc.InconsistentPersistence, mqrc.InconsistentUOW, mqrc.ReportOptionsError,
		mqrc.UnknownReportOption, mqrc.PersistenceError, mqrc.PersistentNotAllowed, mqrc.PriorityError,
		mqrc.PriorityExceedsMaximum, mqrc.CodedCharSetIDError, mqrc.ContentError, mqrc.NoMsgUnderCursor,
		mqrc.InvalidMsgUnderCursor, mqrc.MsgMarkedBrowseCoOp, mqrc.NoMsgLocked, mqrc.SecondMarkNotAllowed,
		mqrc.BackoutThresholdReached, mqrc.MsgTokenError, mqrc.NoRetainedMsg, mqrc.SignalRequestAccepted,
		mqrc.SuppressedByExit, mqrc.HMsgError, mqrc.HMsgNotAvailable, mqrc.MsgHandleInUse, mqrc.PropertyNotAvailable,
		mqrc.PropertyValueTooBig, mqrc.PropertyNameTooBig, mqrc.PropertyNameError, mqrc.PropertiesTooBig,
		mqrc.PropertiesDisabled, mqrc.PDError, mqrc.UnsupportedProperty, mqrc.PropValueNotConverted,
		mqrc.PropNameNotConverted}, MessageFault, codes + ", the message"},
	{working, anywhere, []mqrc.Reason{mqrc.DHError, mqrc.DLHError, mqrc.HeaderError, mqrc.IIHError, mqrc.PCFError, mqrc.TMCError,
		mqrc.TMError, mqrc.RMHError, mqrc.XQHError, mqrc.WIHError, mqrc.MissingWIH, mqrc.EPHError, mqrc.RFHError,
		mqrc.RFHStringError, mqrc.RFHCommandError, mqrc.RFHParmError, mqrc.RFHDuplicateParm, mqrc.RFHParmMissing,
		mqrc.RFHFormatError, mqrc.RFHRestrictedFormatErr, mqrc.CFHError, mqrc.CFILError, mqrc.CFINError, mqrc.CFSLError,
		mqrc.CFSTError, mqrc.CFBSError, mqrc.CFIFError, mqrc.CFSFError, mqrc.CFGRError, mqrc.CFBFError,
		mqrc.FilterOperatorError, mqrc.SrcEnvError, mqrc.SrcNameError, mqrc.DestEnvError, mqrc.DestNameError,
		mqrc.JMSFormatError, mqrc.WXPError, mqrc.CurrentRecordError, mqrc.NextOffsetError, mqrc.NoRecordAvailable,
		mqrc.NextRecordError}, MessageFault, codes + ", headers inside the message"},
	{working, anywhere, []mqrc.Reason{mqrc.FormatError, mqrc.NotConverted, mqrc.PartiallyConverted, mqrc.ConvertedMsgTooBig,
		mqrc.ConvertedStringTooBig, mqrc.SourceCCSIDError, mqrc.SourceIntegerEncError, mqrc.SourceDecimalEncError,
		mqrc.SourceFloatEncError, mqrc.SourceLengthError, mqrc.SourceBufferError, mqrc.TargetCCSIDError,
		mqrc.TargetIntegerEncError, mqrc.TargetDecimalEncError, mqrc.TargetFloatEncError, mqrc.TargetLengthError,
		mqrc.TargetBufferError, mqrc.DBCSError, mqrc.InconsistentCCSIDs, mqrc.InconsistentEncodings,
		mqrc.AdapterConvLoadError}, MessageFault, codes + ", data conversion"},
	// One destination that cannot be reached says nothing about the others: IT29902 is an agent that went
	// into recovery as a whole because of one unknown remote queue manager (2087).
	{putting, anywhere, []mqrc.Reason{mqrc.NotAuthorized, mqrc.SecurityError, mqrc.ServiceError, mqrc.ServiceNotAvailable,
		mqrc.UnknownObject, mqrc.UnknownObjectQMgr, mqrc.UnknownRemoteQMgr, mqrc.UnknownAliasBaseQ,
		mqrc.AliasBaseQTypeError, mqrc.AliasTargtypeChanged, mqrc.ObjectTypeError, mqrc.QDeleted,
		mqrc.OptionNotValidForType, mqrc.NotOpenForOutput, mqrc.XmitQTypeError, mqrc.XmitQUsageError, mqrc.UnknownXmitQ,
		mqrc.UnknownDefXmitQ, mqrc.DefXmitQTypeError, mqrc.DefXmitQUsageError, mqrc.RemoteQNameError,
		mqrc.ObjectNameError, mqrc.ObjectQMgrNameError, mqrc.ObjectDamaged, mqrc.OpenFailed, mqrc.MultipleReasons,
		mqrc.ClusterResolutionError, mqrc.StoppedByClusterExit, mqrc.ClusterExitError, mqrc.ClusterExitLoadError,
		mqrc.StorageClassError, mqrc.CODNotValidForXCFQ, mqrc.SyncpointNotAllowed, mqrc.ObjectNotUnique,
		mqrc.ObjectLevelIncompatible, mqrc.CFStrucAuthFailed, mqrc.CFStrucError, mqrc.WrongCFLevel, mqrc.TopicStringError,
		mqrc.ObjectStringError, mqrc.ResObjectStringError, mqrc.PublicationFailure, mqrc.PublishExitError,
		mqrc.PutNotRetained, mqrc.RetainedMsgQError, mqrc.RetainedNotDelivered, mqrc.NoSubsMatched,
		mqrc.LoopingPublication, mqrc.SelectionNotAvailable, mqrc.ComminfoError, mqrc.MulticastOnly,
		mqrc.MulticastConfigError, mqrc.MulticastInterfaceError, mqrc.MulticastSendError, mqrc.MulticastInternalError},
		MessageFault, codes + ", the destination; IT29902"},
	// The same on the program's own queues: nothing will come from there until somebody acts.
	{working, anywhere, []mqrc.Reason{mqrc.NotAuthorized, mqrc.SecurityError, mqrc.ServiceError, mqrc.ServiceNotAvailable,
		mqrc.UnknownObject, mqrc.UnknownObjectQMgr, mqrc.UnknownRemoteQMgr, mqrc.UnknownAliasBaseQ,
		mqrc.AliasBaseQTypeError, mqrc.AliasTargtypeChanged, mqrc.ObjectTypeError, mqrc.QTypeError, mqrc.QDeleted,
		mqrc.OptionNotValidForType, mqrc.NotOpenForInput, mqrc.NotOpenForBrowse, mqrc.NotOpenForInquire,
		mqrc.ObjectNameError, mqrc.ObjectQMgrNameError, mqrc.ObjectAlreadyExists, mqrc.DynamicQNameError,
		mqrc.NameNotValidForType, mqrc.NameInUse, mqrc.ObjectDamaged, mqrc.ObjectNotUnique, mqrc.ObjectLevelIncompatible,
		mqrc.XmitQTypeError, mqrc.XmitQUsageError, mqrc.UnknownXmitQ, mqrc.UnknownDefXmitQ, mqrc.DefXmitQTypeError,
		mqrc.DefXmitQUsageError, mqrc.RemoteQNameError, mqrc.ClusterResolutionError, mqrc.StoppedByClusterExit,
		mqrc.ClusterExitError, mqrc.ClusterExitLoadError, mqrc.CFStrucAuthFailed, mqrc.CFStrucError, mqrc.WrongCFLevel,
		mqrc.QIndexTypeError, mqrc.MultipleReasons, mqrc.TopicStringError, mqrc.ObjectStringError,
		mqrc.ResObjectStringError, mqrc.SelectorSyntaxError, mqrc.SelectorAlwaysFalse, mqrc.SelectorInvalidForType,
		mqrc.SelectionStringError, mqrc.SelectionNotAvailable, mqrc.ComminfoError, mqrc.MulticastOnly,
		mqrc.MulticastConfigError, mqrc.MulticastInterfaceError, mqrc.MulticastInternalError}, Fatal,
		codes + ", the queue's definition and authority"},
	// What the program, or the library below it, asks for cannot be.
	{working, anywhere, []mqrc.Reason{mqrc.OptionsError, mqrc.ODError, mqrc.GMOError, mqrc.PMOError, mqrc.MatchOptionsError,
		mqrc.WrongGMOVersion, mqrc.WrongMDVersion, mqrc.WaitIntervalError, mqrc.SignalOutstanding, mqrc.Signal1Error,
		mqrc.OptionEnvironmentError, mqrc.ReservedValueError, mqrc.InconsistentBrowse, mqrc.OptionsChanged,
		mqrc.NotOpenForPassAll, mqrc.NotOpenForPassIdent, mqrc.NotOpenForSetAll, mqrc.NotOpenForSetIdent,
		mqrc.ContextHandleError, mqrc.ContextNotAvailable, mqrc.RecsPresentError, mqrc.ObjectRecordsError,
		mqrc.ResponseRecordsError, mqrc.PMORecordFlagsError, mqrc.PutMsgRecordsError, mqrc.ActionError,
		mqrc.EnvironmentError, mqrc.FunctionNotSupported, mqrc.APIExitLoadError, mqrc.SyncpointNotAvailable,
		mqrc.DefSyncpointInhibited, mqrc.GlobalUOWConflict, mqrc.LocalUOWConflict, mqrc.HandleInUseForUOW,
		mqrc.UOWEnlistmentError, mqrc.UOWMixNotSupported, mqrc.UOWNotAvailable, mqrc.HConnAsyncActive,
		mqrc.CharAttrLengthError, mqrc.CharAttrsError, mqrc.CharAttrsTooShort, mqrc.IntAttrCountError,
		mqrc.IntAttrCountTooSmall, mqrc.IntAttrsArrayError, mqrc.SelectorCountError, mqrc.SelectorLimitExceeded,
		mqrc.SelectorError, mqrc.SelectorNotForType}, Fatal, codes + ", the call's parameters"},
	// These say that the call did not begin: the queue manager or the connection is quiescing, the handle
	// was invalid already, or the handle's callbacks and read-ahead are held up.
	{working, anywhere, []mqrc.Reason{mqrc.QMgrQuiescing, mqrc.ConnectionQuiescing, mqrc.HConnError, mqrc.HObjError,
		mqrc.ObjectChanged, mqrc.HObjQuiesced, mqrc.HObjQuiescedNoMsgs, mqrc.ConnectionSuspended, mqrc.ConnectionStopped,
		mqrc.CICSWaitFailed}, Retry, codes + ", the call was not made"},
	{working, anywhere, []mqrc.Reason{mqrc.ConnectionBroken, mqrc.QMgrStopping, mqrc.ConnectionStopping,
		mqrc.QMgrNotAvailable, mqrc.QMgrNameError, mqrc.UnexpectedError, mqrc.APIExitError, mqrc.ASIDMismatch,
		mqrc.AdapterNotAvailable, mqrc.AdapterServLoadError, mqrc.ModuleNotFound, mqrc.ModuleInvalid,
		mqrc.ModuleEntryNotFound, mqrc.ReconnectQMIDMismatch, mqrc.ReconnectIncompatible, mqrc.ReconnectFailed,
		mqrc.ReconnectQMgrReqd, mqrc.ReconnectTimedOut, mqrc.QMgrReconnectRequested}, lost,
		"IBM MQ, automatic client reconnection, reasons that cause it"},
}
