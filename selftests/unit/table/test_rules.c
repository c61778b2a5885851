// SPDX-License-Identifier: Apache-2.0
/*
 * test_rules.c - rules with conditions, weighted targets and listeners: what no Ingress can say,
 * and the route model can
 */
#include "unit/lib/table_fixture.h"
#include "table/compile/compile.h"
#include "table/compile/listener.h"
#include "table/compile/rule_owner.h"

#define CLAIMS_MAX 16

/* An owner of rules that a test fills by hand. */
struct world {
	struct fixture f;
	struct rule_owner *owner;             /* owned until world_commit() */
	struct claim *last;                   /* borrowed */
	const char *method, *query, *headers; /* of the requests; "name=value&..." */
	uint64_t drawn;
};

/* Rules made by hand stay as they are. */
static int keep_rules(struct table *table, const struct model *model, const char *namespace,
		      const char *name)
{
	(void)table;
	(void)model;
	(void)namespace;
	(void)name;
	return 0;
}

static const struct rule_owner_ops ops = { OBJECT_INGRESS, keep_rules };

static void world_open(struct world *w)
{
	char namespace[] = "default", name[] = "owner", uid[] = "";
	struct object meta = { OBJECT_INGRESS, .namespace = namespace, .name = name, .uid = uid };

	*w = (struct world){ .method = "GET", .query = "", .headers = "" };
	fixture_open(&w->f);
	for (int i = 1; i <= 4; i++) {
		char key[32];

		snprintf(key, sizeof(key), "default/s%d", i);
		fixture_service(&w->f, key, 0, "port 80");
	}
	fixture_update(&w->f);
	assert_int_equal(rule_owner_new(&ops, &meta, &w->owner), 0);
	assert_int_equal(rule_owner_room(w->owner, CLAIMS_MAX), 0);
}

static void resolve(struct world *w, int service, struct claim *claim, struct target *target)
{
	char name[8];
	struct ingress_backend backend = { .service = name, .port = { .number = 80 } };
	struct target_report report = { .field = "" };

	snprintf(name, sizeof(name), "s%d", service);
	target->claim = claim;
	assert_int_equal(
		target_resolve(w->f.table, &w->f.model, "default", &backend, &report, target), 0);
}

/* A rule that leads to s<service>; the host itself is claimed too. */
static void add_rule(struct world *w, struct listener *listener, const char *host,
		     enum path_type type, const char *path, int service)
{
	struct claim *claim;

	assert_int_equal(rule_owner_claim(w->f.table, w->owner, listener, host, CLAIM_HOST, &claim),
			 0);
	assert_int_equal(rule_owner_claim(w->f.table, w->owner, listener, host, CLAIM_PATH, &claim),
			 0);
	claim->normal = strdup(path);
	claim->path = claim->normal;
	claim->type = type;
	claim->index = (uint32_t)w->owner->claims_count;
	resolve(w, service, claim, &claim->target);
	w->last = claim;
}

/* One more condition of the last rule. */
static void add_condition(struct world *w, enum snapshot_part part, enum snapshot_test test,
			  const char *name, const char *value)
{
	struct claim *claim = w->last;
	struct condition *grown =
		reallocarray(claim->conditions, claim->conditions_count + 1, sizeof(*grown));

	assert_non_null(grown);
	claim->conditions = grown;
	grown[claim->conditions_count++] = (struct condition){
		.part = part,
		.test = test,
		.name = name ? strdup(name) : NULL,
		.value = value ? strdup(value) : NULL,
	};
}

static void world_commit(struct world *w)
{
	assert_int_equal(rule_owner_replace(w->f.table, &w->f.table->ingresses, NULL, w->owner), 0);
	fixture_update(&w->f);
}

static void world_close(struct world *w)
{
	fixture_close(&w->f);
}

static bool find_in(const char *pairs, const char *name, const char **value, size_t *bytes)
{
	size_t name_bytes = strlen(name);

	for (const char *at = pairs; *at; at += strcspn(at, "&"), at += *at == '&') {
		size_t pair = strcspn(at, "&");

		if (pair <= name_bytes || strncmp(at, name, name_bytes) || at[name_bytes] != '=')
			continue;
		*value = at + name_bytes + 1;
		*bytes = pair - name_bytes - 1;
		return true;
	}
	return false;
}

static bool find_value(void *ctx, enum snapshot_part part, const char *name, const char **value,
		       size_t *bytes)
{
	const struct world *w = ctx;

	if (part != SNAPSHOT_METHOD)
		return find_in(part == SNAPSHOT_HEADER ? w->headers : w->query, name, value, bytes);
	*value = w->method;
	*bytes = strlen(w->method);
	return true;
}

static bool match_regex(void *ctx, uint32_t index, const char *text, size_t bytes, bool path)
{
	const struct world *w = ctx;

	assert_false(path);
	return bytes && snapshot_regex(w->f.snapshot, index)[0] == text[0];
}

static uint64_t draw(void *ctx)
{
	return ((struct world *)ctx)->drawn++;
}

/* Number of the Service that answers; 0: no rule; -1: a rule, but no target. */
static int ask_at(struct world *w, const char *addr, uint16_t port, const char *host,
		  const char *path)
{
	struct snapshot_asked asked = { match_regex, find_value, draw, w };
	struct snapshot_request request = {
		.host = host,
		.host_bytes = strlen(host),
		.path = path,
		.path_bytes = strlen(path),
		.asked = &asked,
	};
	const struct rule *rule;
	const struct route *route;
	struct inet_addr local;

	assert_int_equal(inet_addr_parse(addr, &local), 0);
	request.listener = snapshot_listener_of(w->f.snapshot, &local, port);
	route = snapshot_match(w->f.snapshot, &request, &rule);
	if (!route)
		return rule ? -1 : 0;
	assert_non_null(rule);
	return snapshot_text(w->f.snapshot, route->upstream_name)[strlen("default/s")] - '0';
}

static int ask(struct world *w, const char *path)
{
	return ask_at(w, "192.0.2.1", 80, "a.com", path);
}

static struct listener *first(const struct world *w)
{
	return w->f.table->listeners[0];
}

/* ---- conditions ------------------------------------------------------------------------------ */

static void rules__method_header_and_query_have_to_hold(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 1);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 2);
	add_condition(&w, SNAPSHOT_METHOD, SNAPSHOT_EQUAL, NULL, "POST");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 3);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_EQUAL, "x-env", "canary");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 4);
	add_condition(&w, SNAPSHOT_QUERY, SNAPSHOT_PRESENT, "debug", NULL);
	world_commit(&w);
	assert_int_equal(fixture_problems(&w.f), 0);
	assert_int_equal(ask(&w, "/x"), 1);
	w.query = "debug=";
	assert_int_equal(ask(&w, "/x"), 4);
	w.headers = "x-env=canary";
	assert_int_equal(ask(&w, "/x"), 3);
	w.headers = "x-env=canary2";
	assert_int_equal(ask(&w, "/x"), 4);
	w.headers = "x-env=canar";
	assert_int_equal(ask(&w, "/x"), 4);
	w.method = "POST";
	w.headers = "x-env=canary";
	assert_int_equal(ask(&w, "/x"), 2);
	w.method = "POSTS";
	assert_int_equal(ask(&w, "/x"), 3);
	world_close(&w);
}

static void rules__more_conditions_come_first_whatever_their_order(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_EXACT, "/p", 1);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_PRESENT, "one", NULL);
	add_rule(&w, first(&w), "a.com", PATH_EXACT, "/p", 2);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_PRESENT, "one", NULL);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_REGEX, "two", "b.*");
	world_commit(&w);
	w.headers = "one=1&two=bcd";
	assert_int_equal(ask(&w, "/p"), 2);
	w.headers = "one=1&two=xbcd";
	assert_int_equal(ask(&w, "/p"), 1);
	w.headers = "two=bcd";
	assert_int_equal(ask(&w, "/p"), 0);
	world_close(&w);
}

/* From exact to the longest prefix, and from there up to the shorter ones. */
static void rules__failed_conditions_lead_to_the_next_path(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_EXACT, "/a/b", 1);
	add_condition(&w, SNAPSHOT_QUERY, SNAPSHOT_EQUAL, "at", "exact");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/a/b", 2);
	add_condition(&w, SNAPSHOT_QUERY, SNAPSHOT_EQUAL, "at", "long");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/a", 3);
	add_condition(&w, SNAPSHOT_QUERY, SNAPSHOT_EQUAL, "at", "middle");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 4);
	add_condition(&w, SNAPSHOT_QUERY, SNAPSHOT_EQUAL, "at", "short");
	world_commit(&w);
	w.query = "at=exact";
	assert_int_equal(ask(&w, "/a/b"), 1);
	assert_int_equal(ask(&w, "/a/b/c"), 0);
	w.query = "at=long";
	assert_int_equal(ask(&w, "/a/b"), 2);
	w.query = "at=middle";
	assert_int_equal(ask(&w, "/a/b"), 3);
	assert_int_equal(ask(&w, "/a/b/c/d"), 3);
	w.query = "at=short";
	assert_int_equal(ask(&w, "/a/b"), 4);
	assert_int_equal(ask(&w, "/a/bc"), 4);
	w.query = "at=none";
	assert_int_equal(ask(&w, "/a/b"), 0);
	world_close(&w);
}

static void rules__same_conditions_are_a_conflict_others_are_none(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 1);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_EQUAL, "x", "1");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 2);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_EQUAL, "x", "2");
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 3);
	add_condition(&w, SNAPSHOT_HEADER, SNAPSHOT_EQUAL, "x", "1");
	world_commit(&w);
	assert_int_equal(fixture_problems(&w.f), 1);
	assert_non_null(fixture_problem(&w.f, "default/owner", "Conflict"));
	w.headers = "x=1";
	assert_int_equal(ask(&w, "/"), 1);
	w.headers = "x=2";
	assert_int_equal(ask(&w, "/"), 2);
	world_close(&w);
}

/* ---- targets --------------------------------------------------------------------------------- */

static void add_targets(struct world *w, const uint32_t weights[3])
{
	struct claim *claim = w->last;

	claim->target.weight = weights[0];
	claim->others = calloc(2, sizeof(*claim->others));
	assert_non_null(claim->others);
	for (int i = 0; i < 2; i++) {
		resolve(w, i + 2, claim, &claim->others[i]);
		claim->others[i].weight = weights[i + 1];
		claim->others_count++;
	}
}

static void rules__targets_have_their_weight(void **state)
{
	static const struct {
		uint32_t weights[3];
	} cases[] = { { { 1, 1, 1 } }, { { 70, 20, 10 } }, { { 0, 5, 1 } },
		      { { 0, 0, 1 } }, { { 3, 0, 0 } },    { { 1000, 1, 1000 } } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t *weights = cases[i].weights;
		uint32_t seen[5] = {}, all = weights[0] + weights[1] + weights[2];
		struct world w;

		world_open(&w);
		add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 1);
		add_targets(&w, weights);
		world_commit(&w);
		for (uint32_t n = 0; n < all; n++)
			seen[ask(&w, "/")]++;
		for (int n = 0; n < 3; n++)
			assert_int_equal(seen[n + 1], weights[n]);
		world_close(&w);
	}
}

static void rules__without_a_weight_there_is_a_rule_and_no_route(void **state)
{
	static const uint32_t none[3];
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/p", 1);
	add_targets(&w, none);
	world_commit(&w);
	assert_int_equal(ask(&w, "/p"), -1);
	assert_int_equal(ask(&w, "/q"), 0);
	world_close(&w);
}

/* Paths of one owner that lead to one Service are one route. */
static void rules__same_targets_share_a_route(void **state)
{
	const struct snapshot_host *block;
	const struct host_entry *host;
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/a", 1);
	add_rule(&w, first(&w), "a.com", PATH_EXACT, "/b", 1);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/c", 2);
	world_commit(&w);
	host = strmap_get(&w.f.table->hosts, "a.com");
	block = host->block;
	assert_int_equal(block->rules_count, 3);
	assert_int_equal(block->routes_count, 2);
	assert_int_equal(ask(&w, "/a"), 1);
	assert_int_equal(ask(&w, "/b"), 1);
	assert_int_equal(ask(&w, "/c"), 2);
	world_close(&w);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static struct listener *add_listener(struct world *w, const char *key, const char *addr,
				     uint16_t port)
{
	struct listener *listener;

	assert_int_equal(listener_add(w->f.table, key, &listener), 0);
	listener->port = port;
	listener->suffix = true;
	if (!addr)
		return listener;
	listener->addresses = calloc(1, sizeof(*listener->addresses));
	assert_non_null(listener->addresses);
	assert_int_equal(inet_addr_parse(addr, listener->addresses), 0);
	listener->addresses_count = 1;
	return listener;
}

static void listeners__each_has_hosts_of_its_own(void **state)
{
	struct world w;

	(void)state;
	world_open(&w);
	add_rule(&w, first(&w), "a.com", PATH_PREFIX, "/", 1);
	add_rule(&w, add_listener(&w, "one", "192.0.2.9", 8080), "a.com", PATH_PREFIX, "/", 2);
	add_rule(&w, add_listener(&w, "two", NULL, 9090), "", PATH_PREFIX, "/", 3);
	add_rule(&w, add_listener(&w, "three", "2001:db8::9", 8080), "a.com", PATH_PREFIX, "/", 4);
	world_commit(&w);
	assert_int_equal(ask_at(&w, "192.0.2.1", 80, "a.com", "/"), 1);
	assert_int_equal(ask_at(&w, "192.0.2.9", 80, "a.com", "/"), 1);
	assert_int_equal(ask_at(&w, "192.0.2.9", 8080, "a.com", "/"), 2);
	assert_int_equal(ask_at(&w, "192.0.2.9", 8080, "b.com", "/"), 0);
	assert_int_equal(ask_at(&w, "192.0.2.8", 8080, "a.com", "/"), 1);
	assert_int_equal(ask_at(&w, "192.0.2.8", 9090, "a.com", "/"), 3);
	assert_int_equal(ask_at(&w, "2001:db8::1", 9090, "b.com", "/"), 3);
	assert_int_equal(ask_at(&w, "2001:db8::9", 8080, "a.com", "/"), 4);
	world_close(&w);
}

static void listeners__suffix_covers_any_number_of_labels(void **state)
{
	struct listener *listener;
	struct world w;

	(void)state;
	world_open(&w);
	listener = add_listener(&w, "one", "192.0.2.9", 80);
	add_rule(&w, first(&w), "*.com", PATH_PREFIX, "/", 1);
	add_rule(&w, listener, "*.com", PATH_PREFIX, "/", 2);
	add_rule(&w, listener, "*.a.com", PATH_PREFIX, "/", 3);
	world_commit(&w);
	assert_int_equal(ask_at(&w, "192.0.2.1", 80, "x.y.com", "/"), 0);
	assert_int_equal(ask_at(&w, "192.0.2.9", 80, "x.y.com", "/"), 2);
	assert_int_equal(ask_at(&w, "192.0.2.9", 80, "x.y.a.com", "/"), 3);
	assert_int_equal(ask_at(&w, "192.0.2.9", 80, "a.com", "/"), 2);
	assert_int_equal(ask_at(&w, "192.0.2.9", 80, "com", "/"), 0);
	assert_int_equal(ask_at(&w, "192.0.2.9", 80, ".com", "/"), 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules__method_header_and_query_have_to_hold),
		cmocka_unit_test(rules__more_conditions_come_first_whatever_their_order),
		cmocka_unit_test(rules__failed_conditions_lead_to_the_next_path),
		cmocka_unit_test(rules__same_conditions_are_a_conflict_others_are_none),
		cmocka_unit_test(rules__targets_have_their_weight),
		cmocka_unit_test(rules__without_a_weight_there_is_a_rule_and_no_route),
		cmocka_unit_test(rules__same_targets_share_a_route),
		cmocka_unit_test(listeners__each_has_hosts_of_its_own),
		cmocka_unit_test(listeners__suffix_covers_any_number_of_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
