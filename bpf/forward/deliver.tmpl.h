/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * deliver.tmpl.h - to a pod of this node, of one family
 */

#ifndef SLUICE_TC

static __always_inline int F(deliver, )(struct pkt *pkt, const struct backend *backend,
					__u32 backend_id, __be16 source_port)
{
	if (!F(rewrite_dst, )(pkt, source_port ? source_port : pkt->sport,
			      ADDR_OF_16(backend->addr), backend->port))
		return XDP_ABORTED;
	return XDP_PASS;
}

#else /* SLUICE_TC */

static __always_inline int F(deliver, )(struct pkt *pkt, const struct backend *backend,
					__u32 backend_id, __be16 source_port)
{
	return todo_later(F(TODO_LOCAL, ), pkt->l3_off_bytes, 0, backend_id, source_port);
}

/**
 * local4, local6 - give a packet the address of a pod of this node
 * @source_port: network order; 0: the client's own
 * Return: verdict.
 */
__noinline int F(local, )(struct __sk_buff *skb, __u32 l3_off_bytes, __u32 backend_id,
			  __u32 source_port)
{
	const struct backend *backend = bpf_map_lookup_elem(&backends, &backend_id);
	const IP_HEADER *ip;
	struct pkt pkt;
	ENDS to;

	if (!backend || !F(pkt_again, )(skb, l3_off_bytes, &pkt))
		return drop_packet(skb, DROP_SHORT_L3);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	if (!ip)
		return drop_packet(skb, DROP_SHORT_L3);
	ADDR_KEEP(saddr, HEADER_ADDR(ip->saddr));
	to.saddr = saddr;
	to.sport = source_port ? source_port : pkt.sport;
	to.daddr = ADDR_OF_16(backend->addr);
	to.dport = backend->port;
	return F(rewrite_ends, )(skb, &pkt, &to) ? XDP_PASS : drop_packet(skb, DROP_SHORT_L4);
}

#endif /* SLUICE_TC */
