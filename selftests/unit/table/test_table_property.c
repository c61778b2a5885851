// SPDX-License-Identifier: Apache-2.0
/*
 * test_table_property.c - after any sequence of changes the table equals one compiled from nothing,
 * and maps that followed the deltas say what the table says
 */
#include <stdlib.h>

#include "unit/lib/table_random.h"
#include "table/compile/compile.h"

#define ROUNDS 60
#define STEPS  40

/* ---- the table as text, ids left out --------------------------------------------------------- */

struct lines {
	char **items; /* owned */
	size_t count, capacity;
};

static void line(struct lines *lines, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line(struct lines *lines, const char *format, ...)
{
	va_list args;

	if (lines->count == lines->capacity) {
		lines->capacity = lines->capacity ? lines->capacity * 2 : 64;
		lines->items = realloc(lines->items, lines->capacity * sizeof(char *));
	}
	va_start(args, format);
	assert_true(vasprintf(&lines->items[lines->count++], format, args) >= 0);
	va_end(args);
}

static int line_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->items[i]);
	free(lines->items);
	memset(lines, 0, sizeof(*lines));
}

static void say_upstream(struct lines *lines, const struct upstream_entry *upstream)
{
	const struct table_upstream *shown = &upstream->shown;
	char addr[INET_ADDR_TEXT_MAX], node[INET_ADDR_TEXT_MAX];

	line(lines, "upstream %s flags %u active %u draining %u ring %d members %u", shown->name,
	     shown->flags, shown->backends_active, shown->backends_draining, shown->wants_ring,
	     shown->members_count);
	for (size_t i = 0; i < upstream->backends_count; i++) {
		const struct table_backend *backend = &upstream->backends[i];
		bool member = false;

		for (size_t j = 0; j < shown->members_count; j++)
			member |= shown->members[j] == backend->id;
		line(lines, "backend of %s: %s:%u state %u flags %u node %s member %d", shown->name,
		     inet_addr_format(&backend->addr, addr), backend->port, backend->state,
		     backend->flags, inet_addr_format(&backend->node_addr, node), member);
	}
}

static int say_route(void *ctx, const struct table_route_view *route)
{
	line(ctx, "route %s %s type %d regex %d default %d -> %s (%s) tls %d", route->host,
	     route->path, (int)route->type, route->regex, route->is_default, route->upstream,
	     route->ingress, route->tls);
	return 0;
}

static void say_block(struct lines *lines, const struct host_entry *host)
{
	const struct snapshot_host *block = host->block;
	const char *base = host->block;
	const struct rule *rules = (const void *)(base + block->rules);
	const struct snapshot_target *targets = (const void *)(base + block->targets);

	line(lines, "host %s flags %u default %d tls %s %u %s", host->name, block->flags,
	     block->default_rule != 0, block->tls.secret_name ? base + block->tls.secret_name : "",
	     block->tls.flags, block->tls.upstream_name ? base + block->tls.upstream_name : "");
	for (uint32_t i = 0; i < block->rules_count; i++) {
		const struct snapshot_target *target = &targets[rules[i].targets];
		const struct route *route = (const void *)(base + target->route);

		assert_int_equal(rules[i].targets_count, 1);
		line(lines, "rule %s %u: %s flags %u next %d", host->name, i,
		     rules[i].path ? base + rules[i].path : "", rules[i].flags, rules[i].next != 0);
		line(lines, "policy %s %u: %s %s flags %u protocol %u body %llu known %d",
		     host->name, i, base + route->upstream_name,
		     route->ingress_name ? base + route->ingress_name : "", route->flags,
		     route->protocol, (unsigned long long)route->body_bytes_max,
		     route->upstream_id != 0);
	}
}

static int say_secret(void *ctx, enum table_secret_use use, const char *namespace, const char *name)
{
	line(ctx, "secret %d %s/%s", (int)use, namespace, name);
	return 0;
}

static const char *name_of_upstream(const struct table *table, uint32_t id)
{
	const struct strmap_entry *at;
	size_t position = 0;

	while ((at = strmap_next(&table->upstreams, &position)))
		if (((struct upstream_entry *)at->value)->shown.id == id)
			return at->key;
	return "none";
}

static void describe(const struct table *table, struct lines *lines)
{
	const struct strmap_entry *at;
	const struct problem *problems;
	struct table_counts counts;
	size_t position = 0, count;

	while ((at = strmap_next(&table->upstreams, &position)))
		say_upstream(lines, at->value);
	for (position = 0; (at = strmap_next(&table->frontends, &position));) {
		const struct table_frontend *frontend =
			&((struct frontend_entry *)at->value)->shown;

		line(lines, "frontend %s kind %u flags %u owner %s -> %s", at->key, frontend->kind,
		     frontend->flags, frontend->owner,
		     name_of_upstream(table, frontend->upstream_id));
	}
	for (position = 0; (at = strmap_next(&table->hosts, &position));)
		say_block(lines, at->value);
	problems = table_problems(table, &count);
	for (size_t i = 0; i < count; i++)
		line(lines, "problem %d %s/%s %d %s %s %s", (int)problems[i].kind,
		     problems[i].namespace, problems[i].name, (int)problems[i].severity,
		     problems[i].reason, problems[i].field, problems[i].message);
	table_count(table, &counts);
	line(lines, "counts %u %u %u %u %u %u", counts.frontends, counts.upstreams, counts.backends,
	     counts.routes, counts.hosts, counts.problems);
	line(lines, "services %zu secrets %zu ingresses %zu", table->services.count,
	     table->secrets.count, table->ingresses.count);
	table_each_route(table, say_route, lines);
	table_each_secret(table, say_secret, lines);
	qsort(lines->items, lines->count, sizeof(char *), line_compare);
}

static void compare(const struct lines *a, const struct lines *b, unsigned int seed, int step)
{
	for (size_t i = 0; i < a->count || i < b->count; i++) {
		const char *left = i < a->count ? a->items[i] : "(end)";
		const char *right = i < b->count ? b->items[i] : "(end)";

		if (strcmp(left, right) != 0)
			fail_msg("seed %u step %d:\n  changed:  %s\n  from new: %s", seed, step,
				 left, right);
	}
}

/* ---- maps that follow the deltas ------------------------------------------------------------- */

#define MAP_MAX 8192

struct maps {
	struct table_backend backends[MAP_MAX];
	struct {
		bool used;
		uint32_t members[256], count, flags;
	} upstreams[MAP_MAX];
	struct strmap frontends; /* key -> id */
	size_t problems;
};

static void follow(struct maps *maps, const struct table_delta *delta)
{
	char key[FRONTEND_KEY_MAX];

	for (size_t i = 0; i < delta->backends_set_count; i++)
		maps->backends[delta->backends_set[i].id] = delta->backends_set[i];
	for (size_t i = 0; i < delta->upstreams_set_count; i++) {
		const struct table_upstream *upstream = &delta->upstreams_set[i];

		maps->upstreams[upstream->id].used = true;
		maps->upstreams[upstream->id].count = upstream->members_count;
		maps->upstreams[upstream->id].flags = upstream->flags;
		for (uint32_t j = 0; j < upstream->members_count; j++)
			maps->upstreams[upstream->id].members[j] = upstream->members[j];
	}
	for (size_t i = 0; i < delta->frontends_set_count; i++) {
		const struct table_frontend *frontend = &delta->frontends_set[i];

		frontend_key(&frontend->addr, frontend->port, frontend->proto, key);
		strmap_put(&maps->frontends, key, (void *)(uintptr_t)frontend->id, NULL);
	}
	for (size_t i = 0; i < delta->frontends_removed_count; i++) {
		const struct table_frontend *frontend = &delta->frontends_removed[i];

		assert_non_null(frontend->owner);
		frontend_key(&frontend->addr, frontend->port, frontend->proto, key);
		assert_non_null(strmap_remove(&maps->frontends, key));
	}
	for (size_t i = 0; i < delta->upstreams_removed_count; i++)
		maps->upstreams[delta->upstreams_removed[i]].used = false;
	for (size_t i = 0; i < delta->backends_removed_count; i++)
		maps->backends[delta->backends_removed[i]].state = BACKEND_DOWN;
	maps->problems += delta->problems_added_count;
	maps->problems -= delta->problems_cleared_count;
}

static void check_maps(const struct maps *maps, const struct table *table)
{
	uint32_t backends = 0, upstreams = 0;
	const struct strmap_entry *at;
	struct table_counts counts;
	size_t position = 0;

	while ((at = strmap_next(&table->upstreams, &position))) {
		const struct upstream_entry *upstream = at->value;
		uint32_t id = upstream->shown.id;

		assert_true(maps->upstreams[id].used);
		assert_int_equal(maps->upstreams[id].flags, upstream->shown.flags);
		assert_int_equal(maps->upstreams[id].count, upstream->shown.members_count);
		for (uint32_t i = 0; i < upstream->shown.members_count; i++)
			assert_int_equal(maps->upstreams[id].members[i],
					 upstream->shown.members[i]);
		for (size_t i = 0; i < upstream->backends_count; i++) {
			const struct table_backend *backend = &upstream->backends[i];

			assert_memory_equal(&maps->backends[backend->id], backend,
					    sizeof(*backend));
		}
	}
	for (size_t id = 0; id < MAP_MAX; id++) {
		backends += maps->backends[id].state == BACKEND_ACTIVE ||
			    maps->backends[id].state == BACKEND_DRAINING;
		upstreams += maps->upstreams[id].used;
	}
	table_count(table, &counts);
	assert_int_equal(backends, counts.backends);
	assert_int_equal(upstreams, counts.upstreams);
	assert_int_equal(maps->frontends.count, counts.frontends);
	assert_int_equal(maps->problems, counts.problems);
}

/* ---- the property ---------------------------------------------------------------------------- */

static struct table_options random_options(const struct inet_addr *addresses)
{
	struct table_options options = fixture_options();

	options.node_name = random_pick(2) ? "n1" : "";
	options.watch_without_class = random_pick(2);
	options.allow_external_name = random_pick(2);
	options.default_backend = random_pick(2) ? "ns0/s0:80" : NULL;
	options.default_certificate = random_pick(2) ? "ns0/crt0" : NULL;
	options.addresses = addresses;
	options.addresses_count = (size_t)random_pick(3);
	return options;
}

static void check_against_new(struct fixture *f, const struct table_options *options,
			      unsigned int seed, int step)
{
	struct lines changed = {}, fresh = {};
	struct table_delta *delta;
	struct table *table;

	assert_int_equal(table_new(options, NULL, &table), 0);
	assert_int_equal(table_update(table, &f->model, 0, &delta), 0);
	describe(f->table, &changed);
	describe(table, &fresh);
	compare(&changed, &fresh, seed, step);
	lines_clear(&changed);
	lines_clear(&fresh);
	table_delta_free(delta);
	table_free(table);
}

static void table__equals_one_compiled_from_nothing(void **state)
{
	unsigned int seed = getenv("SEED") ? (unsigned int)atoi(getenv("SEED")) : 1;
	struct inet_addr addresses[2];

	(void)state;
	inet_addr_parse("192.0.2.1", &addresses[0]);
	inet_addr_parse("2001:db8::1", &addresses[1]);
	for (int round = 0; round < ROUNDS; round++, seed++) {
		struct maps *maps = calloc(1, sizeof(*maps));
		struct table_options options;
		struct fixture f;

		srandom(seed);
		options = random_options(addresses);
		fixture_open_with(&f, &options, NULL);
		for (int step = 0; step < STEPS; step++) {
			for (int i = random_pick(4); i >= 0; i--)
				random_change(&f);
			f.now_ms += (uint64_t)random_pick(40000);
			follow(maps, fixture_update(&f));
			check_maps(maps, f.table);
			check_against_new(&f, &options, seed, step);
		}
		strmap_clear(&maps->frontends);
		free(maps);
		fixture_close(&f);
	}
}

/* A put of what is there already, however often, is no change. */
static void table__nothing_new_yields_an_empty_delta(void **state)
{
	const struct table_delta *delta;
	struct fixture f;

	(void)state;
	srandom(7);
	fixture_open(&f);
	for (int i = 0; i < 200; i++)
		random_change(&f);
	fixture_update(&f);
	for (int i = 0; i < 3; i++) {
		delta = fixture_update(&f);
		assert_int_equal(
			delta->backends_set_count + delta->backends_removed_count +
				delta->upstreams_set_count + delta->upstreams_removed_count +
				delta->frontends_set_count + delta->frontends_removed_count +
				delta->problems_added_count + delta->problems_cleared_count,
			0);
		assert_false(delta->routes_changed);
		assert_false(delta->certificates_changed);
	}
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table__equals_one_compiled_from_nothing),
		cmocka_unit_test(table__nothing_new_yields_an_empty_delta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
