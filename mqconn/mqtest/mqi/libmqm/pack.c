/* Properties as they travel: one block with each message. */
#include <stdlib.h>
#include <string.h>

#include "property.h"

/* A property on the wire: six numbers, the name, the value. */
struct packed {
  MQLONG name_length, type, value_length, support, context, copy_options;
};

MQLONG properties_pack(MQHCONN connection, MQHMSG number, void **block, uint32_t *length) {
  MQLONG r = MQRC_NONE;
  pthread_mutex_lock(&property_guard);
  struct message_handle *h = property_handle(connection, number);
  size_t total = 0;
  for (struct property *p = h == NULL ? NULL : h->first; p != NULL; p = p->next)
    total += sizeof(struct packed) + p->name_length + p->value_length;
  char *to = total == 0 ? NULL : malloc(total);
  if (h == NULL) r = MQRC_HMSG_ERROR;
  if (h != NULL && total > 0 && to == NULL) r = MQRC_STORAGE_NOT_AVAILABLE;
  *block = to;
  *length = r == MQRC_NONE ? total : 0;
  for (struct property *p = to == NULL ? NULL : h->first; p != NULL; p = p->next) {
    struct packed head = {p->name_length, p->type, p->value_length, p->support, p->context, p->copy_options};
    memcpy(to, &head, sizeof head);
    memcpy(to + sizeof head, p->name, p->name_length + p->value_length);
    to += sizeof head + p->name_length + p->value_length;
  }
  pthread_mutex_unlock(&property_guard);
  return r;
}

MQLONG properties_check(MQHCONN connection, MQHMSG number) {
  pthread_mutex_lock(&property_guard);
  MQLONG r = property_handle(connection, number) == NULL ? MQRC_HMSG_ERROR : MQRC_NONE;
  pthread_mutex_unlock(&property_guard);
  return r;
}

/* Appends what a block holds. A block that makes no sense can only come from a queue manager that is none. */
static MQLONG append_all(struct message_handle *h, const char *from, size_t left) {
  struct property **at = &h->first;
  while (left > 0) {
    struct packed head;
    if (left < sizeof head) return MQRC_CONNECTION_BROKEN;
    memcpy(&head, from, sizeof head);
    from += sizeof head;
    left -= sizeof head;
    if (head.name_length < 0 || head.value_length < 0 || (size_t)head.name_length + head.value_length > left)
      return MQRC_CONNECTION_BROKEN;
    struct property *p = property_make(from, head.name_length, head.type, from + head.name_length, head.value_length);
    if (p == NULL) return MQRC_STORAGE_NOT_AVAILABLE;
    p->support = head.support;
    p->context = head.context;
    p->copy_options = head.copy_options;
    *at = p;
    at = &p->next;
    from += head.name_length + head.value_length;
    left -= head.name_length + head.value_length;
  }
  return MQRC_NONE;
}

MQLONG properties_unpack(MQHCONN connection, MQHMSG number, const void *block, uint32_t length) {
  MQLONG r = MQRC_HMSG_ERROR;
  pthread_mutex_lock(&property_guard);
  struct message_handle *h = property_handle(connection, number);
  if (h != NULL) {
    property_clear(h);
    r = append_all(h, block, length);
  }
  pthread_mutex_unlock(&property_guard);
  return r;
}
