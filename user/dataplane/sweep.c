// SPDX-License-Identifier: Apache-2.0
#include "dataplane/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "dataplane/maps.h"
#include "sluice_flow.h"

#define BATCH_ENTRIES 1024u

static const enum map_id tables[] = { MAP_FLOWS4, MAP_NAT4, MAP_FLOWS6, MAP_NAT6 };

#define TABLES_COUNT (sizeof(tables) / sizeof(tables[0]))

struct sweep {
	size_t table;   /* index into tables */
	bool is_begun;  /* .place is one in the table */
	uint32_t place; /* number of a bucket */
	uint32_t capacity;
	uint8_t *keys, *values; /* owned: room for .capacity entries of the largest table */
};

/* What an entry of either kind knows of its flow's life. */
struct life {
	uint64_t last_seen_ns;
	uint8_t proto, state, flags;
};

static struct life life_of(enum map_id id, const void *key, const void *value)
{
	const struct flow4_key *key4 = key;
	const struct flow6_key *key6 = key;
	const struct flow *flow = value;
	const struct nat4 *nat4 = value;
	const struct nat6 *nat6 = value;

	switch (id) {
	case MAP_NAT4:
		return (struct life){ nat4->last_seen_ns, key4->proto, nat4->state, nat4->flags };
	case MAP_NAT6:
		return (struct life){ nat6->last_seen_ns, key6->proto, nat6->state, nat6->flags };
	case MAP_FLOWS6:
		return (struct life){ flow->last_seen_ns, key6->proto, flow->state, flow->flags };
	default:
		return (struct life){ flow->last_seen_ns, key4->proto, flow->state, flow->flags };
	}
}

static bool is_over(enum map_id id, const void *key, const void *value, uint64_t now_ns)
{
	struct life life = life_of(id, key, value);

	return sluice_flow_is_over(life.proto, life.state, life.flags, life.last_seen_ns, now_ns);
}

/* Room for @capacity entries. Return: 0; -ENOMEM. */
static int grow(struct sweep *sweep, uint32_t capacity)
{
	uint8_t *keys = reallocarray(sweep->keys, capacity, sizeof(struct flow6_key));
	uint8_t *values;

	if (!keys)
		return -ENOMEM;
	sweep->keys = keys;
	values = reallocarray(sweep->values, capacity, sizeof(struct nat6));
	if (!values)
		return -ENOMEM;
	sweep->values = values;
	sweep->capacity = capacity;
	return 0;
}

int sweep_new(struct sweep **out)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	int err;

	if (!sweep)
		return -ENOMEM;
	err = grow(sweep, BATCH_ENTRIES);
	if (err) {
		sweep_free(sweep);
		return err;
	}
	*out = sweep;
	return 0;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	free(sweep->keys);
	free(sweep->values);
	free(sweep);
}

/*
 * Takes an entry out, unless a packet has come meanwhile. What goes is seen once more: if it is
 * not over, it is put back, unless it is there anew.
 */
static bool entry_remove(int fd, enum map_id id, const void *key, uint64_t now_ns)
{
	uint8_t value[sizeof(struct nat6)] __attribute__((aligned(8)));

	if (bpf_map_lookup_and_delete_elem(fd, key, value))
		return false;
	if (is_over(id, key, value, now_ns))
		return true;
	bpf_map_update_elem(fd, key, value, BPF_NOEXIST);
	return false;
}

/* One batch of a table. Return: 1 it was the last one; 0; -errno. */
static int batch(struct sweep *sweep, int fd, enum map_id id, uint64_t now_ns, uint64_t *removed)
{
	const struct map_layout *layout = &map_layouts[id];
	uint32_t count = sweep->capacity, next = 0;
	int err = 0;

	if (bpf_map_lookup_batch(fd, sweep->is_begun ? &sweep->place : NULL, &next, sweep->keys,
				 sweep->values, &count, NULL))
		err = -errno;
	if (err == -ENOSPC) /* one bucket holds more than there is room for */
		return grow(sweep, sweep->capacity * 2);
	if (err && err != -ENOENT)
		return err;
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *key = sweep->keys + (size_t)i * layout->key_bytes;

		if (is_over(id, key, sweep->values + (size_t)i * layout->value_bytes, now_ns))
			*removed += entry_remove(fd, id, key, now_ns);
	}
	sweep->place = next;
	sweep->is_begun = true;
	return err == -ENOENT;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int sweep_round(struct sweep *sweep, const int *maps, uint64_t now_ns, uint64_t time_ns,
		uint64_t *removed)
{
	uint64_t begun_ns = monotonic_ns();

	*removed = 0;
	do {
		enum map_id id = tables[sweep->table];
		int done = batch(sweep, maps[id], id, now_ns, removed);

		if (done == 0)
			continue;
		/* After a failure, too: the next table may be sound. */
		sweep->is_begun = false;
		sweep->table = (sweep->table + 1) % TABLES_COUNT;
		if (done < 0)
			return done;
		if (!sweep->table)
			return 1;
	} while (monotonic_ns() - begun_ns < time_ns);
	return 0;
}
