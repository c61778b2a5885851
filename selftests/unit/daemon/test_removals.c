// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/removals.h"

static void removals__are_moved_out_of_the_delta(void **state)
{
	uint32_t upstreams[] = { 7, 3 }, backends[] = { 30, 10, 20 };
	struct table_delta delta = {
		.upstreams_removed = upstreams,
		.upstreams_removed_count = 2,
		.backends_removed = backends,
		.backends_removed_count = 3,
	};
	struct removals removals = {};
	struct table_delta held;

	(void)state;
	assert_int_equal(removals_hold(&removals, &delta), 0);
	assert_int_equal(delta.upstreams_removed_count, 0);
	assert_int_equal(delta.backends_removed_count, 0);
	held = removals_delta(&removals, 9);
	assert_int_equal(held.upstreams_removed_count, 2);
	assert_int_equal(held.upstreams_removed[0], 3);
	assert_int_equal(held.backends_removed_count, 3);
	assert_int_equal(held.backends_removed[2], 30);
	assert_int_equal(held.generation, 9);
	assert_int_equal(held.backends_set_count + held.upstreams_set_count, 0);
	removals_clear(&removals);
	assert_int_equal(removals.backends_count, 0);
}

static void removals__of_what_comes_back_are_forgotten(void **state)
{
	uint32_t removed[] = { 1, 2, 3 };
	struct table_delta gone = {
		.upstreams_removed = removed,
		.upstreams_removed_count = 3,
		.backends_removed = removed,
		.backends_removed_count = 3,
	};
	struct table_upstream upstream = { .id = 2 };
	struct table_backend backends[] = { { .id = 1 }, { .id = 3 }, { .id = 4 } };
	struct table_delta back = {
		.upstreams_set = &upstream,
		.upstreams_set_count = 1,
		.backends_set = backends,
		.backends_set_count = 3,
	};
	struct removals removals = {};

	(void)state;
	assert_int_equal(removals_hold(&removals, &gone), 0);
	assert_int_equal(removals_hold(&removals, &back), 0);
	assert_int_equal(removals.upstreams_count, 2);
	assert_int_equal(removals.upstreams[0], 1);
	assert_int_equal(removals.upstreams[1], 3);
	assert_int_equal(removals.backends_count, 1);
	assert_int_equal(removals.backends[0], 2);
	removals_clear(&removals);
}

static void removals__gather_over_several_deltas(void **state)
{
	uint32_t first[] = { 5 }, second[] = { 4 };
	struct table_delta one = { .backends_removed = first, .backends_removed_count = 1 };
	struct table_delta two = { .backends_removed = second, .backends_removed_count = 1 };
	struct removals removals = {};

	(void)state;
	assert_int_equal(removals_hold(&removals, &one), 0);
	assert_int_equal(removals_hold(&removals, &two), 0);
	assert_int_equal(removals.backends_count, 2);
	assert_int_equal(removals.backends[0], 4);
	assert_int_equal(removals.backends[1], 5);
	removals_clear(&removals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removals__are_moved_out_of_the_delta),
		cmocka_unit_test(removals__of_what_comes_back_are_forgotten),
		cmocka_unit_test(removals__gather_over_several_deltas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
