#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL /* macOS has a socket option instead */
#define MSG_NOSIGNAL 0
#endif

int64_t wire_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_options(int s) {
  int on = 1, size = 1 << 20; /* a whole message of the usual size passes without a change of process */
  struct timeval patience = {.tv_sec = 10};
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* bounds connect(2), too */
#ifdef SO_NOSIGPIPE
  setsockopt(s, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

static int dial_address(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
  if (getaddrinfo(host, port, &hints, &all) != 0) return -1;
  int s = -1;
  for (struct addrinfo *a = all; a != NULL && s < 0; a = a->ai_next) {
    s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (s < 0) continue;
    fcntl(s, F_SETFD, FD_CLOEXEC);
    set_options(s);
    int failed;
    do failed = connect(s, a->ai_addr, a->ai_addrlen);
    while (failed != 0 && errno == EINTR);
    /* A connect(2) that a signal interrupted goes on by itself: asked again it says that it is done. */
    if (failed != 0 && errno != EISCONN) {
      close(s);
      s = -1;
    }
  }
  freeaddrinfo(all);
  return s;
}

/* Connects to the first of host(port),host(port) that answers. Port 1414 goes without saying. */
MQLONG wire_dial(struct link *link, const char *connection_name) {
  char names[512], *next = names;
  snprintf(names, sizeof names, "%s", connection_name);
  for (char *name; (name = strsep(&next, ",")) != NULL;) {
    char host[264] = "", port[16] = "1414";
    if (sscanf(name, " %263[^( ] ( %15[0-9] )", host, port) < 1) continue;
    int s = dial_address(host, port);
    if (s < 0) continue;
    *link = (struct link){.socket = s, .writing = PTHREAD_MUTEX_INITIALIZER, .written = wire_now()};
    return MQRC_NONE;
  }
  return MQRC_HOST_NOT_AVAILABLE;
}

void wire_hang_up(struct link *link) {
  if (!link->broken) {
    link->broken = true;
    shutdown(link->socket, SHUT_RDWR);
  }
}

static MQLONG broken(struct link *link) {
  wire_hang_up(link);
  return MQRC_CONNECTION_BROKEN;
}

/* Sends everything. The caller holds the mutex. */
static bool send_all(struct link *link, struct iovec *parts, int count) {
  while (count > 0) {
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent = sendmsg(link->socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue; /* the Go runtime interrupts threads with signals */
    if (sent < 0) return false;
    for (; count > 0 && (size_t)sent >= parts->iov_len; parts++, count--) sent -= parts->iov_len;
    if (count > 0) {
      parts->iov_base = (char *)parts->iov_base + sent;
      parts->iov_len -= sent;
    }
  }
  link->written = wire_now();
  return true;
}

#define MOST_PARTS 8

MQLONG wire_send(struct link *link, struct header *call, const struct iovec *parts, int count) {
  if (link->broken) return MQRC_CONNECTION_BROKEN;
  struct iovec all[MOST_PARTS];
  call->length = sizeof *call;
  call->call = ++link->calls;
  call->version |= WIRE_VERSION;
  int n = 1;
  for (int i = 0; i < count; i++) {
    if (parts[i].iov_len == 0) continue;
    all[n++] = parts[i];
    call->length += parts[i].iov_len;
  }
  all[0] = (struct iovec){call, sizeof *call};
  pthread_mutex_lock(&link->writing);
  bool sent = send_all(link, all, n);
  pthread_mutex_unlock(&link->writing);
  return sent ? MQRC_NONE : broken(link);
}

/* Waits until something can be read. */
static bool await(struct link *link) {
  for (;;) {
    int left = -1;
    if (link->deadline != 0) {
      int64_t rest = link->deadline - wire_now();
      if (rest <= 0) return false;
      left = rest > 1 << 30 ? 1 << 30 : (int)rest;
    }
    struct pollfd p = {.fd = link->socket, .events = POLLIN};
    int ready = poll(&p, 1, left);
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

static bool receive(struct link *link, char *into, size_t length) {
  while (length > 0) {
    ssize_t got = recv(link->socket, into, length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!await(link)) return false;
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got;
    length -= got;
  }
  return true;
}

MQLONG wire_call(struct link *link, struct header *call, const struct iovec *parts, int count, int wait) {
  MQLONG reason = wire_send(link, call, parts, count);
  if (reason != MQRC_NONE) return reason;
  link->deadline = link->silence == 0 ? 0 : wire_now() + link->silence + wait;
  struct header answer;
  if (!receive(link, (char *)&answer, sizeof answer)) return broken(link);
  if ((answer.version & 0xffff) != WIRE_VERSION || answer.call != call->call || answer.verb != call->verb ||
      answer.length < sizeof answer)
    return broken(link);
  link->left = answer.length - sizeof answer;
  *call = answer;
  return MQRC_NONE;
}

MQLONG wire_read(struct link *link, void *into, size_t length) {
  if (length > link->left) return broken(link);
  link->left -= length;
  return receive(link, into, length) ? MQRC_NONE : broken(link);
}

MQLONG wire_drop(struct link *link) {
  char bin[4096];
  while (link->left > 0) {
    size_t n = link->left < sizeof bin ? link->left : sizeof bin;
    MQLONG reason = wire_read(link, bin, n);
    if (reason != MQRC_NONE) return reason;
  }
  return MQRC_NONE;
}

void wire_beat(struct link *link) {
  /* Whoever holds the mutex is sending, which tells as much as a heartbeat. */
  if (link->silence == 0 || pthread_mutex_trylock(&link->writing) != 0) return;
  if (wire_now() - link->written >= link->silence / 4) {
    struct header beat = {.length = sizeof beat, .verb = WIRE_HEARTBEAT, .version = WIRE_VERSION};
    ssize_t sent = send(link->socket, &beat, sizeof beat, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)sizeof beat)
      link->written = wire_now();
    else if (sent >= 0)
      shutdown(link->socket, SHUT_RDWR); /* half a frame: nothing after it would be understood */
  }
  pthread_mutex_unlock(&link->writing);
}
