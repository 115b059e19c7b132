/* Connections and the rules about who may use one when. */
#ifndef MQI_DOUBLE_CONNECTION_H
#define MQI_DOUBLE_CONNECTION_H

#include "wire.h"

struct connection {
  struct connection *next;
  MQHCONN handle;
  struct link link;
  MQCHAR queue_manager[48];
  MQLONG longest;   /* message that the channel takes */
  bool waits;       /* MQCNO_HANDLE_SHARE_BLOCK: an overlapping call waits instead of failing */
  bool busy;        /* a call is under way */
  bool secure;      /* counted among the TLS connections of this process */
  int users;        /* who must be done with it before it is freed */
  pthread_cond_t idle;
};

/*
 * connection_enter begins a call: 2018 for a handle that is not or no longer open, 2219 while another call is under way.
 * After MQRC_NONE, connection_leave must follow.
 */
MQLONG connection_enter(MQHCONN handle, struct connection **c);
void connection_leave(struct connection *c);

/* Sets the results of a call. Every reason but those of warnings comes with MQCC_FAILED. */
void complete(PMQLONG completion, PMQLONG reason, MQLONG r);

/*
 * The properties of a message handle as they travel with a message: malloc'ed, for the caller to free. 2460 for a handle
 * that is not open or belongs to another connection.
 */
MQLONG properties_pack(MQHCONN connection, MQHMSG handle, void **packed, uint32_t *length);
/* Checks that a handle may take the properties of a message. */
MQLONG properties_check(MQHCONN connection, MQHMSG handle);
/* Replaces the properties of a handle. */
MQLONG properties_unpack(MQHCONN connection, MQHMSG handle, const void *packed, uint32_t length);
/* Deletes the message handles that belong to a connection which ends. */
void properties_forget(MQHCONN handle);

#endif
