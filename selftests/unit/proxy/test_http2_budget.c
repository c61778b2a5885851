// SPDX-License-Identifier: Apache-2.0
/*
 * test_http2_budget.c - how much a peer may make us decode
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/http2/http2_budget.h"

#define LIMIT 100000u

static struct http2_budget fresh(void)
{
	return (struct http2_budget){ .list_bytes_max = LIMIT };
}

static void budget__fields_count_with_their_overhead(void **state)
{
	struct http2_budget b = fresh();

	(void)state;
	assert_true(http2_budget_frame(&b, true, 10));
	for (uint32_t left = LIMIT; left >= 50; left -= 50)
		assert_true(http2_budget_field(&b, 0, 8, 10));
	assert_false(http2_budget_field(&b, 0, 0, 0));
	assert_true(b.exceeded);
	assert_false(http2_budget_frame(&b, true, 1)); /* it stays so */
}

static void budget__frames_of_one_head_add_up(void **state)
{
	struct http2_budget b = fresh();

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(http2_budget_frame(&b, true, LIMIT));
	assert_false(http2_budget_frame(&b, false, 1));
}

static void budget__huge_sizes_do_not_wrap(void **state)
{
	struct http2_budget b = fresh();

	(void)state;
	assert_false(http2_budget_field(&b, 0, SIZE_MAX / 4, 0));
	b = fresh();
	assert_false(http2_budget_frame(&b, true, 16777215));
	assert_true(http2_budget_spent(&b));
}

static void budget__long_heads_are_counted_by_the_second(void **state)
{
	struct http2_budget b = fresh();
	uint64_t now_ms = 5000;

	(void)state;
	for (uint32_t i = 0; i < 3 * HTTP2_BUDGET_LONG_MAX; i++) {
		if (i % HTTP2_BUDGET_LONG_MAX == 0)
			now_ms += 1000;
		assert_true(http2_budget_frame(&b, true, 1));
		assert_true(http2_budget_field(&b, now_ms, LIMIT / 4, 1));
		assert_true(http2_budget_field(&b, now_ms, LIMIT / 4, 1));
	}
	for (int i = 0; i < 1000; i++) { /* those of a quarter are not long */
		assert_true(http2_budget_frame(&b, true, 1));
		assert_true(http2_budget_field(&b, now_ms, LIMIT / 4 - HTTP2_FIELD_OVERHEAD, 0));
	}
	assert_true(http2_budget_frame(&b, true, 1));
	assert_false(http2_budget_field(&b, now_ms, LIMIT / 4, 1));
}

static void budget__a_turn_ends_when_its_share_is_used_up(void **state)
{
	struct http2_budget b = fresh();

	(void)state;
	assert_true(http2_budget_frame(&b, true, 100));
	assert_false(http2_budget_spent(&b));
	assert_true(http2_budget_frame(&b, true, HTTP2_BUDGET_TURN_MAX / HTTP2_FIELD_OVERHEAD));
	assert_true(http2_budget_spent(&b));
	b.turn_bytes = 0;
	for (int i = 0; i < 9; i++) {
		http2_budget_frame(&b, true, 1);
		http2_budget_field(&b, 0, 10, 30000);
	}
	assert_true(http2_budget_spent(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budget__fields_count_with_their_overhead),
		cmocka_unit_test(budget__frames_of_one_head_add_up),
		cmocka_unit_test(budget__huge_sizes_do_not_wrap),
		cmocka_unit_test(budget__long_heads_are_counted_by_the_second),
		cmocka_unit_test(budget__a_turn_ends_when_its_share_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
