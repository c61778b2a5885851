// SPDX-License-Identifier: Apache-2.0
#include "dataplane/walk.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "dataplane/maps.h"

#define BATCH_ENTRIES 2048u

typedef int entry_fn(void *ctx, const void *key, const void *value);

/* Makes an array larger; it stays as it is on -ENOMEM. */
static int make_room(uint8_t **array, size_t count, size_t item_bytes)
{
	uint8_t *room = reallocarray(*array, count, item_bytes);

	if (!room)
		return -ENOMEM;
	*array = room;
	return 0;
}

/**
 * walk_map - all entries of a map, a batch of them a system call
 * It may miss an entry that is added or removed meanwhile; the walk always ends.
 */
static int walk_map(int fd, enum map_id id, entry_fn *fn, void *ctx)
{
	const struct map_layout *layout = &map_layouts[id];
	/* The place in the map: an index or a bucket number, both of 4 bytes. */
	uint32_t capacity = BATCH_ENTRIES, place = 0;
	uint8_t *keys = NULL, *values = NULL;
	bool first = true;
	int err = 0;

	while (!err) {
		uint32_t count = capacity, next_place = 0;

		err = make_room(&keys, capacity, layout->key_bytes);
		if (!err)
			err = make_room(&values, capacity, layout->value_bytes);
		if (err)
			break;
		if (bpf_map_lookup_batch(fd, first ? NULL : &place, &next_place, keys, values,
					 &count, NULL))
			err = -errno;
		if (err == -ENOSPC) { /* one bucket holds more than the buffer does */
			capacity *= 2;
			err = 0;
			continue;
		}
		if (err && err != -ENOENT)
			break;
		for (uint32_t i = 0; i < count; i++) {
			int stop = fn(ctx, keys + (size_t)i * layout->key_bytes,
				      values + (size_t)i * layout->value_bytes);

			if (stop) {
				err = stop;
				break;
			}
		}
		place = next_place;
		first = false;
	}
	free(keys);
	free(values);
	return err == -ENOENT ? 0 : err;
}

/* ---- frontends ------------------------------------------------------------------------------- */

struct frontends_walk {
	int (*fn)(void *ctx, const struct frontend_view *view);
	void *ctx;
};

static int on_frontend4(void *ctx, const void *key_data, const void *value)
{
	const struct frontends_walk *walk = ctx;
	struct frontend_view view = {};
	struct frontend4_key key;

	memcpy(&key, key_data, sizeof(key));
	memcpy(&view.value, value, sizeof(view.value));
	view.addr = inet_addr_from_v4(key.addr);
	view.port = ntohs(key.port);
	view.proto = key.proto;
	return walk->fn(walk->ctx, &view);
}

static int on_frontend6(void *ctx, const void *key_data, const void *value)
{
	const struct frontends_walk *walk = ctx;
	struct frontend_view view = {};
	struct frontend6_key key;

	memcpy(&key, key_data, sizeof(key));
	memcpy(&view.value, value, sizeof(view.value));
	memcpy(view.addr.bytes, key.addr, sizeof(view.addr.bytes));
	view.port = ntohs(key.port);
	view.proto = key.proto;
	return walk->fn(walk->ctx, &view);
}

int walk_frontends(const int *maps, int (*fn)(void *ctx, const struct frontend_view *), void *ctx)
{
	struct frontends_walk walk = { fn, ctx };
	int err = walk_map(maps[MAP_FRONTENDS4], MAP_FRONTENDS4, on_frontend4, &walk);

	return err ? err : walk_map(maps[MAP_FRONTENDS6], MAP_FRONTENDS6, on_frontend6, &walk);
}

/* ---- upstreams ------------------------------------------------------------------------------- */

struct upstreams_walk {
	int upstreams_fd;
	int (*fn)(void *ctx, const struct upstream_view *view);
	void *ctx;
};

static int on_upstream(void *ctx, const void *key, const void *value)
{
	const struct upstreams_walk *walk = ctx;
	struct upstream_view view = {};

	memcpy(&view.id, key, sizeof(view.id));
	memcpy(view.name, value, sizeof(view.name));
	view.name[sizeof(view.name) - 1] = '\0';
	if (bpf_map_lookup_elem(walk->upstreams_fd, &view.id, &view.value))
		return -errno;
	return walk->fn(walk->ctx, &view);
}

int walk_upstreams(const int *maps, int (*fn)(void *ctx, const struct upstream_view *), void *ctx)
{
	struct upstreams_walk walk = { maps[MAP_UPSTREAMS], fn, ctx };

	return walk_map(maps[MAP_UPSTREAM_NAMES], MAP_UPSTREAM_NAMES, on_upstream, &walk);
}

/* ---- backends -------------------------------------------------------------------------------- */

struct backends_walk {
	int (*fn)(void *ctx, const struct backend_view *view);
	void *ctx;
};

static int on_backend(void *ctx, const void *key, const void *value)
{
	const struct backends_walk *walk = ctx;
	struct backend_view view = {};

	memcpy(&view.id, key, sizeof(view.id));
	memcpy(&view.value, value, sizeof(view.value));
	return view.value.state == BACKEND_FREE ? 0 : walk->fn(walk->ctx, &view);
}

int walk_backends(const int *maps, int (*fn)(void *ctx, const struct backend_view *), void *ctx)
{
	struct backends_walk walk = { fn, ctx };

	return walk_map(maps[MAP_BACKENDS], MAP_BACKENDS, on_backend, &walk);
}

/* ---- flows ----------------------------------------------------------------------------------- */

struct flows_walk {
	int (*fn)(void *ctx, const struct flow_view *view);
	void *ctx;
};

static int on_flow4(void *ctx, const void *key_data, const void *value)
{
	const struct flows_walk *walk = ctx;
	struct flow_view view = {};
	struct flow4_key key;

	memcpy(&key, key_data, sizeof(key));
	memcpy(&view.value, value, sizeof(view.value));
	view.saddr = inet_addr_from_v4(key.saddr);
	view.daddr = inet_addr_from_v4(key.daddr);
	view.sport = ntohs(key.sport);
	view.dport = ntohs(key.dport);
	view.proto = key.proto;
	return walk->fn(walk->ctx, &view);
}

static int on_flow6(void *ctx, const void *key_data, const void *value)
{
	const struct flows_walk *walk = ctx;
	struct flow_view view = {};
	struct flow6_key key;

	memcpy(&key, key_data, sizeof(key));
	memcpy(&view.value, value, sizeof(view.value));
	memcpy(view.saddr.bytes, key.saddr, sizeof(view.saddr.bytes));
	memcpy(view.daddr.bytes, key.daddr, sizeof(view.daddr.bytes));
	view.sport = ntohs(key.sport);
	view.dport = ntohs(key.dport);
	view.proto = key.proto;
	return walk->fn(walk->ctx, &view);
}

int walk_flows(const int *maps, int (*fn)(void *ctx, const struct flow_view *), void *ctx)
{
	struct flows_walk walk = { fn, ctx };
	int err = walk_map(maps[MAP_FLOWS4], MAP_FLOWS4, on_flow4, &walk);

	return err ? err : walk_map(maps[MAP_FLOWS6], MAP_FLOWS6, on_flow6, &walk);
}
