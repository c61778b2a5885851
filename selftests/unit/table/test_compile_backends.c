// SPDX-License-Identifier: Apache-2.0
/*
 * test_compile_backends.c - Services, ports, endpoints; class; conflicts
 */
#include "unit/lib/table_script.h"

#define WEB     "service default/web 0 port http 80"
#define API     "service default/api 0 port 80"
#define INGRESS "ingress default/a 0 host a.com; prefix / web:80"

static const struct script_case backends[] = {
	{ "ports of pods come from the slice port of the same name",
	  { WEB, INGRESS, "slice default/e of web; port http 8080; port other 9; up 10.0.0.1",
	    "backends default/web:80 = 10.0.0.1:8080" } },
	{ "no name goes with no name",
	  { API, "ingress default/a 0 host a.com; prefix / api:80",
	    "slice default/e of api; port x 1; port 8080; up 10.0.0.1",
	    "backends default/api:80 = 10.0.0.1:8080" } },
	{ "a name does not go with no name",
	  { WEB, INGRESS, "slice default/e of web; port 8080; up 10.0.0.1",
	    "backends default/web:80 = " } },
	{ "ports may differ from slice to slice",
	  { WEB, INGRESS, "slice default/e of web; port http 8080; up 10.0.0.1",
	    "slice default/f of web; port http 9090; up 10.0.0.2",
	    "backends default/web:80 = 10.0.0.1:8080 10.0.0.2:9090" } },
	{ "port by name",
	  { WEB, "ingress default/a 0 host a.com; prefix / web:http",
	    "ask a.com / = default/web:80" } },
	{ "one upstream whether by name or number",
	  { WEB, "ingress default/a 0 host a.com; prefix /a web:http; prefix /b web:80",
	    "ask a.com /a = default/web:80", "ask a.com /b = default/web:80" } },
	{ "a number for TCP and UDP means TCP",
	  { "service default/web 0 udp u 80; port t 80", INGRESS,
	    "slice default/e of web; udp u 1111; port t 2222; up 10.0.0.1",
	    "backends default/web:80 = 10.0.0.1:2222" } },
	{ "a port that is UDP alone answers 503",
	  { "service default/web 0 udp u 80", INGRESS, "ask a.com / = 503 default/web:80",
	    "problem default/a PortNotFound" } },
	{ "ready ones are used",
	  { WEB, INGRESS,
	    "slice default/e of web; port http 80; up 10.0.0.1; down 10.0.0.2; term 10.0.0.3",
	    "backends default/web:80 = 10.0.0.1:80 10.0.0.2:80~ 10.0.0.3:80~" } },
	{ "if none is ready, those that serve while they terminate",
	  { WEB, INGRESS, "slice default/e of web; port http 80; down 10.0.0.2; term 10.0.0.3",
	    "backends default/web:80 = 10.0.0.2:80~ 10.0.0.3:80~!" } },
	{ "if none at all, none",
	  { WEB, INGRESS, "slice default/e of web; port http 80; down 10.0.0.2",
	    "backends default/web:80 = 10.0.0.2:80~" } },
	{ "an address in two slices counts once, in its better state",
	  { WEB, INGRESS, "slice default/e of web; port http 80; term 10.0.0.1",
	    "slice default/f of web; port http 80; up 10.0.0.1",
	    "backends default/web:80 = 10.0.0.1:80" } },
	{ "a slice that goes takes its endpoints along",
	  { WEB, INGRESS, "slice default/e of web; port http 80; up 10.0.0.1",
	    "slice default/f of web; port http 80; up 10.0.0.2", "delete slice default/e",
	    "backends default/web:80 = 10.0.0.2:80" } },
	{ "a slice that moves to another Service",
	  { WEB, API, INGRESS, "ingress default/b 0 host b.com; prefix / api:80",
	    "slice default/e of web; port http 80; port 81; up 10.0.0.1",
	    "backends default/api:80 = ",
	    "slice default/e of api; port http 80; port 81; up 10.0.0.1",
	    "backends default/web:80 = ", "backends default/api:80 = 10.0.0.1:81",
	    "routes = no" } },
	{ "a slice of another namespace is not ours",
	  { WEB, INGRESS, "slice other/e of web; port http 80; up 10.0.0.1",
	    "backends default/web:80 = " } },
	{ "publishNotReadyAddresses: all count as ready",
	  { "service default/web 0 port 80; notready", INGRESS,
	    "slice default/e of web; port 80; down 10.0.0.2",
	    "backends default/web:80 = 10.0.0.2:80" } },
	{ "both families of a Service serve HTTP",
	  { WEB, INGRESS, "slice default/e of web; port http 80; up 10.0.0.1",
	    "slice default/f of web; port http 80; up fd00::1",
	    "backends default/web:80 = 10.0.0.1:80 fd00::1:80" } },
	{ "an unknown Service answers 503 until it comes",
	  { INGRESS, "ask a.com / = 503 default/web:80",
	    "problem default/a ServiceNotFound spec.rules[0].http.paths[0].backend.service.name",
	    WEB, "ask a.com / = default/web:80", "problems 0", "delete service default/web",
	    "ask a.com / = 503 default/web:80", "backends default/web:80 = none" } },
	{ "an unknown port answers 503",
	  { API, "ingress default/a 0 host a.com; prefix / api:81",
	    "ask a.com / = 503 default/api:81",
	    "problem default/a PortNotFound spec.rules[0].http.paths[0].backend.service.port.number",
	    "service default/api 0 port 81", "ask a.com / = default/api:81", "problems 0" } },
	{ "an unknown port name answers 503",
	  { API, "ingress default/a 0 host a.com; prefix / api:nope",
	    "ask a.com / = 503 default/api:nope",
	    "problem default/a PortNotFound spec.rules[0].http.paths[0].backend.service.port.name" } },
	{ "a 503 does not fall to a shorter prefix",
	  { API, "ingress default/a 0 host a.com; prefix /x web:80; prefix / api:80",
	    "ask a.com /x = 503 default/web:80", "ask a.com / = default/api:80" } },
	{ "a Service of another namespace is not found",
	  { "service other/web 0 port 80", INGRESS, "ask a.com / = 503 default/web:80" } },
	{ "resource backends are refused with an Event",
	  { "ingress default/a 0 host a.com; resource prefix /b", "ask a.com /b = 404",
	    "problem default/a ResourceBackend" } },
	{ "ExternalName answers 503",
	  { "service default/web 0 port 80; type ExternalName example.com", INGRESS,
	    "ask a.com / = 503 default/web:80", "problem default/a ExternalNameRefused" } },
	{ "upstreams exist only while something names them",
	  { WEB, API, INGRESS, "backends default/web:80 = ", "backends default/api:80 = none",
	    "delete ingress default/a", "backends default/web:80 = none" } },
	{ "a change of endpoints changes no route",
	  { WEB, INGRESS, "slice default/e of web; port http 80; up 10.0.0.1", "routes = yes",
	    "slice default/e of web; port http 80; up 10.0.0.2", "routes = no",
	    "backends default/web:80 = 10.0.0.2:80" } },
	{ "an Ingress that says the same again changes no route",
	  { WEB, INGRESS, "routes = yes", "ingress default/a 5 host a.com; prefix / web:80",
	    "routes = no" } },
	{ "appProtocol of the port",
	  { "service default/web 0 port 80; app 80 kubernetes.io/h2c", INGRESS,
	    "ask a.com / = default/web:80", "problems 0" } },
};

static void backends__table(void **state)
{
	(void)state;
	SCRIPT_RUN(backends);
}

static void backends__external_name_when_allowed(void **state)
{
	static const struct script_case cases[] = {
		{ "an address is a backend",
		  { "service default/web 0 port 80; type ExternalName 192.0.2.9", INGRESS,
		    "backends default/web:80 = 192.0.2.9:80", "problems 0" } },
		{ "without ports the rule's number counts",
		  { "service default/web 0 type ExternalName 192.0.2.9",
		    "ingress default/a 0 host a.com; prefix / web:8080",
		    "backends default/web:8080 = 192.0.2.9:8080" } },
		{ "a name waits for slices",
		  { "service default/web 0 port 80; type ExternalName example.com", INGRESS,
		    "problem default/a ExternalNameNotResolved",
		    "slice default/e of web; port 8443; up 10.0.0.1",
		    "backends default/web:80 = 10.0.0.1:8443" } },
	};
	struct table_options options = fixture_options();

	(void)state;
	options.allow_external_name = true;
	script_run_with(cases, sizeof(cases) / sizeof(cases[0]), &options);
}

/* ---- class ------------------------------------------------------------------------------------ */

#define OURS    "class sluice sluice.dev/ingress"
#define CLASS   "kubernetes.io/ingress.class"
#define A(rest) "ingress default/a 0 host a.com; prefix / web:80; " rest

static const struct script_case classes[] = {
	{ "the name of --ingress-class needs no object",
	  { WEB, A("class sluice"), "owns default/a = yes", "ask a.com / = default/web:80" } },
	{ "by annotation, too",
	  { WEB, A("class -; note " CLASS "=sluice"), "owns default/a = yes" } },
	{ "another class is not ours",
	  { WEB, A("class nginx"), "owns default/a = no", "ask a.com / = 404", "problems 0" } },
	{ "another annotation is not ours",
	  { WEB, A("class -; note " CLASS "=nginx"), "owns default/a = no" } },
	{ "the annotation counts over the field: away",
	  { WEB, OURS, A("class sluice; note " CLASS "=nginx"), "owns default/a = no" } },
	{ "the annotation counts over the field: here",
	  { WEB, A("class nginx; note " CLASS "=sluice"), "owns default/a = yes" } },
	{ "an annotation may name an IngressClass of ours",
	  { WEB, "class edge sluice.dev/ingress", A("class -; note " CLASS "=edge"),
	    "owns default/a = yes" } },
	{ "an IngressClass is ours by its controller",
	  { WEB, "class edge sluice.dev/ingress", A("class edge"), "owns default/a = yes" } },
	{ "an IngressClass of another controller is not",
	  { WEB, "class edge k8s.io/ingress-nginx", A("class edge"), "owns default/a = no" } },
	{ "one called sluice, of another controller, is not",
	  { WEB, "class sluice k8s.io/ingress-nginx", A("class sluice"), "owns default/a = no" } },
	{ "the IngressClass may come later",
	  { WEB, A("class edge"), "owns default/a = no", "class edge sluice.dev/ingress",
	    "ask a.com / = default/web:80", "delete class /edge", "ask a.com / = 404" } },
	{ "without a class it is not ours", { WEB, A("class -"), "owns default/a = no" } },
	{ "a class that is taken away withdraws the routes",
	  { WEB, A("class sluice"), "ask a.com / = default/web:80", A("class nginx"),
	    "ask a.com / = 404", "owns default/a = no", "backends default/web:80 = none" } },
	{ "problems of others' Ingresses are not told",
	  { A("class nginx; prefix //x web:80"), "problems 0" } },
};

static void class__table(void **state)
{
	(void)state;
	SCRIPT_RUN(classes);
}

static void class__without_class_by_option(void **state)
{
	static const struct script_case cases[] = {
		{ "no class is ours", { WEB, A("class -"), "owns default/a = yes" } },
		{ "another class still is not", { WEB, A("class nginx"), "owns default/a = no" } },
	};
	struct table_options options = fixture_options();

	(void)state;
	options.watch_without_class = true;
	script_run_with(cases, sizeof(cases) / sizeof(cases[0]), &options);
}

/* ---- conflicts -------------------------------------------------------------------------------- */

static const struct script_case conflicts[] = {
	{ "the oldest wins",
	  { WEB, API, "ingress default/young 20 host a.com; prefix /x web:80; prefix /y web:80",
	    "ingress default/old 10 host a.com; prefix /x api:80", "ask a.com /x = default/api:80",
	    "ask a.com /y = default/web:80",
	    "problem default/young Conflict spec.rules[0].http.paths[0].path", "problems 1" } },
	{ "whatever came first here",
	  { WEB, API, "ingress default/old 10 host a.com; prefix /x api:80",
	    "ingress default/young 20 host a.com; prefix /x web:80",
	    "ask a.com /x = default/api:80", "problem default/young Conflict" } },
	{ "of the same second: by namespace/name",
	  { WEB, API, "ingress default/b 10 host a.com; prefix /x web:80",
	    "ingress default/a 10 host a.com; prefix /x api:80", "ask a.com /x = default/api:80",
	    "problem default/b Conflict" } },
	{ "no timestamp counts as youngest",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /x web:80",
	    "ingress default/b 10 host a.com; prefix /x api:80", "ask a.com /x = default/api:80",
	    "problem default/a Conflict" } },
	{ "without timestamps: by namespace/name",
	  { WEB, API, "ingress default/b 0 host a.com; prefix /x web:80",
	    "ingress default/a 0 host a.com; prefix /x api:80", "ask a.com /x = default/api:80" } },
	{ "the loser takes over when the winner goes",
	  { WEB, API, "ingress default/old 10 host a.com; prefix /x api:80",
	    "ingress default/young 20 host a.com; prefix /x web:80", "delete ingress default/old",
	    "ask a.com /x = default/web:80", "problems 0" } },
	{ "exact and prefix of one path are no conflict",
	  { WEB, API, "ingress default/a 10 host a.com; prefix /x web:80",
	    "ingress default/b 20 host a.com; exact /x api:80", "ask a.com /x = default/api:80",
	    "problems 0" } },
	{ "prefix and implementation specific of one path are one",
	  { WEB, API, "ingress default/a 10 host a.com; prefix /x web:80",
	    "ingress default/b 20 host a.com; impl /x api:80", "ask a.com /x = default/web:80",
	    "problem default/b Conflict" } },
	{ "twice in one Ingress: the first",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /x web:80; prefix /x api:80",
	    "ask a.com /x = default/web:80",
	    "problem default/a Conflict spec.rules[0].http.paths[1].path" } },
	{ "a host twice in one Ingress is merged",
	  { WEB, API,
	    "ingress default/a 0 host a.com; prefix /x web:80; host a.com; prefix /y api:80",
	    "ask a.com /x = default/web:80", "ask a.com /y = default/api:80", "problems 0" } },
	{ "other hosts are no conflict",
	  { WEB, API, "ingress default/a 0 host a.com; prefix /x web:80",
	    "ingress default/b 0 host b.com; prefix /x api:80", "problems 0" } },
	{ "one spelled with an escape is the same path",
	  { WEB, API, "ingress default/a 10 host a.com; prefix /~x web:80",
	    "ingress default/b 20 host a.com; prefix /%7Ex api:80",
	    "ask a.com /~x = default/web:80", "problem default/b Conflict" } },
	{ "an older one that loses its class gives way",
	  { WEB, API, "ingress default/a 10 host a.com; prefix /x web:80",
	    "ingress default/b 20 host a.com; prefix /x api:80",
	    "ingress default/a 10 host a.com; prefix /x web:80; class nginx",
	    "ask a.com /x = default/api:80", "problems 0" } },
};

static void conflicts__table(void **state)
{
	(void)state;
	SCRIPT_RUN(conflicts);
}

static int note_host(void *ctx, const char *host)
{
	snprintf(ctx, 64, "%s", host);
	return 0;
}

static void backends__external_name_stands_for_what_was_found(void **state)
{
	struct table_options options = fixture_options();
	struct inet_addr addresses[2];
	char host[64] = "";
	struct fixture f;

	(void)state;
	options.allow_external_name = true;
	fixture_open_with(&f, &options, NULL);
	fixture_service(&f, "default/web", 0, "port 80; type ExternalName example.com");
	fixture_service(&f, "default/addr", 0, "port 80; type ExternalName 192.0.2.1");
	fixture_service(&f, "default/unused", 0, "port 80; type ExternalName example.org");
	fixture_ingress(&f, "default/a", 0, "host a.com; prefix / web:80; prefix /x addr:80");
	fixture_update(&f);
	assert_non_null(fixture_problem(&f, "default/a", "ExternalNameNotResolved"));
	assert_int_equal(table_each_external(f.table, &f.model, note_host, host), 0);
	assert_string_equal(host, "example.com");
	assert_int_equal(inet_addr_parse("192.0.2.7", &addresses[0]), 0);
	assert_int_equal(inet_addr_parse("2001:db8::7", &addresses[1]), 0);
	assert_int_equal(table_set_external(f.table, "example.com", addresses, 2), 0);
	fixture_update(&f);
	assert_null(fixture_problem(&f, "default/a", "ExternalNameNotResolved"));
	assert_int_equal(f.delta->backends_set_count, 2);
	assert_int_equal(f.delta->backends_set[0].port, 80);
	assert_int_equal(f.delta->backends_set[0].state, BACKEND_ACTIVE);
	assert_int_equal(f.delta->upstreams_set_count, 1);
	assert_int_equal(f.delta->upstreams_set[0].members_count, 2);
	/* Nothing new, then one address, then none. */
	fixture_update(&f);
	assert_int_equal(f.delta->backends_set_count + f.delta->upstreams_set_count, 0);
	assert_int_equal(table_set_external(f.table, "example.com", addresses, 1), 0);
	fixture_update(&f);
	assert_int_equal(f.delta->backends_removed_count, 1);
	assert_int_equal(table_set_external(f.table, "example.com", NULL, 0), 0);
	fixture_update(&f);
	assert_non_null(fixture_problem(&f, "default/a", "ExternalNameNotResolved"));
	assert_int_equal(f.delta->backends_removed_count, 1);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backends__table),
		cmocka_unit_test(backends__external_name_when_allowed),
		cmocka_unit_test(backends__external_name_stands_for_what_was_found),
		cmocka_unit_test(class__table),
		cmocka_unit_test(class__without_class_by_option),
		cmocka_unit_test(conflicts__table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
