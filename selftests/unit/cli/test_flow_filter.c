// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/flow_filter.h"

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return addr;
}

static void endpoint_filter__matches_what_it_says(void **state)
{
	static const struct {
		const char *filter, *addr;
		uint16_t port;
		bool matches;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.1", 80, true },
		{ "10.0.0.1", "10.0.0.2", 80, false },
		{ "10.0.0.0/8", "10.255.0.1", 1, true },
		{ "10.0.0.0/9", "10.128.0.1", 1, false },
		{ "10.0.0.1:80", "10.0.0.1", 80, true },
		{ "10.0.0.1:80", "10.0.0.1", 81, false },
		{ ":53", "2001:db8::1", 53, true },
		{ ":53", "10.0.0.1", 54, false },
		{ "2001:db8::1", "2001:db8::1", 9, true },
		{ "2001:db8::/33", "2001:db8:8000::1", 9, false },
		{ "[2001:db8::1]:80", "2001:db8::1", 80, true },
		{ "[2001:db8::1]:80", "2001:db8::1", 443, false },
		{ "[2001:db8::1]", "2001:db8::1", 443, true },
		{ "0.0.0.0/0", "10.0.0.1", 1, true },
		{ "0.0.0.0/0", "2001:db8::1", 1, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inet_addr addr = addr_of(cases[i].addr);
		struct endpoint_filter filter;

		assert_int_equal(endpoint_filter_parse(cases[i].filter, &filter), 0);
		if (endpoint_filter_matches(&filter, &addr, cases[i].port) != cases[i].matches)
			fail_msg("%s and %s port %u", cases[i].filter, cases[i].addr,
				 cases[i].port);
	}
}

static void endpoint_filter__nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		"x",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:65536",
		"10.0.0.1:80x",
		"[10.0.0.1",
		"[]:80",
		"[2001:db8::1]80",
		"10.0.0.0/33",
		":-1",
	};
	struct endpoint_filter filter;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (endpoint_filter_parse(bad[i], &filter) == 0)
			fail_msg("\"%s\" passes", bad[i]);
}

static void flow_filter__all_conditions_count(void **state)
{
	struct flow_view flow = {
		.saddr = addr_of("192.0.2.7"),
		.daddr = addr_of("198.51.100.1"),
		.sport = 40000,
		.dport = 80,
		.proto = IPPROTO_TCP,
		.value = { .backend_id = 3, .state = FLOW_ESTABLISHED },
	};
	uint8_t backends[] = { 0, 0, 0, 1 };
	struct flow_filter filter = {};

	(void)state;
	assert_true(flow_filter_matches(&filter, &flow));
	assert_int_equal(flow_filter_protocol("tcp", &filter), 0);
	assert_int_equal(flow_filter_state("established", &filter), 0);
	assert_int_equal(endpoint_filter_parse("198.51.100.1:80", &filter.frontend), 0);
	assert_int_equal(endpoint_filter_parse("192.0.2.0/24", &filter.client), 0);
	filter.backends = backends;
	filter.backends_count = sizeof(backends);
	assert_true(flow_filter_matches(&filter, &flow));
	flow.value.backend_id = 2;
	assert_false(flow_filter_matches(&filter, &flow));
	flow.value.backend_id = 4;
	assert_false(flow_filter_matches(&filter, &flow));
	flow.value.backend_id = 3;
	flow.value.state = FLOW_NEW;
	assert_false(flow_filter_matches(&filter, &flow));
	flow.value.state = FLOW_ESTABLISHED;
	flow.proto = IPPROTO_UDP;
	assert_false(flow_filter_matches(&filter, &flow));
	assert_int_not_equal(flow_filter_protocol("icmp", &filter), 0);
	assert_int_not_equal(flow_filter_state("old", &filter), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoint_filter__matches_what_it_says),
		cmocka_unit_test(endpoint_filter__nonsense_is_refused),
		cmocka_unit_test(flow_filter__all_conditions_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
