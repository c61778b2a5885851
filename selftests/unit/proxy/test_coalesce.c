// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/loop/coalesce.h"

/* What a load does: how long a turn takes and what it finds, without and with a sleep before it. */
struct load {
	uint32_t plain_us, plain_events;
	uint32_t slept_us, slept_events;
};

struct run {
	struct coalesce coalesce;
	uint64_t now_us;
	uint32_t turns, slept;
	bool sleep;
};

static void run_load(struct run *run, const struct load *load, uint32_t turns)
{
	run->turns = turns;
	run->slept = 0;
	for (uint32_t i = 0; i < turns; i++) {
		run->slept += run->sleep;
		run->now_us += run->sleep ? load->slept_us : load->plain_us;
		run->sleep = coalesce_turn(&run->coalesce,
					   run->sleep ? load->slept_events : load->plain_events,
					   run->now_us);
	}
}

static void coalesce__sleeps_where_much_comes_at_once(void **state)
{
	/* 64 conns, whose peer has more to do at each wake-up: 29k events a second, then 40k. */
	const struct load load = { 70, 2, 200, 8 };
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &load, 100000);
	assert_true(run.slept > run.turns * 9 / 10);
}

static void coalesce__never_sleeps_where_little_comes(void **state)
{
	const struct load load = { 60, 1, 210, 3 }; /* 17k events a second */
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &load, 100000);
	assert_int_equal(run.slept, 0);
}

static void coalesce__a_chain_of_events_soon_has_no_sleeps(void **state)
{
	const struct load load = { 20, 1, 170,
				   1 }; /* each follows from the answer to the one before */
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &load, 100000);
	assert_true(run.slept > 0);
	assert_true(run.slept < run.turns / 100);
}

static void coalesce__a_few_chains_that_lose_by_it_soon_have_no_sleeps(void **state)
{
	const struct load load = { 25, 1, 190, 4 }; /* 40k events a second, then 21k */
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &load, 100000);
	assert_true(run.slept > 0);
	assert_true(run.slept < run.turns / 50);
}

static void coalesce__a_worker_that_is_full_does_not_sleep(void **state)
{
	const struct load load = { 640, 64, 800, 64 }; /* the sleep is time lost */
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &load, 100000);
	assert_true(run.slept < run.turns / 50);
}

static void coalesce__notices_at_once_that_the_load_has_gone(void **state)
{
	const struct load busy = { 70, 2, 200, 8 }, calm = { 100000, 1, 100000, 1 };
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &busy, 100000);
	assert_true(run.slept > run.turns * 9 / 10);
	run_load(&run, &calm, 1000);
	assert_true(run.slept <= COALESCE_WINDOW_TURNS);
	assert_false(run.sleep);
	run_load(&run, &busy, 20000);
	assert_true(run.slept > run.turns / 2);
}

static void coalesce__notices_that_the_gain_has_gone(void **state)
{
	const struct load gain = { 70, 2, 200, 8 }, loss = { 25, 1, 190, 4 };
	struct run run = { .now_us = 1 };

	(void)state;
	run_load(&run, &gain, 100000);
	assert_true(run.slept > run.turns * 9 / 10);
	run_load(&run, &loss, 100000);
	assert_true(run.slept < run.turns / 4);
	assert_false(run.sleep);
}

static void coalesce__a_loss_that_a_slow_start_hid_is_found_within_a_second(void **state)
{
	/* Connections come one after the other, then 64 of them: 150k events a second, or 109k. */
	const struct load start = { 100, 10, 100, 10 }, loss = { 40, 6, 585, 64 };
	struct run run = { .now_us = 1 };
	uint64_t begun_us;

	(void)state;
	run_load(&run, &start, COALESCE_WINDOW_TURNS + 1);
	assert_true(run.sleep);
	begun_us = run.now_us;
	while (run.sleep)
		run_load(&run, &loss, 1);
	assert_true(run.now_us - begun_us < 1000000);
	run_load(&run, &loss, 100000);
	assert_true(run.slept < run.turns / 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coalesce__sleeps_where_much_comes_at_once),
		cmocka_unit_test(coalesce__never_sleeps_where_little_comes),
		cmocka_unit_test(coalesce__a_chain_of_events_soon_has_no_sleeps),
		cmocka_unit_test(coalesce__a_few_chains_that_lose_by_it_soon_have_no_sleeps),
		cmocka_unit_test(coalesce__a_worker_that_is_full_does_not_sleep),
		cmocka_unit_test(coalesce__notices_at_once_that_the_load_has_gone),
		cmocka_unit_test(coalesce__notices_that_the_gain_has_gone),
		cmocka_unit_test(coalesce__a_loss_that_a_slow_start_hid_is_found_within_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
