// SPDX-License-Identifier: Apache-2.0
/* The sweeper takes out what is over, of all tables, and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "dataplane/maps.h"
#include "dataplane/sweep.h"
#include "sluice_flow.h"

#define ENTRIES 3000u /* more than a batch */
#define SECOND  1000000000ull
#define NOW_NS  (100000 * SECOND)

static int maps[MAPS_COUNT];

static const enum map_id tables[] = { MAP_FLOWS4, MAP_NAT4, MAP_FLOWS6, MAP_NAT6 };

static void tables_make(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct map_layout *layout = &map_layouts[tables[i]];

		maps[tables[i]] = bpf_map_create(layout->type, layout->name, layout->key_bytes,
						 layout->value_bytes, 16384, NULL);
		assert_true(maps[tables[i]] >= 0);
	}
}

static void tables_close(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		close(maps[tables[i]]);
}

/* Entry @i of a table, as idle as that; every third one is half closed. */
static void entry_put(enum map_id id, uint32_t i, uint64_t idle_s)
{
	struct flow4_key key4 = { .saddr = i, .proto = SLUICE_TCP };
	struct flow6_key key6 = { .sport = (uint16_t)i, .proto = SLUICE_TCP };
	uint8_t state = i % 3 ? FLOW_ESTABLISHED : FLOW_HALF_CLIENT;
	uint64_t seen_ns = NOW_NS - idle_s * SECOND;
	struct flow flow = { .last_seen_ns = seen_ns, .state = state, .flags = FLOW_F_REPLIED };
	struct nat4 nat4 = { .last_seen_ns = seen_ns, .state = state, .flags = FLOW_F_REPLIED };
	struct nat6 nat6 = { .last_seen_ns = seen_ns, .state = state, .flags = FLOW_F_REPLIED };
	const void *key = id == MAP_FLOWS4 || id == MAP_NAT4 ? (void *)&key4 : &key6;
	const void *value = id == MAP_NAT4 ? (void *)&nat4 : id == MAP_NAT6 ? (void *)&nat6 : &flow;

	assert_int_equal(bpf_map_update_elem(maps[id], key, value, BPF_ANY), 0);
}

static uint32_t entries_of(enum map_id id)
{
	uint8_t key[sizeof(struct flow6_key)];
	uint32_t count = 0;
	int more = bpf_map_get_next_key(maps[id], NULL, key);

	for (; !more; more = bpf_map_get_next_key(maps[id], key, key))
		count++;
	return count;
}

/* Rounds of no time at all, until all tables are done: each does one batch. */
static uint64_t sweep_all(struct sweep *sweep)
{
	uint64_t removed, sum = 0;
	int done;

	do {
		done = sweep_round(sweep, maps, NOW_NS, 0, &removed);
		assert_true(done >= 0);
		sum += removed;
	} while (!done);
	return sum;
}

static void sweep__takes_out_what_is_over_of_all_tables(void **state)
{
	struct sweep *sweep;

	(void)state;
	tables_make();
	assert_int_equal(sweep_new(&sweep), 0);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (uint32_t i = 0; i < ENTRIES; i++)
			entry_put(tables[t], i, 1000); /* the half closed ones are over */
	assert_int_equal(sweep_all(sweep), 4 * ENTRIES / 3);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		assert_int_equal(entries_of(tables[t]), ENTRIES - ENTRIES / 3);
	assert_int_equal(sweep_all(sweep), 0);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (uint32_t i = 0; i < ENTRIES; i++)
			entry_put(tables[t], i, 8000);
	assert_int_equal(sweep_all(sweep), 4 * ENTRIES);
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		assert_int_equal(entries_of(tables[t]), 0);
	sweep_free(sweep);
	tables_close();
}

static void sweep__ends_a_round_after_its_time(void **state)
{
	struct sweep *sweep;
	uint64_t removed;

	(void)state;
	tables_make();
	assert_int_equal(sweep_new(&sweep), 0);
	for (uint32_t i = 0; i < ENTRIES; i++)
		entry_put(MAP_FLOWS4, i, 8000);
	assert_int_equal(sweep_round(sweep, maps, NOW_NS, 0, &removed), 0);
	assert_in_range(removed, 1, ENTRIES - 1);
	sweep_free(sweep);
	tables_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sweep__takes_out_what_is_over_of_all_tables),
		cmocka_unit_test(sweep__ends_a_round_after_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
