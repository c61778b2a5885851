// SPDX-License-Identifier: Apache-2.0
/*
 * delta.c - hands out what the work on the table has gathered
 */
#include "table/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"

/* An id that went and came back, or came and went, within one update is told of once. */
static void keep_backends(const struct table *table, struct table_delta *delta)
{
	size_t set = 0, removed = 0;

	for (size_t i = 0; i < delta->backends_set_count; i++)
		if (!ids_is_parked(&table->backend_ids, delta->backends_set[i].id))
			delta->backends_set[set++] = delta->backends_set[i];
	delta->backends_set_count = set;
	for (size_t i = 0; i < delta->backends_removed_count; i++)
		if (ids_is_parked(&table->backend_ids, delta->backends_removed[i]))
			delta->backends_removed[removed++] = delta->backends_removed[i];
	delta->backends_removed_count = removed;
}

static void keep_upstreams(const struct table *table, struct table_delta *delta)
{
	size_t removed = 0;

	for (size_t i = 0; i < delta->upstreams_removed_count; i++)
		if (ids_is_parked(&table->upstream_ids, delta->upstreams_removed[i]))
			delta->upstreams_removed[removed++] = delta->upstreams_removed[i];
	delta->upstreams_removed_count = removed;
}

/* Also of addresses that have a frontend again: removal is the last thing that is applied. */
static void keep_frontends(struct table *table, struct table_delta *delta)
{
	size_t removed = 0;

	for (size_t i = 0; i < delta->frontends_removed_count; i++) {
		struct table_frontend *frontend = &delta->frontends_removed[i];
		char key[FRONTEND_KEY_MAX];

		frontend_key(&frontend->addr, frontend->port, frontend->proto, key);
		if (strmap_get(&table->frontends, key))
			free(frontend->owner);
		else
			delta->frontends_removed[removed++] = *frontend;
	}
	delta->frontends_removed_count = removed;
}

/* Owners of removed frontends live until the next delta. */
static int keep_owners(struct table *table, const struct table_delta *delta)
{
	size_t count = delta->frontends_removed_count;
	char **owners = NULL;

	if (count) {
		owners = malloc(count * sizeof(*owners));
		if (!owners)
			return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		owners[i] = delta->frontends_removed[i].owner;
	for (size_t i = 0; i < table->old_owners_count; i++)
		free(table->old_owners[i]);
	free(table->old_owners);
	table->old_owners = owners;
	table->old_owners_count = count;
	return 0;
}

static void move_arrays(struct changes *changes, struct table_delta *delta)
{
	delta->backends_set = changes->backends_set;
	delta->backends_set_count = changes->backends_set_count;
	delta->backends_removed = changes->backends_removed;
	delta->backends_removed_count = changes->backends_removed_count;
	delta->upstreams_removed = changes->upstreams_removed;
	delta->upstreams_removed_count = changes->upstreams_removed_count;
	delta->frontends_removed = changes->frontends_removed;
	delta->frontends_removed_count = changes->frontends_removed_count;
	delta->problems_added = changes->problems_added.items;
	delta->problems_added_count = changes->problems_added.count;
	delta->problems_cleared = changes->problems_cleared.items;
	delta->problems_cleared_count = changes->problems_cleared.count;
	delta->routes_changed = changes->routes;
	delta->certificates_changed = changes->certificates;
	delta->denylist_changed = changes->denylist;
}

static int copy_entries(struct changes *changes, struct table_delta *delta)
{
	delta->upstreams_set =
		calloc(changes->upstreams_set_count + 1, sizeof(*delta->upstreams_set));
	delta->frontends_set =
		calloc(changes->frontends_set_count + 1, sizeof(*delta->frontends_set));
	if (!delta->upstreams_set || !delta->frontends_set)
		return -ENOMEM;
	for (size_t i = 0; i < changes->upstreams_set_count; i++)
		delta->upstreams_set[i] = changes->upstreams_set[i]->shown;
	for (size_t i = 0; i < changes->frontends_set_count; i++)
		delta->frontends_set[i] = changes->frontends_set[i]->shown;
	delta->upstreams_set_count = changes->upstreams_set_count;
	delta->frontends_set_count = changes->frontends_set_count;
	return 0;
}

static bool is_empty(const struct changes *changes)
{
	return !changes->backends_set_count && !changes->backends_removed_count &&
	       !changes->upstreams_set_count && !changes->upstreams_removed_count &&
	       !changes->frontends_set_count && !changes->frontends_removed_count &&
	       !changes->problems_added.count && !changes->problems_cleared.count &&
	       !changes->routes && !changes->certificates && !changes->denylist;
}

int delta_make(struct table *table, struct table_delta **out)
{
	struct changes *changes = &table->changes;
	struct table_delta *delta = calloc(1, sizeof(*delta));
	int err = delta ? copy_entries(changes, delta) : -ENOMEM;

	if (!err) {
		delta->frontends_removed = changes->frontends_removed;
		delta->frontends_removed_count = changes->frontends_removed_count;
		keep_frontends(table, delta);
		changes->frontends_removed_count = delta->frontends_removed_count;
		err = keep_owners(table, delta);
	}
	if (err) {
		if (delta)
			delta->frontends_removed = NULL; /* still of .changes */
		table_delta_free(delta);
		return err;
	}
	problems_cancel(&changes->problems_added, &changes->problems_cleared);
	if (!is_empty(changes) || !table->started)
		table->generation++;
	move_arrays(changes, delta);
	keep_backends(table, delta);
	keep_upstreams(table, delta);
	delta->generation = table->generation;
	for (size_t i = 0; i < changes->upstreams_set_count; i++)
		changes->upstreams_set[i]->in_delta = false;
	for (size_t i = 0; i < changes->frontends_set_count; i++)
		changes->frontends_set[i]->in_delta = false;
	free(changes->upstreams_set);
	free(changes->frontends_set);
	memset(changes, 0, sizeof(*changes));
	*out = delta;
	return 0;
}

static void free_problems(struct problem *items, size_t count)
{
	struct problem_set set = { .items = items, .count = count };

	problems_clear(&set);
}

void table_delta_free(struct table_delta *delta)
{
	if (!delta)
		return;
	free(delta->backends_set);
	free(delta->backends_removed);
	free(delta->upstreams_set);
	free(delta->upstreams_removed);
	free(delta->frontends_set);
	free(delta->frontends_removed);
	free_problems(delta->problems_added, delta->problems_added_count);
	free_problems(delta->problems_cleared, delta->problems_cleared_count);
	free(delta);
}

void changes_clear(struct table *table)
{
	struct changes *changes = &table->changes;

	for (size_t i = 0; i < changes->frontends_removed_count; i++)
		free(changes->frontends_removed[i].owner);
	for (size_t i = 0; i < table->old_owners_count; i++)
		free(table->old_owners[i]);
	free(table->old_owners);
	free(changes->backends_set);
	free(changes->backends_removed);
	free(changes->upstreams_set);
	free(changes->upstreams_removed);
	free(changes->frontends_set);
	free(changes->frontends_removed);
	problems_clear(&changes->problems_added);
	problems_clear(&changes->problems_cleared);
	memset(changes, 0, sizeof(*changes));
}
