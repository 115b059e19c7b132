/*
 * Walks the library through its contract against a queue manager that the test has started. Structures of old versions lie
 * in memory of exactly their length, so that the address sanitizer sees every byte too far. Prints what is wrong and exits
 * with 1, or ends with 0.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmqstrc.h"
#include "cmqxc.h"

static const char *endpoint; /* host(port) */
static const char *nowhere;  /* where nobody listens */
static const char *silent;   /* where somebody answers MQCONNX, with HBINT(1), and nothing after it */
static int wrong;

static void want_at(int line, const char *what, MQLONG completion, MQLONG reason, MQLONG expected) {
  MQLONG grade = expected == MQRC_NONE                                                                            ? 0
                 : expected == MQRC_TRUNCATED_MSG_ACCEPTED || expected == MQRC_TRUNCATED_MSG_FAILED ||
                           expected == MQRC_SSL_ALREADY_INITIALIZED                                               ? 1
                                                                                                                  : 2;
  if (reason == expected && completion == grade) return;
  printf("line %d: %s: completion code %d, reason %d %s, want %d %s\n", line, what, completion, reason, MQRC_STR(reason),
         expected, MQRC_STR(expected));
  wrong++;
}

static void is_true_at(int line, const char *what, bool condition) {
  if (condition) return;
  printf("line %d: not so: %s\n", line, what);
  wrong++;
}

#define WANT(call, expected)                                  \
  do {                                                        \
    MQLONG cc = 9, rc = 9;                                    \
    call;                                                     \
    want_at(__LINE__, #call, cc, rc, (expected));             \
  } while (0)
#define IS_TRUE(condition) is_true_at(__LINE__, #condition, (condition))

struct login {
  const char *queue_manager, *channel, *user, *password, *cipher, *repository, *label, *address;
  MQLONG options, longest;
  const char *table; /* CCDT */
};

static MQHCONN log_in(struct login l, PMQLONG cc, PMQLONG rc) {
  MQCD cd = {.Version = MQCD_VERSION_11, .MaxMsgLength = l.longest ? l.longest : 1 << 20};
  MQCSP csp = {.StrucId = "CSP ", .Version = 1, .AuthenticationType = MQCSP_AUTH_USER_ID_AND_PWD};
  MQSCO sco = {.StrucId = "SCO ", .Version = 5};
  MQCNO cno = {.StrucId = "CNO ", .Version = 7, .ClientConnPtr = &cd, .ApplName = "exercise"};
  MQHCONN handle = 0;
  char name[48] = "QM1";
  strcpy(cd.ChannelName, l.channel ? l.channel : "EXERCISE");
  strcpy(cd.ConnectionName, l.address ? l.address : endpoint);
  if (l.queue_manager) strcpy(name, l.queue_manager);
  if (l.user) {
    csp.CSPUserIdPtr = (void *)l.user, csp.CSPUserIdLength = strlen(l.user);
    csp.CSPPasswordPtr = (void *)l.password, csp.CSPPasswordLength = strlen(l.password);
    cno.SecurityParmsPtr = &csp;
  }
  if (l.cipher) {
    strcpy(cd.SSLCipherSpec, l.cipher);
    if (l.repository) strcpy(sco.KeyRepository, l.repository);
    if (l.label) strcpy(sco.CertificateLabel, l.label);
    cno.SSLConfigPtr = &sco;
  }
  if (l.table) {
    cno.ClientConnPtr = NULL;
    cno.CCDTUrlPtr = (void *)l.table, cno.CCDTUrlLength = strlen(l.table);
  }
  cno.Options = l.options ? l.options : MQCNO_HANDLE_SHARE_NO_BLOCK;
  MQCONNX(name, &cno, &handle, cc, rc);
  return handle;
}

#define LOGIN(handle, expected, ...) WANT(handle = log_in((struct login){__VA_ARGS__}, &cc, &rc), expected)

static MQHOBJ open_queue(MQHCONN c, const char *name, MQLONG options, MQLONG expected) {
  MQOD *od = calloc(1, MQOD_LENGTH_1); /* an old program's */
  MQHOBJ object = 0;
  memcpy(od->StrucId, "OD  ", 4);
  od->Version = 1;
  od->ObjectType = MQOT_Q;
  strcpy(od->ObjectName, name);
  WANT(MQOPEN(c, od, options, &object, &cc, &rc), expected);
  free(od);
  return object;
}

static MQMD *new_descriptor(void) {
  MQMD *md = calloc(1, MQMD_LENGTH_1);
  memcpy(md->StrucId, "MD  ", 4);
  md->Version = 1;
  md->Expiry = MQEI_UNLIMITED;
  md->Priority = MQPRI_PRIORITY_AS_Q_DEF;
  md->Persistence = MQPER_NOT_PERSISTENT;
  return md;
}

static void put_text(MQHCONN c, MQHOBJ object, const char *text, MQLONG options, MQLONG expected) {
  MQMD *md = new_descriptor();
  MQPMO *pmo = calloc(1, MQPMO_LENGTH_1);
  memcpy(pmo->StrucId, "PMO ", 4);
  pmo->Version = 1;
  pmo->Options = options;
  WANT(MQPUT(c, object, md, pmo, strlen(text), (void *)text, &cc, &rc), expected);
  free(md);
  free(pmo);
}

/* Gets a message into a buffer of room bytes and gives its whole length. */
static MQLONG get_text(MQHCONN c, MQHOBJ object, char *buffer, MQLONG room, MQLONG options, MQLONG expected) {
  MQMD *md = new_descriptor();
  MQGMO *gmo = calloc(1, MQGMO_LENGTH_1);
  MQLONG length = -1;
  memcpy(gmo->StrucId, "GMO ", 4);
  gmo->Version = 1;
  gmo->Options = options;
  gmo->WaitInterval = 200;
  WANT(MQGET(c, object, md, gmo, room, buffer, &length, &cc, &rc), expected);
  free(md);
  free(gmo);
  return length;
}

static void connections_are_refused_for_their_own_reasons(void) {
  MQHCONN c;
  LOGIN(c, MQRC_Q_MGR_NAME_ERROR, .queue_manager = "OTHER");
  IS_TRUE(c == MQHC_UNUSABLE_HCONN);
  LOGIN(c, MQRC_UNKNOWN_CHANNEL_NAME, .channel = "NONE");
  LOGIN(c, MQRC_HOST_NOT_AVAILABLE, .address = nowhere);
  LOGIN(c, MQRC_NOT_AUTHORIZED, .user = "app", .password = "wrong");
  LOGIN(c, MQRC_NOT_AUTHORIZED, .user = "somebody", .password = "passw0rd");
  LOGIN(c, MQRC_FUNCTION_NOT_SUPPORTED, .options = MQCNO_RECONNECT);
  LOGIN(c, MQRC_NONE, .user = "app", .password = "passw0rd");
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
  char list[600];
  snprintf(list, sizeof list, "%s,%s", nowhere, endpoint);
  LOGIN(c, MQRC_NONE, .address = list);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

static void tls_goes_by_names(void) {
  MQHCONN c, second;
  LOGIN(c, MQRC_SSL_INITIALIZATION_ERROR, .channel = "TLS");
  LOGIN(c, MQRC_SSL_INITIALIZATION_ERROR, .channel = "TLS", .cipher = "ANY_TLS12", .repository = "keys");
  LOGIN(c, MQRC_NONE, .channel = "TLS", .cipher = "ANY_TLS12", .repository = "keys", .label = "me");
  LOGIN(second, MQRC_SSL_ALREADY_INITIALIZED, .channel = "TLS", .cipher = "ANY_TLS12", .repository = "other", .label = "me");
  WANT(MQCMIT(second, &cc, &rc), MQRC_NONE); /* a warning: the connection works */
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
  WANT(MQDISC(&second, &cc, &rc), MQRC_NONE);
  LOGIN(c, MQRC_NONE, .channel = "TLS", .cipher = "ANY_TLS12", .repository = "other", .label = "me");
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

/* Whatever the double does not play says so, on a good handle; a stale one goes first. */
static void what_is_not_played_is_refused(void) {
  MQHCONN c, stale;
  MQHOBJ object, subscription = 0;
  LOGIN(c, MQRC_FUNCTION_NOT_SUPPORTED, .options = MQCNO_RECONNECT_Q_MGR);
  LOGIN(c, MQRC_FUNCTION_NOT_SUPPORTED, .table = "file:///channels.json");
  LOGIN(c, MQRC_NONE, 0);
  object = open_queue(c, "A", MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  WANT(MQCB(c, 0, NULL, object, NULL, NULL, &cc, &rc), MQRC_FUNCTION_NOT_SUPPORTED);
  WANT(MQCTL(c, 0, NULL, &cc, &rc), MQRC_FUNCTION_NOT_SUPPORTED);
  WANT(MQSUB(c, NULL, &object, &subscription, &cc, &rc), MQRC_FUNCTION_NOT_SUPPORTED);
  IS_TRUE(subscription == MQHO_UNUSABLE_HOBJ);
  WANT(MQSUBRQ(c, subscription, 0, NULL, &cc, &rc), MQRC_FUNCTION_NOT_SUPPORTED);
  WANT(MQBEGIN(c, NULL, &cc, &rc), MQRC_ENVIRONMENT_ERROR);
  WANT(MQCMIT(c, &cc, &rc), MQRC_NONE); /* the connection is as good as before */
  stale = c;
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
  WANT(MQCB(stale, 0, NULL, object, NULL, NULL, &cc, &rc), MQRC_HCONN_ERROR);
  WANT(MQCTL(stale, 0, NULL, &cc, &rc), MQRC_HCONN_ERROR);
}

static void stale_handles_are_nobodys(void) {
  MQHCONN c, stale;
  LOGIN(c, MQRC_NONE, 0);
  stale = c;
  MQHOBJ object = open_queue(c, "A", MQOO_OUTPUT, MQRC_NONE), closed = object;
  open_queue(c, "NONE", MQOO_OUTPUT, MQRC_UNKNOWN_OBJECT_NAME);
  WANT(MQCLOSE(c, &object, MQCO_NONE, &cc, &rc), MQRC_NONE);
  IS_TRUE(object == MQHO_UNUSABLE_HOBJ);
  put_text(c, closed, "x", MQPMO_NO_SYNCPOINT, MQRC_HOBJ_ERROR);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
  IS_TRUE(c == MQHC_UNUSABLE_HCONN);
  WANT(MQDISC(&stale, &cc, &rc), MQRC_HCONN_ERROR);
  LOGIN(c, MQRC_NONE, 0);
  IS_TRUE(c != stale);
  WANT(MQCMIT(stale, &cc, &rc), MQRC_HCONN_ERROR);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

static void long_messages_meet_short_buffers(void) {
  MQHCONN c, narrow;
  char text[65536], *buffer = malloc(100);
  LOGIN(c, MQRC_NONE, 0);
  LOGIN(narrow, MQRC_NONE, .longest = 1000);
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = 0;
  MQHOBJ out = open_queue(c, "A", MQOO_OUTPUT, MQRC_NONE), in = open_queue(c, "A", MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  MQHOBJ small = open_queue(narrow, "A", MQOO_INPUT_AS_Q_DEF | MQOO_OUTPUT, MQRC_NONE);
  put_text(c, out, text, MQPMO_NO_SYNCPOINT, MQRC_NONE);
  IS_TRUE(get_text(c, in, buffer, 100, MQGMO_NO_SYNCPOINT, MQRC_TRUNCATED_MSG_FAILED) == sizeof text - 1);
  get_text(narrow, small, text, sizeof text, MQGMO_NO_SYNCPOINT, MQRC_DATA_LENGTH_ERROR);
  put_text(narrow, small, text, MQPMO_NO_SYNCPOINT, MQRC_DATA_LENGTH_ERROR);
  IS_TRUE(get_text(c, in, buffer, 100, MQGMO_NO_SYNCPOINT | MQGMO_ACCEPT_TRUNCATED_MSG, MQRC_TRUNCATED_MSG_ACCEPTED) ==
          sizeof text - 1);
  get_text(c, in, buffer, 100, MQGMO_NO_SYNCPOINT | MQGMO_WAIT, MQRC_NO_MSG_AVAILABLE);
  free(buffer);
  WANT(MQDISC(&narrow, &cc, &rc), MQRC_NONE);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

static void units_of_work_come_back(void) {
  MQHCONN c;
  char buffer[16];
  LOGIN(c, MQRC_NONE, 0);
  MQHOBJ q = open_queue(c, "A", MQOO_OUTPUT | MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  put_text(c, q, "one", MQPMO_SYNCPOINT, MQRC_NONE);
  get_text(c, q, buffer, sizeof buffer, MQGMO_NO_SYNCPOINT, MQRC_NO_MSG_AVAILABLE);
  WANT(MQBACK(c, &cc, &rc), MQRC_NONE);
  put_text(c, q, "two", MQPMO_SYNCPOINT, MQRC_NONE);
  WANT(MQCMIT(c, &cc, &rc), MQRC_NONE);
  get_text(c, q, buffer, sizeof buffer, MQGMO_SYNCPOINT, MQRC_NONE);
  IS_TRUE(memcmp(buffer, "two", 3) == 0);
  WANT(MQBACK(c, &cc, &rc), MQRC_NONE);
  MQMD md = {.StrucId = "MD  ", .Version = 2};
  MQGMO gmo = {.StrucId = "GMO ", .Version = 2, .Options = MQGMO_NO_SYNCPOINT};
  MQLONG length;
  WANT(MQGET(c, q, &md, &gmo, sizeof buffer, buffer, &length, &cc, &rc), MQRC_NONE);
  IS_TRUE(md.BackoutCount == 1 && memcmp(md.PutApplName, "exercise ", 9) == 0);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

static void set_property(MQHCONN c, MQHMSG m, const char *name, MQLONG type, MQLONG length, const void *value, MQLONG expected) {
  MQSMPO smpo = {.StrucId = "SMPO", .Version = 1};
  MQPD pd = {.StrucId = "PD  ", .Version = 1, .Support = MQPD_SUPPORT_OPTIONAL};
  MQCHARV v = {.VSPtr = (void *)name, .VSLength = strlen(name)};
  WANT(MQSETMP(c, m, &smpo, &v, &pd, type, length, (void *)value, &cc, &rc), expected);
}

static MQLONG inquire(MQHCONN c, MQHMSG m, const char *name, MQLONG options, void *value, MQLONG room, char *full, MQLONG expected) {
  MQIMPO impo = {.StrucId = "IMPO", .Version = 1, .Options = options};
  MQPD pd = {.StrucId = "PD  ", .Version = 1};
  MQCHARV v = {.VSPtr = (void *)name, .VSLength = strlen(name)};
  MQLONG type = MQTYPE_AS_SET, length = 0;
  impo.ReturnedName.VSPtr = full;
  impo.ReturnedName.VSBufSize = 32;
  WANT(MQINQMP(c, m, &impo, &v, &pd, &type, room, value, &length, &cc, &rc), expected);
  if (full != NULL && expected == MQRC_NONE) full[impo.ReturnedName.VSLength] = 0;
  return length;
}

static MQHMSG new_handle(MQHCONN c, MQLONG expected) {
  MQCMHO cmho = {.StrucId = "CMHO", .Version = 1};
  MQHMSG m = MQHM_NONE;
  WANT(MQCRTMH(c, &cmho, &m, &cc, &rc), expected);
  return m;
}

static void properties_travel_with_their_message(void) {
  MQHCONN c, other;
  LOGIN(c, MQRC_NONE, 0);
  LOGIN(other, MQRC_NONE, 0);
  MQHMSG sent = new_handle(c, MQRC_NONE), got = new_handle(c, MQRC_NONE), foreign = new_handle(other, MQRC_NONE);
  MQINT64 number = 1LL << 40;
  char value[64], name[33];
  set_property(c, sent, "text", MQTYPE_STRING, 5, "first", MQRC_NONE);
  set_property(c, sent, "number", MQTYPE_INT64, 8, &number, MQRC_NONE);
  set_property(c, sent, "nothing", MQTYPE_NULL, 0, NULL, MQRC_NONE);
  set_property(c, sent, "text", MQTYPE_STRING, 6, "second", MQRC_NONE);
  set_property(c, sent, "", MQTYPE_STRING, 1, "x", MQRC_PROPERTY_NAME_LENGTH_ERR);
  set_property(c, sent, "number", MQTYPE_INT64, 7, &number, MQRC_BUFFER_LENGTH_ERROR);
  set_property(c, sent, "number", 3, 8, &number, MQRC_PROPERTY_TYPE_ERROR);
  set_property(c, foreign, "text", MQTYPE_STRING, 1, "x", MQRC_HMSG_ERROR);
  set_property(c, got, "old", MQTYPE_STRING, 1, "x", MQRC_NONE);

  MQMD md = {.StrucId = "MD  ", .Version = 2, .Expiry = MQEI_UNLIMITED};
  MQOD od = {.StrucId = "OD  ", .Version = 4, .ObjectType = MQOT_Q, .ObjectName = "A"};
  MQPMO pmo = {.StrucId = "PMO ", .Version = 3, .OriginalMsgHandle = foreign};
  WANT(MQPUT1(c, &od, &md, &pmo, 4, "body", &cc, &rc), MQRC_HMSG_ERROR);
  pmo.OriginalMsgHandle = sent;
  WANT(MQPUT1(c, &od, &md, &pmo, 4, "body", &cc, &rc), MQRC_NONE);

  MQHOBJ in = open_queue(c, "A", MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  MQGMO gmo = {.StrucId = "GMO ", .Version = 4, .Options = MQGMO_PROPERTIES_IN_HANDLE, .MsgHandle = got};
  MQLONG length;
  memset(md.MsgId, 0, sizeof md.MsgId);
  WANT(MQGET(c, in, &md, &gmo, sizeof value, value, &length, &cc, &rc), MQRC_NONE);
  IS_TRUE(length == 4 && memcmp(value, "body", 4) == 0 && gmo.MsgHandle == got);
  inquire(c, got, "old", MQIMPO_INQ_FIRST, value, sizeof value, name, MQRC_PROPERTY_NOT_AVAILABLE);
  IS_TRUE(inquire(c, got, "text", MQIMPO_INQ_FIRST, value, sizeof value, name, MQRC_NONE) == 6 && memcmp(value, "second", 6) == 0);
  inquire(c, got, "text", MQIMPO_INQ_FIRST, value, 5, name, MQRC_PROPERTY_VALUE_TOO_BIG);
  const char *order[] = {"text", "number", "nothing"};
  for (int i = 0; i < 3; i++) {
    inquire(c, got, "%", i == 0 ? MQIMPO_INQ_FIRST : MQIMPO_INQ_NEXT, value, sizeof value, name, MQRC_NONE);
    IS_TRUE(strcmp(name, order[i]) == 0);
  }
  inquire(c, got, "%", MQIMPO_INQ_NEXT, value, sizeof value, name, MQRC_PROPERTY_NOT_AVAILABLE);

  MQHMSG again = got; /* with the properties of one message it gets one without any */
  set_property(c, again, "kept", MQTYPE_STRING, 1, "x", MQRC_NONE);
  pmo.OriginalMsgHandle = MQHM_NONE;
  WANT(MQPUT1(c, &od, &md, &pmo, 4, "bare", &cc, &rc), MQRC_NONE);
  memset(md.MsgId, 0, sizeof md.MsgId);
  WANT(MQGET(c, in, &md, &gmo, sizeof value, value, &length, &cc, &rc), MQRC_NONE);
  inquire(c, again, "%", MQIMPO_INQ_FIRST, value, sizeof value, name, MQRC_PROPERTY_NOT_AVAILABLE);

  MQDMHO dmho = {.StrucId = "DMHO", .Version = 1};
  MQHMSG stale = sent;
  WANT(MQDLTMH(c, &sent, &dmho, &cc, &rc), MQRC_NONE);
  IS_TRUE(sent == MQHM_UNUSABLE_HMSG);
  WANT(MQDLTMH(c, &stale, &dmho, &cc, &rc), MQRC_HMSG_ERROR);
  MQDMPO dmpo = {.StrucId = "DMPO", .Version = 1};
  MQCHARV text = {.VSPtr = "text", .VSLength = 4};
  set_property(c, got, "text", MQTYPE_STRING, 1, "x", MQRC_NONE);
  WANT(MQDLTMP(c, got, &dmpo, &text, &cc, &rc), MQRC_NONE);
  inquire(c, got, "text", MQIMPO_INQ_FIRST, value, sizeof value, name, MQRC_PROPERTY_NOT_AVAILABLE);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
  WANT(MQDISC(&other, &cc, &rc), MQRC_NONE);
}

static void asynchronous_puts_fail_later(void) {
  MQHCONN c;
  LOGIN(c, MQRC_NONE, 0);
  MQHOBJ out = open_queue(c, "SMALL", MQOO_OUTPUT | MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  MQSTS *sts = calloc(1, MQSTS_LENGTH_1);
  memcpy(sts->StrucId, "STAT", 4);
  sts->Version = 1;
  for (int i = 0; i < 5; i++) put_text(c, out, "x", MQPMO_NO_SYNCPOINT | MQPMO_ASYNC_RESPONSE, MQRC_NONE);
  WANT(MQSTAT(c, MQSTAT_TYPE_ASYNC_ERROR, sts, &cc, &rc), MQRC_NONE);
  IS_TRUE(sts->PutSuccessCount == 2 && sts->PutFailureCount == 3 && sts->Reason == MQRC_Q_FULL);
  IS_TRUE(memcmp(sts->ObjectName, "SMALL ", 6) == 0);
  WANT(MQSTAT(c, MQSTAT_TYPE_ASYNC_ERROR, sts, &cc, &rc), MQRC_NONE);
  IS_TRUE(sts->PutSuccessCount == 0 && sts->PutFailureCount == 0 && sts->Reason == MQRC_NONE);
  free(sts);
  MQMD md = {.StrucId = "MD  ", .Version = 2, .Expiry = MQEI_UNLIMITED, .Persistence = MQPER_PERSISTENT};
  MQPMO pmo = {.StrucId = "PMO ", .Version = 1, .Options = MQPMO_SYNCPOINT | MQPMO_ASYNC_RESPONSE};
  WANT(MQPUT(c, out, &md, &pmo, 1, "x", &cc, &rc), MQRC_NONE);
  IS_TRUE(memcmp(md.MsgId, "AMQ QM1", 7) == 0);
  WANT(MQCMIT(c, &cc, &rc), MQRC_BACKED_OUT);
  WANT(MQCMIT(c, &cc, &rc), MQRC_NONE);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

static void attributes_are_told_and_set(void) {
  MQHCONN c;
  char buffer[8], names[48];
  LOGIN(c, MQRC_NONE, 0);
  MQHOBJ q = open_queue(c, "A", MQOO_INQUIRE | MQOO_SET | MQOO_OUTPUT | MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  MQLONG ask[] = {MQCA_Q_NAME, MQIA_CURRENT_Q_DEPTH, MQIA_MAX_Q_DEPTH}, values[2], inhibit = MQIA_INHIBIT_PUT;
  put_text(c, q, "x", MQPMO_NO_SYNCPOINT, MQRC_NONE);
  WANT(MQINQ(c, q, 3, ask, 2, values, 48, names, &cc, &rc), MQRC_NONE);
  IS_TRUE(memcmp(names, "A ", 2) == 0 && values[0] == 1 && values[1] == 5000);
  MQLONG yes = MQQA_PUT_INHIBITED, no = MQQA_PUT_ALLOWED;
  WANT(MQSET(c, q, 1, &inhibit, 1, &yes, 0, NULL, &cc, &rc), MQRC_NONE);
  put_text(c, q, "x", MQPMO_NO_SYNCPOINT, MQRC_PUT_INHIBITED);
  WANT(MQSET(c, q, 1, &inhibit, 1, &no, 0, NULL, &cc, &rc), MQRC_NONE);
  WANT(MQSET(c, q, 1, ask + 1, 1, &no, 0, NULL, &cc, &rc), MQRC_SELECTOR_ERROR);
  get_text(c, q, buffer, sizeof buffer, MQGMO_NO_SYNCPOINT, MQRC_NONE);
  MQOD od = {.StrucId = "OD  ", .Version = 1, .ObjectType = MQOT_Q_MGR};
  MQHOBJ manager;
  MQLONG name = MQCA_Q_MGR_NAME;
  WANT(MQOPEN(c, &od, MQOO_INQUIRE, &manager, &cc, &rc), MQRC_NONE);
  WANT(MQINQ(c, manager, 1, &name, 0, NULL, 48, names, &cc, &rc), MQRC_NONE);
  IS_TRUE(memcmp(names, "QM1 ", 4) == 0);
  WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
}

struct waiting {
  MQHCONN connection;
  MQHOBJ object;
  MQLONG reason;
};

static void *wait_for_message(void *argument) {
  struct waiting *w = argument;
  char buffer[8];
  do {
    MQMD md = {.StrucId = "MD  ", .Version = 2};
    MQGMO gmo = {.StrucId = "GMO ", .Version = 1, .Options = MQGMO_WAIT, .WaitInterval = MQWI_UNLIMITED};
    MQLONG cc, length;
    MQGET(w->connection, w->object, &md, &gmo, sizeof buffer, buffer, &length, &cc, &w->reason);
  } while (w->reason == MQRC_CALL_IN_PROGRESS); /* the main thread was asking just then */
  return NULL;
}

static void a_second_call_is_refused_or_waits(MQLONG share) {
  MQHCONN other;
  struct waiting w = {0};
  pthread_t thread;
  LOGIN(w.connection, MQRC_NONE, .options = share);
  LOGIN(other, MQRC_NONE, 0);
  w.object = open_queue(w.connection, "A", MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
  MQHOBJ out = open_queue(other, "A", MQOO_OUTPUT, MQRC_NONE);
  pthread_create(&thread, NULL, wait_for_message, &w);
  if (share == MQCNO_HANDLE_SHARE_NO_BLOCK) {
    MQLONG cc, rc;
    do MQCMIT(w.connection, &cc, &rc);
    while (rc == MQRC_NONE); /* until the other thread waits */
    want_at(__LINE__, "a call while another waits", cc, rc, MQRC_CALL_IN_PROGRESS);
  }
  put_text(other, out, "x", MQPMO_NO_SYNCPOINT, MQRC_NONE);
  if (share == MQCNO_HANDLE_SHARE_BLOCK) WANT(MQCMIT(w.connection, &cc, &rc), MQRC_NONE);
  pthread_join(thread, NULL);
  IS_TRUE(w.reason == MQRC_NONE);
  WANT(MQDISC(&w.connection, &cc, &rc), MQRC_NONE);
  WANT(MQDISC(&other, &cc, &rc), MQRC_NONE);
}

#define CROWD 8

static void *come_and_go(void *unused) {
  (void)unused;
  for (int i = 0; i < 50; i++) {
    MQHCONN c;
    char buffer[8];
    LOGIN(c, MQRC_NONE, 0);
    MQHMSG m = new_handle(c, MQRC_NONE);
    set_property(c, m, "p", MQTYPE_STRING, 1, "v", MQRC_NONE);
    MQHOBJ q = open_queue(c, "CROWD", MQOO_OUTPUT | MQOO_INPUT_AS_Q_DEF, MQRC_NONE);
    put_text(c, q, "x", MQPMO_NO_SYNCPOINT, MQRC_NONE);
    get_text(c, q, buffer, sizeof buffer, MQGMO_SYNCPOINT, MQRC_NONE); /* some thread's: each puts before it gets */
    WANT(MQDISC(&c, &cc, &rc), MQRC_NONE);
  }
  return NULL;
}

static void a_crowd_comes_and_goes(void) {
  pthread_t threads[CROWD];
  for (int i = 0; i < CROWD; i++) pthread_create(&threads[i], NULL, come_and_go, NULL);
  for (int i = 0; i < CROWD; i++) pthread_join(threads[i], NULL);
}

static void a_silent_queue_manager_is_given_up(void) {
  struct waiting w = {.object = 1};
  LOGIN(w.connection, MQRC_NONE, .address = silent);
  wait_for_message(&w);
  want_at(__LINE__, "an endless get from a silent queue manager", MQCC_FAILED, w.reason, MQRC_CONNECTION_BROKEN);
  WANT(MQDISC(&w.connection, &cc, &rc), MQRC_CONNECTION_BROKEN);
}

/* The test kills the queue manager when it reads "waiting". */
static void a_killed_queue_manager_is_noticed(void) {
  struct waiting w = {0};
  MQHCONN again;
  LOGIN(w.connection, MQRC_NONE, 0);
  w.object = open_queue(w.connection, "A", MQOO_INPUT_AS_Q_DEF | MQOO_OUTPUT, MQRC_NONE);
  puts("waiting");
  fflush(stdout);
  wait_for_message(&w);
  want_at(__LINE__, "the waiting get", MQCC_FAILED, w.reason, MQRC_CONNECTION_BROKEN);
  put_text(w.connection, w.object, "x", MQPMO_NO_SYNCPOINT, MQRC_CONNECTION_BROKEN);
  new_handle(w.connection, MQRC_CONNECTION_BROKEN);
  WANT(MQBACK(w.connection, &cc, &rc), MQRC_CONNECTION_BROKEN);
  WANT(MQDISC(&w.connection, &cc, &rc), MQRC_CONNECTION_BROKEN);
  IS_TRUE(w.connection == MQHC_UNUSABLE_HCONN);
  MQLONG cc, rc;
  do again = log_in((struct login){0}, &cc, &rc);
  while (rc == MQRC_Q_MGR_NOT_AVAILABLE); /* it is not quite dead: the port is still open */
  want_at(__LINE__, "a new connection", cc, rc, MQRC_HOST_NOT_AVAILABLE);
  IS_TRUE(again == MQHC_UNUSABLE_HCONN);
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  endpoint = arguments[1];
  nowhere = arguments[2];
  silent = arguments[3];
  connections_are_refused_for_their_own_reasons();
  tls_goes_by_names();
  what_is_not_played_is_refused();
  stale_handles_are_nobodys();
  long_messages_meet_short_buffers();
  units_of_work_come_back();
  properties_travel_with_their_message();
  asynchronous_puts_fail_later();
  attributes_are_told_and_set();
  a_second_call_is_refused_or_waits(MQCNO_HANDLE_SHARE_NO_BLOCK);
  a_second_call_is_refused_or_waits(MQCNO_HANDLE_SHARE_BLOCK);
  a_crowd_comes_and_goes();
  a_silent_queue_manager_is_given_up();
  a_killed_queue_manager_is_noticed();
  return wrong == 0 ? 0 : 1;
}
