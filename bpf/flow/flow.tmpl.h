/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.tmpl.h - the connection table of one family
 */

/* Where the replies of a flow come from, and whereto. */
static __always_inline void F(reply, _key)(FLOW_KEY *reply, const FLOW_KEY *key,
					   const struct flow *flow, const struct backend *backend,
					   const struct node_config *config, enum flow_way way)
{
	__builtin_memset(reply, 0, sizeof(*reply));
	ADDR_PUT(reply->saddr, ADDR_OF_16(backend->addr));
	if (way == WAY_SNAT)
		ADDR_PUT(reply->daddr, F(config->addr, ));
	else
		ADDR_PUT(reply->daddr, key->saddr);
	reply->sport = backend->port;
	reply->dport = flow->source_port ? flow->source_port : key->sport;
	reply->proto = key->proto;
}

/* Is it the entry of the same flow, maybe of another backend? */
static __always_inline bool F(nat, _is_same)(const NAT *a, const NAT *b)
{
	return ADDR_EQUAL(a->client_addr, b->client_addr) && a->client_port == b->client_port &&
	       ADDR_EQUAL(a->frontend_addr, b->frontend_addr) &&
	       a->frontend_port == b->frontend_port;
}

/* May @scratch have the replies that its key names? Another flow has them that is not over: no. */
static __always_inline bool F(reply, _is_free)(const struct flow_scratch *scratch)
{
	const NAT *known = bpf_map_lookup_elem(&F(nat, ), &scratch->F(reply, ));

	return !known || F(nat, _is_same)(known, &scratch->F(nat, )) ||
	       sluice_flow_is_over(scratch->F(reply, ).proto, known->state, known->flags,
				   known->last_seen_ns, scratch->now_ns);
}

/* For bpf_loop(): 1 ends it. */
static long F(port, _try)(__u32 i, void *unused)
{
	struct flow_scratch *scratch = flow_scratch_get();

	if (!scratch)
		return 1;
	scratch->F(reply, ).dport = flow_try_port(scratch, i);
	scratch->found = F(reply, _is_free)(scratch);
	return scratch->found;
}

/*
 * Chooses the port that replies of a flow come to: the one that it has; the client's own towards
 * a pod of this node; then one of the node's range. False: none is free.
 */
static __always_inline bool F(port, _find)(struct flow_scratch *scratch,
					   const struct node_config *config, enum flow_way way)
{
	if ((way == WAY_LOCAL || scratch->flow.source_port) && F(reply, _is_free)(scratch))
		return true;
	if (way == WAY_LOCAL && !scratch->flow.source_port)
		count_stat(STAT_FLOWS_COLLIDED);
	if (!flow_port_range(config, scratch))
		return false;
	scratch->found = 0;
	bpf_loop(FLOW_PORT_TRIES, F(port, _try), NULL, 0);
	return scratch->found;
}

/* By pointer where there is an entry: an update would take one from the free ones, evicting
 * another. */
static __always_inline long F(nat, _store)(const struct flow_scratch *scratch)
{
	NAT *known = bpf_map_lookup_elem(&F(nat, ), &scratch->F(reply, ));

	if (!known)
		return bpf_map_update_elem(&F(nat, ), &scratch->F(reply, ), &scratch->F(nat, ),
					   BPF_ANY);
	*known = scratch->F(nat, );
	return 0;
}

/* A SYN mostly finds no entry; all else mostly the one that is to be changed. */
static __always_inline long F(flow, _store)(const struct flow_scratch *scratch)
{
	struct flow *known;

	if (scratch->flow.state == FLOW_NEW &&
	    !bpf_map_update_elem(&F(flows, ), &scratch->F(key, ), &scratch->flow, BPF_NOEXIST))
		return 0;
	known = bpf_map_lookup_elem(&F(flows, ), &scratch->F(key, ));
	if (!known)
		return bpf_map_update_elem(&F(flows, ), &scratch->F(key, ), &scratch->flow,
					   BPF_ANY);
	*known = scratch->flow;
	return 0;
}

/* What a reply of the flow in @scratch becomes. */
static __always_inline void F(nat, _fill)(struct flow_scratch *scratch)
{
	NAT *nat = &scratch->F(nat, );

	nat->last_seen_ns = scratch->now_ns;
	ADDR_PUT(nat->frontend_addr, scratch->F(key, ).daddr);
	ADDR_PUT(nat->client_addr, scratch->F(key, ).saddr);
	nat->frontend_port = scratch->F(key, ).dport;
	nat->client_port = scratch->F(key, ).sport;
	nat->frontend_id = scratch->flow.frontend_id;
	nat->backend_id = scratch->flow.backend_id;
	nat->backend_generation = scratch->flow.backend_generation;
	nat->state = scratch->flow.state;
	nat->flags = scratch->flow.flags;
}

/**
 * flow4_write, flow6_write - write a flow and its reverse entry, or neither
 * @flow: .source_port is chosen here, if it can be the one that it has
 * Return: 0; -EADDRNOTAVAIL no source port is free; -errno of a map.
 */
__noinline int F(flow, _write)(const FLOW_KEY *key, struct flow *flow, __u64 now_ns)
{
	struct flow_scratch *scratch = flow_scratch_get();
	const struct node_config *config = node();
	const struct backend *backend;
	enum flow_way way;
	long err = 0;

	if (!key || !flow || !config || !scratch)
		return -EINVAL;
	scratch->now_ns = now_ns;
	scratch->F(key, ) = *key;
	scratch->flow = *flow;
	backend = bpf_map_lookup_elem(&backends, &scratch->flow.backend_id);
	if (!backend)
		return -EINVAL;
	way = backend_way(backend, config, F(NODE_F_SNAT, ));
	if (way == WAY_DSR) {
		scratch->flow.flags |= FLOW_F_ONE_WAY;
		return F(flow, _store)(scratch);
	}
	scratch->flow.flags &= ~FLOW_F_ONE_WAY;
	scratch->hash = F(hash_flow, )(key);
	F(nat, _fill)(scratch);
	F(reply, _key)(&scratch->F(reply, ), key, &scratch->flow, backend, config, way);
	if (!F(port, _find)(scratch, config, way))
		return -EADDRNOTAVAIL;
	scratch->flow.source_port = 0;
	if (way == WAY_SNAT || scratch->F(reply, ).dport != key->sport)
		scratch->flow.source_port = scratch->F(reply, ).dport;
	flow->source_port = scratch->flow.source_port;
	err = F(nat, _store)(scratch);
	if (err)
		return err;
	err = F(flow, _store)(scratch);
	if (err)
		bpf_map_delete_elem(&F(nat, ), &scratch->F(reply, ));
	return err;
}

/**
 * flow4_touch, flow6_touch - tell the reverse entry what the flow's own entry knows of its life
 * Return: 0, also if the flow needs none; -ENOENT there is none: the flow is to be written again.
 */
__noinline int F(flow, _touch)(const FLOW_KEY *key, const struct flow *flow)
{
	struct flow_scratch *scratch = flow_scratch_get();
	const struct node_config *config = node();
	const struct backend *backend;
	NAT *nat;
	enum flow_way way;

	if (!key || !flow || !config || !scratch)
		return -EINVAL;
	scratch->flow = *flow;
	backend = bpf_map_lookup_elem(&backends, &scratch->flow.backend_id);
	if (!backend)
		return -EINVAL;
	way = backend_way(backend, config, F(NODE_F_SNAT, ));
	if (way == WAY_DSR)
		return 0;
	if (way == WAY_SNAT && !flow->source_port)
		return -ENOENT;
	F(reply, _key)(&scratch->F(reply, ), key, &scratch->flow, backend, config, way);
	nat = bpf_map_lookup_elem(&F(nat, ), &scratch->F(reply, ));
	if (!nat || nat->backend_generation != flow->backend_generation ||
	    nat->client_port != key->sport || nat->frontend_port != key->dport ||
	    !ADDR_EQUAL(nat->client_addr, key->saddr))
		return -ENOENT;
	nat->last_seen_ns = flow->last_seen_ns;
	nat->state = flow->state;
	nat->flags = flow->flags;
	return 0;
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
	if (frontend->rate_per_s && !F(rate, _allows)(key->saddr, frontend, now_ns))
		return DROP_RATE_LIMIT;
	reason =
		flow_fill(F(backend_of, )(key, frontend, flags >> 8, now_ns), frontend->frontend_id,
			  sluice_flow_next(FLOW_NEW, key->proto, flags, 0), now_ns, &fresh);
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

	/* For IPv6 the stack has no room for it: Linux 6.1 counts a frame as a multiple of 32
	 * bytes. */
#if FAMILY == 4
	if (likely(frontend_is_plain(frontend) && !flags))
		id = backend_pick_first(frontend->upstream_id, F(hash_flow, )(key), backend);
	if (likely(id)) {
		flow_set(flow, id, *backend, frontend->frontend_id,
			 sluice_flow_next(FLOW_NEW, key->proto, tcp_flags, 0), now_ns);
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

/* The flow that an error of ICMP is about; by hash where there is no entry. Returns a backend, or
 * 0. */
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
