/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - connections to backends, in use and kept for the next exchange
 *
 * Idle ones are found by backend id, the last used first, and only while the id still has the
 * generation that it was connected to. epoll tells when the backend ends an idle one.
 */
#ifndef SLUICE_PROXY_POOL_H
#define SLUICE_PROXY_POOL_H

#include "proxy/http1_io.h"
#include "proxy/maps.h"
#include "proxy/timers.h"

struct exchange;
struct upstream_conn;
struct worker;

/* What an exchange asks of the connection to its backend, which may be one stream of many on it. */
struct upstream_ops {
	/* The request goes this way from its head on, also when it is repeated: sets
	 * exchange->request_sink. */
	void (*begin)(struct exchange *exchange);
	/* The exchange is done with it. @reuse: request and response both ended as they should. */
	void (*let_go)(struct upstream_conn *upstream, bool reuse);
};

struct upstream_conn {
	struct stream stream;      /* first: the stream's callback gets it */
	struct worker *worker;     /* borrowed */
	struct exchange *exchange; /* borrowed; NULL while idle */
	const struct upstream_ops *ops;
	struct source *source; /* borrowed: the body of the response */
	/* Has the events of a connection that is no exchange's own (HTTP/2); else NULL. */
	void (*on_ready)(struct upstream_conn *upstream);
	struct http1_reader reader;                  /* of heads; with HTTP/1 of bodies too */
	struct upstream_conn *newer, *older;         /* idle ones of the same backend */
	struct upstream_conn *lru_newer, *lru_older; /* all idle ones */
	uint64_t idle_since_ms;
	uint32_t backend_id, backend_generation;
	bool reused; /* has served an exchange before */
};

struct pool_list {
	struct upstream_conn *newest; /* owned list */
	uint32_t count;
};

struct pool {
	struct pool_list *backends; /* owned array by backend id */
	struct upstream_conn *lru_newest, *lru_oldest;
	struct timer sweep;
	uint32_t backends_max;
	uint32_t idle_count;
};

int pool_init(struct worker *worker);
void pool_free(struct worker *worker); /* closes the idle ones */

/* An idle connection to this backend; NULL: none. The caller owns it until put or closed. */
struct upstream_conn *pool_get(struct worker *worker, const struct backend_view *backend);

/* Keeps a connection whose exchange ended well, or closes it. */
void pool_put(struct upstream_conn *upstream);

/**
 * upstream_connect - begin to connect
 * Return: 0 and *out; -errno of socket() or connect(), also of a refusal that is known at once.
 */
int upstream_connect(struct worker *worker, const struct backend_view *backend,
		     struct upstream_conn **out);
void upstream_close(struct upstream_conn *upstream); /* takes NULL */

/* Connected, and what comes before the protocol is done: a request may be sent. */
static inline bool upstream_ready(const struct upstream_conn *upstream)
{
	return upstream->stream.writable;
}

#endif /* SLUICE_PROXY_POOL_H */
