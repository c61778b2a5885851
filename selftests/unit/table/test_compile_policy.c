// SPDX-License-Identifier: Apache-2.0
/*
 * test_compile_policy.c - each annotation, what it becomes, and what a bad value does
 */
#include "unit/lib/table_fixture.h"

struct policy_case {
	const char *note;     /* without the prefix; several by ";" */
	size_t offset, bytes; /* the field of struct route */
	uint64_t wanted;
};

#define F(field) offsetof(struct route, field), sizeof(((struct route *)0)->field)

static const struct policy_case cases[] = {
	{ "backend-protocol=https", F(protocol), ROUTE_HTTPS },
	{ "backend-protocol=HTTP", F(protocol), ROUTE_HTTP },
	{ "backend-protocol=h2c", F(protocol), ROUTE_H2C },
	{ "backend-protocol=h2", F(protocol), ROUTE_H2 },
	{ "backend-protocol=GRPC", F(protocol), ROUTE_GRPC },
	{ "backend-protocol=grpcs", F(protocol), ROUTE_GRPCS },
	{ "load-balance=round-robin", F(balance), BALANCE_ROUND_ROBIN },
	{ "load-balance=least-requests", F(balance), BALANCE_LEAST_REQUESTS },
	{ "load-balance=hash-source", F(balance), BALANCE_HASH_SOURCE },
	{ "load-balance=hash-header;load-balance-key=X-User", F(balance), BALANCE_HASH_HEADER },
	{ "load-balance=hash-cookie;load-balance-key=user", F(balance), BALANCE_HASH_COOKIE },
	{ "affinity=cookie", F(balance), BALANCE_COOKIE_AFFINITY },
	{ "affinity=cookie;load-balance=hash-source", F(balance), BALANCE_COOKIE_AFFINITY },
	{ "affinity=none", F(balance), BALANCE_ROUND_ROBIN },
	{ "affinity=cookie;affinity-cookie-max-age=1h", F(cookie_max_age_s), 3600 },
	{ "affinity=cookie;affinity-cookie-max-age=0", F(cookie_max_age_s), 0 },
	{ "affinity=cookie;affinity-cookie-same-site=Strict", F(cookie_same_site), 2 },
	{ "affinity=cookie;affinity-cookie-secure=true", F(flags), ROUTE_F_COOKIE_SECURE },
	{ "connect-timeout=5", F(connect_timeout_ms), 5000 },
	{ "connect-timeout=1500ms", F(connect_timeout_ms), 1500 },
	{ "response-timeout=1m30s", F(response_timeout_ms), 90000 },
	{ "idle-timeout=2h", F(idle_timeout_ms), 7200000 },
	{ "tunnel-idle-timeout=10s", F(tunnel_idle_timeout_ms), 10000 },
	{ "proxy-body-size=8m", F(body_bytes_max), 8u << 20 },
	{ "proxy-body-size=512k", F(body_bytes_max), 512u << 10 },
	{ "proxy-body-size=1Gi", F(body_bytes_max), 1u << 30 },
	{ "proxy-body-size=100", F(body_bytes_max), 100 },
	{ "proxy-body-size=0", F(flags), ROUTE_F_BODY_UNLIMITED },
	{ "ssl-redirect=false", F(flags), ROUTE_F_NO_SSL_REDIRECT },
	{ "ssl-redirect=true", F(flags), 0 },
	{ "hsts=true", F(hsts_max_age_s), 31536000 },
	{ "hsts=false", F(hsts_max_age_s), 0 },
	{ "hsts=600", F(hsts_max_age_s), 600 },
	{ "tls-passthrough=true", F(flags), ROUTE_F_TLS_PASSTHROUGH },
	{ "proxy-protocol=v1", F(proxy_protocol_out), 1 },
	{ "proxy-protocol=v2", F(proxy_protocol_out), 2 },
	{ "backend-tls-verify=false", F(flags), ROUTE_F_BACKEND_TLS_INSECURE },
	{ "backend-tls-verify=true", F(flags), 0 },
	{ "allow-source-ranges=10.0.0.0/8,192.0.2.1,2001:db8::/32", F(sources_count), 3 },
	{ "allow-source-ranges=10.0.0.0/8", F(flags), ROUTE_F_SOURCES },
	{ "slow-start=30s", F(slow_start_ms), 30000 },
	{ "eject-after=5", F(eject_after), 5 },
	{ "eject-after=0", F(flags), ROUTE_F_NEVER_EJECT },
	{ "eject-time=1m", F(eject_time_ms), 60000 },
	{ "health-check-path=/healthz;health-check-interval=3", F(check_interval_ms), 3000 },
	{ "health-check-path=/healthz?x=1;health-check-timeout=500ms", F(check_timeout_ms), 500 },
	{ "health-check-path=/healthz;health-check-healthy=1", F(check_healthy), 1 },
	{ "health-check-path=/healthz;health-check-unhealthy=1000", F(check_unhealthy), 1000 },
};

/* "a=b;c=d" -> "note sluice.dev/a=b; note sluice.dev/c=d". */
static void notes_of(const char *short_notes, char *line, size_t size)
{
	char *copy = strdup(short_notes), *rest = copy, *part;
	size_t n = 0;

	line[0] = '\0';
	while ((part = strsep(&rest, ";")))
		n += (size_t)snprintf(line + n, size - n, "; note sluice.dev/%s", part);
	free(copy);
}

static uint64_t field_of(const struct route *route, const struct policy_case *c)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)route + c->offset, c->bytes);
	if (c->offset == offsetof(struct route, flags))
		/* These follow from others: a case of its own. */
		value &= ~(uint64_t)(ROUTE_F_SPLICE | ROUTE_F_SPLICE_UPLOAD);
	return value;
}

static void check(const struct policy_case *c, const char *ingress_notes, const char *service_notes)
{
	char ingress[512], service[512];
	const struct route *route;
	struct fixture f;

	snprintf(ingress, sizeof(ingress), "host a.com; prefix / web:80%s", ingress_notes);
	snprintf(service, sizeof(service), "port 80%s", service_notes);
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, service);
	fixture_ingress(&f, "default/a", 0, ingress);
	fixture_update(&f);
	route = fixture_route(&f, "a.com", "/");
	if (field_of(route, c) != c->wanted)
		fail_msg("%s%s gives %llu", ingress_notes, service_notes,
			 (unsigned long long)field_of(route, c));
	assert_int_equal(fixture_problems(&f), 0);
	fixture_close(&f);
}

/* Responses may go as the backend wrote them unless the route changes or judges them, and bodies of
 * requests unless the backend is to get them in another way. */
static void policy__which_routes_may_be_spliced(void **state)
{
	static const struct {
		const char *notes;
		bool may, may_upload;
	} routes[] = {
		{ "", true, true },
		{ "; note sluice.dev/proxy-body-size=1m", true, true },
		{ "; note sluice.dev/backend-protocol=https", false, false },
		{ "; note sluice.dev/backend-protocol=h2c", false, false },
		{ "; note sluice.dev/affinity=cookie", false, true },
		{ "; note sluice.dev/eject-after=3", false, true },
		{ "; note sluice.dev/tls-passthrough=true", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		struct fixture f;
		char ingress[512];

		snprintf(ingress, sizeof(ingress), "host a.com; prefix / web:80%s",
			 routes[i].notes);
		fixture_open(&f);
		fixture_service(&f, "default/web", 0, "port 80");
		fixture_ingress(&f, "default/a", 0, ingress);
		fixture_update(&f);
		if (!(fixture_route(&f, "a.com", "/")->flags & ROUTE_F_SPLICE) == routes[i].may)
			fail_msg("'%s' %s be spliced", routes[i].notes,
				 routes[i].may ? "may" : "may not");
		if (!(fixture_route(&f, "a.com", "/")->flags & ROUTE_F_SPLICE_UPLOAD) ==
		    routes[i].may_upload)
			fail_msg("'%s': uploads %s be spliced", routes[i].notes,
				 routes[i].may_upload ? "may" : "may not");
		fixture_close(&f);
	}
}

static void policy__values_of_an_ingress(void **state)
{
	char notes[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		notes_of(cases[i].note, notes, sizeof(notes));
		check(&cases[i], notes, "");
	}
}

static void policy__values_of_a_service(void **state)
{
	char notes[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		notes_of(cases[i].note, notes, sizeof(notes));
		check(&cases[i], "", notes);
	}
}

static void policy__ingress_wins_over_service(void **state)
{
	static const struct policy_case one = { "", F(connect_timeout_ms), 1000 };
	static const struct policy_case two = { "", F(response_timeout_ms), 3000 };

	(void)state;
	check(&one, "; note sluice.dev/connect-timeout=1",
	      "; note sluice.dev/connect-timeout=2; note sluice.dev/response-timeout=3");
	check(&two, "; note sluice.dev/connect-timeout=1",
	      "; note sluice.dev/connect-timeout=2; note sluice.dev/response-timeout=3");
}

static void policy__app_protocol_unless_annotated(void **state)
{
	static const struct policy_case h2c = { "", F(protocol), ROUTE_H2C };
	static const struct policy_case https = { "", F(protocol), ROUTE_HTTPS };

	(void)state;
	check(&h2c, "", "; app 80 kubernetes.io/h2c");
	check(&https, "; note sluice.dev/backend-protocol=https", "; app 80 kubernetes.io/h2c");
}

static void policy__texts(void **state)
{
	const struct rule *rule;
	const struct route *route;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "port 80");
	fixture_secret(&f, "default/ca", "Opaque", "\"ca.crt\":\"" FIXTURE_CRT "\"");
	fixture_ingress(&f, "default/a", 0,
			"host a.com; prefix /p web:80; note sluice.dev/rewrite-target=/new; note "
			"sluice.dev/backend-server-name=inner.example; note "
			"sluice.dev/backend-ca=ca; note sluice.dev/affinity=cookie; note "
			"sluice.dev/affinity-cookie-name=stick");
	fixture_update(&f);
	route = fixture_match(&f, "a.com", "/p", &rule);
	assert_string_equal(snapshot_text(f.snapshot, route->rewrite_target), "/new");
	assert_string_equal(snapshot_text(f.snapshot, route->server_name), "inner.example");
	assert_string_equal(snapshot_text(f.snapshot, route->ca_name), "default/ca");
	assert_string_equal(snapshot_text(f.snapshot, route->balance_key), "stick");
	assert_string_equal(snapshot_text(f.snapshot, route->ingress_name), "default/a");
	assert_string_equal(snapshot_text(f.snapshot, route->upstream_name), "default/web:80");
	assert_string_equal(snapshot_text(f.snapshot, rule->path), "/p");
	assert_int_equal(fixture_problems(&f), 0);
	fixture_close(&f);
}

static const char *const bad[] = {
	"backend-protocol=gopher",
	"load-balance=random",
	"load-balance=hash-header",
	"load-balance-key=a b",
	"affinity=ip",
	"affinity-cookie-name=a=b",
	"affinity-cookie-max-age=-1",
	"affinity-cookie-same-site=maybe",
	"affinity-cookie-secure=yes",
	"connect-timeout=0",
	"connect-timeout=",
	"connect-timeout=5 s",
	"connect-timeout=5d",
	"response-timeout=1m30",
	"idle-timeout=9999999999999",
	"tunnel-idle-timeout=ms",
	"proxy-body-size=8x",
	"proxy-body-size=-1",
	"proxy-body-size=8mm",
	"proxy-body-size=",
	"proxy-body-size=99999999999999t",
	"ssl-redirect=TRUE",
	"hsts=1500ms",
	"rewrite-target=new",
	"rewrite-target=/a?b",
	"use-regex=1",
	"tls-passthrough=on",
	"proxy-protocol=v3",
	"backend-server-name=-a",
	"backend-ca=a/b",
	"backend-tls-verify=no",
	"slow-start=0",
	"eject-after=-1",
	"eject-after=1001",
	"eject-after=3x",
	"eject-time=soon",
	"health-check-path=healthz",
	"health-check-path=/a#b",
	"health-check-interval=0",
	"health-check-timeout=fast",
	"health-check-healthy=0",
	"health-check-unhealthy=two",
};

static void policy__bad_values_are_told_and_the_default_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char notes[256], line[512], name[64];
		const struct problem *problem;
		const struct route *route;
		struct fixture f;

		notes_of(bad[i], notes, sizeof(notes));
		snprintf(line, sizeof(line), "host a.com; prefix / web:80%s", notes);
		fixture_open(&f);
		fixture_service(&f, "default/web", 0, "port 80");
		fixture_ingress(&f, "default/a", 0, line);
		fixture_update(&f);
		problem = fixture_problem(&f, "default/a", "InvalidAnnotation");
		if (!problem)
			fail_msg("%s is not told", bad[i]);
		snprintf(name, sizeof(name), "sluice.dev/%.*s", (int)strcspn(bad[i], "="), bad[i]);
		assert_non_null(strstr(problem->field, name));
		assert_non_null(strstr(problem->message, name));
		assert_non_null(strstr(problem->message, "default"));
		route = fixture_route(&f, "a.com", "/");
		assert_int_equal(route->flags, ROUTE_F_SPLICE | ROUTE_F_SPLICE_UPLOAD);
		assert_int_equal(route->protocol + route->balance + route->proxy_protocol_out, 0);
		assert_int_equal(route->connect_timeout_ms + route->body_bytes_max, 0);
		fixture_close(&f);
	}
}

static void policy__unknown_names_are_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "port 80; note sluice.dev/colour=blue");
	fixture_ingress(
		&f, "default/a", 0,
		"host a.com; prefix / web:80; note sluice.dev/rewrite=/x; note other.dev/x=y");
	fixture_update(&f);
	assert_non_null(fixture_problem(&f, "default/a", "UnknownAnnotation"));
	assert_non_null(fixture_problem(&f, "default/web", "UnknownAnnotation"));
	assert_int_equal(fixture_problems(&f), 2);
	fixture_close(&f);
}

static void policy__missing_ca_is_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "port 80; note sluice.dev/backend-ca=ca");
	fixture_ingress(&f, "default/a", 0, "host a.com; prefix / web:80");
	fixture_update(&f);
	assert_non_null(fixture_problem(&f, "default/web", "SecretUnusable"));
	fixture_secret(&f, "default/ca", "Opaque", "\"ca.crt\":\"" FIXTURE_CRT "\"");
	assert_true(fixture_update(&f)->certificates_changed);
	assert_int_equal(fixture_problems(&f), 0);
	fixture_close(&f);
}

static bool admits(const struct fixture *f, const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return snapshot_admits(f->snapshot, fixture_route(f, "a.com", "/"), &addr);
}

static void policy__sources_alone_are_let_in(void **state)
{
	static const char *const in[] = { "10.0.0.1",    "10.255.0.1", "192.0.2.1",
					  "2001:db8::1", "172.16.0.1", "2001:db8:ff::" };
	static const char *const out[] = { "11.0.0.1",   "192.0.2.2",  "2001:db9::1", "::1",
					   "172.24.0.1", "172.15.0.1", "127.0.0.1" };
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "port 80");
	fixture_ingress(&f, "default/a", 0,
			"host a.com; prefix / web:80; note sluice.dev/allow-source-ranges="
			"10.0.0.0/8, 192.0.2.1 ,2001:db8::/32,172.16.0.0/13");
	fixture_update(&f);
	assert_int_equal(fixture_problems(&f), 0);
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
		assert_true(admits(&f, in[i]));
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		assert_false(admits(&f, out[i]));
	fixture_ingress(&f, "default/a", 0,
			"host a.com; prefix / web:80; note sluice.dev/allow-source-ranges=::/0");
	fixture_update(&f);
	assert_true(admits(&f, "::1"));
	assert_false(admits(&f, "10.0.0.1"));
	fixture_close(&f);
}

static void policy__sources_that_are_none_let_nobody_in(void **state)
{
	static const char *const unreadable[] = { "10.0.0.0/8,x", "10.0.0.0/33", "10.0.0.0/8,,",
						  "a" };

	(void)state;
	for (size_t i = 0; i < sizeof(unreadable) / sizeof(unreadable[0]); i++) {
		const struct problem *problem;
		char line[256];
		struct fixture f;

		snprintf(line, sizeof(line),
			 "host a.com; prefix / web:80; note sluice.dev/allow-source-ranges=%s",
			 unreadable[i]);
		fixture_open(&f);
		fixture_service(&f, "default/web", 0,
				"port 80; note sluice.dev/allow-source-ranges=10.0.0.0/8");
		fixture_ingress(&f, "default/a", 0, line);
		fixture_update(&f);
		problem = fixture_problem(&f, "default/a", "InvalidAnnotation");
		assert_non_null(problem);
		assert_non_null(strstr(problem->message, "nobody is let in"));
		assert_false(admits(&f, "10.0.0.1"));
		fixture_close(&f);
	}
}

static void policy__sources_are_not_passed_through(void **state)
{
	const struct snapshot_tls *tls;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "port 80");
	fixture_ingress(&f, "default/a", 0,
			"host a.com; prefix / web:80; note sluice.dev/tls-passthrough=true; note "
			"sluice.dev/allow-source-ranges=10.0.0.0/8");
	fixture_update(&f);
	tls = snapshot_tls_of(f.snapshot, "a.com", 5);
	assert_false(tls && tls->flags & SNAPSHOT_TLS_F_PASSTHROUGH);
	assert_non_null(fixture_problem(&f, "default/a", "InvalidAnnotation"));
	fixture_close(&f);
}

static void policy__groups_without_a_regular_expression_are_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "port 80");
	fixture_ingress(&f, "default/a", 0,
			"host a.com; impl /a(.*) web:80; note sluice.dev/rewrite-target=/$1; note "
			"sluice.dev/use-regex=true");
	fixture_ingress(&f, "default/b", 0,
			"host b.com; impl /a(.*) web:80; note sluice.dev/rewrite-target=/$1");
	fixture_update(&f);
	assert_null(fixture_problem(&f, "default/a", "InvalidAnnotation"));
	assert_non_null(fixture_problem(&f, "default/b", "InvalidAnnotation"));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy__which_routes_may_be_spliced),
		cmocka_unit_test(policy__values_of_an_ingress),
		cmocka_unit_test(policy__values_of_a_service),
		cmocka_unit_test(policy__ingress_wins_over_service),
		cmocka_unit_test(policy__app_protocol_unless_annotated),
		cmocka_unit_test(policy__texts),
		cmocka_unit_test(policy__bad_values_are_told_and_the_default_stays),
		cmocka_unit_test(policy__unknown_names_are_told),
		cmocka_unit_test(policy__missing_ca_is_told),
		cmocka_unit_test(policy__groups_without_a_regular_expression_are_told),
		cmocka_unit_test(policy__sources_alone_are_let_in),
		cmocka_unit_test(policy__sources_that_are_none_let_nobody_in),
		cmocka_unit_test(policy__sources_are_not_passed_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
