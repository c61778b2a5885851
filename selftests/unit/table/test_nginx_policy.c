// SPDX-License-Identifier: Apache-2.0
/*
 * test_nginx_policy.c - Ingresses of --nginx-class: whose they are, their annotations and defaults
 */
#include "unit/lib/table_fixture.h"

#define NGINX "note nginx.ingress.kubernetes.io/"

static void open_nginx(struct fixture *f)
{
	struct table_options options = fixture_options();

	options.nginx_class = "nginx";
	options.nginx_config_map = "ingress-nginx/config";
	fixture_open_with(f, &options, NULL);
	fixture_service(f, "a/web", 0, "port 80");
	fixture_slice(f, "a/web-1", "of web; port 8080; up 10.0.0.1");
}

static void class__field_first_then_annotation(void **state)
{
	struct fixture f = {};

	(void)state;
	open_nginx(&f);
	fixture_ingress(&f, "a/field", 0, "class nginx; host field.test; prefix / web:80");
	fixture_ingress(&f, "a/note", 0,
			"class -; note kubernetes.io/ingress.class=nginx; host note.test; "
			"prefix / web:80");
	fixture_ingress(&f, "a/other", 0,
			"class traefik; note kubernetes.io/ingress.class=nginx; host other.test; "
			"prefix / web:80");
	fixture_class(&f, "public", "k8s.io/ingress-nginx");
	fixture_ingress(&f, "a/public", 0, "class public; host public.test; prefix / web:80");
	fixture_update(&f);
	assert_string_equal(fixture_ask(&f, "field.test", "/"), "a/web:80");
	assert_string_equal(fixture_ask(&f, "note.test", "/"), "a/web:80");
	assert_string_equal(fixture_ask(&f, "other.test", "/"), "404");
	assert_string_equal(fixture_ask(&f, "public.test", "/"), "a/web:80");
	fixture_close(&f);
}

static void precedence__sluice_over_nginx_over_defaults(void **state)
{
	const struct route *route;
	struct fixture f = {};

	(void)state;
	open_nginx(&f);
	fixture_ingress(&f, "a/i", 0,
			"class nginx; host h.test; prefix / web:80; " NGINX
			"proxy-body-size=2m; " NGINX
			"proxy-connect-timeout=7; note sluice.dev/proxy-body-size=3m");
	fixture_ingress(&f, "a/j", 0,
			"host own.test; prefix / web:80; " NGINX "proxy-body-size=2m");
	fixture_update(&f);
	route = fixture_route(&f, "h.test", "/");
	assert_int_equal(route->body_bytes_max, 3u << 20);
	assert_int_equal(route->connect_timeout_ms, 7000);
	assert_int_equal(route->response_timeout_ms, 60000);
	assert_true(route->flags & ROUTE_F_ACTS);
	route = fixture_route(&f, "own.test", "/"); /* of our own class: not read */
	assert_int_equal(route->body_bytes_max, 0);
	assert_false(route->flags & ROUTE_F_ACTS);
	fixture_close(&f);
}

static void missing__one_problem_lists_all(void **state)
{
	const struct problem *problem;
	struct fixture f = {};

	(void)state;
	open_nginx(&f);
	fixture_ingress(&f, "a/i", 0,
			"class nginx; host h.test; prefix / web:80; " NGINX
			"auth-url=http://x; " NGINX "mirror-target=http://y; " NGINX
			"proxy-buffering=on");
	fixture_ingress(&f, "a/bad", 0,
			"class nginx; host bad.test; prefix / web:80; " NGINX
			"proxy-read-timeout=60s");
	fixture_update(&f);
	problem = fixture_problem(&f, "a/i", "NotHonoured");
	assert_non_null(problem);
	assert_non_null(strstr(problem->message, "2 of "));
	assert_non_null(strstr(problem->message, "auth-url"));
	assert_non_null(strstr(problem->message, "mirror-target"));
	assert_true(fixture_route(&f, "h.test", "/")->flags & ROUTE_F_CLOSED);
	assert_non_null(fixture_problem(&f, "a/bad", "InvalidAnnotation"));
	assert_int_equal(fixture_route(&f, "bad.test", "/")->response_timeout_ms, 60000);
	assert_false(fixture_route(&f, "bad.test", "/")->flags & ROUTE_F_CLOSED);
	fixture_close(&f);
}

static void regex__one_ingress_turns_the_host(void **state)
{
	const struct rule *rule;
	struct fixture f = {};

	(void)state;
	open_nginx(&f);
	fixture_ingress(&f, "a/plain", 0, "class nginx; host h.test; exact /foo web:80");
	fixture_update(&f);
	fixture_match(&f, "h.test", "/foo", &rule);
	assert_int_equal(rule->flags, RULE_F_EXACT);
	fixture_ingress(&f, "a/regex", 0,
			"class nginx; host h.test; impl /bar web:80; " NGINX "use-regex=true");
	fixture_update(&f);
	assert_int_equal(snapshot_regex_count(f.snapshot), 2);
	assert_string_equal(snapshot_regex(f.snapshot, 0), "(?i)/foo"); /* the greater text */
	fixture_delete(&f, OBJECT_INGRESS, "a/regex");
	fixture_update(&f);
	assert_int_equal(snapshot_regex_count(f.snapshot), 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(class__field_first_then_annotation),
		cmocka_unit_test(precedence__sluice_over_nginx_over_defaults),
		cmocka_unit_test(missing__one_problem_lists_all),
		cmocka_unit_test(regex__one_ingress_turns_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
