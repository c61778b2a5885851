// SPDX-License-Identifier: Apache-2.0
#include "dataplane/adopt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/error.h"
#include "dataplane/state.h"
#include "dataplane/walk.h"
#include "dataplane/write.h"

/* ---- notes of our own ------------------------------------------------------------------------ */

static int note_frontend(void *ctx, const struct frontend_view *view)
{
	struct dataplane *dp = ctx;

	dp->tunnel_frontends += !!(view->value.flags & FRONTEND_F_TUNNELS);
	return addresses_add(&dp->addresses, &dp->filter, &view->addr);
}

static int note_upstream(void *ctx, const struct upstream_view *view)
{
	struct dataplane *dp = ctx;
	uint64_t word = view->value.members;
	int err = extents_reserve(&dp->member_extents, (uint32_t)(word >> 32), (uint32_t)word);

	if (err == -EEXIST) {
		log_warn("dataplane: upstream %s names members of another; writing them again",
			 view->name);
		err = 0;
	}
	return err;
}

int adopt_notes(struct dataplane *dp)
{
	int err = walk_frontends(dp->maps, note_frontend, dp);

	if (!err)
		err = walk_upstreams(dp->maps, note_upstream, dp);
	if (!err)
		err = ranges_adopt(&dp->ranges, dp->maps);
	if (!err)
		err = peers_adopt(&dp->peers, dp->maps[MAP_TUNNEL_PEERS]);
	return err ? err : denylist_adopt(&dp->denylist, dp->maps);
}

/* ---- ids for the table ----------------------------------------------------------------------- */

/* clang-format off */
#define array_room(array, count) \
	((count) & ((count) - 1) ? (array) : \
	 reallocarray((array), (count) ? 2 * (count) : 1, sizeof(*(array))))
/* clang-format on */

static int id_upstream(void *ctx, const struct upstream_view *view)
{
	struct table_ids *ids = ctx;
	void *room = array_room(ids->upstreams, ids->upstreams_count);

	if (!room)
		return -ENOMEM;
	ids->upstreams = room;
	ids->upstreams[ids->upstreams_count].id = view->id;
	memcpy(ids->upstreams[ids->upstreams_count].name, view->name, sizeof(view->name));
	ids->upstreams_count++;
	return 0;
}

static int id_backend(void *ctx, const struct backend_view *view)
{
	struct table_ids *ids = ctx;
	void *room = array_room(ids->backends, ids->backends_count);
	size_t i = ids->backends_count;

	if (!room)
		return -ENOMEM;
	ids->backends = room;
	ids->backends[i].id = view->id;
	ids->backends[i].generation = view->value.generation;
	ids->backends[i].upstream_id = view->value.upstream_id;
	memcpy(ids->backends[i].addr.bytes, view->value.addr, sizeof(view->value.addr));
	ids->backends[i].port = ntohs(view->value.port);
	ids->backends_count++;
	return 0;
}

static int id_frontend(void *ctx, const struct frontend_view *view)
{
	struct table_ids *ids = ctx;
	void *room = array_room(ids->frontends, ids->frontends_count);
	size_t i = ids->frontends_count;

	if (!room)
		return -ENOMEM;
	ids->frontends = room;
	ids->frontends[i].id = view->value.frontend_id;
	ids->frontends[i].addr = view->addr;
	ids->frontends[i].port = view->port;
	ids->frontends[i].proto = view->proto;
	ids->frontends_count++;
	return 0;
}

int dataplane_read_ids(struct dataplane *dp, struct table_ids *out)
{
	const struct daemon_state *state = mapped_array_at(&dp->daemon_state, 0);
	struct table_ids ids = { .generation = state->generation };
	int err;

	err = walk_upstreams(dp->maps, id_upstream, &ids);
	if (!err)
		err = walk_backends(dp->maps, id_backend, &ids);
	if (!err)
		err = walk_frontends(dp->maps, id_frontend, &ids);
	if (err) {
		free(ids.upstreams);
		free(ids.backends);
		free(ids.frontends);
		return err;
	}
	*out = ids;
	return 0;
}

/* ---- what nobody names any more -------------------------------------------------------------- */

struct leftovers {
	const struct table_delta *first; /* borrowed */
	struct change *changes;          /* owned: the removals */
	size_t count;
	uint8_t *upstreams, *backends;     /* owned: 1 for each id that is named */
	struct table_frontend **frontends; /* owned array, sorted */
};

static int frontend_order(const struct table_frontend *a, const struct table_frontend *b)
{
	int order = inet_addr_compare(&a->addr, &b->addr);

	if (order)
		return order;
	return a->port != b->port ? (int)a->port - (int)b->port : (int)a->proto - (int)b->proto;
}

static int frontend_pointer_order(const void *a, const void *b)
{
	return frontend_order(*(struct table_frontend *const *)a,
			      *(struct table_frontend *const *)b);
}

static int leftover_add(struct leftovers *l, const struct change *change)
{
	void *room = array_room(l->changes, l->count);

	if (!room)
		return -ENOMEM;
	l->changes = room;
	l->changes[l->count++] = *change;
	return 0;
}

static int check_frontend(void *ctx, const struct frontend_view *view)
{
	struct change change = { .kind = CHANGE_FRONTEND_REMOVE };
	struct table_frontend *wanted = &change.frontend;
	struct leftovers *l = ctx;

	wanted->addr = view->addr;
	wanted->port = view->port;
	wanted->proto = view->proto;
	if (bsearch(&wanted, l->frontends, l->first->frontends_set_count, sizeof(*l->frontends),
		    frontend_pointer_order))
		return 0;
	return leftover_add(l, &change);
}

static int check_upstream(void *ctx, const struct upstream_view *view)
{
	struct change change = { .kind = CHANGE_UPSTREAM_REMOVE, .id = view->id };
	struct leftovers *l = ctx;

	return l->upstreams[view->id] ? 0 : leftover_add(l, &change);
}

static int check_backend(void *ctx, const struct backend_view *view)
{
	struct change change = { .kind = CHANGE_BACKEND_REMOVE, .id = view->id };
	struct leftovers *l = ctx;

	if (l->backends[view->id] || view->value.state == BACKEND_DOWN)
		return 0;
	return leftover_add(l, &change);
}

static int leftovers_init(struct leftovers *l, const struct table_delta *first)
{
	memset(l, 0, sizeof(*l));
	l->first = first;
	l->upstreams = calloc(SLUICE_UPSTREAMS_MAX, 1);
	l->backends = calloc(SLUICE_BACKENDS_MAX, 1);
	l->frontends = calloc(first->frontends_set_count + 1, sizeof(*l->frontends));
	if (!l->upstreams || !l->backends || !l->frontends)
		return -ENOMEM;
	for (size_t i = 0; i < first->upstreams_set_count; i++) {
		if (first->upstreams_set[i].id < SLUICE_UPSTREAMS_MAX)
			l->upstreams[first->upstreams_set[i].id] = 1;
	}
	for (size_t i = 0; i < first->backends_set_count; i++) {
		if (first->backends_set[i].id < SLUICE_BACKENDS_MAX)
			l->backends[first->backends_set[i].id] = 1;
	}
	for (size_t i = 0; i < first->frontends_set_count; i++)
		l->frontends[i] = &first->frontends_set[i];
	qsort(l->frontends, first->frontends_set_count, sizeof(*l->frontends),
	      frontend_pointer_order);
	return 0;
}

static int leftover_remove(struct dataplane *dp, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_FRONTEND_REMOVE:
		return frontend_remove(dp, &change->frontend);
	case CHANGE_UPSTREAM_REMOVE:
		return upstream_remove(dp, change->id);
	default:
		return backend_remove(dp, change->id);
	}
}

/* Ranges of frontends that should have none, or do not exist. */
static int ranges_reconcile(struct dataplane *dp, const struct table_delta *first)
{
	uint8_t *named = calloc(SLUICE_FRONTENDS_MAX, 1);
	int err = named ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < first->frontends_set_count; i++)
		if (first->frontends_set[i].ranges_count)
			named[first->frontends_set[i].id] = 1;
	for (uint32_t id = 0; !err && id < dp->ranges.count; id++)
		if (!named[id] && dp->ranges.sets[id].count)
			err = ranges_trim(&dp->ranges, dp->maps, id, NULL, 0);
	free(named);
	return err;
}

int dataplane_reconcile(struct dataplane *dp, const struct table_delta *first,
			char error[DATAPLANE_ERROR_MAX])
{
	struct leftovers l;
	int err;

	err = leftovers_init(&l, first);
	if (!err)
		err = walk_frontends(dp->maps, check_frontend, &l);
	if (!err)
		err = walk_upstreams(dp->maps, check_upstream, &l);
	if (!err)
		err = walk_backends(dp->maps, check_backend, &l);
	for (size_t i = 0; !err && i < l.count; i++)
		err = leftover_remove(dp, &l.changes[i]);
	if (!err)
		err = ranges_reconcile(dp, first);
	if (!err)
		err = addresses_reconcile(&dp->addresses, &dp->filter);
	if (err)
		error_set(error, err, "remove entries of earlier runs from the maps: %s",
			  strerror(-err));
	free(l.changes);
	free(l.upstreams);
	free(l.backends);
	free(l.frontends);
	return err;
}
