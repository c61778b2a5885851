/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ingress.tmpl.h - the way of a packet of one family whose destination a frontend, or this node,
 * may have
 */

static __always_inline int F(send, )(struct xdp_md *ctx, struct pkt *pkt, const FLOW_KEY *key,
				     const struct backend *backend, __u32 backend_id,
				     __be16 source_port, enum flow_way way)
{
	if (unlikely(way == WAY_SNAT))
		return todo_later(F(TODO_SNAT, ), pkt->l3_off_bytes, 0, backend_id, source_port);
	if (unlikely(way == WAY_DSR))
		return todo_later(TODO_TUNNEL, pkt->l3_off_bytes, 0, backend_id,
				  F(hash_flow, )(key));
	return F(deliver, )(pkt, backend, backend_id, source_port);
}

/* @epoch: frontends_epoch(), from before the frontend was looked up; @flags: enum pick_flag. */
static __always_inline int F(forward, )(struct xdp_md *ctx, struct pkt *pkt, const IP_HEADER *ip,
					const struct frontend *frontend,
					const struct node_config *config, __u32 epoch, __u32 flags)
{
	FLOW_KEY key = F(flow, _key_of)(pkt, ip);
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct flow *flow = NULL, fresh = { .frontends_epoch = epoch };
	struct backend *backend = NULL;
	__u32 backend_id = 0;
	enum sluice_drop reason;
	bool repicked = false;
	enum flow_way way;
	int err;

	/* A SYN begins a connection, whatever had its 5-tuple before: the table is not asked. */
	if (likely(!pkt_is_syn(pkt)))
		flow = bpf_map_lookup_elem(&F(flows, ), &key);
	if (flow && flow_is_current(pkt, flow, now_ns)) {
		backend_id = flow->backend_id;
		backend = bpf_map_lookup_elem(&backends, &backend_id);
		if (backend && flags & PICK_F_LOCAL && !(backend->flags & BACKEND_F_LOCAL))
			backend = NULL;
		else
			repicked = true;
	}
	if (likely(flow && backend && flow_has_backend(flow, frontend, backend))) {
		bool due = flow_advance(pkt, flow, now_ns);

		way = backend_way(backend, config, F(NODE_F_SNAT, ));
		flow->frontends_epoch = epoch;
		/* Without a port since its backend was reached otherwise when it began. */
		due = due || (way == WAY_SNAT && !flow->source_port);
		if (unlikely(due) && F(flow, _touch)(&key, flow) == -ENOENT) {
			fresh = *flow;
			err = F(flow, _write)(&key, &fresh, now_ns);
			if (err && way == WAY_SNAT)
				return drop_packet(ctx, err == -EADDRNOTAVAIL ? DROP_SNAT_PORTS
									      : DROP_FLOW_LIMIT);
		} else {
			fresh.source_port = flow->source_port;
		}
	} else {
		if (repicked && pkt->proto == IPPROTO_TCP)
			return todo_later(F(TODO_RESET, ), pkt->l3_off_bytes, 0, 0, 0);
		reason = F(flow, _new)(&key, frontend, flags, pkt->tcp_flags, now_ns, &fresh,
				       &backend);
		if (reason)
			return drop_packet(ctx, reason);
		backend_id = fresh.backend_id;
		way = backend_way(backend, config, F(NODE_F_SNAT, ));
		err = flow_limit_allows(config, now_ns) ? F(flow, _write)(&key, &fresh, now_ns)
							: -ENOSPC;
		reason = flow_written(&fresh, way, repicked, err);
		if (reason)
			return drop_packet(ctx, reason);
	}
	count_forwarded(pkt, frontend, backend_id);
	return F(send, )(ctx, pkt, &key, backend, backend_id, fresh.source_port, way);
}

static __always_inline bool F(reply, _is_ours)(const struct pkt *pkt, const IP_HEADER *ip)
{
	FLOW_KEY key = F(flow, _key_of)(pkt, ip);

	return F(reply, _find)(&key, bpf_ktime_get_coarse_ns()) != NULL;
}

/* What is neither TCP nor UDP. */
static __always_inline int F(other, )(struct xdp_md *ctx, const struct pkt *pkt, bool to_node,
				      __u32 flags)
{
	if (pkt->fragment == FRAGMENT_LATER)
		return pass_not_ours();
	if (pkt->proto == F(IP_PROTO_ICMP, ))
		return todo_later(F(TODO_ICMP, ), pkt->l3_off_bytes, pkt->l4_off_bytes, 0, flags);
	if ((pkt->proto == IPPROTO_IPIP || pkt->proto == IPPROTO_IPV6) && to_node && !flags)
		return tunnel_end(ctx, pkt->l3_off_bytes, pkt->l4_off_bytes);
	return flags ? drop_packet(ctx, DROP_BAD_TUNNEL) : pass_not_ours();
}

/* A packet that @frontend wants. */
static __always_inline int F(admit, )(struct xdp_md *ctx, struct pkt *pkt, const IP_HEADER *ip,
				      const struct frontend *frontend,
				      const struct node_config *config, __u32 epoch, __u32 flags)
{
	if (config->flags & F(NODE_F_DENYLIST, ) && F(source, _is_denied)(HEADER_ADDR(ip->saddr)))
		return drop_packet(ctx, DROP_DENIED);
	if (frontend->kind == FRONTEND_L4)
		return F(forward, )(ctx, pkt, ip, frontend, config, epoch, flags);
	return pass_http(pkt, frontend);
}

/* A packet whose destination a frontend, or this node, may have. */
__noinline int F(ingress, )(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 flags)
{
	struct pkt pkt = pkt_of(ctx, l3_off_bytes);
	const IP_HEADER *ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	const struct node_config *config = node();
	enum sluice_drop reason = DROP_UNKNOWN_PORT;
	struct F(frontend, _key) key = {};
	struct frontend *frontend;
	enum parse_result result;
	bool to_node;
	__u32 epoch;

	if (!ip || !config)
		return pass_not_ours();
	epoch = frontends_epoch(config);
	ADDR_PUT(key.addr, HEADER_ADDR(ip->daddr));
	result = F(pkt_parse, )(&pkt, ip, frame_bytes_from(ctx, &pkt, ip), &reason);
	to_node = config->flags & F(NODE_F_SNAT, ) && ADDR_EQUAL(key.addr, F(config->addr, ));
	if (result == PARSE_OTHER)
		return F(other, )(ctx, &pkt, to_node, flags);
	if (unlikely(pkt.fragment) && result != PARSE_BAD && !F(fragment, )(&pkt, ip)) {
		result = PARSE_BAD;
		reason = DROP_FRAGMENT;
	}
	if (unlikely(to_node) && result != PARSE_BAD) {
		if (is_source_port(config, pkt.dport) && F(reply, _is_ours)(&pkt, ip))
			return todo_later(F(TODO_UNSNAT, ), l3_off_bytes, 0, 0,
					  (__u32)pkt.sport << 16 | pkt.dport);
		if (is_gue(&pkt, config) && !flags) {
			int verdict = tunnel_end(ctx, l3_off_bytes,
						 pkt.l4_off_bytes + sizeof(struct udphdr));

			if (verdict != XDP_PASS)
				return verdict;
		}
		/* It may move the packet. */
		pkt.data = (void *)(long)ctx->data;
		pkt.data_end = (void *)(long)ctx->data_end;
		ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
		if (!ip)
			return pass_not_ours();
	}
	if (likely(result != PARSE_BAD)) {
		key.port = pkt.dport;
		key.proto = pkt.proto;
		frontend = bpf_map_lookup_elem(&F(frontends, ), &key);
		/* A tunnel leads to pods of Services that use it, and nowhere else on this node. */
		if (frontend && (!flags || frontend->flags & FRONTEND_F_TUNNELS))
			return F(admit, )(ctx, &pkt, ip, frontend, config, epoch, flags);
		key.port = 0;
		key.proto = 0;
	}
	if (flags)
		return drop_packet(ctx, DROP_BAD_TUNNEL);
	return refuse(ctx, bpf_map_lookup_elem(&F(frontends, ), &key), config, reason);
}
