/*
 * The layout of every structure against the lengths that mq-golang's table gives for each of its versions: a field that
 * is missing, too long or in the wrong version does not compile.
 */
#include <stddef.h>

#include "cmqxc.h"

#define LENGTH(type, length) _Static_assert(sizeof(type) == (length), #type)
/* The first field of a version stands where the version before it ends, the padding of that included. */
#define VERSION(type, field, length) _Static_assert(offsetof(type, field) == (length), #type "." #field)
/* The same where the version before ends in padding, which its length counts and the next field fills. */
#define FILLS(type, field, length) _Static_assert(offsetof(type, field) == (length) - 4, #type "." #field)

LENGTH(MQLONG, 4);
LENGTH(MQINT64, 8);
LENGTH(MQPTR, 8);
LENGTH(MQHMSG, 8);
LENGTH(MQCHARV, 24);

LENGTH(MQMD, MQMD_LENGTH_2);
VERSION(MQMD, GroupId, MQMD_LENGTH_1);

LENGTH(MQOD, MQOD_LENGTH_4);
VERSION(MQOD, RecsPresent, MQOD_LENGTH_1);
VERSION(MQOD, AlternateSecurityId, MQOD_LENGTH_2);
VERSION(MQOD, ObjectString, MQOD_LENGTH_3);

LENGTH(MQPMO, MQPMO_LENGTH_3);
VERSION(MQPMO, RecsPresent, MQPMO_LENGTH_1);
VERSION(MQPMO, OriginalMsgHandle, MQPMO_LENGTH_2);

LENGTH(MQGMO, MQGMO_LENGTH_4);
VERSION(MQGMO, MatchOptions, MQGMO_LENGTH_1);
VERSION(MQGMO, MsgToken, MQGMO_LENGTH_2);
VERSION(MQGMO, Reserved2, MQGMO_LENGTH_3);

LENGTH(MQCNO, MQCNO_LENGTH_8);
VERSION(MQCNO, ClientConnOffset, MQCNO_LENGTH_1);
VERSION(MQCNO, ConnTag, MQCNO_LENGTH_2);
VERSION(MQCNO, SSLConfigPtr, MQCNO_LENGTH_3);
FILLS(MQCNO, ConnectionId, MQCNO_LENGTH_4);
VERSION(MQCNO, CCDTUrlPtr, MQCNO_LENGTH_5);
VERSION(MQCNO, ApplName, MQCNO_LENGTH_6);
VERSION(MQCNO, BalanceParmsPtr, MQCNO_LENGTH_7);

LENGTH(MQCD, MQCD_LENGTH_12);
VERSION(MQCD, UserIdentifier, MQCD_LENGTH_1);
VERSION(MQCD, MsgRetryExit, MQCD_LENGTH_2);
VERSION(MQCD, HeartbeatInterval, MQCD_LENGTH_3);
VERSION(MQCD, ClusterPtr, MQCD_LENGTH_4);
VERSION(MQCD, LongMCAUserIdLength, MQCD_LENGTH_5);
VERSION(MQCD, SSLCipherSpec, MQCD_LENGTH_6);
VERSION(MQCD, HdrCompList, MQCD_LENGTH_7);
FILLS(MQCD, SharingConversations, MQCD_LENGTH_8);
FILLS(MQCD, BatchDataLimit, MQCD_LENGTH_9);
VERSION(MQCD, CertificateLabel, MQCD_LENGTH_10);
VERSION(MQCD, SPLProtection, MQCD_LENGTH_11);

LENGTH(MQCSP, MQCSP_LENGTH_3);
VERSION(MQCSP, Reserved3, MQCSP_LENGTH_1);
VERSION(MQCSP, Reserved4, MQCSP_LENGTH_2);

LENGTH(MQSCO, MQSCO_LENGTH_7);
VERSION(MQSCO, KeyResetCount, MQSCO_LENGTH_1);
VERSION(MQSCO, EncryptionPolicySuiteB, MQSCO_LENGTH_2);
VERSION(MQSCO, CertificateValPolicy, MQSCO_LENGTH_3);
FILLS(MQSCO, CertificateLabel, MQSCO_LENGTH_4);
VERSION(MQSCO, KeyRepoPasswordPtr, MQSCO_LENGTH_5);
VERSION(MQSCO, HTTPSCertValidation, MQSCO_LENGTH_6);

LENGTH(MQSTS, MQSTS_LENGTH_2);
VERSION(MQSTS, ObjectString, MQSTS_LENGTH_1);

LENGTH(MQCBC, MQCBC_LENGTH_2);
VERSION(MQCBC, ReconnectDelay, MQCBC_LENGTH_1);

LENGTH(MQBNO, MQBNO_LENGTH_1);
LENGTH(MQBO, MQBO_LENGTH_1);
LENGTH(MQCBD, MQCBD_LENGTH_1);
LENGTH(MQCMHO, MQCMHO_LENGTH_1);
LENGTH(MQCTLO, MQCTLO_LENGTH_1);
LENGTH(MQDMHO, MQDMHO_LENGTH_1);
LENGTH(MQDMPO, MQDMPO_LENGTH_1);
LENGTH(MQIMPO, MQIMPO_LENGTH_1);
LENGTH(MQPD, MQPD_LENGTH_1);
LENGTH(MQSD, MQSD_LENGTH_1);
LENGTH(MQSMPO, MQSMPO_LENGTH_1);
LENGTH(MQSRO, MQSRO_LENGTH_1);
