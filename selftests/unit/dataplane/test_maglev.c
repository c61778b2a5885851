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
#include "dataplane/maglev.h"

#define MEMBERS_MAX 700

/* Of the tables of maglev__the_table_is_the_same_on_every_machine(). */
#define SUM_EQUAL    0x8c1f215u
#define SUM_WEIGHTED 0xd31d1b19u
#define SUM_TURNS    0x94b83fe6u

static struct maglev_member members[MEMBERS_MAX];
static uint32_t slots[SLUICE_RING_SLOTS_MAX], others[SLUICE_RING_SLOTS_MAX];

/* @count members 10.0.0.x:8080 with ids from @first_id. */
static void make_members(size_t count, uint32_t first_id)
{
	for (size_t i = 0; i < count; i++) {
		members[i].id = first_id + (uint32_t)i;
		members[i].port = 8080;
		members[i].weight = 1;
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

/* Slots that each of the first @n members has. */
static void count_shares(size_t n, uint32_t size, uint32_t counts[MEMBERS_MAX])
{
	memset(counts, 0, MEMBERS_MAX * sizeof(*counts));
	for (uint32_t i = 0; i < size; i++)
		counts[slots[i] - 1]++;
	for (size_t i = 0; i < n; i++)
		assert_true(counts[i] > 0);
}

static void maglev__no_share_is_five_percent_above_the_mean(void **state)
{
	static const size_t sizes[] = { 2, 3, 7, 20, 21, 80, 100, 120, 163, 655 };
	static uint32_t counts[MEMBERS_MAX];

	(void)state;
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		size_t n = sizes[k];
		uint32_t size = maglev_slots(n);

		make_members(n, 1);
		fill(slots, size, n);
		count_shares(n, size, counts);
		for (size_t i = 0; i < n; i++)
			if ((uint64_t)counts[i] * n * 100 > (uint64_t)size * 105)
				fail_msg("%zu members: %u of %u slots", n, counts[i], size);
	}
}

static void maglev__shares_follow_weights(void **state)
{
	static const size_t sizes[] = { 2, 5, 10, 20, 100 };
	static uint32_t counts[MEMBERS_MAX];

	(void)state;
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		size_t n = sizes[k];
		uint32_t size = maglev_slots(n), sum = 0;

		make_members(n, 1);
		for (size_t i = 0; i < n; i++) {
			members[i].weight = i % 3 == 0 ? 4 : 1;
			sum += members[i].weight;
		}
		fill(slots, size, n);
		count_shares(n, size, counts);
		for (size_t i = 0; i < n; i++) {
			uint32_t share = size * members[i].weight / sum;

			if (counts[i] * 100 > share * 105 + 100 || counts[i] * 2 < share)
				fail_msg("%zu members: weight %u has %u slots of %u", n,
					 members[i].weight, counts[i], size);
		}
	}
}

static void maglev__equal_weights_are_as_none(void **state)
{
	uint32_t size = maglev_slots(10);

	(void)state;
	make_members(10, 1);
	fill(slots, size, 10);
	for (size_t i = 0; i < 10; i++)
		members[i].weight = 7;
	fill(others, size, 10);
	assert_memory_equal(slots, others, size * sizeof(slots[0]));
}

/* FNV-1a over the table: a change of it cuts flows when nodes of two versions share an address. */
static uint32_t sum_of(uint32_t size)
{
	uint32_t hash = 0x811c9dc5u;

	for (uint32_t i = 0; i < size; i++)
		hash = (hash ^ slots[i]) * 0x01000193u;
	return hash;
}

static void maglev__the_table_is_the_same_on_every_machine(void **state)
{
	(void)state;
	make_members(12, 1);
	fill(slots, maglev_slots(12), 12);
	assert_int_equal(sum_of(maglev_slots(12)), SUM_EQUAL);
	members[3].weight = 3;
	fill(slots, maglev_slots(12), 12);
	assert_int_equal(sum_of(maglev_slots(12)), SUM_WEIGHTED);
	make_members(700, 1);
	fill(slots, maglev_slots(700), 700);
	assert_int_equal(sum_of(maglev_slots(700)), SUM_TURNS);
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
	static const size_t sizes[] = { 3, 5, 10, 20, 40, 60, 80, 100, 120, 200, 400 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t size = maglev_slots(sizes[i]), share = size / (uint32_t)sizes[i];
		uint32_t moved = moved_by_removal(sizes[i]);

		if (moved > share * 3 / 2)
			fail_msg("%zu members: %u slots moved, the share is %u", sizes[i], moved,
				 share);
	}
}

static void maglev__any_of_a_hundred_may_go(void **state)
{
	static struct maglev_member all[100];
	static uint32_t counts[MEMBERS_MAX];
	uint32_t size = maglev_slots(100);

	(void)state;
	make_members(100, 1);
	memcpy(all, members, sizeof(all));
	fill(slots, size, 100);
	count_shares(100, size, counts);
	for (size_t gone = 0; gone < 100; gone += 9) {
		uint32_t moved = 0;

		memcpy(members, all, sizeof(all));
		memmove(&members[gone], &members[gone + 1], (99 - gone) * sizeof(members[0]));
		fill(others, size, 99);
		for (uint32_t i = 0; i < size; i++)
			moved += slots[i] != others[i];
		if (moved * 2 > counts[gone] * 3)
			fail_msg("member %zu had %u slots, %u moved", gone, counts[gone], moved);
	}
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
	assert_in_range(first, size * 45 / 100, size * 55 / 100);
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
		cmocka_unit_test(maglev__no_share_is_five_percent_above_the_mean),
		cmocka_unit_test(maglev__shares_follow_weights),
		cmocka_unit_test(maglev__equal_weights_are_as_none),
		cmocka_unit_test(maglev__the_table_is_the_same_on_every_machine),
		cmocka_unit_test(maglev__ids_do_not_move_anything),
		cmocka_unit_test(maglev__few_move_when_one_goes),
		cmocka_unit_test(maglev__any_of_a_hundred_may_go),
		cmocka_unit_test(maglev__port_tells_members_apart),
		cmocka_unit_test(maglev__nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
