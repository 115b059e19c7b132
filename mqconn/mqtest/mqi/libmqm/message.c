/* The verbs that go to the queue manager as they are: objects, messages, units of work. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"

/* A call without arguments and results. */
static MQLONG plain(MQHCONN handle, enum wire_verb verb) {
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r != MQRC_NONE) return r;
  struct header h = {.verb = verb};
  r = wire_call(&c->link, &h, NULL, 0, 0);
  if (r == MQRC_NONE) r = wire_drop(&c->link);
  if (r == MQRC_NONE) r = h.reason;
  connection_leave(c);
  return r;
}

void MQCMIT(MQHCONN handle, PMQLONG completion, PMQLONG reason) {
  complete(completion, reason, plain(handle, WIRE_COMMIT));
}

void MQBACK(MQHCONN handle, PMQLONG completion, PMQLONG reason) {
  complete(completion, reason, plain(handle, WIRE_BACKOUT));
}

/* Structures of an older version are shorter: what they lack is filled in here, and never written back. */
static size_t object_length(MQLONG version) {
  static const size_t lengths[] = {0, MQOD_LENGTH_1, MQOD_LENGTH_2, MQOD_LENGTH_3, MQOD_LENGTH_4};
  return version < 1 || version > 4 ? 0 : lengths[version];
}

static size_t descriptor_length(MQLONG version) {
  static const size_t lengths[] = {0, MQMD_LENGTH_1, MQMD_LENGTH_2};
  return version < 1 || version > 2 ? 0 : lengths[version];
}

static size_t put_options_length(MQLONG version) {
  static const size_t lengths[] = {0, MQPMO_LENGTH_1, MQPMO_LENGTH_2, MQPMO_LENGTH_3};
  return version < 1 || version > 3 ? 0 : lengths[version];
}

static size_t get_options_length(MQLONG version) {
  static const size_t lengths[] = {0, MQGMO_LENGTH_1, MQGMO_LENGTH_2, MQGMO_LENGTH_3, MQGMO_LENGTH_4};
  return version < 1 || version > 4 ? 0 : lengths[version];
}

/* Copies a structure of any version; NULL, a wrong identifier or an unknown version is error. */
#define TAKE(to, from, id, length_of, error)                                                                          \
  do {                                                                                                                \
    if ((from) == NULL || memcmp((from)->StrucId, (id), 4) != 0 || length_of((from)->Version) == 0) return (error);   \
    memcpy((to), (from), length_of((from)->Version));                                                                 \
  } while (0)

static MQLONG take_object(MQOD *to, const MQOD *from) {
  TAKE(to, from, "OD  ", object_length, MQRC_OD_ERROR);
  return MQRC_NONE;
}

static MQLONG take_descriptor(MQMD *to, const MQMD *from) {
  *to = (MQMD){.MsgSeqNumber = 1, .OriginalLength = MQOL_UNDEFINED};
  TAKE(to, from, "MD  ", descriptor_length, MQRC_MD_ERROR);
  return MQRC_NONE;
}

static MQLONG take_put_options(MQPMO *to, const MQPMO *from) {
  TAKE(to, from, "PMO ", put_options_length, MQRC_PMO_ERROR);
  return MQRC_NONE;
}

static MQLONG take_get_options(MQGMO *to, const MQGMO *from) {
  *to = (MQGMO){.MatchOptions = MQMO_MATCH_MSG_ID | MQMO_MATCH_CORREL_ID};
  TAKE(to, from, "GMO ", get_options_length, MQRC_GMO_ERROR);
  return MQRC_NONE;
}

static MQLONG open_object(struct connection *c, MQOD *given, MQLONG options, MQHOBJ *object) {
  MQOD od = {.Version = 0};
  MQLONG r = take_object(&od, given);
  if (r != MQRC_NONE) return r;
  struct header h = {.verb = WIRE_OPEN};
  struct iovec parts[] = {{&od, sizeof od}, {&options, sizeof options}};
  r = wire_call(&c->link, &h, parts, 2, 0);
  if (r != MQRC_NONE) return r;
  if (h.reason != MQRC_NONE) {
    r = wire_drop(&c->link);
    return r != MQRC_NONE ? r : h.reason;
  }
  r = wire_read(&c->link, &od, sizeof od);
  if (r == MQRC_NONE) r = wire_drop(&c->link);
  if (r != MQRC_NONE) return r;
  memcpy(given, &od, object_length(given->Version));
  *object = h.object;
  return MQRC_NONE;
}

void MQOPEN(MQHCONN handle, PMQVOID object, MQLONG options, PMQHOBJ opened, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQHOBJ number = MQHO_UNUSABLE_HOBJ;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    r = open_object(c, object, options, &number);
    connection_leave(c);
  }
  *opened = number;
  complete(completion, reason, r);
}

void MQCLOSE(MQHCONN handle, PMQHOBJ object, MQLONG options, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    struct header h = {.verb = WIRE_CLOSE, .object = *object};
    struct iovec part = {&options, sizeof options};
    r = wire_call(&c->link, &h, &part, 1, 0);
    if (r == MQRC_NONE) r = wire_drop(&c->link);
    if (r == MQRC_NONE) r = h.reason;
    connection_leave(c);
  }
  if (r == MQRC_NONE) *object = MQHO_UNUSABLE_HOBJ;
  complete(completion, reason, r);
}

/* One message on its way out. */
struct outgoing {
  MQHOBJ object;
  MQOD *target; /* of MQPUT1 */
  MQMD *descriptor;
  MQPMO *options;
  MQLONG length;
  void *body;
};

/*
 * A put with MQPMO_ASYNC_RESPONSE has no answer, so that its identifier is made here, in the form that the queue manager
 * gives its own. Process, time and a count keep it apart from any other.
 */
static void make_identifier(struct connection *c, MQBYTE *id) {
  static uint32_t count;
  uint32_t parts[2] = {(uint32_t)wire_now() ^ (uint32_t)getpid() << 16, __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED)};
  memcpy(id, "AMQ ", 4);
  memcpy(id + 4, c->queue_manager, 12);
  memcpy(id + 16, parts, 8);
}

static bool is_zero(const MQBYTE *id) {
  static const MQBYTE none[24];
  return memcmp(id, none, sizeof none) == 0;
}

static MQLONG send_message(struct connection *c, struct outgoing *m, MQOD *od, MQMD *md, MQPMO *pmo, bool answered,
                           void *properties, uint32_t length) {
  struct header h = {.verb = m->target != NULL ? WIRE_PUT1 : WIRE_PUT, .object = m->object};
  if (length > 0) h.version = WIRE_PROPERTIES;
  struct iovec parts[] = {
      {od, m->target != NULL ? sizeof *od : 0}, {md, sizeof *md}, {pmo, sizeof *pmo},
      {&length, length > 0 ? sizeof length : 0}, {properties, length}, {m->body, m->length},
  };
  if (!answered) return wire_send(&c->link, &h, parts, 6);
  MQLONG r = wire_call(&c->link, &h, parts, 6, 0);
  if (r != MQRC_NONE) return r;
  if (h.reason == MQRC_NONE) {
    r = wire_read(&c->link, md, sizeof *md);
    if (r == MQRC_NONE) r = wire_read(&c->link, pmo, sizeof *pmo);
    if (r != MQRC_NONE) return r;
  }
  r = wire_drop(&c->link);
  return r != MQRC_NONE ? r : h.reason;
}

/* The properties come from NewMsgHandle, or from OriginalMsgHandle if that is all there is. */
static MQLONG pack_properties(struct connection *c, const MQPMO *pmo, void **packed, uint32_t *length) {
  MQHMSG from = pmo->NewMsgHandle != MQHM_NONE ? pmo->NewMsgHandle : pmo->OriginalMsgHandle;
  if (from == MQHM_NONE) return MQRC_NONE;
  if (pmo->Action != MQACTP_NEW) return MQRC_FUNCTION_NOT_SUPPORTED; /* forward, reply and report derive properties */
  return properties_pack(c->handle, from, packed, length);
}

static MQLONG put(struct connection *c, struct outgoing *m) {
  MQOD od = {.Version = 0};
  MQMD md;
  MQPMO pmo = {.Version = 0};
  MQLONG r = m->target != NULL ? take_object(&od, m->target) : MQRC_NONE;
  if (r == MQRC_NONE) r = take_descriptor(&md, m->descriptor);
  if (r == MQRC_NONE) r = take_put_options(&pmo, m->options);
  if (r != MQRC_NONE) return r;
  if (m->length < 0) return MQRC_BUFFER_LENGTH_ERROR;
  if (m->length > 0 && m->body == NULL) return MQRC_BUFFER_ERROR;
  if (m->length > c->longest) return MQRC_DATA_LENGTH_ERROR;

  void *properties = NULL;
  uint32_t length = 0;
  r = pack_properties(c, &pmo, &properties, &length);
  if (r != MQRC_NONE) return r;
  MQHMSG original = pmo.OriginalMsgHandle, new = pmo.NewMsgHandle;
  pmo.OriginalMsgHandle = pmo.NewMsgHandle = 0; /* handles mean nothing elsewhere */
  bool answered = (pmo.Options & MQPMO_ASYNC_RESPONSE) == 0;
  if (!answered && ((pmo.Options & MQPMO_NEW_MSG_ID) != 0 || is_zero(md.MsgId))) {
    make_identifier(c, md.MsgId);
    pmo.Options &= ~MQPMO_NEW_MSG_ID;
  }
  MQLONG options = m->options->Options;
  r = send_message(c, m, &od, &md, &pmo, answered, properties, length);
  free(properties);
  if (r != MQRC_NONE) return r;
  pmo.OriginalMsgHandle = original;
  pmo.NewMsgHandle = new;
  pmo.Options = options;
  memcpy(m->descriptor, &md, descriptor_length(m->descriptor->Version));
  memcpy(m->options, &pmo, put_options_length(m->options->Version));
  return MQRC_NONE;
}

static void put_and_complete(MQHCONN handle, struct outgoing *m, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    r = put(c, m);
    connection_leave(c);
  }
  complete(completion, reason, r);
}

void MQPUT(MQHCONN handle, MQHOBJ object, PMQVOID message, PMQVOID options, MQLONG length, PMQVOID buffer,
           PMQLONG completion, PMQLONG reason) {
  struct outgoing m = {object, NULL, message, options, length, buffer};
  put_and_complete(handle, &m, completion, reason);
}

void MQPUT1(MQHCONN handle, PMQVOID object, PMQVOID message, PMQVOID options, MQLONG length, PMQVOID buffer,
            PMQLONG completion, PMQLONG reason) {
  struct outgoing m = {0, object, message, options, length, buffer};
  if (object == NULL) {
    complete(completion, reason, MQRC_OD_ERROR);
    return;
  }
  put_and_complete(handle, &m, completion, reason);
}

/* One message on its way in. */
struct incoming {
  MQHOBJ object;
  MQMD *descriptor;
  MQGMO *options;
  MQLONG length;
  void *buffer;
  PMQLONG data_length;
};

static MQLONG read_properties(struct connection *c, MQHMSG handle) {
  uint32_t length;
  MQLONG r = wire_read(&c->link, &length, sizeof length);
  if (r != MQRC_NONE) return r;
  void *packed = malloc(length > 0 ? length : 1);
  if (packed == NULL) return MQRC_STORAGE_NOT_AVAILABLE;
  r = wire_read(&c->link, packed, length);
  if (r == MQRC_NONE && handle != MQHM_NONE) r = properties_unpack(c->handle, handle, packed, length);
  free(packed);
  return r;
}

/* Reads what stands behind the header of an answer to MQGET. */
static MQLONG read_message(struct connection *c, struct incoming *m, struct header *h, MQMD *md, MQGMO *gmo) {
  MQHMSG handle = gmo->MsgHandle;
  MQLONG length, options = gmo->Options, wait = gmo->WaitInterval;
  MQLONG r = wire_read(&c->link, md, sizeof *md);
  if (r == MQRC_NONE) r = wire_read(&c->link, gmo, sizeof *gmo);
  if (r == MQRC_NONE) r = wire_read(&c->link, &length, sizeof length);
  if (r != MQRC_NONE) return r;
  gmo->MsgHandle = handle;
  gmo->Options = options;
  gmo->WaitInterval = wait;
  *m->data_length = length;
  if (handle != MQHM_NONE && h->reason != MQRC_TRUNCATED_MSG_FAILED) /* an earlier message's must not stay */
    r = properties_unpack(c->handle, handle, NULL, 0);
  if (r == MQRC_NONE && (h->version & WIRE_PROPERTIES) != 0) r = read_properties(c, handle);
  if (r == MQRC_NONE && c->link.left > (size_t)m->length) r = MQRC_CONNECTION_BROKEN;
  if (r == MQRC_NONE) r = wire_read(&c->link, m->buffer, c->link.left);
  if (r != MQRC_NONE) {
    wire_hang_up(&c->link);
    return r;
  }
  memcpy(m->descriptor, md, descriptor_length(m->descriptor->Version));
  memcpy(m->options, gmo, get_options_length(m->options->Version));
  return h->reason;
}

static MQLONG ask(struct connection *c, struct incoming *m, MQMD *md, MQGMO *gmo, MQLONG wait) {
  MQGMO sent = *gmo;
  sent.MsgHandle = 0;
  sent.WaitInterval = wait;
  struct header h = {.verb = WIRE_GET, .object = m->object, .version = WIRE_PROPERTIES};
  struct iovec parts[] = {{md, sizeof *md}, {&sent, sizeof sent}, {&m->length, sizeof m->length}};
  MQLONG r = wire_call(&c->link, &h, parts, 3, (sent.Options & MQGMO_WAIT) != 0 ? wait : 0);
  if (r != MQRC_NONE) return r;
  return c->link.left == 0 ? h.reason : read_message(c, m, &h, md, gmo);
}

/* Properties go into a handle that the caller gives, unless they are asked for in another way. */
static MQLONG choose_handle(struct connection *c, MQGMO *gmo) {
  if ((gmo->Options & MQGMO_NO_PROPERTIES) != 0) gmo->MsgHandle = MQHM_NONE;
  if (gmo->MsgHandle != MQHM_NONE) return properties_check(c->handle, gmo->MsgHandle);
  return (gmo->Options & MQGMO_PROPERTIES_IN_HANDLE) != 0 ? MQRC_HMSG_ERROR : MQRC_NONE;
}

static MQLONG get(struct connection *c, struct incoming *m) {
  MQMD md;
  MQGMO gmo;
  MQLONG r = take_descriptor(&md, m->descriptor);
  if (r == MQRC_NONE) r = take_get_options(&gmo, m->options);
  if (r == MQRC_NONE) r = choose_handle(c, &gmo);
  if (r != MQRC_NONE) return r;
  if (m->length < 0) return MQRC_BUFFER_LENGTH_ERROR;
  if (m->length > 0 && m->buffer == NULL) return MQRC_BUFFER_ERROR;
  if (m->data_length == NULL) return MQRC_DATA_LENGTH_ERROR;
  *m->data_length = 0;
  if ((gmo.Options & MQGMO_WAIT) != 0 && gmo.WaitInterval < MQWI_UNLIMITED) return MQRC_WAIT_INTERVAL_ERROR;
  if (gmo.WaitInterval != MQWI_UNLIMITED || (gmo.Options & MQGMO_WAIT) == 0 || c->link.silence == 0)
    return ask(c, m, &md, &gmo, gmo.WaitInterval);
  /* In one endless call nobody would notice a queue manager that is stopped or cut off. */
  do r = ask(c, m, &md, &gmo, c->link.silence / 2);
  while (r == MQRC_NO_MSG_AVAILABLE);
  return r;
}

void MQGET(MQHCONN handle, MQHOBJ object, PMQVOID message, PMQVOID options, MQLONG length, PMQVOID buffer,
           PMQLONG data_length, PMQLONG completion, PMQLONG reason) {
  struct incoming m = {object, message, options, length, buffer, data_length};
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    r = get(c, &m);
    connection_leave(c);
  }
  complete(completion, reason, r);
}

/* How asynchronous puts have ended since the last time somebody asked. */
static MQLONG status(struct connection *c, MQLONG type, MQSTS *given) {
  if (type != MQSTAT_TYPE_ASYNC_ERROR) return MQRC_STAT_TYPE_ERROR; /* the others tell of reconnection */
  if (given == NULL || memcmp(given->StrucId, "STAT", 4) != 0 || given->Version < 1 || given->Version > 2)
    return MQRC_STS_ERROR;
  MQSTS sts;
  struct header h = {.verb = WIRE_STATUS};
  MQLONG r = wire_call(&c->link, &h, NULL, 0, 0);
  if (r != MQRC_NONE) return r;
  if (h.reason != MQRC_NONE) {
    r = wire_drop(&c->link);
    return r != MQRC_NONE ? r : h.reason;
  }
  r = wire_read(&c->link, &sts, sizeof sts);
  if (r == MQRC_NONE) r = wire_drop(&c->link);
  if (r != MQRC_NONE) return r;
  sts.Version = given->Version;
  memcpy(given, &sts, MQSTS_LENGTH_1); /* strings and subscriptions, which version 2 adds, play no part in puts */
  return MQRC_NONE;
}

void MQSTAT(MQHCONN handle, MQLONG type, PMQVOID given, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    r = status(c, type, given);
    connection_leave(c);
  }
  complete(completion, reason, r);
}
