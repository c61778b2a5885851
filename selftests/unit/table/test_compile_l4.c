// SPDX-License-Identifier: Apache-2.0
/*
 * test_compile_l4.c - frontends of Services and of HTTP
 */
#include "unit/lib/table_script.h"

#define DNS "service default/dns 10 udp u 53; port t 53; lb 192.0.2.1"
#define PODS                                                                \
	"slice default/e of dns; udp u 5353; port t 5354; on n1 10.0.0.1; " \
	"on n2 10.0.0.2"

static const struct script_case l4[] = {
	{ "TCP and UDP of an address",
	  { DNS, PODS, "frontend 192.0.2.1 53 udp = default/dns:53/udp",
	    "frontend 192.0.2.1 53 tcp = default/dns:53", "frontend 192.0.2.1 0 - = drop",
	    "backends default/dns:53/udp = 10.0.0.1:5353 10.0.0.2:5353",
	    "backends default/dns:53 = 10.0.0.1:5354 10.0.0.2:5354", "problems 0" } },
	{ "loadBalancerIP and externalIPs",
	  { "service default/dns 0 port 53; lb 192.0.2.1; external 192.0.2.2; external 192.0.2.1",
	    "frontend 192.0.2.1 53 tcp = default/dns:53",
	    "frontend 192.0.2.2 53 tcp = default/dns:53", "frontend 192.0.2.2 0 - = drop" } },
	{ "another class is not ours",
	  { "service default/dns 0 port 53; lb 192.0.2.1; class other",
	    "frontend 192.0.2.1 53 tcp = none", "frontend 192.0.2.1 0 - = none" } },
	{ "a Service that is no LoadBalancer any more",
	  { DNS, "frontend 192.0.2.1 53 tcp = default/dns:53", "service default/dns 10 port t 53",
	    "frontend 192.0.2.1 53 tcp = none", "frontend 192.0.2.1 0 - = none",
	    "backends default/dns:53 = none", "problems 0" } },
	{ "a Service that goes",
	  { DNS, PODS, "delete service default/dns", "frontend 192.0.2.1 53 udp = none",
	    "backends default/dns:53/udp = none", "problems 0" } },
	{ "the same upstream serves HTTP",
	  { "service default/web 0 port 80; lb 192.0.2.7",
	    "ingress default/a 0 host a.com; prefix / web:80", "ask a.com / = default/web:80",
	    "frontend 192.0.2.7 80 tcp = default/web:80" } },
	{ "no address yet",
	  { "service default/dns 0 port 53; lb", "problem default/dns NoAddress",
	    "service default/dns 0 port 53; lb 192.0.2.1", "problems 0" } },
	{ "an address that can be none",
	  { "service default/dns 0 port 53; lb 127.0.0.1; external 192.0.2.2",
	    "problem default/dns InvalidAddress", "frontend 192.0.2.2 53 tcp = default/dns:53" } },
	{ "two Services, one address and port: the oldest",
	  { DNS, "service default/two 5 port 53; port x 54; lb 192.0.2.1",
	    "frontend 192.0.2.1 53 tcp = default/two:53",
	    "frontend 192.0.2.1 53 udp = default/dns:53/udp",
	    "frontend 192.0.2.1 54 tcp = default/two:54", "problem default/dns Conflict",
	    "delete service default/two", "frontend 192.0.2.1 53 tcp = default/dns:53",
	    "problems 0" } },
	{ "two Services share an address by their ports",
	  { DNS, "service default/web 0 port 80; lb 192.0.2.1", "problems 0",
	    "delete service default/dns", "frontend 192.0.2.1 0 - = drop",
	    "frontend 192.0.2.1 80 tcp = default/web:80" } },
	{ "SCTP is refused alone",
	  { "service default/dns 0 sctp s 9; port t 53; lb 192.0.2.1",
	    "frontend 192.0.2.1 53 tcp = default/dns:53",
	    "problem default/dns UnsupportedProtocol spec.ports[0].protocol" } },
	{ "source ranges belong to each frontend",
	  { "service default/dns 0 port 53; lb 192.0.2.1; ranges 198.51.100.0/24,10.1.2.3/8",
	    "frontend 192.0.2.1 53 tcp = default/dns:53",
	    "l4 192.0.2.1 53 tcp = ranges 10.0.0.0/8 198.51.100.0/24",
	    "service default/dns 0 port 53; lb 192.0.2.1; ranges 2001:db8::/32",
	    "l4 192.0.2.1 53 tcp = ranges 2001:db8::/32",
	    "service default/dns 0 port 53; lb 192.0.2.1", "l4 192.0.2.1 53 tcp = plain",
	    "problems 0" } },
	{ "source ranges by the annotation, which the field outdoes",
	  { "service default/dns 0 port 53; lb 192.0.2.1; note "
	    "service.beta.kubernetes.io/load-balancer-source-ranges=10.0.0.0/8,172.16.0.0/12",
	    "l4 192.0.2.1 53 tcp = ranges 10.0.0.0/8 172.16.0.0/12",
	    "service default/dns 0 port 53; lb 192.0.2.1; ranges 192.0.2.0/24; note "
	    "service.beta.kubernetes.io/load-balancer-source-ranges=10.0.0.0/8",
	    "l4 192.0.2.1 53 tcp = ranges 192.0.2.0/24", "problems 0" } },
	{ "source ranges of which none can be read: not served",
	  { "service default/dns 0 port 53; lb 192.0.2.1; note "
	    "service.beta.kubernetes.io/load-balancer-source-ranges=ten",
	    "frontend 192.0.2.1 53 tcp = none", "problem default/dns InvalidAnnotation",
	    "problem default/dns InvalidSourceRanges" } },
	{ "affinity and its time",
	  { "service default/dns 0 port 53; lb 192.0.2.1; affinity 30",
	    "l4 192.0.2.1 53 tcp = affinity 30", "problems 0" } },
	{ "a rate limit by annotation",
	  { "service default/dns 0 port 53; lb 192.0.2.1; note sluice.dev/l4-rate-limit=5",
	    "l4 192.0.2.1 53 tcp = rate 5",
	    "service default/dns 0 port 53; lb 192.0.2.1; note sluice.dev/l4-rate-limit=-5",
	    "l4 192.0.2.1 53 tcp = plain", "problem default/dns InvalidAnnotation" } },
	{ "annotations of L4 mean nothing on an Ingress",
	  { "ingress default/a 0 host a.com; prefix / web:80; note sluice.dev/l4-mode=dsr",
	    "problem default/a UnknownAnnotation" } },
	{ "the denylist: every value, comments, what is wrong is left out",
	  { "denied = nobody",
	    "denylist 203.0.113.9 203.0.113.0/24, 2001:db8::/32|# 10.0.0.0/8|nonsense 0.0.0.0/0",
	    "denied = 203.0.113.0/24 203.0.113.9/32 2001:db8::/32",
	    "problem default/sluice-denylist InvalidNetwork", "problems 2", "denylist 192.0.2.7",
	    "denied = 192.0.2.7/32", "problems 0", "delete configmap default/sluice-denylist",
	    "denied = nobody" } },
	{ "IPv6",
	  { "service default/dns 0 port 53; lb 2001:db8::1",
	    "slice default/e of dns; port 53; up fd00::1",
	    "slice default/f of dns; port 53; up 10.0.0.1",
	    "frontend 2001:db8::1 53 tcp = default/dns:53",
	    "backends default/dns:53 = fd00::1:53" } },
	{ "both families: each frontend has the backends of its own",
	  { "service default/dns 0 port 53; lb 192.0.2.1; external 2001:db8::1; dual",
	    "slice default/e of dns; port 53; up fd00::1",
	    "slice default/f of dns; port 53; up 10.0.0.1",
	    "frontend 192.0.2.1 53 tcp = default/dns:53@v4",
	    "frontend 2001:db8::1 53 tcp = default/dns:53@v6",
	    "backends default/dns:53@v4 = 10.0.0.1:53",
	    "backends default/dns:53@v6 = fd00::1:53" } },
	{ "a wildcard HTTP frontend leaves other addresses' port 80 alone",
	  { "service default/web 0 port 80; lb 192.0.2.7", "frontend 0.0.0.0 80 tcp = http",
	    "frontend :: 443 tcp = http tls", "frontend 192.0.2.7 80 tcp = default/web:80",
	    "frontend 0.0.0.0 0 - = none" } },
};

static void l4__table(void **state)
{
	(void)state;
	SCRIPT_RUN(l4);
}

static void l4__on_a_named_node(void **state)
{
	static const struct script_case cases[] = {
		{ "externalTrafficPolicy Local: only endpoints of this node",
		  { "service default/dns 0 udp u 53; lb 192.0.2.1; local", PODS,
		    "frontend 192.0.2.1 53 udp = default/dns:53/udp@node",
		    "backends default/dns:53/udp@node = 10.0.0.1:5353" } },
		{ "both families, Local",
		  { "service default/dns 0 udp u 53; lb 192.0.2.1; local; dual", PODS,
		    "frontend 192.0.2.1 53 udp = default/dns:53/udp@node4" } },
		{ "HTTP uses all of them",
		  { "service default/dns 0 port t 53; lb 192.0.2.1; local", PODS,
		    "ingress default/a 0 host a.com; prefix / dns:53",
		    "backends default/dns:53 = 10.0.0.1:5354 10.0.0.2:5354",
		    "backends default/dns:53@node = 10.0.0.1:5354" } },
		{ "an address of this node: other ports pass",
		  { DNS, "frontend 192.0.2.1 0 - = drop", "node n1 192.0.2.1",
		    "frontend 192.0.2.1 0 - = pass", "node n1 192.0.2.99",
		    "frontend 192.0.2.1 0 - = drop" } },
		{ "how pods of other nodes are reached",
		  { DNS, PODS, "ways default/dns:53 = 10.0.0.1 local 10.0.0.2 snat", "problems 0",
		    "node n2 192.0.2.102",
		    "service default/dns 10 port t 53; lb 192.0.2.1; note sluice.dev/l4-mode=dsr",
		    "ways default/dns:53 = 10.0.0.1 local 10.0.0.2 dsr 192.0.2.102",
		    "service default/dns 10 port t 53; lb 192.0.2.1; note sluice.dev/l4-mode=dsr; "
		    "note sluice.dev/l4-encapsulation=gue",
		    "ways default/dns:53 = 10.0.0.1 local 10.0.0.2 gue 192.0.2.102",
		    "node n2 192.0.2.103",
		    "ways default/dns:53 = 10.0.0.1 local 10.0.0.2 gue 192.0.2.103", "problems 0",
		    "delete node /n2", "ways default/dns:53 = 10.0.0.1 local 10.0.0.2 snat",
		    "problem default/dns NodeAddressUnknown" } },
		{ "weights of slices",
		  { "service default/dns 10 port t 53; lb 192.0.2.1",
		    "slice default/e of dns; port t 5354; up 10.0.0.1; note sluice.dev/l4-weight=3",
		    "slice default/f of dns; port t 5354; up 10.0.0.2",
		    "ways default/dns:53 = 10.0.0.1 local w3 10.0.0.2 local", "problems 0",
		    "slice default/e of dns; port t 5354; up 10.0.0.1; note sluice.dev/l4-weight=0",
		    "ways default/dns:53 = 10.0.0.1 local 10.0.0.2 local",
		    "problem default/e InvalidAnnotation" } },
		{ "health checks count ready pods of this node",
		  { "service default/dns 0 udp u 53; lb 192.0.2.1; local; check 31000", PODS,
		    "checks = 31000 default/dns 1",
		    "slice default/e of dns; udp u 5353; on n2 10.0.0.2; down 10.0.0.3",
		    "checks = 31000 default/dns 0",
		    "service default/dns 0 udp u 53; lb 192.0.2.1; local; check 31000; notready",
		    "checks = 31000 default/dns 1",
		    "service default/dns 0 udp u 53; lb 192.0.2.1; check 31000", "checks = none",
		    "service default/dns 0 udp u 53; lb 192.0.2.1; local; check 31001",
		    "checks = 31001 default/dns 0", "delete service default/dns",
		    "checks = none" } },
		{ "an address of another node: not",
		  { DNS, "node n2 192.0.2.1", "frontend 192.0.2.1 0 - = drop" } },
	};
	struct table_options options = fixture_options();

	(void)state;
	options.node_name = "n1";
	script_run_with(cases, sizeof(cases) / sizeof(cases[0]), &options);
}

static void l4__backends_know_where_they_run(void **state)
{
	struct table_options options = fixture_options();
	const struct upstream_entry *upstream;
	char text[INET_ADDR_TEXT_MAX];
	struct fixture f;

	(void)state;
	options.node_name = "n1";
	fixture_open_with(&f, &options, NULL);
	fixture_service(&f, "default/dns", 0, "udp u 53; lb 192.0.2.1");
	fixture_slice(
		&f, "default/e",
		"of dns; udp u 53; on n1 10.0.0.1; on n2 10.0.0.2; up 10.0.0.3; on n3 10.0.0.4");
	script_node(&f, "n2", "192.0.2.202");
	fixture_update(&f);
	upstream = strmap_get(&f.table->upstreams, "default/dns:53/udp");
	assert_int_equal(upstream->backends[0].flags, BACKEND_F_LOCAL);
	assert_int_equal(upstream->backends[1].flags, 0);
	assert_string_equal(inet_addr_format(&upstream->backends[1].node_addr, text),
			    "192.0.2.202");
	assert_int_equal(upstream->backends[2].flags, BACKEND_F_LOCAL);
	assert_int_equal(upstream->backends[3].flags, 0);
	assert_true(inet_addr_is_any(&upstream->backends[3].node_addr));
	script_node(&f, "n3", "192.0.2.203");
	assert_int_equal(fixture_update(&f)->backends_set_count, 1);
	fixture_close(&f);
}

static void http__frontends_of_given_addresses(void **state)
{
	static const struct script_case cases[] = {
		{ "address, both ports, TLS told",
		  { "frontend 192.0.2.1 80 tcp = http", "frontend 192.0.2.1 443 tcp = http tls",
		    "frontend 192.0.2.1 0 - = pass", "frontend 0.0.0.0 80 tcp = none",
		    "frontend 2001:db8::1 80 tcp = http" } },
		{ "HTTP wins over a Service",
		  { "service default/web 1 port 80; udp u 80; port o 8080; lb 192.0.2.1",
		    "frontend 192.0.2.1 80 tcp = http",
		    "frontend 192.0.2.1 80 udp = default/web:80/udp",
		    "frontend 192.0.2.1 8080 tcp = default/web:8080",
		    "problem default/web Conflict spec.ports", "frontend 192.0.2.1 0 - = pass" } },
	};
	struct table_options options = fixture_options();
	struct inet_addr addresses[2];

	(void)state;
	inet_addr_parse("192.0.2.1", &addresses[0]);
	inet_addr_parse("2001:db8::1", &addresses[1]);
	options.addresses = addresses;
	options.addresses_count = 2;
	script_run_with(cases, sizeof(cases) / sizeof(cases[0]), &options);
}

static void http__addresses_change(void **state)
{
	const struct table_delta *delta;
	struct inet_addr addresses[2];
	struct script script = { .name = "addresses" };
	uint32_t id;

	(void)state;
	inet_addr_parse("192.0.2.1", &addresses[0]);
	inet_addr_parse("192.0.2.2", &addresses[1]);
	fixture_open(&script.f);
	assert_int_equal(fixture_update(&script.f)->frontends_set_count, 4);
	assert_int_equal(table_set_addresses(script.f.table, addresses, 1), 0);
	delta = fixture_update(&script.f);
	assert_int_equal(delta->frontends_set_count, 3);
	id = delta->frontends_set[0].id;
	script_line(&script, "frontend 0.0.0.0 80 tcp = http");
	script_line(&script, "frontend 192.0.2.1 80 tcp = http");
	assert_int_equal(table_set_addresses(script.f.table, &addresses[1], 1), 0);
	delta = fixture_update(&script.f);
	assert_int_equal(delta->frontends_set_count, 3);
	assert_int_equal(delta->frontends_removed_count, 3);
	for (size_t i = 0; i < delta->frontends_set_count; i++)
		assert_int_not_equal(delta->frontends_set[i].id, id);
	script_line(&script, "frontend 192.0.2.1 80 tcp = none");
	fixture_close(&script.f);
}

static void http__node_addresses_pass_other_ports(void **state)
{
	struct script script = { .name = "node addresses" };
	struct inet_addr addr;

	(void)state;
	inet_addr_parse("192.0.2.1", &addr);
	fixture_open(&script.f);
	fixture_service(&script.f, "default/dns", 0, "port 53; lb 192.0.2.1");
	fixture_update(&script.f);
	script_line(&script, "frontend 192.0.2.1 0 - = drop");
	assert_int_equal(table_set_node_addresses(script.f.table, &addr, 1), 0);
	assert_int_equal(fixture_update(&script.f)->frontends_set_count, 1);
	script_line(&script, "frontend 192.0.2.1 0 - = pass");
	fixture_close(&script.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(l4__table),
		cmocka_unit_test(l4__on_a_named_node),
		cmocka_unit_test(l4__backends_know_where_they_run),
		cmocka_unit_test(http__frontends_of_given_addresses),
		cmocka_unit_test(http__addresses_change),
		cmocka_unit_test(http__node_addresses_pass_other_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
