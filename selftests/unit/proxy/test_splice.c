// SPDX-License-Identifier: Apache-2.0
/* When a worker takes itself to be busy enough for spliced responses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/splice/splice.h"

static void turns(struct splice *splice, uint32_t events, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		splice_note_batch(splice, events, 1000);
}

static void splice__busy_is_many_events_at_once(void **state)
{
	struct splice splice = { .turn_ms = 1000 };

	(void)state;
	turns(&splice, 2, 1000);
	assert_false(splice.busy);
	turns(&splice, 20, 30);
	assert_true(splice.busy);
}

static void splice__a_worker_that_is_busy_stays_so_with_fewer(void **state)
{
	struct splice splice = { .turn_ms = 1000 };

	(void)state;
	turns(&splice, 2, 1000);
	assert_false(splice.busy);
	turns(&splice, 20, 100);
	turns(&splice, 2, 1000);
	assert_true(splice.busy);
	turns(&splice, 1, 1000);
	assert_false(splice.busy);
}

static void splice__what_was_before_a_pause_does_not_count(void **state)
{
	struct splice splice = { .turn_ms = 1000 };

	(void)state;
	turns(&splice, 20, 100);
	assert_true(splice.busy);
	splice_note_batch(&splice, 1, 1000 + SPLICE_PAUSE_MS);
	assert_false(splice.busy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splice__busy_is_many_events_at_once),
		cmocka_unit_test(splice__a_worker_that_is_busy_stays_so_with_fewer),
		cmocka_unit_test(splice__what_was_before_a_pause_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
