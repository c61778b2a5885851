/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - one connection to a backend
 *
 * How a route wants its backends to be spoken to is a way; a connection serves exchanges of its own
 * way alone, and those of one client alone if it began with that one's addresses. It is connected in
 * steps that upstream_open() goes on with: TCP, PROXY header, TLS.
 */
#ifndef SLUICE_PROXY_UPSTREAM_H
#define SLUICE_PROXY_UPSTREAM_H

#include "proxy/http1/http1_io.h"
#include "proxy/backend/maps.h"
#include "proxy/http/proxy_header.h"
#include "proxy/tls/tls_client.h"

struct exchange;
struct exchange_peer;
struct pool;
struct turn;
struct upstream_conn;

struct upstream_way {
	struct tls_profile *tls; /* borrowed; NULL: plain */
	uint8_t proxy_protocol;  /* version of the header that goes before all else; 0: none */
	const struct exchange_peer *peer; /* borrowed: whom that header is about */
	bool http2;
	bool no_source; /* what comes on it must not wait behind what the kernel moves to it */
};

/* What an exchange asks of the connection to its backend, which may be one stream of many on it. */
struct upstream_ops {
	/* The request goes this way from its head on, also when it is repeated: sets
	 * exchange->request_sink. */
	void (*begin)(struct exchange *exchange);
	/* See upstream_open(). */
	int (*open)(struct upstream_conn *upstream);
	/* The exchange is done with it. @reuse: request and response both ended as they should. */
	void (*let_go)(struct upstream_conn *upstream, bool reuse);
};

struct upstream_conn {
	struct stream stream;      /* first: the stream's callback gets it */
	struct turn *turn;         /* borrowed */
	struct pool *pool;         /* borrowed; NULL: it is a stream of HTTP/2 */
	struct exchange *exchange; /* borrowed; NULL while idle */
	const struct upstream_ops *ops;
	struct source *source; /* borrowed: the body of the response */
	/* Has the events of a connection that is no exchange's own (HTTP/2); else NULL. */
	void (*on_ready)(struct upstream_conn *upstream);
	void *owner;                                 /* borrowed: whose .on_ready is */
	struct http1_reader reader;                  /* of heads; with HTTP/1 of bodies too */
	struct upstream_conn *newer, *older;         /* idle ones of the same backend */
	struct upstream_conn *lru_newer, *lru_older; /* all idle ones */
	struct tls_profile *tls;                     /* one reference; NULL: plain */
	uint64_t client_id;     /* of its conn: serves no other; 0: serves all */
	struct proxy_ends ends; /* with .proxy_protocol */
	uint64_t idle_since_ms;
	uint32_t backend_id, backend_generation;
	uint8_t proxy_protocol; /* as the way's */
	bool connected;         /* TCP is, and the PROXY header was sent */
	bool reused;            /* has served an exchange before */
};

/**
 * upstream_connect - begin to connect
 * Return: 0 and *out; -errno of socket() or connect(), also of a refusal that is known at once.
 */
int upstream_connect(struct pool *pool, const struct backend_view *backend,
		     const struct upstream_way *way, struct upstream_conn **out);

/**
 * upstream_open - go on with connecting
 * Return: 0: a request may be sent; -EAGAIN; -EKEYREJECTED: the backend's certificate is not to be
 * trusted; -errno.
 */
static inline int upstream_open(struct upstream_conn *upstream)
{
	return upstream->ops->open(upstream);
}

/* True if the connection is of this way. */
bool upstream_is(const struct upstream_conn *upstream, const struct upstream_way *way);

void upstream_close(struct upstream_conn *upstream); /* takes NULL */

#endif /* SLUICE_PROXY_UPSTREAM_H */
