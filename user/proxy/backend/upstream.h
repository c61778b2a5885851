/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - one connection to a backend
 *
 * How a route wants its backends to be spoken to is a way; a connection serves exchanges of its own
 * way alone, and those of one client alone if it began with that one's addresses. It is connected
 * in steps that upstream_open() continues with: TCP, PROXY header, TLS.
 */
#ifndef SLUICE_PROXY_UPSTREAM_H
#define SLUICE_PROXY_UPSTREAM_H

#include "proxy/http1/http1_io.h"
#include "proxy/backend/maps.h"
#include "proxy/http/proxy_header.h"
#include "proxy/loop/timers.h"
#include "proxy/tls/tls_client.h"

struct pool;
struct slab;
struct turn;
struct upstream_conn;

struct upstream_way {
	struct tls_profile *tls; /* borrowed; NULL: plain */
	uint8_t proxy_protocol;  /* version of the header that goes before all else; 0: none */
	uint64_t client_id;      /* of the conn that this header is about */
	struct proxy_ends ends;  /* what it says */
	bool http2;
	bool no_source; /* what comes on it must not wait behind what the kernel moves to it */
};

/* What is asked of a connection to a backend, which may be one stream of many on it. */
struct upstream_ops {
	/* A request goes this way from its head on, also when it is repeated.
	 * @writer: borrowed; has the head, and where that is how requests go, sends it
	 * @trailers: those of the response are wanted
	 * Return: what takes the body of the request. */
	struct sink *(*begin)(struct upstream_conn *upstream, struct http1_writer *writer,
			      bool trailers);
	/* See upstream_open(). */
	int (*open)(struct upstream_conn *upstream);
	/* Its owner is done with it. @reuse: request and response both ended as they should. */
	void (*let_go)(struct upstream_conn *upstream, bool reuse);
};

/*
 *      connect -> USED <-> IDLE -> closed
 *
 * While it is used, its exchange or its connection of HTTP/2 has the deadline.
 */
enum upstream_state {
	UPSTREAM_USED, /* has an owner */
	UPSTREAM_IDLE, /* the pool keeps it for the next exchange */
	UPSTREAM_STATES,
};

struct upstream_conn {
	struct stream stream; /* first: the stream's callback gets it */
	struct turn *turn;    /* borrowed */
	struct slab *slab;    /* borrowed: where its memory is from */
	const struct upstream_ops *ops;
	struct source *source; /* borrowed: the body of the response */
	/* Something has happened to it. Set by whoever owns it: an exchange, a connection of
	 * HTTP/2, or the pool while it is idle. */
	void (*on_ready)(struct upstream_conn *upstream);
	void *owner;                                 /* borrowed: whose .on_ready is */
	struct pool *pool;                           /* borrowed: keeps it; NULL: none does */
	struct http1_reader reader;                  /* of heads; with HTTP/1 of bodies too */
	struct upstream_conn *newer, *older;         /* idle ones of the same backend */
	struct upstream_conn *lru_newer, *lru_older; /* all idle ones */
	struct tls_profile *tls;                     /* one reference; NULL: plain */
	uint64_t client_id;     /* of its conn: serves no other; 0: serves all */
	struct proxy_ends ends; /* with .proxy_protocol */
	struct timer timer;     /* of the state */
	uint32_t backend_id, backend_generation;
	uint8_t state;          /* enum upstream_state: set by pool.c alone */
	uint8_t proxy_protocol; /* as the way's */
	bool connected;         /* TCP is, and the PROXY header was sent */
	bool reused;            /* has served an exchange before */
};

/**
 * upstream_connect - begin to connect
 * @slab: borrowed: of struct upstream_conn
 * The caller sets .ops, .on_ready and .owner.
 * Return: 0 and *out; -errno of socket() or connect(), also of a refusal that is known at once.
 */
int upstream_connect(struct turn *turn, struct slab *slab, const struct backend_view *backend,
		     const struct upstream_way *way, struct upstream_conn **out);

/**
 * upstream_open - continue with connecting
 * Return: 0: a request may be sent; -EAGAIN; -EKEYREJECTED: the backend's certificate is not to be
 * trusted; -errno.
 */
static inline int upstream_open(struct upstream_conn *upstream)
{
	return upstream->ops->open(upstream);
}

/* As upstream_open(), of a connection of its own: TCP, PROXY header, TLS. */
int upstream_go_on(struct upstream_conn *upstream);

/* True if the connection is of this way. */
bool upstream_is(const struct upstream_conn *upstream, const struct upstream_way *way);

void upstream_close(struct upstream_conn *upstream); /* takes NULL */

#endif /* SLUICE_PROXY_UPSTREAM_H */
