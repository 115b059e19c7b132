#define _GNU_SOURCE
#include "connection.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* One mutex guards the table, and in each connection busy and users. It is never held during I/O. */
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static struct connection *connections;
static MQHCONN last_handle; /* never used again: a stale handle must be 2018 and not somebody else's connection */

/* The TLS settings of a process hold for all its TLS connections, until the last of them has ended. */
static int secure_connections;
static MQCHAR secure_repository[256], secure_label[64];

void complete(PMQLONG completion, PMQLONG reason, MQLONG r) {
  *reason = r;
  switch (r) {
  case MQRC_NONE:
    *completion = MQCC_OK;
    break;
  case MQRC_TRUNCATED_MSG_ACCEPTED:
  case MQRC_TRUNCATED_MSG_FAILED:
  case MQRC_SSL_ALREADY_INITIALIZED:
  case MQRC_CHAR_ATTRS_TOO_SHORT:
  case MQRC_INT_ATTR_COUNT_TOO_SMALL:
    *completion = MQCC_WARNING;
    break;
  default:
    *completion = MQCC_FAILED;
  }
}

static struct connection *find(MQHCONN handle) {
  struct connection *c = connections;
  while (c != NULL && c->handle != handle) c = c->next;
  return c;
}

static void let_go(struct connection *c) {
  if (--c->users > 0) return;
  close(c->link.socket);
  pthread_cond_destroy(&c->idle);
  pthread_mutex_destroy(&c->link.writing);
  free(c);
}

MQLONG connection_enter(MQHCONN handle, struct connection **entered) {
  pthread_mutex_lock(&table);
  struct connection *c = find(handle);
  while (c != NULL && c->busy && c->waits) {
    c->users++;
    pthread_cond_wait(&c->idle, &table);
    let_go(c);
    c = find(handle); /* MQDISC may have come first */
  }
  MQLONG reason = c == NULL ? MQRC_HCONN_ERROR : c->busy ? MQRC_CALL_IN_PROGRESS : MQRC_NONE;
  if (reason == MQRC_NONE) {
    c->busy = true;
    c->users++;
    *entered = c;
  }
  pthread_mutex_unlock(&table);
  return reason;
}

void connection_leave(struct connection *c) {
  pthread_mutex_lock(&table);
  c->busy = false;
  pthread_cond_broadcast(&c->idle);
  let_go(c);
  pthread_mutex_unlock(&table);
}

/* Takes a connection out of the table, from where nobody can enter it any more. The caller has entered it. */
static void withdraw(struct connection *c) {
  pthread_mutex_lock(&table);
  struct connection **at = &connections;
  while (*at != c) at = &(*at)->next;
  *at = c->next;
  if (c->secure) secure_connections--;
  let_go(c);
  pthread_mutex_unlock(&table);
}

/* The one thread of the library sends heartbeats, as long as the process lives: an idle client must not count as gone. */
static void *beat(void *unused) {
  (void)unused;
  for (;;) {
    struct timespec pause = {.tv_nsec = 200000000};
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&table);
    /* wire_beat does not wait, so that the mutex may be held. */
    for (struct connection *c = connections; c != NULL; c = c->next) wire_beat(&c->link);
    pthread_mutex_unlock(&table);
  }
  return NULL;
}

static void start_heart(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_create(&thread, &attributes, beat, NULL); /* without it an idle connection is cut off, which the program sees */
  pthread_attr_destroy(&attributes);
}

/* Enters a new connection into the table. 2391: it works, but with the TLS settings of an earlier one. */
static MQLONG admit(struct connection *c, const MQSCO *tls) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, start_heart);
  MQLONG reason = MQRC_NONE;
  pthread_mutex_lock(&table);
  c->handle = ++last_handle;
  c->next = connections;
  connections = c;
  if (tls != NULL) {
    c->secure = true;
    if (secure_connections++ == 0) {
      memcpy(secure_repository, tls->KeyRepository, sizeof secure_repository);
      memcpy(secure_label, tls->CertificateLabel, sizeof secure_label);
    } else if (memcmp(secure_repository, tls->KeyRepository, sizeof secure_repository) != 0 ||
               memcmp(secure_label, tls->CertificateLabel, sizeof secure_label) != 0) {
      reason = MQRC_SSL_ALREADY_INITIALIZED;
    }
  }
  pthread_mutex_unlock(&table);
  return reason;
}

/* Where and as whom to connect. */
struct target {
  char name[512]; /* host(port), or several with commas */
  bool bindings;
  const MQSCO *tls;
  struct connect_request request;
};

static void copy_text(MQCHAR *to, size_t length, const void *from, size_t have) {
  memset(to, 0, length);
  memcpy(to, from, have < length ? have : length);
}

/* MQSERVER is CHANNEL/TCP/host(port). */
static MQLONG from_environment(struct target *t) {
  const char *server = getenv("MQSERVER");
  char channel[21], transport[8];
  int rest = 0;
  if (server == NULL) return MQRC_Q_MGR_NOT_AVAILABLE; /* as a client without MQSERVER and channel table */
  if (sscanf(server, "%20[^/]/%7[^/]/%n", channel, transport, &rest) != 2 || rest == 0) return MQRC_CLIENT_CONN_ERROR;
  copy_text(t->request.channel, sizeof t->request.channel, channel, strlen(channel));
  snprintf(t->name, sizeof t->name, "%s", server + rest);
  return MQRC_NONE;
}

static void from_channel(struct target *t, const MQCD *cd) {
  memcpy(t->request.channel, cd->ChannelName, sizeof t->request.channel);
  snprintf(t->name, sizeof t->name, "%.*s", (int)sizeof cd->ConnectionName, cd->ConnectionName);
  t->request.longest = cd->MaxMsgLength;
  if (cd->Version >= MQCD_VERSION_7) memcpy(t->request.cipher, cd->SSLCipherSpec, sizeof t->request.cipher);
  if (cd->Version >= MQCD_VERSION_11) memcpy(t->request.label, cd->CertificateLabel, sizeof t->request.label);
}

/* Local bindings have no channel: the command mqi says in MQHA_TEST_ENDPOINT where this machine's queue manager is. */
static MQLONG from_bindings(struct target *t) {
  const char *endpoint = getenv("MQHA_TEST_ENDPOINT"), *colon;
  if (endpoint == NULL || (colon = strrchr(endpoint, ':')) == NULL) return MQRC_Q_MGR_NOT_AVAILABLE;
  snprintf(t->name, sizeof t->name, "%.*s(%s)", (int)(colon - endpoint), endpoint, colon + 1);
  t->bindings = true;
  return MQRC_NONE;
}

static void set_user(struct connect_request *r, const MQCSP *csp) {
  if (csp != NULL && csp->CSPUserIdLength > 0) {
    copy_text(r->user, sizeof r->user, csp->CSPUserIdPtr, csp->CSPUserIdLength);
    if (csp->CSPPasswordLength > 0)
      copy_text(r->password, sizeof r->password, csp->CSPPasswordPtr, csp->CSPPasswordLength);
    return;
  }
  struct passwd entry, *found = NULL;
  char memory[1024];
  if (getpwuid_r(getuid(), &entry, memory, sizeof memory, &found) == 0 && found != NULL)
    copy_text(r->user, sizeof r->user, found->pw_name, strlen(found->pw_name));
}

static size_t connect_options_length(MQLONG version) {
  static const size_t lengths[] = {MQCNO_LENGTH_1, MQCNO_LENGTH_2, MQCNO_LENGTH_3, MQCNO_LENGTH_4,
                                   MQCNO_LENGTH_5, MQCNO_LENGTH_6, MQCNO_LENGTH_7, MQCNO_LENGTH_8};
  return lengths[version - 1];
}

static MQLONG make_target(struct target *t, const char *name, PMQCNO given) {
  MQCNO o = {.StrucId = "CNO ", .Version = 1};
  if (given != NULL) {
    if (memcmp(given->StrucId, "CNO ", 4) != 0 || given->Version < 1 || given->Version > MQCNO_CURRENT_VERSION)
      return MQRC_CNO_ERROR;
    memcpy(&o, given, connect_options_length(given->Version));
  }
  /* A double that lost its connection and did not come back would pass for one that does. */
  if ((o.Options & (MQCNO_RECONNECT | MQCNO_RECONNECT_Q_MGR)) != 0) return MQRC_FUNCTION_NOT_SUPPORTED;
  if (o.CCDTUrlLength > 0) return MQRC_FUNCTION_NOT_SUPPORTED;
  MQLONG reason = MQRC_NONE;
  if ((o.Options & MQCNO_LOCAL_BINDING) != 0)
    reason = from_bindings(t);
  else if (o.ClientConnPtr != NULL)
    from_channel(t, o.ClientConnPtr);
  else if (o.ClientConnOffset != 0)
    from_channel(t, (const MQCD *)((const char *)given + o.ClientConnOffset));
  else
    reason = from_environment(t);
  if (reason != MQRC_NONE) return reason;
  if (t->request.cipher[0] != 0 && t->request.cipher[0] != ' ') {
    static const MQSCO none;
    t->tls = o.SSLConfigPtr != NULL ? o.SSLConfigPtr : &none;
    if (t->request.label[0] == 0)
      memcpy(t->request.label, t->tls->CertificateLabel, sizeof t->request.label);
  }
  set_user(&t->request, o.SecurityParmsPtr);
  if (*name != '*') copy_text(t->request.queue_manager, sizeof t->request.queue_manager, name, strnlen(name, 48));
  o.ClientConnPtr = NULL;
  o.SSLConfigPtr = NULL;
  o.SecurityParmsPtr = NULL;
  o.CCDTUrlPtr = NULL;
  o.BalanceParmsPtr = NULL;
  t->request.options = o;
  return MQRC_NONE;
}

/* Makes the call over a new link. Whatever breaks here is 2059: there never was a connection. */
static MQLONG introduce(struct connection *c, struct target *t) {
  struct header h = {.verb = WIRE_CONNECT, .object = WIRE_THIS_LIBRARY};
  struct iovec part = {&t->request, sizeof t->request};
  c->link.silence = 10000;
  if (wire_call(&c->link, &h, &part, 1, 0) != MQRC_NONE) return MQRC_Q_MGR_NOT_AVAILABLE;
  if (h.reason != MQRC_NONE) return h.reason;
  struct connect_answer answer;
  if (wire_read(&c->link, &answer, sizeof answer) != MQRC_NONE || wire_drop(&c->link) != MQRC_NONE)
    return MQRC_Q_MGR_NOT_AVAILABLE;
  memcpy(c->queue_manager, answer.queue_manager, sizeof c->queue_manager);
  c->longest = answer.longest;
  c->link.silence = 2000 * answer.heartbeat;
  return MQRC_NONE;
}

static MQLONG connect_to(struct target *t, MQHCONN *handle) {
  struct connection *c = calloc(1, sizeof *c);
  if (c == NULL) return MQRC_STORAGE_NOT_AVAILABLE;
  MQLONG reason = wire_dial(&c->link, t->name);
  if (reason != MQRC_NONE) {
    free(c);
    return t->bindings ? MQRC_Q_MGR_NOT_AVAILABLE : reason;
  }
  pthread_cond_init(&c->idle, NULL);
  c->users = 1;
  c->waits = (t->request.options.Options & MQCNO_HANDLE_SHARE_BLOCK) != 0;
  reason = introduce(c, t);
  if (reason != MQRC_NONE) {
    let_go(c);
    return reason;
  }
  reason = admit(c, t->tls);
  *handle = c->handle;
  return reason;
}

/* Overwrites a password; the compiler may not leave that out. */
static void forget(volatile char *secret, size_t length) {
  while (length-- > 0) *secret++ = 0;
}

void MQCONNX(PMQCHAR name, PMQCNO options, PMQHCONN handle, PMQLONG completion, PMQLONG reason) {
  struct target t = {.tls = NULL};
  *handle = MQHC_UNUSABLE_HCONN;
  MQLONG r = make_target(&t, name == NULL ? "" : name, options);
  if (r == MQRC_NONE) r = connect_to(&t, handle);
  forget(t.request.password, sizeof t.request.password);
  complete(completion, reason, r);
}

void MQCONN(PMQCHAR name, PMQHCONN handle, PMQLONG completion, PMQLONG reason) {
  MQCONNX(name, NULL, handle, completion, reason);
}

/* MQDISC commits. On a broken connection it says so, and the handle is gone all the same. */
void MQDISC(PMQHCONN handle, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = connection_enter(*handle, &c);
  if (r == MQRC_NONE) {
    struct header h = {.verb = WIRE_DISCONNECT};
    r = wire_call(&c->link, &h, NULL, 0, 0);
    if (r == MQRC_NONE) r = h.reason;
    wire_hang_up(&c->link);
    properties_forget(c->handle);
    withdraw(c);
    connection_leave(c);
    *handle = MQHC_UNUSABLE_HCONN;
  }
  complete(completion, reason, r);
}
