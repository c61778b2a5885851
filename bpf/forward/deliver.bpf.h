/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * deliver.bpf.h - up the stack to a pod of this node, and whether there is a short way there
 *
 * In TC the helpers that keep a partial checksum right need stack of their own, so that is a step for
 * later there; and no short way is taken, since what it saves is little of what such a packet costs.
 */
#ifndef SLUICE_DELIVER_BPF_H
#define SLUICE_DELIVER_BPF_H

#include "forward/remote.bpf.h"
#include "flow/todo.bpf.h"

#ifndef SLUICE_TC

#include "forward/short.bpf.h"

#define HAS_SHORT_WAY 1

static __always_inline int deliver4(struct pkt *pkt, const struct backend *backend,
				    __u32 backend_id, __be16 source_port)
{
	__be32 addr;

	__builtin_memcpy(&addr, &backend->addr[12], sizeof(addr));
	if (!rewrite_dst4(pkt, source_port ? source_port : pkt->sport, addr, backend->port))
		return XDP_ABORTED;
	return XDP_PASS;
}

static __always_inline int deliver6(struct pkt *pkt, const struct backend *backend,
				    __u32 backend_id, __be16 source_port)
{
	if (!rewrite_dst6(pkt, source_port ? source_port : pkt->sport, backend->addr,
			  backend->port))
		return XDP_ABORTED;
	return XDP_PASS;
}

/* Does what deliver4() and deliver6() left to do. */
#define deliver_finish(ctx, what, l3_off_bytes, backend_id, source_port) (what)

#else /* SLUICE_TC */

#define HAS_SHORT_WAY 0
#define LONG_WAY      (-100)
#define short4(ctx)   LONG_WAY
#define short6(ctx)   LONG_WAY

static __always_inline int deliver4(struct pkt *pkt, const struct backend *backend,
				    __u32 backend_id, __be16 source_port)
{
	return todo_later(TODO_LOCAL4, pkt->l3_off_bytes, 0, backend_id, source_port);
}

static __always_inline int deliver6(struct pkt *pkt, const struct backend *backend,
				    __u32 backend_id, __be16 source_port)
{
	return todo_later(TODO_LOCAL6, pkt->l3_off_bytes, 0, backend_id, source_port);
}

/**
 * local4 - give a packet the address of a pod of this node
 * @source_port: network order; 0: the client's own
 * Return: verdict.
 */
__noinline int local4(struct __sk_buff *skb, __u32 l3_off_bytes, __u32 backend_id,
		      __u32 source_port)
{
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	const struct iphdr *ip;
	struct ends4 to;
	struct pkt pkt;

	if (!backend || !pkt_again4(skb, l3_off_bytes, &pkt))
		return drop_packet(skb, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(skb, DROP_SHORT_L3);
	to.saddr = ip->saddr;
	to.sport = source_port ? source_port : pkt.sport;
	__builtin_memcpy(&to.daddr, &backend->addr[12], sizeof(to.daddr));
	to.dport = backend->port;
	return rewrite_ends4(skb, &pkt, &to) ? XDP_PASS : drop_packet(skb, DROP_SHORT_L4);
}

__noinline int local6(struct __sk_buff *skb, __u32 l3_off_bytes, __u32 backend_id,
		      __u32 source_port)
{
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	const struct ipv6hdr *ip;
	__u8 saddr[16];
	struct ends6 to;
	struct pkt pkt;

	if (!backend || !pkt_again6(skb, l3_off_bytes, &pkt))
		return drop_packet(skb, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(skb, DROP_SHORT_L3);
	__builtin_memcpy(saddr, &ip->saddr, sizeof(saddr));
	to.saddr = saddr;
	to.sport = source_port ? source_port : pkt.sport;
	to.daddr = backend->addr;
	to.dport = backend->port;
	return rewrite_ends6(skb, &pkt, &to) ? XDP_PASS : drop_packet(skb, DROP_SHORT_L4);
}

static __always_inline int deliver_finish(struct __sk_buff *skb, int what, __u32 l3_off_bytes,
					  __u32 backend_id, __u32 source_port)
{
	if (what == TODO_LOCAL4)
		return local4(skb, l3_off_bytes, backend_id, source_port);
	if (what == TODO_LOCAL6)
		return local6(skb, l3_off_bytes, backend_id, source_port);
	return what;
}

#endif /* SLUICE_TC */

#endif /* SLUICE_DELIVER_BPF_H */
