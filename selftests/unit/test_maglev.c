// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sluice_schema.h"
#include "table/maglev.h"

#define MEMBERS_MAX 700

static struct maglev_member members[MEMBERS_MAX];
static uint32_t slots[SLUICE_RING_SLOTS_MAX], others[SLUICE_RING_SLOTS_MAX];

/* @count members 10.0.0.x:8080 with ids from @first_id. */
static void make_members(size_t count, uint32_t first_id)
{
	for (size_t i = 0; i < count; i++) {
		members[i].id = first_id + (uint32_t)i;
		members[i].port = 8080;
		members[i].addr = inet_addr_from_v4(htonl(0x0a000000u + (uint32_t)i));
	}
}

static void fill(uint32_t *out, uint32_t size, size_t count)
{
	assert_int_equal(maglev_fill(out, size, members, count), 0);
}

static void maglev__sizes_are_primes_with_room(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 655; n++) {
		uint32_t size = maglev_slots(n);

		assert_true(size >= 100 * n);
		assert_in_range(size, SLUICE_RING_SLOTS_MIN, SLUICE_RING_SLOTS_MAX);
		for (uint32_t d = 2; d * d <= size; d++)
			assert_int_not_equal(size % d, 0);
	}
	assert_int_equal(maglev_slots(100000), SLUICE_RING_SLOTS_MAX);
}

static void maglev__every_slot_names_a_member(void **state)
{
	(void)state;
	for (size_t n = 1; n < 40; n++) {
		uint32_t size = maglev_slots(n);

		make_members(n, 5);
		fill(slots, size, n);
		for (uint32_t i = 0; i < size; i++)
			assert_in_range(slots[i], 5, 5 + n - 1);
	}
}

static void maglev__shares_are_even(void **state)
{
	static uint32_t counts[MEMBERS_MAX];

	(void)state;
	for (size_t n = 2; n <= 600; n = n * 2 + 1) {
		uint32_t size = maglev_slots(n);

		memset(counts, 0, sizeof(counts));
		make_members(n, 0 + 1);
		fill(slots, size, n);
		for (uint32_t i = 0; i < size; i++)
			counts[slots[i] - 1]++;
		for (size_t i = 0; i < n; i++) /* in turns: never more than one apart */
			assert_in_range(counts[i], size / n, size / n + 1);
	}
}

static void maglev__ids_do_not_move_anything(void **state)
{
	uint32_t size = maglev_slots(10);

	(void)state;
	make_members(10, 1);
	fill(slots, size, 10);
	make_members(10, 1001);
	fill(others, size, 10);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(slots[i] + 1000, others[i]);
}

/* Slots that change when the member in the middle of @n goes. */
static uint32_t moved_by_removal(size_t n)
{
	uint32_t size = maglev_slots(n), moved = 0;

	make_members(n, 1);
	fill(slots, size, n);
	memmove(&members[n / 2], &members[n / 2 + 1], (n - n / 2 - 1) * sizeof(members[0]));
	fill(others, size, n - 1);
	for (uint32_t i = 0; i < size; i++)
		moved += slots[i] != others[i];
	return moved;
}

/* Its own share has to move; at most half as much again. */
static void maglev__few_move_when_one_goes(void **state)
{
	static const size_t sizes[] = { 3, 5, 10, 20, 30, 40, 60, 90 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t moved = moved_by_removal(sizes[i]);

		if (moved > maglev_slots(sizes[i]) / sizes[i] * 3 / 2 + 2)
			fail_msg("%zu members: %u slots moved", sizes[i], moved);
	}
}

static void maglev__of_very_many_two_in_a_hundred_move(void **state)
{
	static const size_t sizes[] = { 150, 300, 600 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_true(moved_by_removal(sizes[i]) < SLUICE_RING_SLOTS_MAX / 50);
}

static void maglev__port_tells_members_apart(void **state)
{
	uint32_t size = maglev_slots(2), first = 0;

	(void)state;
	make_members(2, 1);
	members[1].addr = members[0].addr;
	members[1].port = 8081;
	fill(slots, size, 2);
	for (uint32_t i = 0; i < size; i++)
		first += slots[i] == 1;
	assert_in_range(first, size / 2, size / 2 + 1);
}

static void maglev__nonsense_is_refused(void **state)
{
	(void)state;
	make_members(3, 1);
	assert_int_equal(maglev_fill(slots, 251, members, 0), -EINVAL);
	assert_int_equal(maglev_fill(slots, 2, members, 3), -EINVAL);
	assert_int_equal(maglev_fill(slots, 1, members, 1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maglev__sizes_are_primes_with_room),
		cmocka_unit_test(maglev__every_slot_names_a_member),
		cmocka_unit_test(maglev__shares_are_even),
		cmocka_unit_test(maglev__ids_do_not_move_anything),
		cmocka_unit_test(maglev__few_move_when_one_goes),
		cmocka_unit_test(maglev__of_very_many_two_in_a_hundred_move),
		cmocka_unit_test(maglev__port_tells_members_apart),
		cmocka_unit_test(maglev__nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
