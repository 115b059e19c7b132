/* Verbs that a program can link against and that answer, as IBM documents it, that they are not to be had. */
#include "connection.h"

/* The answer on a good handle; the others go first. */
static void refuse(MQHCONN handle, MQLONG answer, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    r = c->link.broken ? MQRC_CONNECTION_BROKEN : answer;
    connection_leave(c);
  }
  complete(completion, reason, r);
}

/* Units of work that a queue manager coordinates with databases are for local bindings alone: a client gets 2012. */
void MQBEGIN(MQHCONN handle, PMQVOID options, PMQLONG completion, PMQLONG reason) {
  (void)options;
  refuse(handle, MQRC_ENVIRONMENT_ERROR, completion, reason);
}

void MQSUB(MQHCONN handle, PMQVOID descriptor, PMQHOBJ object, PMQHOBJ subscription, PMQLONG completion,
           PMQLONG reason) {
  (void)descriptor, (void)object;
  *subscription = MQHO_UNUSABLE_HOBJ;
  refuse(handle, MQRC_FUNCTION_NOT_SUPPORTED, completion, reason);
}

void MQSUBRQ(MQHCONN handle, MQHOBJ subscription, MQLONG action, PMQVOID options, PMQLONG completion, PMQLONG reason) {
  (void)subscription, (void)action, (void)options;
  refuse(handle, MQRC_FUNCTION_NOT_SUPPORTED, completion, reason);
}

void MQCB(MQHCONN handle, MQLONG operation, PMQVOID descriptor, MQHOBJ object, PMQVOID message, PMQVOID options,
          PMQLONG completion, PMQLONG reason) {
  (void)operation, (void)descriptor, (void)object, (void)message, (void)options;
  refuse(handle, MQRC_FUNCTION_NOT_SUPPORTED, completion, reason);
}

void MQCTL(MQHCONN handle, MQLONG operation, PMQVOID options, PMQLONG completion, PMQLONG reason) {
  (void)operation, (void)options;
  refuse(handle, MQRC_FUNCTION_NOT_SUPPORTED, completion, reason);
}
