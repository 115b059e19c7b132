/*
 * The protocol of mqtest's queue manager: the MQI's own calls with the MQI's own structures (see wire.go of that
 * package). A frame is eight little-endian words, the arguments of the call, and the body of a message.
 */
#ifndef MQI_DOUBLE_WIRE_H
#define MQI_DOUBLE_WIRE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "cmqxc.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "structures cross the wire as they lie in memory, which must be little-endian"
#endif

#define WIRE_VERSION 1

/* Flags, in the upper half of the last word of a header. */
#define WIRE_PROPERTIES 0x10000u /* a length and that many bytes of properties stand before the body */

#define WIRE_THIS_LIBRARY 2 /* in the object of MQCONNX: which client library calls */

enum wire_verb {
  WIRE_CONNECT = 1,
  WIRE_DISCONNECT,
  WIRE_OPEN,
  WIRE_CLOSE,
  WIRE_PUT,
  WIRE_PUT1,
  WIRE_GET,
  WIRE_COMMIT,
  WIRE_BACKOUT,
  WIRE_INQUIRE,
  WIRE_HEARTBEAT,
  WIRE_SET,
  WIRE_STATUS,
};

struct header {
  uint32_t length; /* of the whole frame */
  uint32_t verb;
  uint32_t call;
  int32_t connection;
  int32_t object;
  int32_t completion;
  int32_t reason;
  uint32_t version; /* and flags */
};

/* The arguments of MQCONNX. */
struct connect_request {
  MQCHAR queue_manager[48];
  MQCNO options; /* its pointers are zero */
  MQCHAR channel[20];
  MQCHAR user[64];
  MQCHAR password[64];
  MQCHAR cipher[32];
  MQCHAR label[64];
  MQLONG longest;
};
_Static_assert(sizeof(struct connect_request) == 568, "no padding may be sent");

struct connect_answer {
  MQCHAR queue_manager[48];
  MQLONG longest;
  MQLONG heartbeat; /* seconds */
};
_Static_assert(sizeof(struct connect_answer) == 56, "no padding may be received");

/* A link is a socket with one call under way at a time. */
struct link {
  int socket;
  pthread_mutex_t writing; /* keeps heartbeats out of the middle of a frame */
  bool broken;             /* only the call under way sets it */
  uint32_t calls;
  int silence; /* milliseconds after which the other side counts as gone; 0: never */
  int64_t written; /* when, in milliseconds */
  int64_t deadline; /* of the answer that is being read; 0: none */
  size_t left; /* how much of it is still to be read */
};

int64_t wire_now(void); /* milliseconds of a clock that never goes back */
MQLONG wire_dial(struct link *link, const char *connection_name);
void wire_hang_up(struct link *link);

/* Sends a call, its arguments in parts, and reads the header of the answer. MQRC_NONE says that there is one. */
MQLONG wire_call(struct link *link, struct header *call, const struct iovec *parts, int count, int wait);
/* Sends a call that has no answer. */
MQLONG wire_send(struct link *link, struct header *call, const struct iovec *parts, int count);
/* Reads the next length bytes of the answer. */
MQLONG wire_read(struct link *link, void *into, size_t length);
/* Reads what is left of the answer and drops it. */
MQLONG wire_drop(struct link *link);
/* Sends a heartbeat if nothing was sent for half the time that the queue manager allows. Any thread may call it. */
void wire_beat(struct link *link);

#endif
