// SPDX-License-Identifier: Apache-2.0
/*
 * view.c - what others may read of a table: counts, problems, routes
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/marks.h"

/* All problem sets of the table, one after the other; starts zeroed. */
struct problem_walk {
	size_t step, position;
};

static const struct problem_set *set_of(size_t step, void *value)
{
	switch (step) {
	case 0:
		return &((struct rule_owner *)value)->problems;
	case 1:
		return &((struct service_entry *)value)->problems;
	case 2:
		return &((struct host_entry *)value)->problems;
	case 3:
		return &((struct frontend_entry *)value)->problems;
	default:
		return &((struct upstream_entry *)value)->problems;
	}
}

/* NULL at the end. */
static const struct problem_set *problem_walk_next(const struct table *table,
						   struct problem_walk *walk)
{
	const struct strmap *const maps[] = { &table->ingresses, &table->services, &table->hosts,
					      &table->frontends, &table->upstreams };
	const struct strmap_entry *at;

	while (walk->step < 5) {
		at = strmap_next(maps[walk->step], &walk->position);
		if (at)
			return set_of(walk->step, at->value);
		walk->step++;
		walk->position = 0;
	}
	switch (walk->step++) {
	case 5:
		return &table->option_problems;
	case 6:
		return &table->denylist_problems;
	case 7:
		return &table->nginx.problems;
	}
	return NULL;
}

void table_count(const struct table *table, struct table_counts *out)
{
	struct problem_walk walk = {};
	const struct problem_set *set;
	const struct strmap_entry *at;
	size_t position = 0;

	*out = (struct table_counts){
		.frontends = (uint32_t)table->frontends.count,
		.upstreams = (uint32_t)table->upstreams.count,
		.backends = table->backends_count,
		.routes = table->routes_count,
	};
	while ((at = strmap_next(&table->hosts, &position))) {
		const struct host_entry *host = at->value;
		const struct snapshot_host *block = host->block;

		out->routes += host->default_backend != NULL;
		out->hosts += block && block->flags & SNAPSHOT_HOST_F_RULES &&
			      strcmp(host->name, DEFAULT_HOST) != 0;
	}
	while ((set = problem_walk_next(table, &walk)))
		out->problems += (uint32_t)set->count;
}

const struct problem *table_problems(const struct table *table, size_t *count)
{
	struct problem_cache *cache = table->problem_cache;
	struct problem_walk walk = {};
	const struct problem_set *set;
	struct table_counts counts;
	size_t filled = 0;

	*count = 0;
	table_count(table, &counts);
	free(cache->items);
	cache->items = malloc((counts.problems + 1) * sizeof(*cache->items));
	if (!cache->items)
		return NULL;
	while ((set = problem_walk_next(table, &walk)))
		for (size_t i = 0; i < set->count; i++)
			cache->items[filled++] = set->items[i];
	*count = filled;
	return cache->items;
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* Does a host have TLS, by its own entry or that of the wildcard that covers it? */
static bool has_tls(const struct table *table, const struct host_entry *host)
{
	const char *dot = strchr(host->name, '.');
	const struct host_entry *wildcard = NULL;
	char name[256];

	if (host->tls)
		return true;
	if (host->name[0] != '*' && dot && dot != host->name && strlen(dot) < sizeof(name) - 1) {
		name[0] = '*';
		strcpy(name + 1, dot);
		wildcard = strmap_get(&table->hosts, name);
	}
	return wildcard && wildcard->tls;
}

static int call(const struct host_entry *host, const struct claim *claim, bool tls,
		table_route_fn *fn, void *ctx)
{
	const struct upstream_entry *upstream = claim->target.upstream;
	struct table_route_view view = {
		.host = strcmp(host->name, DEFAULT_HOST) ? host->name : "",
		.path = claim->path ? claim->path : "",
		.type = claim->type,
		.regex = claim->regex,
		.is_default = claim->kind == CLAIM_HOST,
		.upstream = upstream ? upstream->shown.name : claim->target.name,
		.upstream_id = upstream ? upstream->shown.id : 0,
		.ingress = claim->owner ? claim->owner->key : "",
		.tls = tls,
	};

	return fn(ctx, &view);
}

/* Exact hosts, wildcards, rules without a host, the overall default: as they are asked. */
static int rank_of(const struct host_entry *host)
{
	if (strcmp(host->name, DEFAULT_HOST) == 0)
		return 3;
	if (!host->name[0])
		return 2;
	return host->name[0] == '*';
}

static int host_compare(const void *left, const void *right)
{
	const struct host_entry *a = *(struct host_entry *const *)left;
	const struct host_entry *b = *(struct host_entry *const *)right;
	int order = rank_of(a) - rank_of(b);

	return order ? order : strcmp(a->name, b->name);
}

int table_each_route(const struct table *table, table_route_fn *fn, void *ctx)
{
	struct host_entry **hosts = malloc((table->hosts.count + 1) * sizeof(struct host_entry *));
	const struct strmap_entry *at;
	size_t position = 0, count = 0;
	int result = 0;

	if (!hosts)
		return -ENOMEM;
	while ((at = strmap_next(&table->hosts, &position)))
		hosts[count++] = at->value;
	if (count)
		qsort(hosts, count, sizeof(struct host_entry *), host_compare);
	for (size_t i = 0; i < count && !result; i++) {
		bool tls = has_tls(table, hosts[i]);

		for (size_t j = 0; j < hosts[i]->routes_count && !result; j++)
			result = call(hosts[i], hosts[i]->routes[j], tls, fn, ctx);
		if (!result && hosts[i]->default_backend)
			result = call(hosts[i], hosts[i]->default_backend, tls, fn, ctx);
	}
	free(hosts);
	return result;
}

bool table_owns_ingress(const struct table *table, const char *namespace, const char *name)
{
	char *key = key_of(namespace, name);
	bool owned = key && strmap_get(&table->ingresses, key);

	free(key);
	return owned;
}
