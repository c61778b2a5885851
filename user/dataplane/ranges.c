// SPDX-License-Identifier: Apache-2.0
#include "dataplane/ranges.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/maps.h"
#include "sluice_schema.h"

#define ID_BITS 32u /* of the prefix of a key, before those of the address */

union range_key {
	struct source_range4_key v4;
	struct source_range6_key v6;
};

/* Fills the key. Return: descriptor of the map that it belongs to. */
static int range_key(const int *maps, uint32_t id, const struct inet_network *range,
		     union range_key *key)
{
	memset(key, 0, sizeof(*key));
	if (inet_addr_is_v4(&range->addr)) {
		key->v4.prefix_bits = ID_BITS + range->prefix_bits;
		key->v4.ranges_id = id;
		key->v4.addr = inet_addr_v4(&range->addr);
		return maps[MAP_SOURCE_RANGES4];
	}
	key->v6.prefix_bits = ID_BITS + range->prefix_bits;
	key->v6.ranges_id = id;
	memcpy(key->v6.addr, range->addr.bytes, sizeof(key->v6.addr));
	return maps[MAP_SOURCE_RANGES6];
}

static int set_of(struct ranges *ranges, uint32_t id, struct range_set **out)
{
	if (id >= ranges->count) {
		size_t count = (size_t)id + id / 2 + 16;
		struct range_set *grown = reallocarray(ranges->sets, count, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		memset(grown + ranges->count, 0, (count - ranges->count) * sizeof(*grown));
		ranges->sets = grown;
		ranges->count = count;
	}
	*out = &ranges->sets[id];
	return 0;
}

void ranges_free(struct ranges *ranges)
{
	for (size_t i = 0; i < ranges->count; i++)
		free(ranges->sets[i].items);
	free(ranges->sets);
	memset(ranges, 0, sizeof(*ranges));
}

/* Both ascending. @out: owned by the caller. */
static int unite(const struct range_set *set, const struct inet_network *items, size_t count,
		 struct range_set *out)
{
	struct inet_network *all = calloc(set->count + count + 1, sizeof(*all));
	size_t i = 0, j = 0, used = 0;

	if (!all)
		return -ENOMEM;
	while (i < set->count || j < count) {
		int order = i == set->count ? 1
			    : j == count    ? -1
					    : inet_network_compare(&set->items[i], &items[j]);

		all[used++] = order <= 0 ? set->items[i] : items[j];
		i += order <= 0;
		j += order >= 0;
	}
	out->items = all;
	out->count = used;
	return 0;
}

int ranges_add(struct ranges *ranges, const int *maps, uint32_t id,
	       const struct inet_network *items, size_t count)
{
	struct range_set *set, all;
	int err;

	if (!count)
		return 0;
	err = set_of(ranges, id, &set);
	if (!err)
		err = unite(set, items, count, &all);
	if (err)
		return err;
	free(set->items);
	*set = all; /* before they are written, so that a half-finished write is found again */
	for (size_t i = 0; i < count; i++) {
		const __u32 present = 1;
		union range_key key;
		int fd = range_key(maps, id, &items[i], &key);

		if (bpf_map_update_elem(fd, &key, &present, BPF_ANY))
			return errno == ENOSPC || errno == E2BIG ? -ENOSPC : -errno;
	}
	return 0;
}

int ranges_trim(struct ranges *ranges, const int *maps, uint32_t id,
		const struct inet_network *items, size_t count)
{
	struct range_set *set;
	size_t kept = 0, j = 0;
	int err = 0;

	if (id >= ranges->count)
		return 0;
	set = &ranges->sets[id];
	for (size_t i = 0; i < set->count; i++) {
		union range_key key;
		int fd;

		while (j < count && inet_network_compare(&items[j], &set->items[i]) < 0)
			j++;
		fd = range_key(maps, id, &set->items[i], &key);
		if (j < count && inet_network_compare(&items[j], &set->items[i]) == 0)
			set->items[kept++] = set->items[i];
		else if (bpf_map_delete_elem(fd, &key) && errno != ENOENT) {
			err = -errno;
			set->items[kept++] = set->items[i];
		}
	}
	set->count = kept;
	return err;
}

/* ---- adoption -------------------------------------------------------------------------------- */

static int note(struct ranges *ranges, uint32_t id, const struct inet_network *range)
{
	struct range_set *set, all;
	int err = set_of(ranges, id, &set);

	if (!err)
		err = unite(set, range, 1, &all);
	if (err)
		return err;
	free(set->items);
	*set = all;
	return 0;
}

static int note_key(struct ranges *ranges, bool v6, const union range_key *key)
{
	struct inet_network range;

	if (!v6) {
		range.addr = inet_addr_from_v4(key->v4.addr);
		range.prefix_bits = (uint8_t)(key->v4.prefix_bits - ID_BITS);
		return note(ranges, key->v4.ranges_id, &range);
	}
	memcpy(range.addr.bytes, key->v6.addr, sizeof(range.addr.bytes));
	range.prefix_bits = (uint8_t)(key->v6.prefix_bits - ID_BITS);
	return note(ranges, key->v6.ranges_id, &range);
}

static int adopt_map(struct ranges *ranges, int fd, bool v6)
{
	union range_key key, next;
	bool first = true;
	int err = 0;

	while (!err && bpf_map_get_next_key(fd, first ? NULL : &key, &next) == 0) {
		key = next;
		first = false;
		if ((v6 ? key.v6.ranges_id : key.v4.ranges_id) < SLUICE_FRONTENDS_MAX)
			err = note_key(ranges, v6, &key);
	}
	return err;
}

int ranges_adopt(struct ranges *ranges, const int *maps)
{
	int err = adopt_map(ranges, maps[MAP_SOURCE_RANGES4], false);

	return err ? err : adopt_map(ranges, maps[MAP_SOURCE_RANGES6], true);
}
