/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pick.bpf.h - which backend a new flow goes to
 *
 * The hash is of the 5-tuple alone (of the source, where flows of one client stay together) and the
 * rings are the same on every node, so any node picks the same backend for a flow that it has never
 * seen.
 */
#ifndef SLUICE_PICK_BPF_H
#define SLUICE_PICK_BPF_H

#include "node/count.bpf.h"
#include "node/node.bpf.h"
#include "flow/backend.bpf.h"
#include "node/time.bpf.h"

/* Slots tried when the first ones name a backend that has just gone and the ring is not yet
 * swapped, or pods of other nodes where only one of this will do. */
#define PICK_TRIES 32

enum pick_flag {
	/* The packet came from another node, which chose a pod of this one. */
	PICK_F_LOCAL = 1 << 0,
};

/* Finalizer of MurmurHash3 (public domain, A. Appleby): every input bit reaches every output bit. */
static __always_inline __u64 hash_mix(__u64 h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 33;
	return h;
}

/* Else whoever can choose his source ports can aim at one pod. The same on every node. */
static __always_inline __u64 hash_key(void)
{
	const struct node_config *config = node();

	return config ? config->flow_hash_key : 0;
}

static __always_inline __u32 hash_flow4(const struct flow4_key *key)
{
	__u64 ports = (__u64)key->sport << 32 | (__u32)key->dport << 16 | key->proto;

	return hash_mix(hash_mix(((__u64)key->saddr << 32 | key->daddr) ^ hash_key()) ^ ports);
}

static __always_inline __u32 hash_flow6(const struct flow6_key *key)
{
	const __u32 *s = (const __u32 *)key->saddr, *d = (const __u32 *)key->daddr;
	__u64 ports = (__u64)key->sport << 32 | (__u32)key->dport << 16 | key->proto;
	__u64 h;

	h = hash_mix(((__u64)s[0] << 32 | s[1]) ^ ports ^ hash_key());
	h = hash_mix(h ^ ((__u64)s[2] << 32 | s[3]));
	h = hash_mix(h ^ ((__u64)d[0] << 32 | d[1]));
	return hash_mix(h ^ ((__u64)d[2] << 32 | d[3]));
}

static __always_inline __u32 hash_source4(__be32 saddr)
{
	return hash_mix((__u64)saddr << 32 ^ hash_key());
}

static __always_inline __u32 hash_source6(const __u8 saddr[16])
{
	const __u32 *s = (const __u32 *)saddr;

	return hash_mix(hash_mix(((__u64)s[0] << 32 | s[1]) ^ hash_key()) ^
			((__u64)s[2] << 32 | s[3]));
}

/* The ring of an upstream, and how many slots it has: 0: there is none that is whole. */
static __always_inline __u32 ring_find(const __u32 *upstream_id, void **ring)
{
	const __u32 *slots;
	__u32 zero = 0;

	*ring = bpf_map_lookup_elem(&rings, upstream_id);
	if (!*ring)
		return 0;
	slots = bpf_map_lookup_elem(*ring, &zero);
	return slots ? *slots : 0;
}

/* Index of a hash's slot: a multiplication takes a quarter of the time of a division. */
static __always_inline __u32 ring_index(__u32 hash, __u32 slots)
{
	return 1 + ((__u64)hash * slots >> 32);
}

/**
 * backend_pick_first - the backend of the first slot, if it takes new flows
 * @backend: out
 * Return: its id; 0: backend_pick() has to look further, or knows why there is none.
 */
static __always_inline __u32 backend_pick_first(__u32 upstream_id, __u32 hash,
						struct backend **backend)
{
	__u32 slots, index, id, *slot;
	void *ring;

	slots = ring_find(&upstream_id, &ring);
	if (!slots)
		return 0;
	index = ring_index(hash, slots);
	slot = bpf_map_lookup_elem(ring, &index);
	if (!slot)
		return 0;
	id = *slot;
	*backend = bpf_map_lookup_elem(&backends, &id);
	return *backend && backend_is_up(*backend) ? id : 0;
}

/**
 * backend_pick - choose a backend for a new flow
 * @flags: enum pick_flag
 * Return: id of a backend that takes new flows; -DROP_NO_BACKEND; -DROP_BAD_RING.
 */
__noinline int backend_pick(__u32 upstream_id, __u32 hash, __u32 flags)
{
	__u32 slots, index, *slot;
	void *ring;

	slots = ring_find(&upstream_id, &ring);
	if (!ring)
		return -DROP_NO_BACKEND;
	if (!slots)
		return -DROP_BAD_RING;
	for (int i = 0; i < PICK_TRIES; i++) {
		const struct backend *backend;

		index = ring_index(hash, slots);
		slot = bpf_map_lookup_elem(ring, &index);
		if (!slot || !*slot)
			return -DROP_BAD_RING;
		backend = bpf_map_lookup_elem(&backends, slot);
		if (backend && backend_is_up(backend) &&
		    (!(flags & PICK_F_LOCAL) || backend->flags & BACKEND_F_LOCAL))
			return *slot;
		hash = hash * 0x9e3779b1u + 1; /* odd factor: a new slot each time */
	}
	return -DROP_NO_BACKEND;
}

/* The backend that @known remembers, 0 if it is too old or its backend has gone. */
static __always_inline __u32 affinity_backend(const struct affinity *known,
					      const struct frontend *frontend, __u64 now_ns)
{
	const struct backend *backend;
	__u32 backend_id;

	if (!known || now_ns - known->last_new_flow_ns > frontend->affinity_s * NS_PER_S)
		return 0;
	backend_id = known->backend_id;
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	/* One that drains gets no new flows, of old friends neither. */
	if (!backend || backend->state != BACKEND_ACTIVE ||
	    backend->generation != known->backend_generation ||
	    backend->upstream_id != frontend->upstream_id)
		return 0;
	count_stat(STAT_AFFINITY_HITS);
	return backend_id;
}

#endif /* SLUICE_PICK_BPF_H */
