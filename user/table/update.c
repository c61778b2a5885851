// SPDX-License-Identifier: Apache-2.0
/*
 * update.c - the life of a table, and the order in which marks are worked off
 *
 * note.c says what a change marks.
 * compile_ingress.c, compile_service.c, compile_host.c, compile_frontend.c and upstream.c do the
 * work on one entry each; options.c, endpoints.c, policy.c, path.c and secrets.c help them;
 * externals.c has what names of ExternalName Services stand for.
 * delta.c, snapshot_write.c and view.c hand out the result.
 */
#include "table/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "table/compile/compile.h"
#include "table/compile/listener.h"
#include "table/compile/rule_owner.h"
#include "table/delta.h"
#include "table/marks.h"
#include "table/note.h"
#include "table/options.h"
#include "table/secrets.h"
#include "table/vec.h"

/* ---- birth and death ------------------------------------------------------------------------- */

static void *copy_array(const void *items, size_t count, size_t size)
{
	void *copy = malloc(count * size + 1);

	if (copy && count)
		memcpy(copy, items, count * size);
	return copy;
}

static int copy_adopted(struct table *table, const struct table_ids *ids)
{
	struct table_ids *to = &table->adopted;

	*to = *ids;
	to->upstreams = copy_array(ids->upstreams, ids->upstreams_count, sizeof(*ids->upstreams));
	to->backends = copy_array(ids->backends, ids->backends_count, sizeof(*ids->backends));
	to->frontends = copy_array(ids->frontends, ids->frontends_count, sizeof(*ids->frontends));
	return to->upstreams && to->backends && to->frontends ? 0 : -ENOMEM;
}

/* Entries that make no sense are left to dataplane_reconcile(), which removes what is not named. */
static int adopt(struct table *table, const struct table_ids *ids)
{
	char key[BACKEND_KEY_MAX > FRONTEND_KEY_MAX ? BACKEND_KEY_MAX : FRONTEND_KEY_MAX];
	int err = copy_adopted(table, ids);

	for (size_t i = 0; i < ids->upstreams_count && err != -ENOMEM; i++)
		err = ids_adopt(&table->upstream_ids, ids->upstreams[i].name, ids->upstreams[i].id,
				1);
	for (size_t i = 0; i < ids->backends_count && err != -ENOMEM; i++) {
		backend_key(ids->backends[i].upstream_id, &ids->backends[i].addr,
			    ids->backends[i].port, key);
		err = ids_adopt(&table->backend_ids, key, ids->backends[i].id,
				ids->backends[i].generation);
	}
	for (size_t i = 0; i < ids->frontends_count && err != -ENOMEM; i++) {
		frontend_key(&ids->frontends[i].addr, ids->frontends[i].port,
			     ids->frontends[i].proto, key);
		err = ids_adopt(&table->frontend_ids, key, ids->frontends[i].id, 1);
	}
	table->generation = ids->generation;
	return err == -ENOMEM ? err : 0;
}

int table_new(const struct table_options *options, const struct table_ids *ids, struct table **out)
{
	struct table *table = calloc(1, sizeof(*table));
	int err;

	if (!table)
		return -ENOMEM;
	ids_init(&table->upstream_ids, SLUICE_UPSTREAMS_MAX - 1);
	ids_init(&table->backend_ids, SLUICE_BACKENDS_MAX - 1);
	ids_init(&table->frontend_ids, SLUICE_FRONTENDS_MAX - 1);
	table->default_marked = true;
	table->denylist_marked = true;
	table->addresses_changed = true;
	if (getrandom(&table->hash_seed, sizeof(table->hash_seed), GRND_NONBLOCK) < 0)
		table->hash_seed = 0x811c9dc5u; /* FNV offset basis, 32 bit */
	table->problem_cache = calloc(1, sizeof(*table->problem_cache));
	err = table->problem_cache ? options_copy(options, table) : -ENOMEM;
	if (!err)
		err = listener_add(table, "", NULL);
	if (!err && ids)
		err = adopt(table, ids);
	if (err)
		goto out;
	*out = table;
	table = NULL;
out:
	table_free(table);
	return err;
}

void table_ids_free(struct table_ids *ids)
{
	free(ids->upstreams);
	free(ids->backends);
	free(ids->frontends);
	memset(ids, 0, sizeof(*ids));
}

static void free_entries(struct table *table)
{
	const struct strmap_entry *at;
	size_t position = 0;

	while ((at = strmap_next(&table->ingresses, &position)))
		rule_owner_free(table, at->value);
	host_detach(table, &table->default_claim);
	target_release(table, &table->default_claim.target);
	secret_use_drop(table, &table->default_certificate);
	for (position = 0; (at = strmap_next(&table->frontends, &position));)
		frontend_free(at->value);
	for (position = 0; (at = strmap_next(&table->upstreams, &position));)
		upstream_free(at->value);
	for (position = 0; (at = strmap_next(&table->services, &position));)
		service_free(table, at->value);
	for (position = 0; (at = strmap_next(&table->hosts, &position));)
		host_free(at->value);
}

void table_free(struct table *table)
{
	if (!table)
		return;
	free_entries(table);
	strmap_clear(&table->ingresses);
	strmap_clear(&table->frontends);
	strmap_clear(&table->upstreams);
	strmap_clear(&table->services);
	strmap_clear(&table->hosts);
	for (size_t i = 0; i < table->listeners_count; i++)
		listener_remove(table, table->listeners[i]);
	free(table->listeners);
	strmap_clear(&table->secrets);
	externals_clear(table);
	free(table->http_frontends);
	problems_clear(&table->option_problems);
	problems_clear(&table->denylist_problems);
	problems_clear(&table->nginx.problems);
	policy_clear(&table->nginx.defaults);
	free(table->denylist);
	changes_clear(table);
	ids_free(&table->upstream_ids);
	ids_free(&table->backend_ids);
	ids_free(&table->frontend_ids);
	table_ids_free(&table->adopted);
	if (table->problem_cache)
		free(table->problem_cache->items);
	free(table->problem_cache);
	options_clear(table);
	free(table);
}

/* ---- working the marks off ------------------------------------------------------------------- */

/* Takes entries off @list one by one; one that fails goes back on. */
#define WORK_OFF(table, list, kind, entry, call)                 \
	while (!err && !LIST_EMPTY(&(table)->list)) {            \
		struct kind *entry = LIST_FIRST(&(table)->list); \
                                                                 \
		unmark(entry);                                   \
		err = (call);                                    \
		if (err)                                         \
			mark_entry(table, list, entry);          \
	}

static int work_off_owners(struct table *table, const struct model *model)
{
	int err = 0;

	WORK_OFF(table, marked_owners, rule_owner, owner,
		 owner->ops->compile(table, model, owner->namespace, owner->name));
	if (!err && table->default_marked)
		err = options_compile(table, model);
	if (!err)
		table->default_marked = false;
	return err;
}

/* They stay marked: at the end it is asked which of them are still needed. */
static int work_off_services(struct table *table, const struct model *model)
{
	struct service_entry *service;
	int err = 0;

	LIST_FOREACH(service, &table->marked_services, of_marked)
	{
		if (!err && service->refresh)
			err = service_refresh(table, model, service);
	}
	return err;
}

static int work_off_frontends(struct table *table, const struct model *model)
{
	const struct strmap_entry *at;
	size_t position = 0;
	int err = 0;

	if (table->addresses_changed) {
		err = frontends_http(table);
		while (!err && (at = strmap_next(&table->frontends, &position)))
			mark_frontend(table, at->value);
		if (!err)
			table->addresses_changed = false;
	}
	WORK_OFF(table, marked_frontends, frontend_entry, frontend,
		 frontend_refresh(table, model, frontend));
	return err;
}

static int work_off_rest(struct table *table, const struct model *model)
{
	int err = 0;

	WORK_OFF(table, marked_hosts, host_entry, host, host_refresh(table, model, host));
	WORK_OFF(table, marked_upstreams, upstream_entry, upstream,
		 upstream_refresh(table, model, upstream));
	WORK_OFF(table, marked_services, service_entry, service, service_collect(table, service));
	return err;
}

/* Adopted ids that nothing uses: the maps still hold them. */
static int settle_ids(struct table *table)
{
	struct table_ids *adopted = &table->adopted;
	struct changes *changes = &table->changes;
	int err = vec_reserve(&changes->backends_removed, &changes->backends_removed_capacity,
			      changes->backends_removed_count, adopted->backends_count,
			      sizeof(*changes->backends_removed));

	if (!err)
		err = vec_reserve(&changes->upstreams_removed, &changes->upstreams_removed_capacity,
				  changes->upstreams_removed_count, adopted->upstreams_count,
				  sizeof(*changes->upstreams_removed));
	if (!err)
		err = vec_reserve(&changes->frontends_removed, &changes->frontends_removed_capacity,
				  changes->frontends_removed_count, adopted->frontends_count,
				  sizeof(*changes->frontends_removed));
	if (err)
		return err;
	for (size_t i = 0; i < adopted->backends_count; i++)
		if (ids_is_parked(&table->backend_ids, adopted->backends[i].id))
			changes->backends_removed[changes->backends_removed_count++] =
				adopted->backends[i].id;
	for (size_t i = 0; i < adopted->upstreams_count; i++)
		if (ids_is_parked(&table->upstream_ids, adopted->upstreams[i].id))
			changes->upstreams_removed[changes->upstreams_removed_count++] =
				adopted->upstreams[i].id;
	for (size_t i = 0; i < adopted->frontends_count; i++)
		if (ids_is_parked(&table->frontend_ids, adopted->frontends[i].id))
			changes->frontends_removed[changes->frontends_removed_count++] =
				(struct table_frontend){
					.id = adopted->frontends[i].id,
					.addr = adopted->frontends[i].addr,
					.port = adopted->frontends[i].port,
					.proto = adopted->frontends[i].proto,
				};
	table_ids_free(adopted);
	ids_settle(&table->upstream_ids, table->now_ms);
	ids_settle(&table->backend_ids, table->now_ms);
	ids_settle(&table->frontend_ids, table->now_ms);
	return 0;
}

int table_update(struct table *table, const struct model *model, uint64_t now_ms,
		 struct table_delta **out)
{
	int err;

	table->now_ms = now_ms;
	err = table->started ? note_changes(table, model) : note_all(table, model);
	if (!err && table->denylist_marked)
		err = denylist_compile(table, model);
	if (!err)
		err = note_externals(table, model);
	if (!err)
		err = work_off_owners(table, model);
	if (!err)
		err = work_off_services(table, model);
	if (!err)
		err = work_off_frontends(table, model);
	if (!err)
		err = work_off_rest(table, model);
	if (!err && !table->started) {
		table->changes.routes = true;
		table->changes.certificates = true;
		err = settle_ids(table);
	}
	if (!err)
		err = delta_make(table, out);
	if (!err)
		table->started = true;
	return err;
}
