/* What message handles are made of. */
#ifndef MQI_DOUBLE_PROPERTY_H
#define MQI_DOUBLE_PROPERTY_H

#include "connection.h"

struct property {
  struct property *next;
  MQLONG type, value_length;
  MQLONG support, context, copy_options;
  MQLONG name_length;
  char *value; /* in the same memory as the name, behind it */
  char name[];
};

struct message_handle {
  struct message_handle *next;
  MQHMSG number;
  MQHCONN owner;
  struct property *first, *cursor;
};

extern pthread_mutex_t property_guard; /* of every handle and its properties */

/* The following are for whoever holds the guard. */

/* NULL: no such handle, or another connection's. */
struct message_handle *property_handle(MQHCONN owner, MQHMSG number);
void property_clear(struct message_handle *h);
struct property *property_make(const char *name, MQLONG name_length, MQLONG type, const void *value, MQLONG length);

#endif
