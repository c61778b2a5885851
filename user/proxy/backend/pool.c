// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/pool.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/loop/turn.h"
#include "proxy/options/settings.h"
#include "proxy/splice/splice.h"

#define SWEEP_MS 1000u

/* ---- states and their deadlines -------------------------------------------------------------- */

/* How long a state may last: offset of the time in struct settings; 0: the owner has the
 * deadline. */
static const size_t limits[UPSTREAM_STATES] = {
	[UPSTREAM_USED] = 0,
	[UPSTREAM_IDLE] = offsetof(struct settings, upstream_idle_timeout_ms),
};

/* The only way from one state to another: arms the deadline of the new one. */
static void pool_conn_set_state(struct upstream_conn *u, enum upstream_state state)
{
	const char *settings = (const char *)u->turn->settings;

	u->state = (uint8_t)state;
	if (limits[state])
		turn_arm(u->turn, &u->timer,
			 *(const uint64_t *)(const void *)(settings + limits[state]));
	else
		timer_disarm(&u->timer);
}

/* ---- the idle ones --------------------------------------------------------------------------- */

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

static void pool_conn_close(struct upstream_conn *u)
{
	turn_timer_drop(u->turn, &u->timer);
	upstream_close(u);
}

static void close_idle(struct pool *pool, struct upstream_conn *u)
{
	unlink_idle(pool, u);
	pool_conn_close(u);
}

static void on_timer(struct timer *timer)
{
	struct upstream_conn *u =
		(struct upstream_conn *)((char *)timer - offsetof(struct upstream_conn, timer));

	close_idle(u->pool, u);
}

/* Ends what leads to a backend that is gone. */
static void sweep(struct timer *timer)
{
	struct pool *pool = (struct pool *)((char *)timer - offsetof(struct pool, sweep));
	struct turn *turn = pool->turn;
	struct upstream_conn *u = pool->lru_oldest;

	while (u) {
		struct upstream_conn *newer = u->lru_newer;

		if (!maps_backend_alive(pool->maps, u->backend_id, u->backend_generation))
			close_idle(pool, u);
		u = newer;
	}
	if (pool->idle_count)
		turn_arm(turn, &pool->sweep, SWEEP_MS);
}

/* Each that is idle has its deadline, and is looked at while it waits for that. */
static const char *check(const struct turn_hook *hook)
{
	const struct pool *pool =
		(const struct pool *)((const char *)hook - offsetof(struct pool, hook));

	if (pool->idle_count && !pool->sweep.deadline_ms)
		return "the look for backends that are gone";
	for (const struct upstream_conn *u = pool->lru_newest; u; u = u->lru_older)
		if (u->state != UPSTREAM_IDLE || !u->timer.index || !u->timer.deadline_ms)
			return "an idle connection to a backend";
	return NULL;
}

static bool shed(struct turn_hook *hook)
{
	struct pool *pool = (struct pool *)((char *)hook - offsetof(struct pool, hook));

	if (!pool->lru_oldest)
		return false;
	close_idle(pool, pool->lru_oldest);
	return true;
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
	pool->hook.shed = shed;
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
			pool_conn_set_state(u, UPSTREAM_USED);
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
		pool_conn_close(u);
		return;
	}
	if (pool->idle_count >= settings->upstream_idle_max)
		close_idle(pool, pool->lru_oldest);
	u->on_ready = on_idle;
	u->owner = NULL;
	link_idle(pool, u);
	pool_conn_set_state(u, UPSTREAM_IDLE);
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
		pool_conn_close(u);
}

static const struct upstream_ops http1_ops = {
	.open = upstream_go_on,
	.begin = begin,
	.let_go = let_go,
};

int pool_connect(struct pool *pool, const struct backend_view *backend,
		 const struct upstream_way *way, struct upstream_conn **out)
{
	struct turn *turn = pool->turn;
	int err = turn_timer_room(turn);

	if (err)
		return err;
	err = upstream_connect(turn, &pool->conns, backend, way, out);
	if (err) {
		turn->timers_used--; /* it was never armed */
		return err;
	}
	(*out)->ops = &http1_ops;
	(*out)->pool = pool;
	(*out)->timer.fn = on_timer;
	pool_conn_set_state(*out, UPSTREAM_USED);
	return 0;
}
