/* The channel definition, for building against the C double: see cmqc.h. This is not IBM's cmqxc.h. */
#ifndef MQI_DOUBLE_CMQXC_H
#define MQI_DOUBLE_CMQXC_H

#include "cmqc.h"

typedef struct tagMQCD {
  MQCHAR ChannelName[20];
  MQLONG Version;
  MQLONG ChannelType;
  MQLONG TransportType;
  MQCHAR Desc[64];
  MQCHAR QMgrName[48];
  MQCHAR XmitQName[48];
  MQCHAR ShortConnectionName[20];
  MQCHAR MCAName[20];
  MQCHAR ModeName[8];
  MQCHAR TpName[64];
  MQLONG BatchSize;
  MQLONG DiscInterval;
  MQLONG ShortRetryCount;
  MQLONG ShortRetryInterval;
  MQLONG LongRetryCount;
  MQLONG LongRetryInterval;
  MQCHAR SecurityExit[128];
  MQCHAR MsgExit[128];
  MQCHAR SendExit[128];
  MQCHAR ReceiveExit[128];
  MQLONG SeqNumberWrap;
  MQLONG MaxMsgLength;
  MQLONG PutAuthority;
  MQLONG DataConversion;
  MQCHAR SecurityUserData[32];
  MQCHAR MsgUserData[32];
  MQCHAR SendUserData[32];
  MQCHAR ReceiveUserData[32];
  /* version 2 */
  MQCHAR UserIdentifier[12];
  MQCHAR Password[12];
  MQCHAR MCAUserIdentifier[12];
  MQLONG MCAType;
  MQCHAR ConnectionName[264];
  MQCHAR RemoteUserIdentifier[12];
  MQCHAR RemotePassword[12];
  /* version 3 */
  MQCHAR MsgRetryExit[128];
  MQCHAR MsgRetryUserData[32];
  MQLONG MsgRetryCount;
  MQLONG MsgRetryInterval;
  /* version 4 */
  MQLONG HeartbeatInterval;
  MQLONG BatchInterval;
  MQLONG NonPersistentMsgSpeed;
  MQLONG StrucLength;
  MQLONG ExitNameLength;
  MQLONG ExitDataLength;
  MQLONG MsgExitsDefined;
  MQLONG SendExitsDefined;
  MQLONG ReceiveExitsDefined;
  MQPTR MsgExitPtr;
  MQPTR MsgUserDataPtr;
  MQPTR SendExitPtr;
  MQPTR SendUserDataPtr;
  MQPTR ReceiveExitPtr;
  MQPTR ReceiveUserDataPtr;
  /* version 5 */
  MQPTR ClusterPtr;
  MQLONG ClustersDefined;
  MQLONG NetworkPriority;
  /* version 6 */
  MQLONG LongMCAUserIdLength;
  MQLONG LongRemoteUserIdLength;
  MQPTR LongMCAUserIdPtr;
  MQPTR LongRemoteUserIdPtr;
  MQBYTE MCASecurityId[40];
  MQBYTE RemoteSecurityId[40];
  /* version 7 */
  MQCHAR SSLCipherSpec[32];
  MQPTR SSLPeerNamePtr;
  MQLONG SSLPeerNameLength;
  MQLONG SSLClientAuth;
  MQLONG KeepAliveInterval;
  MQCHAR LocalAddress[48];
  MQLONG BatchHeartbeat;
  /* version 8 */
  MQLONG HdrCompList[2];
  MQLONG MsgCompList[16];
  MQLONG CLWLChannelRank;
  MQLONG CLWLChannelPriority;
  MQLONG CLWLChannelWeight;
  MQLONG ChannelMonitoring;
  MQLONG ChannelStatistics;
  /* version 9 */
  MQLONG SharingConversations;
  MQLONG PropertyControl;
  MQLONG MaxInstances;
  MQLONG MaxInstancesPerClient;
  MQLONG ClientChannelWeight;
  MQLONG ConnectionAffinity;
  /* version 10 */
  MQLONG BatchDataLimit;
  MQLONG UseDLQ;
  MQLONG DefReconnect;
  /* version 11 */
  MQCHAR CertificateLabel[64];
  /* version 12 */
  MQLONG SPLProtection;
} MQCD, *PMQCD;

#endif
