// SPDX-License-Identifier: Apache-2.0
/*
 * test_compile_hosts.c - which host answers, default backends, TLS of hosts
 */
#include "unit/lib/table_script.h"

#define WEB "service default/web 0 port 80"
#define API "service default/api 0 port 80"
#define OLD "service default/old 0 port 80"

static const struct script_case hosts[] = {
	{ "exact host",
	  { WEB, "ingress default/a 0 host a.com; prefix / web:80", "ask a.com / = default/web:80",
	    "ask b.com / = 404", "ask - / = 404" } },
	{ "a wildcard covers exactly one label",
	  { WEB, "ingress default/a 0 host *.foo.com; prefix / web:80",
	    "ask bar.foo.com / = default/web:80", "ask foo.com / = 404",
	    "ask baz.bar.foo.com / = 404", "ask .foo.com / = 404", "ask xfoo.com / = 404" } },
	{ "a name that holds a star is not the wildcard",
	  { WEB, "ingress default/a 0 host *.foo.com; prefix /x web:80",
	    "ask *.foo.com /y = 404" } },
	{ "exact before wildcard, whatever their ages",
	  { WEB, API, "ingress default/a 10 host *.foo.com; prefix / web:80",
	    "ingress default/b 20 host bar.foo.com; prefix / api:80",
	    "ask bar.foo.com / = default/api:80", "ask x.foo.com / = default/web:80" } },
	{ "no fall-through from the exact host to the wildcard",
	  { WEB, API, "ingress default/a 0 host *.foo.com; prefix / web:80",
	    "ingress default/b 0 host bar.foo.com; prefix /x api:80",
	    "ask bar.foo.com /y = 404" } },
	{ "no fall-through to the rules without a host",
	  { WEB, API, "ingress default/a 0 host; prefix / web:80",
	    "ingress default/b 0 host bar.foo.com; prefix /x api:80", "ask bar.foo.com /y = 404",
	    "ask other.com /y = default/web:80" } },
	{ "no fall-through from the wildcard to the rules without a host",
	  { WEB, API, "ingress default/a 0 host; prefix / web:80",
	    "ingress default/b 0 host *.foo.com; prefix /x api:80", "ask bar.foo.com /y = 404" } },
	{ "rules without a host take every other host, and none",
	  { WEB, "ingress default/a 0 host; prefix / web:80", "ask any.thing / = default/web:80",
	    "ask - / = default/web:80" } },
	{ "hosts are matched in lower case",
	  { WEB, "ingress default/a 0 host a.com; prefix / web:80",
	    "ask a.com / = default/web:80" } },
	{ "paths of several Ingresses of one host are merged",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /a web:80",
	    "ingress default/b 0 host a.com; prefix /b api:80", "ask a.com /a = default/web:80",
	    "ask a.com /b = default/api:80", "ask a.com /c = 404" } },
	{ "of several namespaces, too",
	  { WEB, "service shop/api 0 port 80", "ingress default/a 0 host a.com; prefix /a web:80",
	    "ingress shop/b 0 host a.com; prefix /b api:80", "ask a.com /b = shop/api:80" } },
	{ "an Ingress that goes takes its host with it",
	  { WEB, "ingress default/a 0 host a.com; prefix / web:80", "ask a.com / = default/web:80",
	    "delete ingress default/a", "ask a.com / = 404", "problems 0" } },
	{ "an invalid host takes its rule out, the others stay",
	  { WEB, "ingress default/a 0 host a_b.com; prefix / web:80; host c.com; prefix / web:80",
	    "ask c.com / = default/web:80", "ask a_b.com / = 404",
	    "problem default/a InvalidHost spec.rules[0].host" } },
};

static const struct script_case defaults[] = {
	{ "a path that no rule matches goes to the Ingress' default backend",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /a web:80; default api:80",
	    "ask a.com /x = default/api:80", "ask a.com /a = default/web:80" } },
	{ "an Ingress with rules does not catch other hosts",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /a web:80; default api:80",
	    "ask b.com /x = 404" } },
	{ "the default backend of the oldest that has one",
	  { WEB, API, OLD, "ingress default/a 30 host a.com; prefix /a web:80; default web:80",
	    "ingress default/b 20 host a.com; prefix /b web:80; default api:80",
	    "ingress default/c 10 host a.com; prefix /c web:80", "ask a.com /x = default/api:80",
	    "problem default/a Conflict spec.defaultBackend" } },
	{ "a rule with a host and no http sends the host to the default backend",
	  { WEB, "ingress default/a 0 nohttp a.com; default web:80",
	    "ask a.com /x = default/web:80", "ask b.com /x = 404" } },
	{ "a rule with a host and no http, without default backend: 404",
	  { WEB, "ingress default/a 0 nohttp a.com", "ask a.com / = 404" } },
	{ "only a default backend: every host without rules",
	  { WEB, "ingress default/a 0 default web:80", "ask any.com /x = default/web:80",
	    "ask - /x = default/web:80" } },
	{ "the overall default backend is that of the oldest Ingress without rules",
	  { WEB, API, "ingress default/a 20 default web:80", "ingress default/b 10 default api:80",
	    "ask any.com / = default/api:80", "problem default/a Conflict spec.defaultBackend",
	    "delete ingress default/b", "ask any.com / = default/web:80", "problems 0" } },
	{ "the overall default takes what no path of a host matches",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /a web:80",
	    "ingress default/b 0 default api:80", "ask a.com /x = default/api:80" } },
	{ "the host's own default backend comes before the overall one",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /a web:80; default web:80",
	    "ingress default/b 0 default api:80", "ask a.com /x = default/web:80" } },
	{ "rules without a host come before the overall default",
	  { WEB, API, "ingress default/a 0 host; prefix /a web:80",
	    "ingress default/b 0 default api:80", "ask x.com /a = default/web:80",
	    "ask x.com /b = default/api:80" } },
	{ "rules that were all refused do not make an Ingress the default for all",
	  { WEB, "ingress default/a 0 host a_b.com; prefix / web:80; default web:80",
	    "ask any.com / = 404" } },
	{ "a default backend of an unknown Service answers 503",
	  { "ingress default/a 0 host a.com; default web:80; prefix /x web:80",
	    "ask a.com /y = 503 default/web:80",
	    "problem default/a ServiceNotFound spec.defaultBackend.service.name" } },
};

static void hosts__table(void **state)
{
	(void)state;
	SCRIPT_RUN(hosts);
}

static void defaults__table(void **state)
{
	(void)state;
	SCRIPT_RUN(defaults);
}

static void defaults__by_option(void **state)
{
	static const struct script_case cases[] = {
		{ "the option's backend takes what nothing else does",
		  { "service sys/fallback 0 port http 80", WEB, API,
		    "ingress default/a 0 host a.com; prefix /a web:80",
		    "ask b.com / = sys/fallback:80", "ask a.com /x = sys/fallback:80",
		    "ingress default/b 0 default api:80", "ask b.com / = default/api:80",
		    "delete ingress default/b", "ask b.com / = sys/fallback:80" } },
		{ "its Service may come later and go",
		  { "ask b.com / = 503 sys/fallback:http", "problem sys/fallback ServiceNotFound",
		    "service sys/fallback 0 port http 80", "ask b.com / = sys/fallback:80",
		    "problems 0", "delete service sys/fallback",
		    "ask b.com / = 503 sys/fallback:http" } },
	};
	struct table_options options = fixture_options();

	(void)state;
	options.default_backend = "sys/fallback:http";
	script_run_with(cases, sizeof(cases) / sizeof(cases[0]), &options);
}

static void defaults__malformed_options_are_refused(void **state)
{
	static const char *const bad[] = { "web",     "ns/web",   "/web:80",      "ns/:80",
					   "ns/web:", "ns/web:0", "ns/web:70000", "a/b/c:80" };
	struct table_options options = fixture_options();
	struct table *table;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		options.default_backend = bad[i];
		assert_int_equal(table_new(&options, NULL, &table), -EINVAL);
	}
	options = fixture_options();
	options.default_certificate = "no-namespace";
	assert_int_equal(table_new(&options, NULL, &table), -EINVAL);
	options = fixture_options();
	options.https_port = options.http_port;
	assert_int_equal(table_new(&options, NULL, &table), -EINVAL);
}

#define TLS_A "ingress default/a 10 host a.com; prefix / web:80; tls crt a.com"

static const struct script_case tls[] = {
	{ "the Secret of a host",
	  { WEB, "cert default/crt", TLS_A, "tls a.com = default/crt", "tls b.com = none",
	    "secrets = default/crt", "problems 0" } },
	{ "a missing Secret: default certificate, and told",
	  { WEB, TLS_A, "tls a.com = default",
	    "problem default/a SecretUnusable spec.tls[0].secretName", "cert default/crt",
	    "tls a.com = default/crt", "problems 0", "delete secret default/crt",
	    "tls a.com = default" } },
	{ "never a Secret of another namespace",
	  { WEB, "cert other/crt", TLS_A, "tls a.com = default" } },
	{ "a Secret of another type",
	  { WEB, "secret default/crt Opaque", TLS_A, "tls a.com = default",
	    "problem default/a SecretUnusable", "secrets = " } },
	{ "an entry without secretName: default certificate, no problem",
	  { WEB, "ingress default/a 0 host a.com; prefix / web:80; tls - a.com",
	    "tls a.com = default", "redirect a.com / = yes", "problems 0" } },
	{ "an entry without hosts: those of the rules",
	  { WEB, "cert default/crt",
	    "ingress default/a 0 host a.com; prefix / web:80; host b.com; prefix / web:80; tls crt",
	    "tls a.com = default/crt", "tls b.com = default/crt", "tls c.com = none" } },
	{ "a wildcard in tls covers one label",
	  { WEB, "cert default/crt",
	    "ingress default/a 0 host x.a.com; prefix / web:80; tls crt *.a.com",
	    "tls x.a.com = default/crt", "tls a.com = none", "tls y.x.a.com = none",
	    "redirect x.a.com / = yes" } },
	{ "exact before wildcard",
	  { WEB, "cert default/crt", "cert default/star",
	    "ingress default/a 0 host x.a.com; prefix / web:80; tls star *.a.com; tls crt x.a.com",
	    "tls x.a.com = default/crt", "tls y.a.com = default/star" } },
	{ "two Ingresses, one host, two Secrets: the oldest wins",
	  { WEB, "cert default/crt", "cert default/two", TLS_A,
	    "ingress default/b 5 host a.com; prefix /b web:80; tls two a.com",
	    "tls a.com = default/two", "problem default/a Conflict spec.tls[0].hosts[0]",
	    "secrets = default/two", "delete ingress default/b", "tls a.com = default/crt",
	    "problems 0" } },
	{ "two Ingresses with one Secret are no conflict",
	  { WEB, "cert default/crt", TLS_A,
	    "ingress default/b 5 host a.com; prefix /b web:80; tls crt a.com", "problems 0" } },
	{ "redirect for hosts with TLS",
	  { WEB, TLS_A, "redirect a.com / = yes", "redirect a.com /x = yes",
	    "redirect b.com / = no" } },
	{ "never for ACME challenges",
	  { WEB, TLS_A, "redirect a.com /.well-known/acme-challenge/x = no",
	    "redirect a.com /.well-known/acme = yes" } },
	{ "not when the annotation says so",
	  { WEB,
	    "ingress default/a 0 host a.com; prefix / web:80; tls crt a.com; note "
	    "sluice.dev/ssl-redirect=false",
	    "redirect a.com / = no" } },
	{ "an Ingress without the redirect beside one with it",
	  { WEB, TLS_A,
	    "ingress default/b 0 host a.com; exact /plain web:80; note sluice.dev/ssl-redirect=false",
	    "redirect a.com / = yes", "redirect a.com /plain = no" } },
	{ "a wildcard rule with an exact TLS host",
	  { WEB, "ingress default/a 0 host *.a.com; prefix / web:80; tls crt x.a.com",
	    "redirect x.a.com / = yes", "redirect y.a.com / = no" } },
	{ "TLS of rules without a host leaves hosts with rules alone",
	  { WEB, "cert default/crt", "ingress default/a 0 host; prefix / web:80; tls crt",
	    "ingress default/b 0 host b.com; prefix / web:80", "tls any.com = default/crt",
	    "tls b.com = none", "redirect b.com / = no", "redirect any.com / = yes" } },
	{ "without hosts and without rules: all hosts that have none",
	  { WEB, "cert default/crt", "ingress default/a 0 default web:80; tls crt",
	    "ingress default/b 0 host b.com; prefix / web:80", "tls any.com = default/crt",
	    "tls b.com = none", "redirect b.com / = no", "redirect any.com / = yes",
	    "ask any.com / = default/web:80", "problems 0" } },
	{ "a host in tls alone has no rules",
	  { WEB, "cert default/crt",
	    "ingress default/a 0 host a.com; prefix / web:80; tls crt z.com",
	    "tls z.com = default/crt", "ask z.com / = 404",
	    "ingress default/b 0 host; prefix / web:80", "ask z.com / = default/web:80" } },
	{ "passthrough by SNI",
	  { WEB, API,
	    "ingress default/a 0 host a.com; prefix /x api:80; prefix / web:80; note "
	    "sluice.dev/tls-passthrough=true",
	    "tls a.com = pass:default/web:80", "redirect a.com / = no" } },
	{ "passthrough needs a host",
	  { WEB, "ingress default/a 0 host; prefix / web:80; note sluice.dev/tls-passthrough=true",
	    "problem default/a PassthroughWithoutHost spec.rules[0].host", "tls x.com = none" } },
	{ "a certificate that is renewed is told of, and no route changes",
	  { WEB, "cert default/crt", TLS_A, "tls a.com = default/crt", "secret default/crt Opaque",
	    "tls a.com = default" } },
};

static void tls__table(void **state)
{
	(void)state;
	SCRIPT_RUN(tls);
}

static void tls__no_redirect_where_https_is_not_served(void **state)
{
	static const struct script_case cases[] = {
		{ "no https port", { WEB, TLS_A, "redirect a.com / = no" } },
	};
	struct table_options options = fixture_options();

	(void)state;
	options.https_port = 0;
	script_run_with(cases, 1, &options);
}

static void tls__default_certificate(void **state)
{
	static const struct script_case cases[] = {
		{ "told while it is missing",
		  { "problem sys/crt SecretUnusable --default-certificate",
		    "secrets = ", "cert sys/crt", "problems 0", "secrets = default:sys/crt" } },
	};
	struct table_options options = fixture_options();

	(void)state;
	options.default_certificate = "sys/crt";
	script_run_with(cases, 1, &options);
}

/* The list of an object's problems has an end; what it says of rules may be beyond it. */
static void hosts__refused_rules_count_behind_many_other_problems(void **state)
{
	char json[8192];
	size_t used;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_service(&f, "default/web", 0, "80");
	used = (size_t)snprintf(json, sizeof(json),
				"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\","
				"\"metadata\":{\"name\":\"a\",\"annotations\":{");
	for (int i = 0; i < 100; i++)
		used += (size_t)snprintf(json + used, sizeof(json) - used, "%s\"n%d\":%d",
					 i ? "," : "", i, i);
	snprintf(
		json + used, sizeof(json) - used,
		"}},\"spec\":{\"ingressClassName\":\"sluice\",\"defaultBackend\":{\"service\":"
		"{\"name\":\"web\",\"port\":{\"number\":80}}},\"rules\":[{\"host\":\"a_b.com\"}]}}");
	fixture_put_json(&f, json);
	fixture_update(&f);
	assert_string_equal(fixture_ask(&f, "any.com", "/"), "404");
	fixture_close(&f);
}

/* '-' comes before '/' in ASCII: a key of both parts would put namespace "a-b" before "a". */
static void conflict__of_equal_age_namespace_decides_then_name(void **state)
{
	static const struct {
		const char *one, *other, *winner;
	} cases[] = {
		{ "a-b/x", "a/y", "y" },
		{ "a/y", "a-b/x", "y" },
		{ "a/y-1", "a/y", "y" },
		{ "b/a", "a/b", "b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct problem *problem;
		struct fixture f;

		fixture_open(&f);
		fixture_ingress(&f, cases[i].one, 1000, "host a.com; prefix / one:80");
		fixture_ingress(&f, cases[i].other, 1000, "host a.com; prefix / other:80");
		fixture_update(&f);
		problem = fixture_problem(&f,
					  strcmp(strchr(cases[i].one, '/') + 1, cases[i].winner)
						  ? cases[i].one
						  : cases[i].other,
					  "Conflict");
		assert_non_null(problem);
		assert_non_null(strstr(problem->message, "as old"));
		assert_null(strstr(problem->message, "older"));
		fixture_close(&f);
	}
}

static void conflict__older_is_said_of_what_is_older(void **state)
{
	const struct problem *problem;
	struct fixture f;

	(void)state;
	fixture_open(&f);
	fixture_ingress(&f, "a/young", 2000, "host a.com; prefix / one:80");
	fixture_ingress(&f, "b/old", 1000, "host a.com; prefix / other:80");
	fixture_update(&f);
	problem = fixture_problem(&f, "a/young", "Conflict");
	assert_non_null(problem);
	assert_non_null(strstr(problem->message, "taken by the older Ingress b/old"));
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts__table),
		cmocka_unit_test(hosts__refused_rules_count_behind_many_other_problems),
		cmocka_unit_test(defaults__table),
		cmocka_unit_test(defaults__by_option),
		cmocka_unit_test(defaults__malformed_options_are_refused),
		cmocka_unit_test(tls__table),
		cmocka_unit_test(tls__no_redirect_where_https_is_not_served),
		cmocka_unit_test(tls__default_certificate),
		cmocka_unit_test(conflict__of_equal_age_namespace_decides_then_name),
		cmocka_unit_test(conflict__older_is_said_of_what_is_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
