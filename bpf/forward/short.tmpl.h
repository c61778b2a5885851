/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * short.tmpl.h - the short way of one family
 */

/* A packet of the family inside one of the same. @ip: of the packet, without options. */
static __always_inline int F(short_tunnel, )(struct xdp_md *ctx, IP_HEADER *ip,
					     const struct node_config *config,
					     const struct backend *backend, const struct flow *flow,
					     __u32 flow_hash, __u64 now_ns)
{
	__u32 bytes = F(ip, _bytes)(ip);
	const struct next_hop *hop;
	IP_HEADER *outer;
	struct ethhdr *eth;
	__u8 tos;

	if (backend->flags & BACKEND_F_GUE || !F(addr_is_of, )(backend->node_addr) ||
	    !(config->flags & F(NODE_F_SNAT, )) || IP_TTL(ip) <= 1)
		return LONG_WAY;
	hop = hop_kept(ctx, backend->node_addr, bytes + sizeof(*outer), now_ns);
	if (!hop)
		return LONG_WAY;
	tos = F(ip, _tos)(ip);
	F(ip, _forwarded)(ip, 0);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	eth = (void *)(long)ctx->data;
	outer = (void *)(eth + 1);
	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	F(tunnel_fill, )
	(outer, F(config->addr, ), ADDR_OF_16(backend->node_addr), F(IP_PROTO_IN, ), tos, flow_hash,
	 bytes + sizeof(*outer));
	count_settled(flow, bytes);
	count_stat(STAT_PACKETS_DSR);
	eth->h_proto = F(ETH_TYPE, );
	return hop_take(ctx, eth, hop);
}

static __always_inline int F(short_local, )(IP_HEADER *ip, struct udphdr *ports, __sum16 *check,
					    const struct backend *backend, const struct flow *flow)
{
	__u64 diff = ADDR_DIFF(HEADER_ADDR(ip->daddr), ADDR_OF_16(backend->addr));

	ADDR_PUT(ip->daddr, ADDR_OF_16(backend->addr));
	F(ip, _patch)(ip, diff);
	l4_rewrite(ports, check, IP_PROTO(ip), flow->source_port, backend->port, diff);
	count_settled(flow, F(ip, _bytes)(ip));
	return XDP_PASS;
}

/* By source NAT to another node. */
static __always_inline int F(short_snat, )(struct xdp_md *ctx, struct ethhdr *eth, IP_HEADER *ip,
					   struct udphdr *ports, __sum16 *check,
					   const struct node_config *config,
					   const struct backend *backend, const struct flow *flow,
					   __u64 now_ns)
{
	__u32 bytes = F(ip, _bytes)(ip);
	const struct next_hop *hop;
	__u64 diff;

	if (!(config->flags & F(NODE_F_SNAT, )) || !flow->source_port || IP_TTL(ip) <= 1)
		return LONG_WAY;
	hop = hop_kept(ctx, backend->addr, bytes, now_ns);
	if (!hop)
		return LONG_WAY;
	diff = ADDR_DIFF(HEADER_ADDR(ip->saddr), F(config->addr, )) +
	       ADDR_DIFF(HEADER_ADDR(ip->daddr), ADDR_OF_16(backend->addr));
	ADDR_PUT(ip->saddr, F(config->addr, ));
	ADDR_PUT(ip->daddr, ADDR_OF_16(backend->addr));
	F(ip, _forwarded)(ip, diff);
	l4_rewrite(ports, check, IP_PROTO(ip), flow->source_port, backend->port, diff);
	count_settled(flow, bytes);
	count_stat(STAT_PACKETS_SNAT);
	return hop_take(ctx, eth, hop);
}

/**
 * short4, short6 - a frame without tags, whose destination a frontend or this node may have
 * Return: verdict; LONG_WAY, with the packet as it came.
 */
__noinline int F(short, )(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	IP_HEADER *ip = (void *)(eth + 1);
	struct udphdr *ports = (void *)(ip + 1);
	const struct node_config *config;
	const struct backend *backend;
	const struct flow *flow;
	__u32 backend_id, bytes;
	FLOW_KEY key = {};
	__sum16 *check;
	__u64 now_ns;

	if ((void *)(ports + 1) > data_end || !F(ip, _is_plain)(ip))
		return LONG_WAY;
	bytes = F(ip, _bytes)(ip);
	if (bytes > data_end - (void *)ip || bytes < sizeof(*ip) + sizeof(*ports))
		return LONG_WAY;
	check = l4_plain(ports, data_end, IP_PROTO(ip), bytes - sizeof(*ip));
	if (!check)
		return LONG_WAY;
	config = node();
	if (!config)
		return LONG_WAY;
	ADDR_PUT(key.saddr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(key.daddr, HEADER_ADDR(ip->daddr));
	key.sport = ports->source;
	key.dport = ports->dest;
	key.proto = IP_PROTO(ip);
	if (ADDR_EQUAL(key.daddr, F(config->addr, )))
		return LONG_WAY;
	flow = bpf_map_lookup_elem(&F(flows, ), &key);
	if (!flow)
		return LONG_WAY;
	now_ns = bpf_ktime_get_coarse_ns();
	backend_id = flow->backend_id;
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!flow_is_settled(flow, config, now_ns) || !backend ||
	    backend->generation != flow->backend_generation || !backend_is_up(backend))
		return LONG_WAY;
	if (unlikely(config->flags & F(NODE_F_DENYLIST, )) &&
	    F(source, _is_denied)(HEADER_ADDR(ip->saddr)))
		return LONG_WAY;
	if (likely(backend->flags & BACKEND_F_LOCAL))
		return F(short_local, )(ip, ports, check, backend, flow);
	if (backend->flags & BACKEND_F_DSR)
		return F(short_tunnel, )(ctx, ip, config, backend, flow, F(hash_flow, )(&key),
					 now_ns);
	return F(short_snat, )(ctx, eth, ip, ports, check, config, backend, flow, now_ns);
}
