/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * short.bpf.h - the short way: plain packets of flows that are known, and what is not ours
 *
 * Nearly every packet has plain headers and a flow whose entry was used within the last second, to a
 * backend that still stands. For those the frontend is not looked up (the entry says which one it
 * was, and node_config.frontends_epoch that no frontend has changed since), and nothing is written
 * but the packet and the counters. Whatever is not certain here takes the long way (ingress4() and
 * ingress6()), which knows all cases and makes the same of these: each refusal below is one of
 * speed, not of meaning.
 */
#ifndef SLUICE_SHORT_BPF_H
#define SLUICE_SHORT_BPF_H

#include "flow/judge.bpf.h"
#include "forward/tunnel.bpf.h"

#define LONG_WAY (-100) /* no verdict: 0 and above are those of XDP; nor an enum todo */

#define TCP_PLAIN_MASK (TCP_FIN | TCP_SYN | TCP_RST) /* flags that change a flow */

/* Whether the entry need not be looked at closer, nor written. */
static __always_inline bool flow_is_settled(const struct flow *flow,
					    const struct node_config *config, __u64 now_ns)
{
	return flow->state == FLOW_ESTABLISHED &&
	       flow->frontends_epoch == config->frontends_epoch &&
	       now_ns - flow->last_seen_ns < FLOW_TOUCH_NS;
}

static __always_inline void count_settled(const struct flow *flow, __u32 bytes)
{
	count_stat(STAT_PACKETS_L4);
	count_frontend(flow->frontend_id, bytes);
	count_backend(flow->backend_id, bytes);
}

/*
 * The checksum of a transport header at @l4, whose first 8 bytes are there, if it is plain: not the
 * first or the last packet of TCP, and of a length that is true. Else NULL.
 * @bytes: from it to the end of the IP packet.
 */
static __always_inline __sum16 *l4_plain(void *l4, const void *data_end, __u8 proto, __u32 bytes)
{
	__u32 l4_bytes;

	if (likely(proto == IPPROTO_TCP)) {
		const __u8 *tcp = l4;

		if (l4 + sizeof(struct tcphdr) > data_end)
			return NULL;
		l4_bytes = (tcp[12] >> 4) * 4;
		if (tcp[13] & TCP_PLAIN_MASK || l4_bytes < sizeof(struct tcphdr) ||
		    l4_bytes > bytes)
			return NULL;
		return &((struct tcphdr *)l4)->check;
	}
	if (proto != IPPROTO_UDP)
		return NULL;
	l4_bytes = bpf_ntohs(((const struct udphdr *)l4)->len);
	if (l4_bytes < sizeof(struct udphdr) || l4_bytes > bytes)
		return NULL;
	return &((struct udphdr *)l4)->check;
}

/* Destination port, source port and checksum; @diff: of the addresses. */
static __always_inline void l4_rewrite(struct udphdr *ports, __sum16 *check, __u8 proto,
				       __be16 source_port, __be16 port, __u64 diff)
{
	if (unlikely(source_port)) {
		diff += checksum_diff16(ports->source, source_port);
		ports->source = source_port;
	}
	diff += checksum_diff16(ports->dest, port);
	ports->dest = port;
	if (likely(proto == IPPROTO_TCP))
		*check = checksum_apply(*check, diff);
	else if (*check)
		*check = checksum_apply_udp(*check, diff);
}

/* The hop to a node's address, if it is known and has room for @bytes. */
static __always_inline const struct next_hop *
hop_kept(const struct xdp_md *ctx, const __u8 addr[16], __u32 bytes, __u64 now_ns)
{
	__u32 slot = hop_slot(addr);
	const struct next_hop *hop = bpf_map_lookup_elem(&next_hops, &slot);

	if (!hop || !addr_equal(hop->addr, addr) || hop->in_ifindex != ctx->ingress_ifindex ||
	    now_ns - hop->asked_ns > NEXT_HOP_LIFE_NS || bytes > hop->mtu_bytes)
		return NULL;
	return hop;
}

static __always_inline int hop_take(const struct xdp_md *ctx, struct ethhdr *eth,
				    const struct next_hop *hop)
{
	__builtin_memcpy(eth->h_dest, hop->dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, hop->smac, sizeof(eth->h_source));
	if (hop->ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&tx_ports, hop->ifindex, 0);
}

/* ---- IPv4 ------------------------------------------------------------------------------------- */

/* IPv4 in IPv4. @ip: of the packet, 20 bytes of header. */
static __always_inline int short_tunnel4(struct xdp_md *ctx, struct iphdr *ip,
					 const struct node_config *config,
					 const struct backend *backend, const struct flow *flow,
					 __u64 now_ns)
{
	__u32 bytes = bpf_ntohs(ip->tot_len);
	const struct next_hop *hop;
	struct iphdr *outer;
	struct ethhdr *eth;
	__be32 daddr;
	__u8 tos;

	if (backend->flags & BACKEND_F_GUE || !addr_is_v4(backend->node_addr) ||
	    !(config->flags & NODE_F_SNAT4) || ip->ttl <= 1)
		return LONG_WAY;
	hop = hop_kept(ctx, backend->node_addr, bytes + sizeof(*outer), now_ns);
	if (!hop)
		return LONG_WAY;
	tos = ip->tos;
	rewrite_ttl4(ip);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	eth = (void *)(long)ctx->data;
	outer = (void *)(eth + 1);
	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	__builtin_memcpy(&daddr, &backend->node_addr[12], sizeof(daddr));
	tunnel_fill4(outer, config->addr4, daddr, IPPROTO_IPIP, tos, bytes + sizeof(*outer));
	count_settled(flow, bytes);
	count_stat(STAT_PACKETS_DSR);
	eth->h_proto = bpf_htons(ETH_P_IP);
	return hop_take(ctx, eth, hop);
}

static __always_inline int short_local4(struct iphdr *ip, struct udphdr *ports, __sum16 *check,
					const struct backend *backend, const struct flow *flow)
{
	__be32 addr;
	__u64 diff;

	__builtin_memcpy(&addr, &backend->addr[12], sizeof(addr));
	diff = checksum_diff32(ip->daddr, addr);
	ip->daddr = addr;
	ip->check = checksum_apply(ip->check, diff);
	l4_rewrite(ports, check, ip->protocol, flow->source_port, backend->port, diff);
	count_settled(flow, bpf_ntohs(ip->tot_len));
	return XDP_PASS;
}

/* By source NAT to another node. */
static __always_inline int short_snat4(struct xdp_md *ctx, struct ethhdr *eth, struct iphdr *ip,
				       struct udphdr *ports, __sum16 *check,
				       const struct node_config *config,
				       const struct backend *backend, const struct flow *flow,
				       __u64 now_ns)
{
	__u32 bytes = bpf_ntohs(ip->tot_len);
	const struct next_hop *hop;
	__be32 addr;
	__u64 diff;

	if (!(config->flags & NODE_F_SNAT4) || !flow->source_port || ip->ttl <= 1)
		return LONG_WAY;
	hop = hop_kept(ctx, backend->addr, bytes, now_ns);
	if (!hop)
		return LONG_WAY;
	__builtin_memcpy(&addr, &backend->addr[12], sizeof(addr));
	diff = checksum_diff32(ip->saddr, config->addr4) + checksum_diff32(ip->daddr, addr);
	ip->saddr = config->addr4;
	ip->daddr = addr;
	ip->ttl--;
	ip->check = checksum_apply(ip->check, diff + checksum_diff16(bpf_htons(1 << 8), 0));
	l4_rewrite(ports, check, ip->protocol, flow->source_port, backend->port, diff);
	count_settled(flow, bytes);
	count_stat(STAT_PACKETS_SNAT);
	return hop_take(ctx, eth, hop);
}

/**
 * short4 - a frame of IPv4 without tags, whose destination a frontend or this node may have
 * Return: verdict; LONG_WAY, with the packet as it came.
 */
__noinline int short4(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *ports = (void *)(ip + 1);
	const struct node_config *config;
	const struct backend *backend;
	struct flow4_key key = {};
	const struct flow *flow;
	__u32 backend_id, bytes;
	__sum16 *check;
	__u64 now_ns;

	if ((void *)(ports + 1) > data_end || *(const __u8 *)ip != 0x45 ||
	    ip->frag_off & bpf_htons(IPV4_FRAGMENT))
		return LONG_WAY;
	bytes = bpf_ntohs(ip->tot_len);
	if (bytes > data_end - (void *)ip || bytes < sizeof(*ip) + sizeof(*ports))
		return LONG_WAY;
	check = l4_plain(ports, data_end, ip->protocol, bytes - sizeof(*ip));
	if (!check)
		return LONG_WAY;
	config = node();
	if (!config || ip->daddr == config->addr4)
		return LONG_WAY;
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = ports->source;
	key.dport = ports->dest;
	key.proto = ip->protocol;
	flow = bpf_map_lookup_elem(&flows4, &key);
	if (!flow)
		return LONG_WAY;
	now_ns = bpf_ktime_get_coarse_ns();
	backend_id = flow->backend_id;
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!flow_is_settled(flow, config, now_ns) || !backend ||
	    backend->generation != flow->backend_generation || !backend_is_up(backend))
		return LONG_WAY;
	if (unlikely(config->flags & NODE_F_DENYLIST4) && source4_is_denied(ip->saddr))
		return LONG_WAY;
	if (likely(backend->flags & BACKEND_F_LOCAL))
		return short_local4(ip, ports, check, backend, flow);
	if (backend->flags & BACKEND_F_DSR)
		return short_tunnel4(ctx, ip, config, backend, flow, now_ns);
	return short_snat4(ctx, eth, ip, ports, check, config, backend, flow, now_ns);
}

/* ---- IPv6 ------------------------------------------------------------------------------------- */

/* IPv6 in IPv6. */
static __always_inline int short_tunnel6(struct xdp_md *ctx, struct ipv6hdr *ip,
					 const struct node_config *config,
					 const struct backend *backend, const struct flow *flow,
					 __u32 flow_hash, __u64 now_ns)
{
	__u32 bytes = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	const struct next_hop *hop;
	struct ipv6hdr *outer;
	struct ethhdr *eth;
	__u8 tos;

	if (backend->flags & BACKEND_F_GUE || addr_is_v4(backend->node_addr) ||
	    !(config->flags & NODE_F_SNAT6) || ip->hop_limit <= 1)
		return LONG_WAY;
	hop = hop_kept(ctx, backend->node_addr, bytes + sizeof(*outer), now_ns);
	if (!hop)
		return LONG_WAY;
	tos = bpf_ntohs(*(const __be16 *)ip) >> 4;
	ip->hop_limit--;
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	eth = (void *)(long)ctx->data;
	outer = (void *)(eth + 1);
	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
		return drop_packet(ctx, DROP_NO_TRANSMIT);
	tunnel_fill6(outer, config->addr6, backend->node_addr, IPPROTO_IPV6, tos, flow_hash, bytes);
	count_settled(flow, bytes);
	count_stat(STAT_PACKETS_DSR);
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	return hop_take(ctx, eth, hop);
}

static __always_inline int short_local6(struct ipv6hdr *ip, struct udphdr *ports, __sum16 *check,
					const struct backend *backend, const struct flow *flow)
{
	__u64 diff = checksum_diff128((const __u32 *)&ip->daddr, (const __u32 *)backend->addr);

	__builtin_memcpy(&ip->daddr, backend->addr, sizeof(ip->daddr));
	l4_rewrite(ports, check, ip->nexthdr, flow->source_port, backend->port, diff);
	count_settled(flow, bpf_ntohs(ip->payload_len) + sizeof(*ip));
	return XDP_PASS;
}

static __always_inline int short_snat6(struct xdp_md *ctx, struct ethhdr *eth, struct ipv6hdr *ip,
				       struct udphdr *ports, __sum16 *check,
				       const struct node_config *config,
				       const struct backend *backend, const struct flow *flow,
				       __u64 now_ns)
{
	__u32 bytes = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	const struct next_hop *hop;
	__u64 diff;

	if (!(config->flags & NODE_F_SNAT6) || !flow->source_port || ip->hop_limit <= 1)
		return LONG_WAY;
	hop = hop_kept(ctx, backend->addr, bytes, now_ns);
	if (!hop)
		return LONG_WAY;
	diff = checksum_diff128((const __u32 *)&ip->saddr, (const __u32 *)config->addr6) +
	       checksum_diff128((const __u32 *)&ip->daddr, (const __u32 *)backend->addr);
	__builtin_memcpy(&ip->saddr, config->addr6, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, backend->addr, sizeof(ip->daddr));
	ip->hop_limit--;
	l4_rewrite(ports, check, ip->nexthdr, flow->source_port, backend->port, diff);
	count_settled(flow, bytes);
	count_stat(STAT_PACKETS_SNAT);
	return hop_take(ctx, eth, hop);
}

/* As short4(), for IPv6. */
__noinline int short6(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct ipv6hdr *ip = (void *)(eth + 1);
	struct udphdr *ports = (void *)(ip + 1);
	const struct node_config *config;
	const struct backend *backend;
	struct flow6_key key = {};
	const struct flow *flow;
	__u32 backend_id, bytes;
	__sum16 *check;
	__u64 now_ns;

	if ((void *)(ports + 1) > data_end)
		return LONG_WAY;
	bytes = bpf_ntohs(ip->payload_len);
	if (bytes > data_end - (void *)ports || bytes < sizeof(*ports))
		return LONG_WAY;
	check = l4_plain(ports, data_end, ip->nexthdr, bytes);
	if (!check)
		return LONG_WAY;
	config = node();
	if (!config)
		return LONG_WAY;
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	key.sport = ports->source;
	key.dport = ports->dest;
	key.proto = ip->nexthdr;
	if (addr_equal(key.daddr, config->addr6))
		return LONG_WAY;
	flow = bpf_map_lookup_elem(&flows6, &key);
	if (!flow)
		return LONG_WAY;
	now_ns = bpf_ktime_get_coarse_ns();
	backend_id = flow->backend_id;
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	if (!flow_is_settled(flow, config, now_ns) || !backend ||
	    backend->generation != flow->backend_generation || !backend_is_up(backend))
		return LONG_WAY;
	if (unlikely(config->flags & NODE_F_DENYLIST6) && source6_is_denied(&ip->saddr))
		return LONG_WAY;
	if (likely(backend->flags & BACKEND_F_LOCAL))
		return short_local6(ip, ports, check, backend, flow);
	if (backend->flags & BACKEND_F_DSR)
		return short_tunnel6(ctx, ip, config, backend, flow, hash_flow6(&key), now_ns);
	return short_snat6(ctx, eth, ip, ports, check, config, backend, flow, now_ns);
}

#endif /* SLUICE_SHORT_BPF_H */
