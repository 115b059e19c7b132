/* MQINQ and MQSET. */
#include <string.h>

#include "connection.h"

static bool is_integer(MQLONG selector) { return selector >= MQIA_FIRST && selector <= MQIA_LAST; }

static MQLONG count_integers(MQLONG count, const MQLONG *selectors) {
  MQLONG n = 0;
  for (MQLONG i = 0; i < count; i++) n += is_integer(selectors[i]);
  return n;
}

/* The answer is all numbers, then all texts, each blank-padded to its length, in the order of their selectors. */
static MQLONG inquire(struct connection *c, MQHOBJ object, MQLONG count, PMQLONG selectors, MQLONG integers,
                      PMQLONG values, MQLONG length, PMQCHAR characters) {
  if (count < 0 || count > 64) return MQRC_SELECTOR_COUNT_ERROR;
  struct header h = {.verb = WIRE_INQUIRE, .object = object};
  struct iovec part = {selectors, count * sizeof *selectors};
  MQLONG r = wire_call(&c->link, &h, &part, 1, 0);
  if (r != MQRC_NONE) return r;
  if (h.reason == MQRC_NONE) {
    MQLONG n = count_integers(count, selectors), warning = MQRC_NONE;
    if (n > integers) return wire_drop(&c->link), MQRC_INT_ATTR_COUNT_TOO_SMALL;
    r = wire_read(&c->link, values, n * sizeof *values);
    if (r != MQRC_NONE) return r;
    if (c->link.left > (size_t)length) warning = MQRC_CHAR_ATTRS_TOO_SHORT;
    r = wire_read(&c->link, characters, warning == MQRC_NONE ? c->link.left : (size_t)length);
    if (r == MQRC_NONE) r = warning;
    h.reason = r;
  }
  r = wire_drop(&c->link);
  return r != MQRC_NONE ? r : h.reason;
}

void MQINQ(MQHCONN handle, MQHOBJ object, MQLONG count, PMQLONG selectors, MQLONG integers, PMQLONG values,
           MQLONG length, PMQCHAR characters, PMQLONG completion, PMQLONG reason) {
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    r = inquire(c, object, count, selectors, integers, values, length, characters);
    connection_leave(c);
  }
  complete(completion, reason, r);
}

void MQSET(MQHCONN handle, MQHOBJ object, MQLONG count, PMQLONG selectors, MQLONG integers, PMQLONG values,
           MQLONG length, PMQCHAR characters, PMQLONG completion, PMQLONG reason) {
  (void)characters;
  struct connection *c;
  MQLONG r = connection_enter(handle, &c);
  if (r == MQRC_NONE) {
    if (count < 0 || count > 64)
      r = MQRC_SELECTOR_COUNT_ERROR;
    else if (length > 0 || count_integers(count, selectors) != count)
      r = MQRC_SELECTOR_ERROR; /* the texts that can be set are those of triggers, which there are none of */
    else if (integers < count)
      r = MQRC_INT_ATTR_COUNT_ERROR;
    else {
      struct header h = {.verb = WIRE_SET, .object = object};
      struct iovec parts[] = {{selectors, count * sizeof *selectors}, {values, count * sizeof *values}};
      r = wire_call(&c->link, &h, parts, 2, 0);
      if (r == MQRC_NONE) r = wire_drop(&c->link);
      if (r == MQRC_NONE) r = h.reason;
    }
    connection_leave(c);
  }
  complete(completion, reason, r);
}
