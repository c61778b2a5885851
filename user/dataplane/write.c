// SPDX-License-Identifier: Apache-2.0
#include "dataplane/write.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/loop.h"
#include "dataplane/rings.h"
#include "dataplane/state.h"

#define store(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

/* ---- rings of other weights ------------------------------------------------------------------ */

static bool ring_is_stale(const struct dataplane *dp, uint32_t upstream_id)
{
	for (size_t i = 0; i < dp->stale_rings_count; i++)
		if (dp->stale_rings[i] == upstream_id)
			return true;
	return false;
}

/* Without memory for this record, the ring keeps its weights until its members change. */
static void ring_mark_stale(struct dataplane *dp, uint32_t upstream_id)
{
	uint32_t *grown;

	if (ring_is_stale(dp, upstream_id))
		return;
	grown = reallocarray(dp->stale_rings, dp->stale_rings_count + 1, sizeof(*grown));
	if (!grown)
		return;
	grown[dp->stale_rings_count++] = upstream_id;
	dp->stale_rings = grown;
}

static void ring_clear_stale(struct dataplane *dp, uint32_t upstream_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < dp->stale_rings_count; i++)
		if (dp->stale_rings[i] != upstream_id)
			dp->stale_rings[kept++] = dp->stale_rings[i];
	dp->stale_rings_count = kept;
}

/* ---- backends -------------------------------------------------------------------------------- */

int backend_write(struct dataplane *dp, const struct table_backend *backend)
{
	struct backend *entry = mapped_array_at(&dp->backends, backend->id);

	if (!entry || backend->id == 0)
		return -ENOSPC;
	if (entry->generation != backend->generation) {
		/* Another meaning: the entry must not be used while it is changing. */
		store(entry->state, BACKEND_FREE);
		store(entry->generation, backend->generation);
	} else if (entry->weight != backend->weight) {
		ring_mark_stale(dp, backend->upstream_id);
	}
	entry->weight = backend->weight;
	memcpy(entry->addr, backend->addr.bytes, sizeof(entry->addr));
	memcpy(entry->node_addr, backend->node_addr.bytes, sizeof(entry->node_addr));
	entry->port = htons(backend->port);
	entry->upstream_id = backend->upstream_id;
	entry->flags = backend->flags;
	store(entry->state, backend->state);
	if (backend->terminating)
		return drains_begin(&dp->drains, backend->id, loop_now_ms());
	drains_end(&dp->drains, backend->id);
	return 0;
}

int backend_remove(struct dataplane *dp, uint32_t id)
{
	struct backend *entry = mapped_array_at(&dp->backends, id);

	if (!entry)
		return -ENOSPC;
	store(entry->state, BACKEND_DOWN);
	drains_end(&dp->drains, id);
	return 0;
}

/* ---- upstreams ------------------------------------------------------------------------------- */

static bool members_equal(struct dataplane *dp, uint64_t word,
			  const struct table_upstream *upstream)
{
	uint32_t offset = (uint32_t)(word >> 32), count = (uint32_t)word;

	if (count != upstream->members_count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t *member = mapped_array_at(&dp->members, offset + i);

		if (!member || *member != upstream->members[i])
			return false;
	}
	return true;
}

/* Writes the list to a free place. Return: 0 and the word that names it. */
static int members_write(struct dataplane *dp, const struct table_upstream *upstream,
			 uint64_t *word)
{
	uint32_t count = upstream->members_count, offset = 0;
	int err;

	if (count > 0) {
		err = extents_take(&dp->member_extents, count, loop_now_ms(), &offset);
		if (err)
			return err;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *member = mapped_array_at(&dp->members, offset + i);

		if (!member) {
			extents_give(&dp->member_extents, offset, count, loop_now_ms());
			return -ENOMEM;
		}
		*member = upstream->members[i];
	}
	*word = (uint64_t)offset << 32 | count;
	return 0;
}

static int ring_write(struct dataplane *dp, const struct table_upstream *upstream)
{
	if (!upstream->wants_ring || upstream->members_count == 0)
		return ring_remove(dp->maps[MAP_RINGS], upstream->id);
	return ring_swap(dp->maps[MAP_RINGS], &dp->backends, upstream->id, upstream->members,
			 upstream->members_count);
}

static bool ring_is_there(struct dataplane *dp, uint32_t upstream_id)
{
	uint32_t map_id;

	return bpf_map_lookup_elem(dp->maps[MAP_RINGS], &upstream_id, &map_id) == 0;
}

static int name_write(struct dataplane *dp, const struct table_upstream *upstream)
{
	struct upstream_name name = {}, old;
	int fd = dp->maps[MAP_UPSTREAM_NAMES];

	memcpy(name.name, upstream->name, strnlen(upstream->name, sizeof(name.name) - 1));
	if (bpf_map_lookup_elem(fd, &upstream->id, &old) == 0 &&
	    memcmp(&old, &name, sizeof(name)) == 0)
		return 0;
	if (bpf_map_update_elem(fd, &upstream->id, &name, BPF_ANY))
		return errno == E2BIG ? -ENOSPC : -errno;
	return 0;
}

int upstream_write(struct dataplane *dp, const struct table_upstream *upstream)
{
	struct upstream *entry = mapped_array_at(&dp->upstreams, upstream->id);
	uint64_t old, word;
	bool same;
	int err;

	if (!entry || upstream->id == 0)
		return -ENOSPC;
	err = name_write(dp, upstream);
	if (err)
		return err;
	old = word = entry->members;
	same = members_equal(dp, old, upstream);
	if (!same || upstream->wants_ring != ring_is_there(dp, upstream->id) ||
	    ring_is_stale(dp, upstream->id)) {
		err = ring_write(dp, upstream);
		if (err)
			return err;
		ring_clear_stale(dp, upstream->id);
	}
	if (!same) {
		err = members_write(dp, upstream, &word);
		if (err)
			return err;
		store(entry->members, word);
		/* Without memory for this record, the old place is lost until the next start. */
		extents_give(&dp->member_extents, (uint32_t)(old >> 32), (uint32_t)old,
			     loop_now_ms());
	}
	store(entry->flags, upstream->flags);
	store(entry->backends_active, upstream->backends_active);
	store(entry->backends_draining, upstream->backends_draining);
	store(entry->generation, entry->generation + 1 ? entry->generation + 1 : 1);
	return 0;
}

int upstream_remove(struct dataplane *dp, uint32_t id)
{
	struct upstream *entry = mapped_array_at(&dp->upstreams, id);
	uint64_t old;
	int err;

	if (!entry)
		return -ENOSPC;
	err = ring_remove(dp->maps[MAP_RINGS], id);
	if (err)
		return err;
	if (bpf_map_delete_elem(dp->maps[MAP_UPSTREAM_NAMES], &id) && errno != ENOENT)
		return -errno;
	old = entry->members;
	store(entry->members, 0);
	store(entry->generation, 0);
	entry->flags = entry->backends_active = entry->backends_draining = 0;
	extents_give(&dp->member_extents, (uint32_t)(old >> 32), (uint32_t)old, loop_now_ms());
	return 0;
}

/* ---- frontends ------------------------------------------------------------------------------- */

union frontend_key {
	struct frontend4_key v4;
	struct frontend6_key v6;
};

static int frontend_key(struct dataplane *dp, const struct table_frontend *frontend,
			union frontend_key *key)
{
	memset(key, 0, sizeof(*key));
	if (inet_addr_is_v4(&frontend->addr)) {
		key->v4.addr = inet_addr_v4(&frontend->addr);
		key->v4.port = htons(frontend->port);
		key->v4.proto = frontend->proto;
		return dp->maps[MAP_FRONTENDS4];
	}
	memcpy(key->v6.addr, frontend->addr.bytes, sizeof(key->v6.addr));
	key->v6.port = htons(frontend->port);
	key->v6.proto = frontend->proto;
	return dp->maps[MAP_FRONTENDS6];
}

/* Flows must look up their frontend again. */
static void frontends_epoch_raise(struct dataplane *dp)
{
	struct node_config *config = mapped_array_at(&dp->node_config, 0);

	store(config->frontends_epoch, config->frontends_epoch + 1);
}

/* What a frontend was and what it is; NULL: it was not there, or is there no more. */
static void frontend_note_tunnels(struct dataplane *dp, const struct frontend *was,
				  const struct frontend *is)
{
	size_t before = dp->tunnel_frontends;

	dp->tunnel_frontends -= was && (was->flags & FRONTEND_F_TUNNELS);
	dp->tunnel_frontends += is && (is->flags & FRONTEND_F_TUNNELS);
	if (!before != !dp->tunnel_frontends)
		node_flags_store(dp);
}

int frontend_write(struct dataplane *dp, const struct table_frontend *frontend)
{
	struct frontend value = {
		.frontend_id = frontend->id,
		.upstream_id = frontend->upstream_id,
		.flags = frontend->flags,
		.kind = frontend->kind,
		.ranges_id = frontend->ranges_id,
		.affinity_s = frontend->affinity_s,
		.rate_per_s = frontend->rate_per_s,
	}, old;
	union frontend_key key;
	int fd = frontend_key(dp, frontend, &key);
	bool is_new = bpf_map_lookup_elem(fd, &key, &old) != 0;
	int err;

	if (frontend->id >= SLUICE_FRONTENDS_MAX)
		return -ENOSPC;
	err = ranges_add(&dp->ranges, dp->maps, frontend->id, frontend->ranges,
			 frontend->ranges_count);
	if (err)
		return err;
	if (is_new) {
		err = addresses_add(&dp->addresses, &dp->filter, &frontend->addr);
		if (err)
			return err;
	}
	if (bpf_map_update_elem(fd, &key, &value, BPF_ANY)) {
		err = errno == E2BIG ? -ENOSPC : -errno;
		if (is_new)
			addresses_remove(&dp->addresses, &dp->filter, &frontend->addr);
		return err;
	}
	frontend_note_tunnels(dp, is_new ? NULL : &old, &value);
	if (!is_new && memcmp(&old, &value, sizeof(value)) != 0)
		frontends_epoch_raise(dp);
	return ranges_trim(&dp->ranges, dp->maps, frontend->id, frontend->ranges,
			   frontend->ranges_count);
}

int frontend_remove(struct dataplane *dp, const struct table_frontend *frontend)
{
	union frontend_key key;
	int fd = frontend_key(dp, frontend, &key);
	struct frontend old = {};

	if (bpf_map_lookup_elem(fd, &key, &old) && errno != ENOENT)
		return -errno;
	if (bpf_map_delete_elem(fd, &key))
		return errno == ENOENT ? 0 : -errno;
	frontends_epoch_raise(dp);
	frontend_note_tunnels(dp, &old, NULL);
	addresses_remove(&dp->addresses, &dp->filter, &frontend->addr);
	return ranges_trim(&dp->ranges, dp->maps, old.frontend_id, NULL, 0);
}
