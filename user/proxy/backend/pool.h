/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - connections to backends, in use and kept for the next exchange
 *
 * Idle ones are found by backend id, the last used first, and only while the id has the generation
 * of the connection. epoll reports when the backend ends an idle one. Each idle one has a
 * deadline of its own; once a second the pool looks for those whose backend is gone.
 */
#ifndef SLUICE_PROXY_POOL_H
#define SLUICE_PROXY_POOL_H

#include "proxy/backend/maps.h"
#include "proxy/loop/slab.h"
#include "proxy/loop/timers.h"
#include "proxy/loop/turn.h"
#include "proxy/backend/upstream.h"

struct turn;

struct pool_list {
	struct upstream_conn *newest; /* owned list */
	uint32_t count;
};

struct pool {
	struct turn *turn; /* borrowed */
	struct maps *maps; /* borrowed */
	struct turn_hook hook;
	struct slab conns;          /* struct upstream_conn, of HTTP/2 as well */
	struct pool_list *backends; /* owned array by backend id */
	struct upstream_conn *lru_newest, *lru_oldest;
	struct timer sweep;
	uint32_t backends_max;
	uint32_t idle_count;
	uint32_t own_count; /* of the idle ones, those that serve only one client */
};

int pool_init(struct pool *pool, struct turn *turn, struct maps *maps); /* Return: 0; -ENOMEM. */
void pool_free(struct pool *pool);                                      /* closes the idle ones */

/* An idle connection to this backend, of this way; NULL: none. The caller owns it until put or
 * closed. */
struct upstream_conn *pool_get(struct pool *pool, const struct backend_view *backend,
			       const struct upstream_way *way);

/**
 * pool_connect - begin to connect, to a backend that is asked in HTTP/1.1
 * Return: as upstream_connect(). It comes to the pool when its owner lets it go.
 */
int pool_connect(struct pool *pool, const struct backend_view *backend,
		 const struct upstream_way *way, struct upstream_conn **out);

/* Closes the idle connections that serve only this client: it is gone. */
void pool_forget_client(struct pool *pool, uint64_t client_id);

#endif /* SLUICE_PROXY_POOL_H */
