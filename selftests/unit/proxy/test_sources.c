// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/loop/sources.h"

#define ADDRESSES 1000u
#define STEPS     200000u

/* Xorshift (Marsaglia, 2003): the same history every time. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct inet_addr addr_of(const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return addr;
}

static void sources__an_address_counts_alone_and_ipv6_by_its_64(void **state)
{
	struct inet_addr a = addr_of("192.0.2.1"), b = addr_of("192.0.2.2");
	struct inet_addr net = addr_of("2001:db8:0:1::1"), same = addr_of("2001:db8:0:1:9::9");
	struct inet_addr other = addr_of("2001:db8:0:2::1");
	struct sources sources;

	(void)state;
	sources_init(&sources, 7);
	assert_int_equal(sources_conns(&sources, &a), 0);
	assert_int_equal(sources_add(&sources, &a), 1);
	assert_int_equal(sources_add(&sources, &a), 2);
	assert_int_equal(sources_add(&sources, &b), 1);
	assert_int_equal(sources_add(&sources, &net), 1);
	assert_int_equal(sources_add(&sources, &same), 2);
	assert_int_equal(sources_add(&sources, &other), 1);
	sources_remove(&sources, &same);
	sources_remove(&sources, &net);
	assert_int_equal(sources_conns(&sources, &same), 0);
	assert_int_equal(sources_conns(&sources, &other), 1);
	assert_int_equal(sources_conns(&sources, &a), 2);
	sources_free(&sources);
}

static void sources__agree_with_an_array_after_any_history(void **state)
{
	static uint32_t expected[ADDRESSES];
	struct sources sources;
	uint64_t seed = 1;
	uint32_t used = 0;

	(void)state;
	sources_init(&sources, 42);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t which = (uint32_t)(random_next(&seed) % ADDRESSES);
		struct inet_addr addr = inet_addr_from_v4(htonl(0x0a000000u + which));
		/* More come, then more go, so that the table is filled and emptied again. */
		bool add = random_next(&seed) % 8 < (step / 20000 % 2 ? 2u : 6u);

		if (add) {
			assert_int_equal(sources_add(&sources, &addr), ++expected[which]);
		} else if (expected[which]) {
			sources_remove(&sources, &addr);
			expected[which]--;
		}
		assert_int_equal(sources_conns(&sources, &addr), expected[which]);
	}
	for (uint32_t i = 0; i < ADDRESSES; i++) {
		struct inet_addr addr = inet_addr_from_v4(htonl(0x0a000000u + i));

		assert_int_equal(sources_conns(&sources, &addr), expected[i]);
		used += expected[i] != 0;
	}
	assert_int_equal(sources.used, used);
	sources_free(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources__an_address_counts_alone_and_ipv6_by_its_64),
		cmocka_unit_test(sources__agree_with_an_array_after_any_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
