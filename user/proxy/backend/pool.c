// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/pool.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/loop/turn.h"
#include "proxy/options/settings.h"
#include "proxy/splice/splice.h"

#define SWEEP_MS 1000u

static void unlink_idle(struct pool *pool, struct upstream_conn *u)
{
	if (u->newer)
		u->newer->older = u->older;
	else
		pool->backends[u->backend_id].newest = u->older;
	if (u->older)
		u->older->newer = u->newer;
	if (u->lru_newer)
		u->lru_newer->lru_older = u->lru_older;
	else
		pool->lru_newest = u->lru_older;
	if (u->lru_older)
		u->lru_older->lru_newer = u->lru_newer;
	else
		pool->lru_oldest = u->lru_newer;
	u->newer = u->older = u->lru_newer = u->lru_older = NULL;
	pool->backends[u->backend_id].count--;
	pool->idle_count--;
	pool->own_count -= u->client_id != 0;
}

static void link_idle(struct pool *pool, struct upstream_conn *u)
{
	struct pool_list *list = &pool->backends[u->backend_id];

	u->older = list->newest;
	if (u->older)
		u->older->newer = u;
	list->newest = u;
	list->count++;
	u->lru_older = pool->lru_newest;
	if (u->lru_older)
		u->lru_older->lru_newer = u;
	else
		pool->lru_oldest = u;
	pool->lru_newest = u;
	pool->idle_count++;
	pool->own_count += u->client_id != 0;
}

static void close_idle(struct pool *pool, struct upstream_conn *u)
{
	unlink_idle(pool, u);
	upstream_close(u);
}

/* Ends what was idle too long, and what leads to a backend that is gone. */
static void sweep(struct timer *timer)
{
	struct pool *pool = (struct pool *)((char *)timer - offsetof(struct pool, sweep));
	struct turn *turn = pool->turn;
	struct upstream_conn *u = pool->lru_oldest;

	while (u) {
		struct upstream_conn *newer = u->lru_newer;

		if (u->idle_since_ms + turn->settings->upstream_idle_timeout_ms <= turn->now_ms ||
		    !maps_backend_alive(pool->maps, u->backend_id, u->backend_generation))
			close_idle(pool, u);
		u = newer;
	}
	if (pool->idle_count)
		turn_arm(turn, &pool->sweep, SWEEP_MS);
}

/* The sweep is the deadline of all that are idle. */
static const char *check(const struct turn_hook *hook)
{
	const struct pool *pool =
		(const struct pool *)((const char *)hook - offsetof(struct pool, hook));

	return pool->idle_count && !pool->sweep.deadline_ms ? "an idle connection to a backend"
							    : NULL;
}

int pool_init(struct pool *pool, struct turn *turn, struct maps *maps)
{
	pool->turn = turn;
	pool->maps = maps;
	turn_slab(turn, &pool->conns, sizeof(struct upstream_conn));

	/* calloc: pages of backends that this worker never talks to are never touched. */
	pool->backends = calloc(maps->backends_max, sizeof(struct pool_list));
	if (!pool->backends)
		return -ENOMEM;
	pool->backends_max = maps->backends_max;
	pool->sweep.fn = sweep;
	pool->hook.check = check;
	turn_hook(turn, &pool->hook);
	return turn_timer_room(turn);
}

void pool_free(struct pool *pool)
{
	while (pool->lru_oldest)
		close_idle(pool, pool->lru_oldest);
	free(pool->backends);
	pool->backends = NULL;
	slab_free(&pool->conns);
}

/* True if nothing came on an idle connection, neither bytes nor its end. (TLS sessions may.) */
static bool quiet(struct upstream_conn *u)
{
	char byte;

	if (splice_is_source(&u->stream) && !splice_is_quiet(u->stream.splice))
		return false;
	return stream_read(&u->stream, &byte, 1) == -EAGAIN;
}

struct upstream_conn *pool_get(struct pool *pool, const struct backend_view *backend,
			       const struct upstream_way *way)
{
	struct upstream_conn *u, *older;

	if (backend->id >= pool->backends_max)
		return NULL;
	for (u = pool->backends[backend->id].newest; u; u = older) {
		older = u->older;
		if (u->backend_generation == backend->generation && !upstream_is(u, way))
			continue;
		if (u->backend_generation == backend->generation && quiet(u)) {
			unlink_idle(pool, u);
			u->reused = true;
			pool->turn->stats->upstream_reused++;
			return u;
		}
		close_idle(pool, u);
	}
	return NULL;
}

void pool_forget_client(struct pool *pool, uint64_t client_id)
{
	struct upstream_conn *u = pool->own_count ? pool->lru_oldest : NULL;

	while (u) {
		struct upstream_conn *newer = u->lru_newer;

		if (u->client_id == client_id)
			close_idle(pool, u);
		u = newer;
	}
}

/* ---- what its owner asks of a connection of HTTP/1.1 ----------------------------------------- */

/* An event on an idle connection: its end, or unexpected bytes. */
static void on_idle(struct upstream_conn *u)
{
	if (!quiet(u))
		close_idle(u->pool, u);
}

/* Keeps a connection that may serve again, or closes it. */
static void put(struct upstream_conn *u)
{
	struct pool *pool = u->pool;
	struct turn *turn = pool->turn;
	const struct settings *settings = turn->settings;

	if (turn->draining || !settings->upstream_idle_max || u->stream.broken ||
	    u->stream.peer_ended ||
	    !maps_backend_alive(pool->maps, u->backend_id, u->backend_generation) ||
	    pool->backends[u->backend_id].count >= settings->upstream_idle_backend_max) {
		upstream_close(u);
		return;
	}
	if (pool->idle_count >= settings->upstream_idle_max)
		close_idle(pool, pool->lru_oldest);
	u->on_ready = on_idle;
	u->owner = NULL;
	u->idle_since_ms = turn->now_ms;
	link_idle(pool, u);
	if (!pool->sweep.deadline_ms)
		turn_arm(turn, &pool->sweep, SWEEP_MS);
}

static struct sink *begin(struct upstream_conn *u, struct http1_writer *writer, bool trailers)
{
	(void)trailers; /* those of HTTP/1.1 are framed, wanted or not */
	http1_writer_rewind(writer, &u->stream);
	return &writer->sink;
}

static void let_go(struct upstream_conn *u, bool reuse)
{
	if (reuse)
		put(u);
	else
		upstream_close(u);
}

static const struct upstream_ops http1_ops = {
	.open = upstream_go_on,
	.begin = begin,
	.let_go = let_go,
};

int pool_connect(struct pool *pool, const struct backend_view *backend,
		 const struct upstream_way *way, struct upstream_conn **out)
{
	int err = upstream_connect(pool->turn, &pool->conns, backend, way, out);

	if (err)
		return err;
	(*out)->ops = &http1_ops;
	(*out)->pool = pool;
	return 0;
}
