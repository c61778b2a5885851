/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_backend_priv.h - one connection of HTTP/2 to a backend, and what it waits for
 *
 *      CONNECT -> BUSY <-> IDLE
 *                  | ^       |
 *                  | +-PROBE |        PROBE: back as soon as an octet comes, else closed
 *                  v         v
 *                LEAVE -> FAREWELL -> closed
 *
 * The backend's GOAWAY, too many cancelled streams and a backend that is gone lead to LEAVE from
 * any state after CONNECT. http2_backend_set_state() is the only way from one state to the next,
 * and arms its deadline from one table. In CONNECT, BUSY and LEAVE exchanges use the connection,
 * and each has a deadline of its own.
 */
#ifndef SLUICE_PROXY_HTTP2_BACKEND_PRIV_H
#define SLUICE_PROXY_HTTP2_BACKEND_PRIV_H

#include "proxy/backend/http2_backends.h"
#include "proxy/backend/upstream.h"
#include "proxy/http2/http2_head.h"
#include "proxy/http2/http2_session.h"

enum http2_backend_state {
	HTTP2_BACKEND_CONNECT,  /* TCP, TLS; exchanges wait for it */
	HTTP2_BACKEND_BUSY,     /* exchanges use it */
	HTTP2_BACKEND_IDLE,     /* none does: kept for the next */
	HTTP2_BACKEND_PROBE,    /* it was silent: a PING is out, no stream is begun */
	HTTP2_BACKEND_LEAVE,    /* what runs may end, no stream is begun */
	HTTP2_BACKEND_FAREWELL, /* our GOAWAY is to leave */
	HTTP2_BACKEND_STATES,
};

struct http2_backend {
	struct http2_session session;        /* first: nghttp2 calls back with it */
	struct http2_backends *all;          /* borrowed */
	struct upstream_conn *transport;     /* owned */
	struct http2_backend *next, *prev;   /* of the same backend */
	struct http2_backend *newer, *older; /* all */
	struct http2_head head;
	struct timer timer;       /* of the state */
	uint64_t quiet_since_ms;  /* the last octet that came, or the first request after a rest */
	uint64_t cancelled_ms;    /* up to when .cancelled was counted down */
	uint32_t cancelled_count; /* streams, lately */
	uint32_t calls_count;
	uint8_t state; /* enum http2_backend_state */
};

/* The only way from one state to another: arms the deadline of the new one. */
void http2_backend_set_state(struct http2_backend *backend, enum http2_backend_state state);

/* Its session has begun. */
static inline bool http2_backend_is_open(const struct http2_backend *backend)
{
	return backend->state != HTTP2_BACKEND_CONNECT;
}

/* A stream may be begun on it, or will be. */
static inline bool http2_backend_takes_streams(const struct http2_backend *backend)
{
	return backend->state <= HTTP2_BACKEND_IDLE;
}

/* An exchange has come or gone. */
void http2_backend_look_again(struct http2_backend *backend);

/* Begins no more streams, and ends when those that run have ended. */
void http2_backend_leave(struct http2_backend *backend);

/* Octets came. */
void http2_backend_heard(struct http2_backend *backend);

/* A stream is given up before its end: its exchange ran out of time, or its client has gone. */
void http2_backend_cancelled(struct http2_backend *backend);

/* .timer's. */
void http2_backend_timeout(struct timer *timer);

/* .check of a hook of the loop: that of struct http2_backends. */
const char *http2_backends_check(const struct turn_hook *hook);

#endif /* SLUICE_PROXY_HTTP2_BACKEND_PRIV_H */
