/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.tmpl.h - the connection table of one family
 */

/* Where the replies of a flow come from, and whereto, but for the port there. */
static __always_inline void F(reply, _key)(FLOW_KEY *reply, const FLOW_KEY *key,
					   const struct backend *backend,
					   const struct node_config *config, enum flow_way way)
{
	ADDR_PUT(reply->saddr, ADDR_OF_16(backend->addr));
	if (way == WAY_SNAT)
		ADDR_PUT(reply->daddr, F(config->addr, ));
	else
		ADDR_PUT(reply->daddr, key->saddr);
	reply->sport = backend->port;
	reply->dport = key->sport;
	reply->proto = key->proto;
}

/* Makes @reply lead to @nat, unless another flow has it that is not over. Returns 0 or -EEXIST. */
static __always_inline int F(nat, _claim)(const FLOW_KEY *reply, const struct F(nat, ) * nat,
					  __u64 now_ns)
{
	FLOW_KEY other = { .proto = reply->proto };
	struct F(nat, ) * known;
	bool ours;
	long err;

	err = bpf_map_update_elem(&F(nat, ), reply, nat, BPF_NOEXIST);
	if (!err)
		return 0;
	known = bpf_map_lookup_elem(&F(nat, ), reply);
	if (!known)
		return err;
	ADDR_PUT(other.saddr, known->client_addr);
	ADDR_PUT(other.daddr, known->frontend_addr);
	other.sport = known->client_port;
	other.dport = known->frontend_port;
	ours = ADDR_EQUAL(other.saddr, nat->client_addr) && other.sport == nat->client_port &&
	       ADDR_EQUAL(other.daddr, nat->frontend_addr) && other.dport == nat->frontend_port;
	if (!ours && !flow_is_over(bpf_map_lookup_elem(&F(flows, ), &other), known->backend_id,
				   other.sport, reply->dport, reply->proto, now_ns))
		return -EEXIST;
	*known = *nat; /* by pointer: an update would take an entry from the free ones */
	return 0;
}

/*
 * A SYN mostly finds no entry; all else mostly the one that is to be changed, by pointer: an update
 * would evict another one.
 */
static __always_inline long F(flow, _store)(const FLOW_KEY *key, const struct flow *entry)
{
	struct flow *known;

	if (entry->state == FLOW_NEW && !bpf_map_update_elem(&F(flows, ), key, entry, BPF_NOEXIST))
		return 0;
	known = bpf_map_lookup_elem(&F(flows, ), key);
	if (!known)
		return bpf_map_update_elem(&F(flows, ), key, entry, BPF_ANY);
	*known = *entry;
	return 0;
}

/**
 * flow4_write, flow6_write - write a flow and its reverse entry, or neither
 * @flow: .source_port is chosen here, if it can be the one that it has
 * Return: 0; -EADDRNOTAVAIL no source port is free; -errno of a map.
 */
__noinline int F(flow, _write)(const FLOW_KEY *key, struct flow *flow, __u64 now_ns)
{
	const struct node_config *config = node();
	const struct backend *backend;
	FLOW_KEY reply = {};
	struct F(nat, ) nat = {};
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
	way = backend_way(backend, config, F(NODE_F_SNAT, ));
	ADDR_PUT(nat.frontend_addr, key->daddr);
	ADDR_PUT(nat.client_addr, key->saddr);
	nat.frontend_port = key->dport;
	nat.client_port = key->sport;
	nat.frontend_id = entry.frontend_id;
	nat.backend_id = entry.backend_id;
	nat.backend_generation = entry.backend_generation;
	F(reply, _key)(&reply, key, backend, config, way);
	hash = F(hash_flow, )(key);
	for (int i = LOOP_START; i < FLOW_PORT_TRIES && way != WAY_DSR; i++) {
		reply.dport = flow_try_port(config, &entry, way, nat.client_port, hash, i);
		if (!reply.dport)
			return -EADDRNOTAVAIL;
		err = F(nat, _claim)(&reply, &nat, now_ns);
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
	/* A copy: before Linux 6.2 the memory of an argument is no key of a map. */
	reply = *key;
	err = F(flow, _store)(&reply, &entry);
	if (err && way != WAY_DSR) {
		F(reply, _key)(&reply, key, backend, config, way);
		if (entry.source_port)
			reply.dport = entry.source_port;
		bpf_map_delete_elem(&F(nat, ), &reply);
	}
	return err;
}

/* Picks by affinity, or by hash. Returns an id; a reason to drop, negative. */
static __always_inline int F(backend_of, )(const FLOW_KEY *key, const struct frontend *frontend,
					   __u32 flags, __u64 now_ns)
{
	struct F(source, _key) source = { .upstream_id = frontend->upstream_id };
	__u32 id;

	if (!(frontend->flags & FRONTEND_F_AFFINITY))
		return backend_pick(frontend->upstream_id, F(hash_flow, )(key), flags);
	ADDR_PUT(source.addr, key->saddr);
	id = affinity_backend(bpf_map_lookup_elem(&F(affinity, ), &source), frontend, now_ns);
	return id ? id : backend_pick(frontend->upstream_id, F(hash_source, )(key->saddr), flags);
}

static __always_inline void F(affinity, _note)(const FLOW_KEY *key, const struct frontend *frontend,
					       const struct flow *flow)
{
	struct F(source, _key) source = { .upstream_id = frontend->upstream_id };
	struct affinity now = {
		.last_new_flow_ns = flow->last_seen_ns,
		.backend_id = flow->backend_id,
		.backend_generation = flow->backend_generation,
	};
	struct affinity *known;

	ADDR_PUT(source.addr, key->saddr);
	known = bpf_map_lookup_elem(&F(affinity, ), &source);
	if (known)
		*known = now;
	else
		bpf_map_update_elem(&F(affinity, ), &source, &now, BPF_ANY);
}

/**
 * flow4_begin, flow6_begin - who may begin a flow, and with which backend; writes nothing about it
 * @flags: enum pick_flag << 8 | TCP flags
 * @flow: out, but for .frontends_epoch
 * Return: enum sluice_drop.
 */
__noinline int F(flow, _begin)(const FLOW_KEY *key, const struct frontend *frontend, __u32 flags,
			       __u64 now_ns, struct flow *flow)
{
	struct flow fresh = {};
	int reason;

	if (!key || !frontend || !flow)
		return DROP_BAD_RING;
	fresh.frontends_epoch = flow->frontends_epoch;
	if (frontend->flags & FRONTEND_F_SOURCE_RANGES &&
	    !F(source, _is_in_range)(frontend->ranges_id, key->saddr))
		return DROP_SOURCE_RANGE;
	if (frontend->rate_per_s && is_new_flow(key->proto, flags) &&
	    !F(rate, _allows)(key->saddr, frontend, now_ns))
		return DROP_RATE_LIMIT;
	reason =
		flow_fill(F(backend_of, )(key, frontend, flags >> 8, now_ns), frontend->frontend_id,
			  flow_next_state(key->proto, flags, FLOW_NEW), now_ns, &fresh);
	if (!reason && frontend->flags & FRONTEND_F_AFFINITY)
		F(affinity, _note)(key, frontend, &fresh);
	*flow = fresh;
	return reason;
}

/* The same, without a call for most frontends. @flags: enum pick_flag; @backend: out. */
static __always_inline enum sluice_drop F(flow, _new)(const FLOW_KEY *key,
						      const struct frontend *frontend, __u32 flags,
						      __u32 tcp_flags, __u64 now_ns,
						      struct flow *flow, struct backend **backend)
{
	__u32 id = 0;
	int reason;

#if FAMILY == 4 /* for IPv6 the stack has no room for it */
	if (likely(frontend_is_plain(frontend) && !flags))
		id = backend_pick_first(frontend->upstream_id, F(hash_flow, )(key), backend);
	if (likely(id)) {
		flow_set(flow, id, *backend, frontend->frontend_id,
			 flow_next_state(key->proto, tcp_flags, FLOW_NEW), now_ns);
		return DROP_NONE;
	}
#endif
	reason = F(flow, _begin)(key, frontend, flags << 8 | tcp_flags, now_ns, flow);
	if (reason)
		return reason;
	id = flow->backend_id;
	*backend = bpf_map_lookup_elem(&backends, &id);
	return *backend ? DROP_NONE : DROP_BAD_RING;
}

/* The flow that an error of ICMP is about; by hash where there is no entry. Returns a backend, or 0. */
static __always_inline __u32 F(flow, _of_error)(const FLOW_KEY *key,
						const struct frontend *frontend,
						__be16 *source_port)
{
	const struct flow *flow = bpf_map_lookup_elem(&F(flows, ), key);
	int id;

	*source_port = 0;
	if (flow) {
		*source_port = flow->source_port;
		return flow->backend_id;
	}
	id = backend_pick(frontend->upstream_id, F(hash_flow, )(key), 0);
	return id > 0 ? id : 0;
}
