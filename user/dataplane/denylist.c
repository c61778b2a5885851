// SPDX-License-Identifier: Apache-2.0
#include "dataplane/denylist.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "dataplane/maps.h"

union deny_key {
	struct deny4_key v4;
	struct deny6_key v6;
};

static int deny_key(const int *maps, const struct inet_network *network, union deny_key *key)
{
	memset(key, 0, sizeof(*key));
	if (inet_addr_is_v4(&network->addr)) {
		key->v4.prefix_bits = network->prefix_bits;
		key->v4.addr = inet_addr_v4(&network->addr);
		return maps[MAP_DENYLIST4];
	}
	key->v6.prefix_bits = network->prefix_bits;
	memcpy(key->v6.addr, network->addr.bytes, sizeof(key->v6.addr));
	return maps[MAP_DENYLIST6];
}

/* Writes it to the map; removes an entry without an origin. */
static int write_one(const int *maps, const struct denied *denied)
{
	union deny_key key;
	int fd = deny_key(maps, &denied->network, &key);

	if (!denied->value.origin)
		return bpf_map_delete_elem(fd, &key) && errno != ENOENT ? -errno : 0;
	if (bpf_map_update_elem(fd, &key, &denied->value, BPF_ANY))
		return errno == E2BIG ? -ENOSPC : -errno;
	return 0;
}

void denylist_free(struct denylist *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}

/* Index of the first entry that is not before @network. */
static size_t place_of(const struct denylist *list, const struct inet_network *network)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (inet_network_compare(&list->items[middle].network, network) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct denylist *list, size_t place, const struct inet_network *network)
{
	return place < list->count &&
	       inet_network_compare(&list->items[place].network, network) == 0;
}

__u32 denylist_origin(const struct denylist *list, const struct inet_network *network)
{
	size_t place = place_of(list, network);

	return is_at(list, place, network) ? list->items[place].value.origin : 0;
}

static int reserve(struct denylist *list, size_t more)
{
	size_t capacity = list->capacity ? list->capacity : 16;
	struct denied *grown;

	while (capacity < list->count + more)
		capacity *= 2;
	if (capacity == list->capacity)
		return 0;
	grown = reallocarray(list->items, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->items = grown;
	list->capacity = capacity;
	return 0;
}

__u32 denylist_flags(const struct denylist *list)
{
	__u32 flags = 0;

	for (size_t i = 0; i < list->count; i++)
		flags |= inet_addr_is_v4(&list->items[i].network.addr) ? NODE_F_DENYLIST4
								       : NODE_F_DENYLIST6;
	return flags;
}

int denylist_add(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
		 const struct inet_network *network)
{
	size_t place = place_of(list, network);
	struct denied denied = { .network = *network };
	int err;

	if (is_at(list, place, network))
		denied.value = list->items[place].value;
	if (denied.value.origin & origin)
		return -EEXIST;
	denied.value.origin |= origin;
	if (!denied.value.added_unix_s)
		denied.value.added_unix_s = (__u64)time(NULL);
	err = reserve(list, 1);
	if (!err)
		err = write_one(maps, &denied);
	if (err)
		return err;
	if (!is_at(list, place, network)) {
		memmove(&list->items[place + 1], &list->items[place],
			(list->count - place) * sizeof(denied));
		list->count++;
	}
	list->items[place] = denied;
	return 0;
}

int denylist_remove(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
		    const struct inet_network *network)
{
	size_t place = place_of(list, network);
	struct denied denied;
	int err;

	if (!is_at(list, place, network) || !(list->items[place].value.origin & origin))
		return -ENOENT;
	denied = list->items[place];
	denied.value.origin &= ~(__u32)origin;
	err = write_one(maps, &denied);
	if (err)
		return err;
	if (denied.value.origin) {
		list->items[place] = denied;
		return 0;
	}
	list->count--;
	memmove(&list->items[place], &list->items[place + 1],
		(list->count - place) * sizeof(denied));
	return 0;
}

/* Writes one entry of the merged list if it changed. Return: true if it stays in the list. */
static bool settle(const int *maps, struct denied *denied, __u32 before, int *err)
{
	int failed = 0;

	if (denied->value.origin != before)
		failed = write_one(maps, denied);
	if (failed) {
		*err = *err ? *err : failed;
		denied->value.origin = before; /* the next call tries again */
	}
	return denied->value.origin != 0;
}

int denylist_origin_set(struct denylist *list, const int *maps, enum sluice_deny_origin origin,
			const struct inet_network *networks, size_t count)
{
	struct denied *all = calloc(list->count + count + 1, sizeof(*all));
	size_t i = 0, j = 0, used = 0;
	int err = 0;

	if (!all)
		return -ENOMEM;
	while (i < list->count || j < count) {
		int order = i == list->count ? 1
			    : j == count
				    ? -1
				    : inet_network_compare(&list->items[i].network, &networks[j]);
		struct denied *denied = &all[used];
		__u32 before = 0;

		memset(denied, 0, sizeof(*denied));
		if (order <= 0) {
			*denied = list->items[i++];
			before = denied->value.origin;
			denied->value.origin &= ~(__u32)origin;
		} else {
			denied->network = networks[j];
			denied->value.added_unix_s = (__u64)time(NULL);
		}
		if (order >= 0) {
			denied->value.origin |= origin;
			j++;
		}
		used += settle(maps, denied, before, &err);
	}
	free(list->items);
	list->items = all;
	list->capacity = list->count + count + 1;
	list->count = used;
	return err;
}

/* ---- adoption -------------------------------------------------------------------------------- */

static int adopt_key(struct denylist *list, int fd, bool v6, const union deny_key *key)
{
	struct denied denied;
	int err;

	if (bpf_map_lookup_elem(fd, key, &denied.value))
		return errno == ENOENT ? 0 : -errno;
	if (v6) {
		memcpy(denied.network.addr.bytes, key->v6.addr, sizeof(key->v6.addr));
		denied.network.prefix_bits = (uint8_t)key->v6.prefix_bits;
	} else {
		denied.network.addr = inet_addr_from_v4(key->v4.addr);
		denied.network.prefix_bits = (uint8_t)key->v4.prefix_bits;
	}
	err = reserve(list, 1);
	if (!err)
		list->items[list->count++] = denied;
	return err;
}

static int adopt_map(struct denylist *list, int fd, bool v6)
{
	union deny_key key, next;
	bool first = true;
	int err = 0;

	while (!err && bpf_map_get_next_key(fd, first ? NULL : &key, &next) == 0) {
		key = next;
		first = false;
		err = adopt_key(list, fd, v6, &key);
	}
	return err;
}

static int denied_compare(const void *a, const void *b)
{
	return inet_network_compare(&((const struct denied *)a)->network,
				    &((const struct denied *)b)->network);
}

int denylist_adopt(struct denylist *list, const int *maps)
{
	int err = adopt_map(list, maps[MAP_DENYLIST4], false);

	if (!err)
		err = adopt_map(list, maps[MAP_DENYLIST6], true);
	if (!err && list->count)
		qsort(list->items, list->count, sizeof(*list->items), denied_compare);
	return err;
}
