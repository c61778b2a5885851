// SPDX-License-Identifier: Apache-2.0
/*
 * test_match_oracle.c - random Ingresses and requests, against the rules of docs/ingress.md written
 * down once more in the plainest way: look at all rules, take the best
 */
#include "unit/lib/table_random.h"

#define INGRESSES_MAX 6
#define RULES_MAX     3
#define PATHS_MAX     4
#define ROUNDS        400
#define REQUESTS      60

struct path {
	const char *text; /* borrowed */
	bool exact;
	char service[16];
};

struct oracle_rule {
	const char *host; /* borrowed; "": none */
	struct path paths[PATHS_MAX];
	int paths_count;
};

struct ingress_case {
	char key[32], fallback[16]; /* "": none */
	long created;               /* 0: none */
	struct oracle_rule rules[RULES_MAX];
	int rules_count;
};

struct world {
	struct ingress_case ingresses[INGRESSES_MAX];
	int count;
};

static const char *const hosts[] = { "a.com", "b.a.com", "*.a.com", "*.b.a.com", "", "c.org" };
static const char *const paths[] = { "/",     "/a",   "/a/",   "/a/b", "/a/b/", "/ab",
				     "/a/bc", "/A/b", "/a%20", "/~u",  "/%7eu", "/a/b/c" };
static const char *const asked_hosts[] = { "a.com",   "b.a.com", "x.a.com", "x.b.a.com",
					   "y.x.org", "c.org",   "com",     "" };
static const char *const asked_paths[] = { "/",     "/a",    "/a/",    "/a/b",   "/a/b/",
					   "/ab",   "/a/bc", "/a/b/c", "/A/b",   "/~u",
					   "/~u/x", "/a%20", "/a/x",   "/a/b/x", "/a/b/c/" };

/* ---- the world, at random -------------------------------------------------------------------- */

static void fill_rule(struct oracle_rule *rule)
{
	rule->host = RANDOM_OF(hosts);
	rule->paths_count = random_pick(PATHS_MAX + 1);
	for (int i = 0; i < rule->paths_count; i++) {
		rule->paths[i].text = RANDOM_OF(paths);
		rule->paths[i].exact = random_pick(3) == 0;
		snprintf(rule->paths[i].service, sizeof(rule->paths[i].service), "s%d",
			 random_pick(9));
	}
}

static void fill(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->count = 1 + random_pick(INGRESSES_MAX);
	for (int i = 0; i < world->count; i++) {
		struct ingress_case *ingress = &world->ingresses[i];

		snprintf(ingress->key, sizeof(ingress->key), "ns%d/i%d", random_pick(2), i);
		ingress->created = random_pick(3) * 1000;
		if (!random_pick(3))
			snprintf(ingress->fallback, sizeof(ingress->fallback), "d%d", i);
		ingress->rules_count = random_pick(RULES_MAX + 1);
		for (int j = 0; j < ingress->rules_count; j++)
			fill_rule(&ingress->rules[j]);
	}
}

static void put(struct fixture *f, const struct ingress_case *ingress)
{
	char text[4096];
	int n = 0;

	text[0] = '\0';
	for (int i = 0; i < ingress->rules_count; i++) {
		const struct oracle_rule *rule = &ingress->rules[i];

		/* A rule without host and paths is written by the fixture as no rule at all. */
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %s;",
			      rule->paths_count || !rule->host[0] ? "host" : "nohttp", rule->host);
		for (int j = 0; j < rule->paths_count; j++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %s %s:80;",
				      rule->paths[j].exact ? "exact" : "prefix",
				      rule->paths[j].text, rule->paths[j].service);
	}
	if (ingress->fallback[0])
		snprintf(text + n, sizeof(text) - (size_t)n, "default %s:80", ingress->fallback);
	fixture_ingress(f, ingress->key, ingress->created, text);
}

/* ---- the rules, once more -------------------------------------------------------------------- */

static bool is_rule(const struct oracle_rule *rule)
{
	return rule->host[0] || rule->paths_count;
}

/* Negative: @a is older. No timestamp counts as youngest. */
static int age(const struct ingress_case *a, const struct ingress_case *b)
{
	if (a->created != b->created)
		return !a->created ? 1 : !b->created ? -1 : a->created < b->created ? -1 : 1;
	return strcmp(a->key, b->key);
}

static bool host_has_rules(const struct world *world, const char *host)
{
	for (int i = 0; i < world->count; i++)
		for (int j = 0; j < world->ingresses[i].rules_count; j++)
			if (is_rule(&world->ingresses[i].rules[j]) &&
			    strcmp(world->ingresses[i].rules[j].host, host) == 0)
				return true;
	return false;
}

static bool choose_host(const struct world *world, const char *host, char out[64])
{
	const char *dot = strchr(host, '.');

	snprintf(out, 64, "%s", host);
	if (host[0] && host_has_rules(world, out))
		return true;
	snprintf(out, 64, "*%s", dot ? dot : "");
	if (dot && host_has_rules(world, out))
		return true;
	out[0] = '\0';
	return host_has_rules(world, "");
}

/* How well a rule fits: 0 not at all; the exact path; else longer is better. */
static int fit(const struct path *path, const char *asked)
{
	const char *text = strcmp(path->text, "/%7eu") == 0 ? "/~u" : path->text;
	size_t bytes = strlen(text);
	bool slash = text[bytes - 1] == '/';

	if (path->exact)
		return strcmp(text, asked) == 0 ? 100000 : 0;
	bytes -= slash;
	if (strncmp(text, asked, bytes) != 0 || (asked[bytes] && asked[bytes] != '/'))
		return 0;
	/* Of /foo and /foo/ each takes its own: the path itself, and what is below. */
	return 10 * ((int)bytes + 1) + (slash == (asked[bytes] == '/'));
}

static const char *default_of(const struct world *world, const char *host)
{
	const struct ingress_case *best = NULL;

	for (int i = 0; i < world->count; i++) {
		const struct ingress_case *ingress = &world->ingresses[i];
		bool mine = false, any = false;

		for (int j = 0; j < ingress->rules_count; j++) {
			any |= is_rule(&ingress->rules[j]);
			mine |= is_rule(&ingress->rules[j]) && host &&
				strcmp(ingress->rules[j].host, host) == 0;
		}
		if (ingress->fallback[0] && (host ? mine : !any) &&
		    (!best || age(ingress, best) < 0))
			best = ingress;
	}
	return best ? best->fallback : NULL;
}

static const char *expect(const struct world *world, const char *asked_host, const char *asked)
{
	const struct ingress_case *winner = NULL;
	const char *service = NULL;
	char host[64];
	int best = 0;

	if (!choose_host(world, asked_host, host))
		return default_of(world, NULL);
	for (int i = 0; i < world->count; i++) {
		const struct ingress_case *ingress = &world->ingresses[i];

		for (int j = 0; j < ingress->rules_count; j++) {
			const struct oracle_rule *rule = &ingress->rules[j];

			for (int k = 0; k < rule->paths_count && strcmp(rule->host, host) == 0;
			     k++) {
				int now = fit(&rule->paths[k], asked);

				if (now > best ||
				    (now && now == best && age(ingress, winner) < 0)) {
					best = now;
					winner = ingress;
					service = rule->paths[k].service;
				}
			}
		}
	}
	if (!service)
		service = default_of(world, host);
	return service ? service : default_of(world, NULL);
}

/* ---- both ------------------------------------------------------------------------------------ */

static void ask(struct fixture *f, const struct world *world)
{
	for (int i = 0; i < REQUESTS; i++) {
		const char *host = RANDOM_OF(asked_hosts), *path = RANDOM_OF(asked_paths);
		const char *service = expect(world, host, path);
		const char *answer = f->snapshot ? fixture_ask(f, host, path) : "404";
		char wanted[64] = "404", key[16] = "";

		/* A Service of the namespace of the Ingress: told apart by the last part alone. */
		if (service)
			snprintf(wanted, sizeof(wanted), "%s:80", service);
		if (service && strrchr(answer, '/'))
			snprintf(key, sizeof(key), "%s", strrchr(answer, '/') + 1);
		if (strcmp(service ? key : answer, wanted) != 0)
			fail_msg("%s%s: answered by %s, the rules say %s", host, path, answer,
				 wanted);
	}
}

static void match__is_what_the_rules_say(void **state)
{
	(void)state;
	srandom(20261);
	for (int round = 0; round < ROUNDS; round++) {
		struct world world;
		struct fixture f;

		fill(&world);
		fixture_open(&f);
		for (int i = 0; i < world.count; i++)
			put(&f, &world.ingresses[i]);
		fixture_update(&f);
		ask(&f, &world);
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(match__is_what_the_rules_say) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
