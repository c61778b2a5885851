// SPDX-License-Identifier: Apache-2.0
/* Source ports of snat against those that the kernel gives to connections of the node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/node/port_clash.h"

static const struct {
	const char *name, *local, *reserved;
	uint16_t first, last, wanted;
} rows[] = {
	{ "side by side", "32768\t60999\n", "\n", 61000, 65535, 0 },
	{ "one port is in both", "32768\t61000\n", "\n", 61000, 65535, 61000 },
	{ "the range lies within", "1024\t65535\n", "\n", 61000, 62000, 61000 },
	{ "all of it is reserved", "1024\t65535\n", "80,61000-62000\n", 61000, 62000, 0 },
	{ "a part of it is reserved", "1024\t65535\n", "61000-61499,62001\n", 61000, 62000, 61500 },
	{ "single ports are reserved", "1024 65535", "61000,61001", 61000, 61001, 0 },
	{ "the node has none", "", "", 61000, 65535, 0 },
};

static void port_clash__finds_the_first_port_that_both_use(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].name);
		assert_int_equal(
			port_clash(rows[i].local, rows[i].reserved, rows[i].first, rows[i].last),
			rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_clash__finds_the_first_port_that_both_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
