/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow6.bpf.h - the connection table of IPv6: as that of IPv4, with longer addresses
 */
#ifndef SLUICE_FLOW6_BPF_H
#define SLUICE_FLOW6_BPF_H

#include "flow/flow.bpf.h"

static __always_inline int nat6_claim(const struct flow6_key *reply, const struct nat6 *nat,
				      __u64 now_ns)
{
	struct flow6_key other = { .proto = reply->proto };
	struct nat6 *known;
	long err;

	err = bpf_map_update_elem(&nat6, reply, nat, BPF_NOEXIST);
	if (!err)
		return 0;
	known = bpf_map_lookup_elem(&nat6, reply);
	if (!known)
		return err;
	__builtin_memcpy(other.saddr, known->client_addr, sizeof(other.saddr));
	__builtin_memcpy(other.daddr, known->frontend_addr, sizeof(other.daddr));
	other.sport = known->client_port;
	other.dport = known->frontend_port;
	if ((!addr_equal(other.saddr, nat->client_addr) ||
	     !addr_equal(other.daddr, nat->frontend_addr) || other.sport != nat->client_port ||
	     other.dport != nat->frontend_port) &&
	    !flow_is_over(bpf_map_lookup_elem(&flows6, &other), known->backend_id, other.sport,
			  reply->dport, reply->proto, now_ns))
		return -EEXIST;
	*known = *nat;
	return 0;
}

static __always_inline long flow6_store(const struct flow6_key *key, const struct flow *entry)
{
	struct flow *known;

	if (entry->state == FLOW_NEW && !bpf_map_update_elem(&flows6, key, entry, BPF_NOEXIST))
		return 0;
	known = bpf_map_lookup_elem(&flows6, key);
	if (!known)
		return bpf_map_update_elem(&flows6, key, entry, BPF_ANY);
	*known = *entry;
	return 0;
}

/* As flow4_write(). */
__noinline int flow6_write(const struct flow6_key *key, struct flow *flow, __u64 now_ns)
{
	const struct node_config *config = node();
	const struct backend *backend;
	struct flow6_key reply = {};
	struct nat6 nat = {};
	struct flow entry;
	enum flow_way way;
	__u32 hash;
	int err = 0;

	if (!key || !flow || !config)
		return -EINVAL;
	entry = *flow;
	backend = bpf_map_lookup_elem(&backends, &entry.backend_id);
	if (!backend)
		return -EINVAL;
	way = backend_way(backend, config, NODE_F_SNAT6);
	__builtin_memcpy(nat.frontend_addr, key->daddr, sizeof(nat.frontend_addr));
	__builtin_memcpy(nat.client_addr, key->saddr, sizeof(nat.client_addr));
	nat.frontend_port = key->dport;
	nat.client_port = key->sport;
	nat.frontend_id = entry.frontend_id;
	nat.backend_id = entry.backend_id;
	nat.backend_generation = entry.backend_generation;
	__builtin_memcpy(reply.saddr, backend->addr, sizeof(reply.saddr));
	if (way == WAY_SNAT)
		__builtin_memcpy(reply.daddr, config->addr6, sizeof(reply.daddr));
	else
		__builtin_memcpy(reply.daddr, key->saddr, sizeof(reply.daddr));
	reply.sport = backend->port;
	reply.dport = key->sport;
	reply.proto = key->proto;
	hash = hash_flow6(key);
	for (int i = LOOP_START; i < FLOW_PORT_TRIES && way != WAY_DSR; i++) {
		reply.dport = flow_try_port(config, &entry, way, nat.client_port, hash, i);
		if (!reply.dport)
			return -EADDRNOTAVAIL;
		err = nat6_claim(&reply, &nat, now_ns);
		if (!err)
			break;
		if (way == WAY_LOCAL && i == 0)
			count_stat(STAT_FLOWS_COLLIDED);
		entry.source_port = 0;
	}
	if (err)
		return -EADDRNOTAVAIL;
	if (way == WAY_SNAT || (way == WAY_LOCAL && reply.dport != nat.client_port))
		entry.source_port = reply.dport;
	flow->source_port = entry.source_port;
	/* The memory of an argument is no key before Linux 6.2, and the stack has no room for a
	 * third one: if this fails, the reverse entry of the flow ages away. */
	reply = *key;
	return flow6_store(&reply, &entry);
}

static __always_inline int backend_of6(const struct flow6_key *key, const struct frontend *frontend,
				       __u32 flags, __u64 now_ns)
{
	struct source6_key source = { .upstream_id = frontend->upstream_id };
	__u32 id;

	if (!(frontend->flags & FRONTEND_F_AFFINITY))
		return backend_pick(frontend->upstream_id, hash_flow6(key), flags);
	__builtin_memcpy(source.addr, key->saddr, sizeof(source.addr));
	id = affinity_backend(bpf_map_lookup_elem(&affinity6, &source), frontend, now_ns);
	return id ? id : backend_pick(frontend->upstream_id, hash_source6(key->saddr), flags);
}

static __always_inline void affinity6_note(const struct flow6_key *key,
					   const struct frontend *frontend, const struct flow *flow)
{
	struct source6_key source = { .upstream_id = frontend->upstream_id };
	struct affinity now = {
		.last_new_flow_ns = flow->last_seen_ns,
		.backend_id = flow->backend_id,
		.backend_generation = flow->backend_generation,
	};
	struct affinity *known;

	__builtin_memcpy(source.addr, key->saddr, sizeof(source.addr));
	known = bpf_map_lookup_elem(&affinity6, &source);
	if (known)
		*known = now;
	else
		bpf_map_update_elem(&affinity6, &source, &now, BPF_ANY);
}

/* As flow4_begin(). */
__noinline int flow6_begin(const struct flow6_key *key, const struct frontend *frontend,
			   __u32 flags, __u64 now_ns, struct flow *flow)
{
	struct flow fresh = {};
	int reason;

	if (!key || !frontend || !flow)
		return DROP_BAD_RING;
	fresh.frontends_epoch = flow->frontends_epoch;
	if (frontend->flags & FRONTEND_F_SOURCE_RANGES &&
	    !source6_is_in_range(frontend->ranges_id, key->saddr))
		return DROP_SOURCE_RANGE;
	if (frontend->rate_per_s && is_new_flow(key->proto, flags) &&
	    !rate6_allows(key->saddr, frontend, now_ns))
		return DROP_RATE_LIMIT;
	reason = flow_fill(backend_of6(key, frontend, flags >> 8, now_ns), frontend->frontend_id,
			   flow_next_state(key->proto, flags, FLOW_NEW), now_ns, &fresh);
	if (!reason && frontend->flags & FRONTEND_F_AFFINITY)
		affinity6_note(key, frontend, &fresh);
	*flow = fresh;
	return reason;
}

static __always_inline __u32 flow6_of_error(const struct flow6_key *key,
					    const struct frontend *frontend, __be16 *source_port)
{
	const struct flow *flow = bpf_map_lookup_elem(&flows6, key);
	int id;

	*source_port = 0;
	if (flow) {
		*source_port = flow->source_port;
		return flow->backend_id;
	}
	id = backend_pick(frontend->upstream_id, hash_flow6(key), 0);
	return id > 0 ? id : 0;
}

#endif /* SLUICE_FLOW6_BPF_H */
