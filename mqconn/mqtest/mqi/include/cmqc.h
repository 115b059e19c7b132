/*
 * The IBM MQ message queue interface as mq-golang and programs on it need it, for building them against the C double of
 * this folder. This is not IBM's cmqc.h and copies nothing of it: names, order and sizes of the fields are public
 * (IBM's documentation of the MQI, and the lengths in the Apache-2.0 constant table of mq-golang, which layout.c
 * asserts). Defaults and everything that mq-golang does not use are left out.
 */
#ifndef MQI_DOUBLE_CMQC_H
#define MQI_DOUBLE_CMQC_H

#include "mqi_constants.h" /* made from mq-golang's table when the library is built */

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned char MQBYTE;
typedef char MQCHAR; /* plain char: cgo must see *C.char */
typedef signed char MQINT8;
typedef short MQINT16;
typedef int MQINT32;
typedef int MQLONG;
typedef long MQINT64;
typedef float MQFLOAT32;
typedef double MQFLOAT64;
typedef void *MQPTR;
typedef void MQVOID;
typedef MQLONG MQBOOL;

typedef MQLONG MQHCONN;
typedef MQLONG MQHOBJ;
typedef MQINT64 MQHMSG;

typedef void *PMQVOID;
typedef MQBYTE *PMQBYTE;
typedef MQCHAR *PMQCHAR;
typedef MQLONG *PMQLONG;
typedef MQINT64 *PMQINT64;
typedef MQHCONN *PMQHCONN;
typedef MQHOBJ *PMQHOBJ;
typedef MQHMSG *PMQHMSG;

/* The one identifier of a structure that C code of mq-golang needs; the table has none. */
#ifndef MQBNO_STRUC_ID
#define MQBNO_STRUC_ID "BNO "
#endif

typedef struct tagMQCHARV {
  MQPTR VSPtr;
  MQLONG VSOffset;
  MQLONG VSBufSize;
  MQLONG VSLength;
  MQLONG VSCCSID;
} MQCHARV, *PMQCHARV;

/* Message descriptor */
typedef struct tagMQMD {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Report;
  MQLONG MsgType;
  MQLONG Expiry; /* tenths of a second */
  MQLONG Feedback;
  MQLONG Encoding;
  MQLONG CodedCharSetId;
  MQCHAR Format[8];
  MQLONG Priority;
  MQLONG Persistence;
  MQBYTE MsgId[24];
  MQBYTE CorrelId[24];
  MQLONG BackoutCount;
  MQCHAR ReplyToQ[48];
  MQCHAR ReplyToQMgr[48];
  MQCHAR UserIdentifier[12];
  MQBYTE AccountingToken[32];
  MQCHAR ApplIdentityData[32];
  MQLONG PutApplType;
  MQCHAR PutApplName[28];
  MQCHAR PutDate[8];
  MQCHAR PutTime[8];
  MQCHAR ApplOriginData[4];
  /* version 2 */
  MQBYTE GroupId[24];
  MQLONG MsgSeqNumber;
  MQLONG Offset;
  MQLONG MsgFlags;
  MQLONG OriginalLength;
} MQMD, *PMQMD;

/* Object descriptor */
typedef struct tagMQOD {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG ObjectType;
  MQCHAR ObjectName[48];
  MQCHAR ObjectQMgrName[48];
  MQCHAR DynamicQName[48];
  MQCHAR AlternateUserId[12];
  /* version 2 */
  MQLONG RecsPresent;
  MQLONG KnownDestCount;
  MQLONG UnknownDestCount;
  MQLONG InvalidDestCount;
  MQLONG ObjectRecOffset;
  MQLONG ResponseRecOffset;
  MQPTR ObjectRecPtr;
  MQPTR ResponseRecPtr;
  /* version 3 */
  MQBYTE AlternateSecurityId[40];
  MQCHAR ResolvedQName[48];
  MQCHAR ResolvedQMgrName[48];
  /* version 4 */
  MQCHARV ObjectString;
  MQCHARV SelectionString;
  MQCHARV ResObjectString;
  MQLONG ResolvedType;
} MQOD, *PMQOD;

/* Put message options */
typedef struct tagMQPMO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG Timeout;
  MQHOBJ Context;
  MQLONG KnownDestCount;
  MQLONG UnknownDestCount;
  MQLONG InvalidDestCount;
  MQCHAR ResolvedQName[48];
  MQCHAR ResolvedQMgrName[48];
  /* version 2 */
  MQLONG RecsPresent;
  MQLONG PutMsgRecFields;
  MQLONG PutMsgRecOffset;
  MQLONG ResponseRecOffset;
  MQPTR PutMsgRecPtr;
  MQPTR ResponseRecPtr;
  /* version 3 */
  MQHMSG OriginalMsgHandle;
  MQHMSG NewMsgHandle;
  MQLONG Action;
  MQLONG PubLevel;
} MQPMO, *PMQPMO;

/* Get message options */
typedef struct tagMQGMO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG WaitInterval; /* milliseconds */
  MQLONG Signal1;
  MQLONG Signal2;
  MQCHAR ResolvedQName[48];
  /* version 2 */
  MQLONG MatchOptions;
  MQCHAR GroupStatus;
  MQCHAR SegmentStatus;
  MQCHAR Segmentation;
  MQCHAR Reserved1;
  /* version 3 */
  MQBYTE MsgToken[16];
  MQLONG ReturnedLength;
  /* version 4 */
  MQLONG Reserved2;
  MQHMSG MsgHandle;
} MQGMO, *PMQGMO;

/* Security parameters */
typedef struct tagMQCSP {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG AuthenticationType;
  MQBYTE Reserved1[4];
  MQPTR CSPUserIdPtr;
  MQLONG CSPUserIdOffset;
  MQLONG CSPUserIdLength;
  MQBYTE Reserved2[8];
  MQPTR CSPPasswordPtr;
  MQLONG CSPPasswordOffset;
  MQLONG CSPPasswordLength;
  /* version 2 */
  MQBYTE Reserved3[8];
  MQPTR InitialKeyPtr;
  MQLONG InitialKeyOffset;
  MQLONG InitialKeyLength;
  /* version 3 */
  MQBYTE Reserved4[8];
  MQPTR TokenPtr;
  MQLONG TokenOffset;
  MQLONG TokenLength;
} MQCSP, *PMQCSP;

/* TLS configuration */
typedef struct tagMQSCO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQCHAR KeyRepository[256];
  MQCHAR CryptoHardware[256];
  MQLONG AuthInfoRecCount;
  MQLONG AuthInfoRecOffset;
  MQPTR AuthInfoRecPtr;
  /* version 2 */
  MQLONG KeyResetCount;
  MQLONG FipsRequired;
  /* version 3 */
  MQLONG EncryptionPolicySuiteB[4];
  /* version 4 */
  MQLONG CertificateValPolicy;
  /* version 5 */
  MQCHAR CertificateLabel[64];
  /* version 6 */
  MQPTR KeyRepoPasswordPtr;
  MQLONG KeyRepoPasswordOffset;
  MQLONG KeyRepoPasswordLength;
  /* version 7 */
  MQLONG HTTPSCertValidation;
  MQLONG HTTPSCertRevocation;
  MQPTR HTTPSKeyStorePtr;
  MQLONG HTTPSKeyStoreOffset;
  MQLONG HTTPSKeyStoreLength;
} MQSCO, *PMQSCO;

/* Balancing options */
typedef struct tagMQBNO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG ApplType;
  MQLONG Timeout;
  MQLONG Options;
} MQBNO, *PMQBNO;

/* Connect options */
typedef struct tagMQCNO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  /* version 2 */
  MQLONG ClientConnOffset;
  MQPTR ClientConnPtr;
  /* version 3 */
  MQBYTE ConnTag[128];
  /* version 4 */
  PMQSCO SSLConfigPtr;
  MQLONG SSLConfigOffset;
  /* version 5 */
  MQBYTE ConnectionId[24];
  MQLONG SecurityParmsOffset;
  PMQCSP SecurityParmsPtr;
  /* version 6 */
  PMQCHAR CCDTUrlPtr;
  MQLONG CCDTUrlOffset;
  MQLONG CCDTUrlLength;
  MQBYTE Reserved[8];
  /* version 7 */
  MQCHAR ApplName[28];
  MQBYTE Reserved2[4];
  /* version 8 */
  PMQBNO BalanceParmsPtr;
  MQLONG BalanceParmsOffset;
  MQBYTE Reserved3[4];
} MQCNO, *PMQCNO;

/* Begin options */
typedef struct tagMQBO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
} MQBO, *PMQBO;

/* Status of asynchronous puts */
typedef struct tagMQSTS {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG CompCode;
  MQLONG Reason;
  MQLONG PutSuccessCount;
  MQLONG PutWarningCount;
  MQLONG PutFailureCount;
  MQLONG ObjectType;
  MQCHAR ObjectName[48];
  MQCHAR ObjectQMgrName[48];
  MQCHAR ResolvedObjectName[48];
  MQCHAR ResolvedQMgrName[48];
  /* version 2 */
  MQCHARV ObjectString;
  MQCHARV SubName;
  MQLONG OpenOptions;
  MQLONG SubOptions;
} MQSTS, *PMQSTS;

/* Subscription descriptor */
typedef struct tagMQSD {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQCHAR ObjectName[48];
  MQCHAR AlternateUserId[12];
  MQBYTE AlternateSecurityId[40];
  MQLONG SubExpiry;
  MQCHARV ObjectString;
  MQCHARV SubName;
  MQCHARV SubUserData;
  MQBYTE SubCorrelId[24];
  MQLONG PubPriority;
  MQBYTE PubAccountingToken[32];
  MQCHAR PubApplIdentityData[32];
  MQCHARV SelectionString;
  MQLONG SubLevel;
  MQCHARV ResObjectString;
} MQSD, *PMQSD;

/* Subscription request options */
typedef struct tagMQSRO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG NumPubs;
} MQSRO, *PMQSRO;

/* Options of message handles and properties */
typedef struct tagMQCMHO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
} MQCMHO, *PMQCMHO;

typedef struct tagMQDMHO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
} MQDMHO, *PMQDMHO;

typedef struct tagMQSMPO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG ValueEncoding;
  MQLONG ValueCCSID;
} MQSMPO, *PMQSMPO;

typedef struct tagMQDMPO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
} MQDMPO, *PMQDMPO;

typedef struct tagMQIMPO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG RequestedEncoding;
  MQLONG RequestedCCSID;
  MQLONG ReturnedEncoding;
  MQLONG ReturnedCCSID;
  MQLONG Reserved1;
  MQCHARV ReturnedName;
  MQCHAR TypeString[8];
} MQIMPO, *PMQIMPO;

/* Property descriptor */
typedef struct tagMQPD {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG Support;
  MQLONG Context;
  MQLONG CopyOptions;
} MQPD, *PMQPD;

/* Callback context */
typedef struct tagMQCBC {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG CallType;
  MQHOBJ Hobj;
  MQPTR CallbackArea;
  MQPTR ConnectionArea;
  MQLONG CompCode;
  MQLONG Reason;
  MQLONG State;
  MQLONG DataLength;
  MQLONG BufferLength;
  MQLONG Flags;
  /* version 2 */
  MQLONG ReconnectDelay;
} MQCBC, *PMQCBC;

/* Callback descriptor */
typedef struct tagMQCBD {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG CallbackType;
  MQLONG Options;
  MQPTR CallbackArea;
  MQPTR CallbackFunction;
  MQCHAR CallbackName[128];
  MQLONG MaxMsgLength;
} MQCBD, *PMQCBD;

/* Control options */
typedef struct tagMQCTLO {
  MQCHAR StrucId[4];
  MQLONG Version;
  MQLONG Options;
  MQLONG Reserved;
  MQPTR ConnectionArea;
} MQCTLO, *PMQCTLO;

#pragma GCC visibility push(default) /* the library is built with everything else hidden */

/* The verbs. Structures come as PMQVOID, but for MQCONNX, because cgo code passes them so. */
void MQBACK(MQHCONN, PMQLONG completion, PMQLONG reason);
void MQBEGIN(MQHCONN, PMQVOID options, PMQLONG completion, PMQLONG reason);
void MQCB(MQHCONN, MQLONG operation, PMQVOID descriptor, MQHOBJ, PMQVOID message, PMQVOID options, PMQLONG completion,
          PMQLONG reason);
void MQCLOSE(MQHCONN, PMQHOBJ, MQLONG options, PMQLONG completion, PMQLONG reason);
void MQCMIT(MQHCONN, PMQLONG completion, PMQLONG reason);
void MQCONN(PMQCHAR name, PMQHCONN, PMQLONG completion, PMQLONG reason);
void MQCONNX(PMQCHAR name, PMQCNO, PMQHCONN, PMQLONG completion, PMQLONG reason);
void MQCRTMH(MQHCONN, PMQVOID options, PMQHMSG, PMQLONG completion, PMQLONG reason);
void MQCTL(MQHCONN, MQLONG operation, PMQVOID options, PMQLONG completion, PMQLONG reason);
void MQDISC(PMQHCONN, PMQLONG completion, PMQLONG reason);
void MQDLTMH(MQHCONN, PMQHMSG, PMQVOID options, PMQLONG completion, PMQLONG reason);
void MQDLTMP(MQHCONN, MQHMSG, PMQVOID options, PMQVOID name, PMQLONG completion, PMQLONG reason);
void MQGET(MQHCONN, MQHOBJ, PMQVOID message, PMQVOID options, MQLONG length, PMQVOID buffer, PMQLONG data_length,
           PMQLONG completion, PMQLONG reason);
void MQINQ(MQHCONN, MQHOBJ, MQLONG count, PMQLONG selectors, MQLONG integers, PMQLONG values, MQLONG length,
           PMQCHAR characters, PMQLONG completion, PMQLONG reason);
void MQINQMP(MQHCONN, MQHMSG, PMQVOID options, PMQVOID name, PMQVOID descriptor, PMQLONG type, MQLONG length,
             PMQVOID value, PMQLONG data_length, PMQLONG completion, PMQLONG reason);
void MQOPEN(MQHCONN, PMQVOID object, MQLONG options, PMQHOBJ, PMQLONG completion, PMQLONG reason);
void MQPUT(MQHCONN, MQHOBJ, PMQVOID message, PMQVOID options, MQLONG length, PMQVOID buffer, PMQLONG completion,
           PMQLONG reason);
void MQPUT1(MQHCONN, PMQVOID object, PMQVOID message, PMQVOID options, MQLONG length, PMQVOID buffer,
            PMQLONG completion, PMQLONG reason);
void MQSET(MQHCONN, MQHOBJ, MQLONG count, PMQLONG selectors, MQLONG integers, PMQLONG values, MQLONG length,
           PMQCHAR characters, PMQLONG completion, PMQLONG reason);
void MQSETMP(MQHCONN, MQHMSG, PMQVOID options, PMQVOID name, PMQVOID descriptor, MQLONG type, MQLONG length,
             PMQVOID value, PMQLONG completion, PMQLONG reason);
void MQSTAT(MQHCONN, MQLONG type, PMQVOID status, PMQLONG completion, PMQLONG reason);
void MQSUB(MQHCONN, PMQVOID descriptor, PMQHOBJ, PMQHOBJ subscription, PMQLONG completion, PMQLONG reason);
void MQSUBRQ(MQHCONN, MQHOBJ, MQLONG action, PMQVOID options, PMQLONG completion, PMQLONG reason);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
