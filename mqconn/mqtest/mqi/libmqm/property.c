/* Message handles and properties. They live in this process and travel with a message as one block. */
#include <stdlib.h>
#include <string.h>

#include "property.h"

#define BUCKETS 1024

/* One mutex for all: a handle must be safe to use from any thread, and no call holds it for long. */
pthread_mutex_t property_guard = PTHREAD_MUTEX_INITIALIZER;
static struct message_handle *handles[BUCKETS];
static MQHMSG last_number; /* never used again, as connection handles: programs keep stale ones */

struct message_handle *property_handle(MQHCONN owner, MQHMSG number) {
  for (struct message_handle *h = handles[(uint64_t)number % BUCKETS]; h != NULL; h = h->next)
    if (h->number == number) return h->owner == owner || h->owner == MQHC_UNASSOCIATED_HCONN ? h : NULL;
  return NULL;
}

void property_clear(struct message_handle *h) {
  while (h->first != NULL) {
    struct property *p = h->first;
    h->first = p->next;
    free(p);
  }
  h->cursor = NULL;
}

static void delete(struct message_handle **at) {
  struct message_handle *h = *at;
  *at = h->next;
  property_clear(h);
  free(h);
}

void properties_forget(MQHCONN connection) {
  pthread_mutex_lock(&property_guard);
  for (int i = 0; i < BUCKETS; i++)
    for (struct message_handle **at = &handles[i]; *at != NULL;) {
      if ((*at)->owner == connection)
        delete(at);
      else
        at = &(*at)->next;
    }
  pthread_mutex_unlock(&property_guard);
}

/* A call on a connection's handles: like any other it is refused while the connection is broken or busy. */
static MQLONG enter(MQHCONN connection, struct connection **c) {
  *c = NULL;
  if (connection == MQHC_UNASSOCIATED_HCONN) return MQRC_NONE;
  MQLONG r = connection_enter(connection, c);
  if (r == MQRC_NONE && (*c)->link.broken) {
    connection_leave(*c);
    return MQRC_CONNECTION_BROKEN;
  }
  return r;
}

static void leave(struct connection *c) {
  if (c != NULL) connection_leave(c);
}

static MQLONG create(MQHCONN owner, PMQHMSG number) {
  struct message_handle *h = calloc(1, sizeof *h);
  if (h == NULL) return MQRC_STORAGE_NOT_AVAILABLE;
  h->owner = owner;
  pthread_mutex_lock(&property_guard);
  h->number = *number = ++last_number;
  h->next = handles[(uint64_t)h->number % BUCKETS];
  handles[(uint64_t)h->number % BUCKETS] = h;
  pthread_mutex_unlock(&property_guard);
  return MQRC_NONE;
}

void MQCRTMH(MQHCONN connection, PMQVOID options, PMQHMSG number, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  *number = MQHM_UNUSABLE_HMSG;
  MQLONG r = options == NULL ? MQRC_CMHO_ERROR : enter(connection, &c);
  if (r == MQRC_NONE) {
    r = create(connection, number);
    leave(c);
  }
  complete(completion, reason, r);
}

void MQDLTMH(MQHCONN connection, PMQHMSG number, PMQVOID options, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = options == NULL ? MQRC_DMHO_ERROR : enter(connection, &c);
  if (r == MQRC_NONE) {
    pthread_mutex_lock(&property_guard);
    struct message_handle *h = property_handle(connection, *number), **at;
    if (h == NULL) {
      r = MQRC_HMSG_ERROR;
    } else {
      for (at = &handles[(uint64_t)*number % BUCKETS]; *at != h;) at = &(*at)->next;
      delete(at);
      *number = MQHM_UNUSABLE_HMSG;
    }
    pthread_mutex_unlock(&property_guard);
    leave(c);
  }
  complete(completion, reason, r);
}

struct property *property_make(const char *name, MQLONG name_length, MQLONG type, const void *value, MQLONG length) {
  struct property *p = calloc(1, sizeof *p + name_length + length);
  if (p == NULL) return NULL;
  p->type = type;
  p->name_length = name_length;
  p->value_length = length;
  p->value = p->name + name_length;
  memcpy(p->name, name, name_length);
  if (length > 0) memcpy(p->value, value, length);
  return p;
}

/* The lengths that MQSETMP asks for: those of the numbers are fixed. */
static bool length_fits(MQLONG type, MQLONG length) {
  switch (type) {
  case MQTYPE_NULL:
    return length == 0;
  case MQTYPE_INT8:
    return length == 1;
  case MQTYPE_INT16:
    return length == 2;
  case MQTYPE_INT32:
  case MQTYPE_FLOAT32:
  case MQTYPE_BOOLEAN:
    return length == 4;
  case MQTYPE_INT64:
  case MQTYPE_FLOAT64:
    return length == 8;
  default:
    return length >= 0;
  }
}

static bool known_type(MQLONG type) {
  const MQLONG all = MQTYPE_NULL | MQTYPE_BOOLEAN | MQTYPE_BYTE_STRING | MQTYPE_INT8 | MQTYPE_INT16 | MQTYPE_INT32 |
                     MQTYPE_INT64 | MQTYPE_FLOAT32 | MQTYPE_FLOAT64 | MQTYPE_STRING;
  return type > 0 && (type & (type - 1)) == 0 && (type & all) != 0;
}

static MQLONG name_of(const MQCHARV *v, const char **name, MQLONG *length) {
  if (v == NULL) return MQRC_PROPERTY_NAME_ERROR;
  *name = v->VSPtr != NULL ? v->VSPtr : (const char *)v + v->VSOffset;
  *length = v->VSLength == MQVS_NULL_TERMINATED ? (MQLONG)strlen(*name) : v->VSLength;
  return *length <= 0 || *length > MQ_MAX_PROPERTY_NAME_LENGTH ? MQRC_PROPERTY_NAME_LENGTH_ERR : MQRC_NONE;
}

static bool is_named(const struct property *p, const char *name, MQLONG length) {
  return p->name_length == length && memcmp(p->name, name, length) == 0;
}

/* Where the first property of a name stands, or where the list ends. */
static struct property **place_of(struct message_handle *h, const char *name, MQLONG length) {
  struct property **at = &h->first;
  while (*at != NULL && !is_named(*at, name, length)) at = &(*at)->next;
  return at;
}

static void replace(struct message_handle *h, struct property **at, struct property *p) {
  struct property *old = *at;
  if (old != NULL) {
    p->next = old->next;
    if (h->cursor == old) h->cursor = p;
    free(old);
  }
  *at = p;
}

static MQLONG set(struct message_handle *h, MQLONG options, const char *name, MQLONG length, struct property *p) {
  struct property **at = place_of(h, name, length);
  switch (options) {
  case MQSMPO_SET_FIRST:
    break;
  case MQSMPO_APPEND_PROPERTY:
    while (*at != NULL) at = &(*at)->next;
    break;
  case MQSMPO_SET_PROP_UNDER_CURSOR:
    if (h->cursor == NULL) return MQRC_PROPERTY_NOT_AVAILABLE;
    for (at = &h->first; *at != h->cursor;) at = &(*at)->next;
    break;
  default:
    return MQRC_FUNCTION_NOT_SUPPORTED; /* before and after the cursor */
  }
  replace(h, at, p);
  return MQRC_NONE;
}

void MQSETMP(MQHCONN connection, MQHMSG number, PMQVOID options, PMQVOID name, PMQVOID descriptor, MQLONG type,
             MQLONG length, PMQVOID value, PMQLONG completion, PMQLONG reason) {
  const char *text;
  MQLONG text_length;
  struct connection *c;
  MQLONG r = name_of(name, &text, &text_length);
  if (options == NULL) r = MQRC_SMPO_ERROR;
  if (r == MQRC_NONE && !known_type(type)) r = MQRC_PROPERTY_TYPE_ERROR;
  if (r == MQRC_NONE && !length_fits(type, length)) r = MQRC_BUFFER_LENGTH_ERROR;
  if (r == MQRC_NONE) r = enter(connection, &c);
  if (r == MQRC_NONE) {
    struct property *p = property_make(text, text_length, type, value, length);
    const MQPD *pd = descriptor;
    if (p != NULL && pd != NULL) p->support = pd->Support, p->context = pd->Context, p->copy_options = pd->CopyOptions;
    pthread_mutex_lock(&property_guard);
    struct message_handle *h = property_handle(connection, number);
    r = p == NULL ? MQRC_STORAGE_NOT_AVAILABLE
        : h == NULL ? MQRC_HMSG_ERROR
                    : set(h, ((MQSMPO *)options)->Options, text, text_length, p);
    pthread_mutex_unlock(&property_guard);
    if (r != MQRC_NONE) free(p);
    leave(c);
  }
  complete(completion, reason, r);
}

static MQLONG remove_property(struct message_handle *h, MQLONG options, const char *name, MQLONG length) {
  struct property **at = place_of(h, name, length);
  if ((options & MQDMPO_DEL_PROP_UNDER_CURSOR) != 0)
    for (at = &h->first; *at != NULL && *at != h->cursor;) at = &(*at)->next;
  if (*at == NULL) return MQRC_PROPERTY_NOT_AVAILABLE;
  struct property *p = *at;
  *at = p->next;
  if (h->cursor == p) h->cursor = NULL;
  free(p);
  return MQRC_NONE;
}

void MQDLTMP(MQHCONN connection, MQHMSG number, PMQVOID options, PMQVOID name, PMQLONG completion, PMQLONG reason) {
  const char *text;
  MQLONG length;
  struct connection *c;
  MQLONG r = name_of(name, &text, &length);
  if (options == NULL) r = MQRC_DMPO_ERROR;
  if (r == MQRC_NONE) r = enter(connection, &c);
  if (r == MQRC_NONE) {
    pthread_mutex_lock(&property_guard);
    struct message_handle *h = property_handle(connection, number);
    r = h == NULL ? MQRC_HMSG_ERROR : remove_property(h, ((MQDMPO *)options)->Options, text, length);
    pthread_mutex_unlock(&property_guard);
    leave(c);
  }
  complete(completion, reason, r);
  if (r == MQRC_PROPERTY_NOT_AVAILABLE) *completion = MQCC_WARNING; /* of MQDLTMP alone */
}

/* A name that ends with % stands for all that begin so. */
static bool matches(const struct property *p, const char *name, MQLONG length) {
  if (name[length - 1] != '%') return is_named(p, name, length);
  return p->name_length >= length - 1 && memcmp(p->name, name, length - 1) == 0;
}

static struct property *select_property(struct message_handle *h, MQLONG options, const char *name, MQLONG length) {
  struct property *p = h->first;
  if ((options & MQIMPO_INQ_PROP_UNDER_CURSOR) != 0) return h->cursor;
  if ((options & MQIMPO_INQ_NEXT) != 0 && h->cursor != NULL) p = h->cursor->next;
  while (p != NULL && !matches(p, name, length)) p = p->next;
  return p;
}

static MQLONG return_name(MQIMPO *impo, const struct property *p) {
  MQCHARV *to = &impo->ReturnedName;
  char *buffer = to->VSPtr != NULL ? to->VSPtr : to->VSOffset != 0 ? (char *)impo + to->VSOffset : NULL;
  to->VSLength = p->name_length;
  to->VSCCSID = 1208;
  if (buffer == NULL) return MQRC_NONE;
  if (to->VSBufSize < p->name_length) return MQRC_PROPERTY_NAME_TOO_BIG;
  memcpy(buffer, p->name, p->name_length);
  return MQRC_NONE;
}

/* What MQINQMP gives of one property. */
struct inquiry {
  MQIMPO *options;
  MQPD *descriptor;
  PMQLONG type;
  MQLONG length;
  void *value;
  PMQLONG data_length;
};

static MQLONG inquire(struct message_handle *h, struct inquiry *i, const char *name, MQLONG length) {
  MQLONG options = i->options->Options;
  struct property *p = select_property(h, options, name, length);
  if (p == NULL) return MQRC_PROPERTY_NOT_AVAILABLE;
  if ((options & MQIMPO_CONVERT_TYPE) != 0 && *i->type != MQTYPE_AS_SET && *i->type != p->type)
    return MQRC_PROP_CONV_NOT_SUPPORTED;
  MQLONG r = return_name(i->options, p);
  if (r != MQRC_NONE) return r;
  *i->data_length = p->value_length;
  *i->type = p->type;
  i->options->ReturnedEncoding = MQENC_NATIVE;
  i->options->ReturnedCCSID = 1208;
  if (i->descriptor != NULL) {
    i->descriptor->Support = p->support;
    i->descriptor->Context = p->context;
    i->descriptor->CopyOptions = p->copy_options;
  }
  if ((options & MQIMPO_QUERY_LENGTH) == 0) {
    if (p->value_length > i->length) return MQRC_PROPERTY_VALUE_TOO_BIG;
    if (p->value_length > 0) memcpy(i->value, p->value, p->value_length);
  }
  h->cursor = p;
  return MQRC_NONE;
}

void MQINQMP(MQHCONN connection, MQHMSG number, PMQVOID options, PMQVOID name, PMQVOID descriptor, PMQLONG type,
             MQLONG length, PMQVOID value, PMQLONG data_length, PMQLONG completion, PMQLONG reason) {
  struct inquiry i = {options, descriptor, type, length, value, data_length};
  const char *text;
  MQLONG text_length;
  struct connection *c;
  MQLONG r = name_of(name, &text, &text_length);
  if (options == NULL) r = MQRC_IMPO_ERROR;
  if (r == MQRC_NONE) r = enter(connection, &c);
  if (r == MQRC_NONE) {
    pthread_mutex_lock(&property_guard);
    struct message_handle *h = property_handle(connection, number);
    r = h == NULL ? MQRC_HMSG_ERROR : inquire(h, &i, text, text_length);
    pthread_mutex_unlock(&property_guard);
    leave(c);
  }
  complete(completion, reason, r);
}
