// SPDX-License-Identifier: Apache-2.0
/*
 * upstream.c - the sets of backends: which exist, what their members are, which ids they have
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/vec.h"

/* What the scopes are called in names; with "65535/udp" before it at most 15 bytes. */
static const char *const scope_suffix[] = {
	[SCOPE_ALL] = "",
	[SCOPE_V4] = "@v4",
	[SCOPE_V6] = "@v6",
	[SCOPE_NODE] = "@node",
	[SCOPE_NODE | SCOPE_V4] = "@node4",
	[SCOPE_NODE | SCOPE_V6] = "@node6",
};

void backend_key(uint32_t upstream_id, const struct inet_addr *addr, uint16_t port,
		 char key[BACKEND_KEY_MAX])
{
	int n = snprintf(key, BACKEND_KEY_MAX, "%u/%u/", upstream_id, port);

	for (int i = 0; i < 16; i++)
		n += snprintf(key + n, (size_t)(BACKEND_KEY_MAX - n), "%02x", addr->bytes[i]);
}

static int upstream_new(struct table *table, struct service_entry *service, const char *name,
			struct upstream_entry **out)
{
	struct upstream_entry *upstream = calloc(1, sizeof(*upstream));
	int err = -ENOMEM;

	if (!upstream)
		return -ENOMEM;
	snprintf(upstream->shown.name, sizeof(upstream->shown.name), "%s", name);
	upstream->service = service;
	err = ids_take(&table->upstream_ids, name, table->now_ms, &upstream->shown.id, NULL);
	if (err)
		goto out;
	err = strmap_put(&table->upstreams, name, upstream, NULL);
	if (err) {
		ids_park(&table->upstream_ids, name, upstream->shown.id, table->now_ms);
		goto out;
	}
	LIST_INSERT_HEAD(&service->upstreams, upstream, of_service);
	*out = upstream;
	upstream = NULL;
out:
	free(upstream);
	return err;
}

int upstream_acquire(struct table *table, struct service_entry *service, uint16_t port,
		     uint8_t proto, uint8_t scope, bool ring, struct upstream_entry **out)
{
	char name[SLUICE_UPSTREAM_NAME_MAX];
	struct upstream_entry *upstream;
	int n, err;

	n = snprintf(name, sizeof(name), "%s:%u%s%s", service->key, port,
		     proto == IPPROTO_UDP ? "/udp" : "", scope_suffix[scope]);
	if (n < 0 || (size_t)n >= sizeof(name))
		return -EINVAL;
	upstream = strmap_get(&table->upstreams, name);
	if (!upstream) {
		err = upstream_new(table, service, name, &upstream);
		if (err)
			return err;
		upstream->port = port;
		upstream->proto = proto;
		upstream->scope = scope;
		mark_upstream(table, upstream);
	}
	upstream->references++;
	if (ring && upstream->ring_references++ == 0)
		mark_upstream(table, upstream);
	*out = upstream;
	return 0;
}

void upstream_release(struct table *table, struct upstream_entry *upstream, bool ring)
{
	if (!upstream)
		return;
	if (ring && --upstream->ring_references == 0)
		mark_upstream(table, upstream);
	if (--upstream->references == 0)
		mark_upstream(table, upstream);
}

/* Room for all that a change of @upstream to @count backends can say. */
static int reserve(struct changes *changes, const struct upstream_entry *upstream, size_t count)
{
	int err = vec_reserve(&changes->backends_set, &changes->backends_set_capacity,
			      changes->backends_set_count, count, sizeof(*changes->backends_set));

	if (!err)
		err = vec_reserve(&changes->backends_removed, &changes->backends_removed_capacity,
				  changes->backends_removed_count, upstream->backends_count,
				  sizeof(*changes->backends_removed));
	if (!err)
		err = vec_reserve(&changes->upstreams_set, &changes->upstreams_set_capacity,
				  changes->upstreams_set_count, 1, sizeof(*changes->upstreams_set));
	if (!err)
		err = vec_reserve(&changes->upstreams_removed, &changes->upstreams_removed_capacity,
				  changes->upstreams_removed_count, 1,
				  sizeof(*changes->upstreams_removed));
	return err;
}

static void park_backend(struct table *table, const struct table_backend *backend)
{
	char key[BACKEND_KEY_MAX];

	backend_key(backend->upstream_id, &backend->addr, backend->port, key);
	ids_park(&table->backend_ids, key, backend->id, table->now_ms);
}

static void remove_backend(struct table *table, const struct table_backend *backend)
{
	struct changes *changes = &table->changes;

	park_backend(table, backend);
	changes->backends_removed[changes->backends_removed_count++] = backend->id;
	table->backends_count--;
}

static int backend_order(const struct table_backend *a, const struct table_backend *b)
{
	int order = inet_addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->port - (int)b->port;
}

/* Hands on the ids of backends that stay; both lists ascending. */
static void keep_ids(const struct upstream_entry *upstream, struct table_backend *now, size_t count)
{
	size_t j = 0;

	for (size_t i = 0; i < count; i++) {
		int order = 1;

		while (j < upstream->backends_count &&
		       (order = backend_order(&upstream->backends[j], &now[i])) < 0)
			j++;
		if (j == upstream->backends_count || order)
			continue;
		now[i].id = upstream->backends[j].id;
		now[i].generation = upstream->backends[j].generation;
	}
}

static bool is_new(const struct upstream_entry *upstream, uint32_t id)
{
	for (size_t i = 0; i < upstream->backends_count; i++)
		if (upstream->backends[i].id == id)
			return false;
	return true;
}

/*
 * Ids for the backends that have none. Without ids left the rest stay without and are dropped by
 * the caller. Return: 0; -ENOMEM, those taken here are given back.
 */
static int take_ids(struct table *table, const struct upstream_entry *upstream,
		    struct table_backend *now, size_t count)
{
	char key[BACKEND_KEY_MAX];
	int err = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		if (now[i].id)
			continue;
		backend_key(upstream->shown.id, &now[i].addr, now[i].port, key);
		err = ids_take(&table->backend_ids, key, table->now_ms, &now[i].id,
			       &now[i].generation);
		if (err == -ENOSPC) {
			err = 0;
			now[i].id = 0;
		}
		if (err)
			break;
	}
	if (!err)
		return 0;
	for (size_t j = 0; j < i; j++)
		if (now[j].id && is_new(upstream, now[j].id))
			park_backend(table, &now[j]);
	return err;
}

/* Backends of other nodes that are to be reached by tunnels which nothing leads to. */
static size_t count_homeless(const struct upstream_entry *upstream)
{
	size_t count = 0;

	if (!upstream->ring_references || upstream->service->l4.policy.mode != TABLE_L4_DSR)
		return 0;
	for (size_t i = 0; i < upstream->backends_count; i++)
		count += !(upstream->backends[i].flags & (BACKEND_F_LOCAL | BACKEND_F_DSR));
	return count;
}

/* Problems of the endpoints; the set becomes empty if there are none. */
static int report(struct table *table, struct upstream_entry *upstream, size_t left_out)
{
	struct problem_object object = { OBJECT_SERVICE, upstream->service->namespace,
					 upstream->service->name, upstream->service->uid };
	struct problem_set now = {};
	int err = 0;

	if (left_out)
		err = problems_add(
			&now, &object, PROBLEM_WARNING, "TableFull", "",
			"%zu endpoints of %s are left out: all %u backend ids are in use", left_out,
			upstream->shown.name, table->backend_ids.max);
	if (!err && count_homeless(upstream))
		err = problems_add(
			&now, &object, PROBLEM_WARNING, "NodeAddressUnknown", "",
			"%zu endpoints of %s run on nodes whose InternalIP is not known "
			"(no such Node object): they are reached by source NAT, not by DSR",
			count_homeless(upstream), upstream->shown.name);
	if (!err && (now.count || upstream->problems.count))
		err = problems_replace(&upstream->problems, &now, &table->changes.problems_added,
				       &table->changes.problems_cleared);
	problems_clear(&now);
	return err;
}

static int report_none(struct table *table, struct upstream_entry *upstream)
{
	struct problem_set none = {};

	return problems_replace(&upstream->problems, &none, &table->changes.problems_added,
				&table->changes.problems_cleared);
}

/* Moves backends without an id to the end and takes them off. Order is kept. */
static size_t drop_without_id(struct table_backend *now, bool *serving, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (!now[i].id)
			continue;
		serving[kept] = serving[i];
		now[kept++] = now[i];
	}
	return kept;
}

/* FNV-1a of the weights, in the members' order. */
static void add_weight(struct table_upstream *shown, uint16_t weight)
{
	shown->weights_hash = (shown->weights_hash ^ weight) * 0x01000193u;
}

/* Ready backends; if there is none, those that serve while they terminate. */
static void fill_members(struct table_upstream *shown, uint32_t *members,
			 const struct table_backend *backends, const bool *serving, size_t count)
{
	shown->members = members;
	shown->members_count = 0;
	shown->flags = 0;
	shown->backends_active = 0;
	shown->backends_draining = 0;
	shown->weights_hash = 0x811c9dc5u; /* FNV offset basis, 32 bit */
	for (size_t i = 0; i < count; i++) {
		if (backends[i].state == BACKEND_ACTIVE) {
			members[shown->members_count++] = backends[i].id;
			shown->backends_active++;
			add_weight(shown, backends[i].weight);
		} else {
			shown->backends_draining++;
		}
	}
	for (size_t i = 0; i < count && !shown->backends_active; i++) {
		if (serving[i]) {
			members[shown->members_count++] = backends[i].id;
			add_weight(shown, backends[i].weight);
			shown->flags |= UPSTREAM_F_FALLBACK;
		}
	}
}

static bool shown_equal(const struct table_upstream *a, const struct table_upstream *b)
{
	return a->flags == b->flags && a->members_count == b->members_count &&
	       a->backends_active == b->backends_active &&
	       a->backends_draining == b->backends_draining && a->wants_ring == b->wants_ring &&
	       a->weights_hash == b->weights_hash &&
	       (!a->members_count ||
		memcmp(a->members, b->members, a->members_count * sizeof(*a->members)) == 0);
}

static bool backend_equal(const struct table_backend *a, const struct table_backend *b)
{
	return a->id == b->id && a->generation == b->generation && a->state == b->state &&
	       a->flags == b->flags && a->weight == b->weight && a->terminating == b->terminating &&
	       inet_addr_compare(&a->node_addr, &b->node_addr) == 0;
}

/* Notes the difference between the backends in use and @now. Room is reserved. */
static void note_backends(struct table *table, const struct upstream_entry *upstream,
			  const struct table_backend *now, size_t count)
{
	struct changes *changes = &table->changes;
	size_t i = 0, j = 0;

	while (i < upstream->backends_count || j < count) {
		int order = i == upstream->backends_count ? 1
			    : j == count                  ? -1
					 : backend_order(&upstream->backends[i], &now[j]);

		if (order < 0) {
			remove_backend(table, &upstream->backends[i++]);
			continue;
		}
		if (order > 0)
			table->backends_count++;
		if (order > 0 || !backend_equal(&upstream->backends[i], &now[j]))
			changes->backends_set[changes->backends_set_count++] = now[j];
		if (order == 0)
			i++;
		j++;
	}
}

static void note_upstream(struct table *table, struct upstream_entry *upstream)
{
	struct changes *changes = &table->changes;

	if (upstream->in_delta)
		return;
	upstream->in_delta = true;
	changes->upstreams_set[changes->upstreams_set_count++] = upstream;
}

/* The last reference is gone. */
static int upstream_remove(struct table *table, struct upstream_entry *upstream)
{
	struct changes *changes = &table->changes;
	int err = reserve(changes, upstream, 0);

	if (!err)
		err = report_none(table, upstream);
	if (err)
		return err;
	for (size_t i = 0; i < upstream->backends_count; i++)
		remove_backend(table, &upstream->backends[i]);
	for (size_t i = 0; upstream->in_delta && i < changes->upstreams_set_count; i++) {
		if (changes->upstreams_set[i] != upstream)
			continue;
		changes->upstreams_set[i] = changes->upstreams_set[--changes->upstreams_set_count];
		break;
	}
	changes->upstreams_removed[changes->upstreams_removed_count++] = upstream->shown.id;
	ids_park(&table->upstream_ids, upstream->shown.name, upstream->shown.id, table->now_ms);
	strmap_remove(&table->upstreams, upstream->shown.name);
	LIST_REMOVE(upstream, of_service);
	mark_service(table, upstream->service);
	upstream_free(upstream);
	return 0;
}

int upstream_refresh(struct table *table, const struct model *model,
		     struct upstream_entry *upstream)
{
	struct table_upstream shown = upstream->shown;
	struct table_backend *now = NULL;
	uint32_t *members = NULL;
	bool *serving = NULL;
	size_t count, all;
	int err;

	if (!upstream->references)
		return upstream_remove(table, upstream);
	err = endpoints_collect(table, model, upstream, &now, &all, &serving);
	if (err)
		goto out;
	members = calloc(all + 1, sizeof(*members));
	err = members ? reserve(&table->changes, upstream, all) : -ENOMEM;
	if (err)
		goto out;
	keep_ids(upstream, now, all);
	err = take_ids(table, upstream, now, all);
	if (err)
		goto out;
	count = drop_without_id(now, serving, all);
	fill_members(&shown, members, now, serving, count);
	shown.wants_ring = upstream->ring_references != 0;
	note_backends(table, upstream, now, count);
	if (!upstream->announced || !shown_equal(&shown, &upstream->shown))
		note_upstream(table, upstream);
	upstream->announced = true;
	free((uint32_t *)upstream->shown.members);
	free(upstream->backends);
	upstream->shown = shown;
	upstream->backends = now;
	upstream->backends_count = count;
	now = NULL;
	members = NULL;
	err = report(table, upstream, all - count);
out:
	free(now);
	free(members);
	free(serving);
	return err;
}

void upstream_free(struct upstream_entry *upstream)
{
	if (!upstream)
		return;
	unmark(upstream);
	problems_clear(&upstream->problems);
	free((uint32_t *)upstream->shown.members);
	free(upstream->backends);
	free(upstream);
}
