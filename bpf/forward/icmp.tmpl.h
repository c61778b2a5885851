/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp.tmpl.h - answers of our own, in one family
 */

/**
 * icmp4_send, icmp6_send - answer a packet, which is dropped, with an error to its source
 * @what: type << 8 | code
 * @mtu_bytes: where the error says one
 * @reason: why it is dropped, for the count
 * Return: verdict of the answer.
 */
__noinline int F(icmp, _send)(struct xdp_md *ctx, __u32 l3_off_bytes, __u32 what, __u32 mtu_bytes,
			      __u32 reason)
{
	struct pkt pkt = { .data = (void *)(long)ctx->data,
			   .data_end = (void *)(long)ctx->data_end };
	const IP_HEADER *old = pkt_at(&pkt, l3_off_bytes, sizeof(*old));
	const struct node_config *config = node();
	struct {
		IP_HEADER ip;
		struct icmp_head icmp;
	} head = {};
	__u8 quote[ICMP_QUOTE_MAX];
	__u32 quoted;
	__s64 sum;

	if (!old || !config || !F(icmp, _may_answer)(old) || !answer_is_allowed(config))
		return drop_packet(ctx, reason);
	ADDR_PUT(head.ip.daddr, HEADER_ADDR(old->saddr));
	if (config->flags & F(NODE_F_SNAT, ))
		ADDR_PUT(head.ip.saddr, F(config->addr, ));
	else
		ADDR_PUT(head.ip.saddr, HEADER_ADDR(old->daddr));
	quoted = quote_load(ctx, l3_off_bytes, F(ip, _bytes)(old), quote);
	count_drop(reason);
	event_record(ctx, reason);
	if (!quoted)
		return XDP_DROP;
	F(ip, _fill)(&head.ip, F(ICMP, _TOS), F(IP_PROTO_ICMP, ), sizeof(head.icmp) + quoted);
	head.icmp.type = what >> 8;
	head.icmp.code = what;
	head.icmp.rest = bpf_htonl(mtu_bytes);
	sum = F(icmp, _pseudo_sum)(&head.ip, sizeof(head.icmp) + quoted);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), sum);
	head.icmp.check = checksum_finish(quote_sum(ctx, l3_off_bytes, quote, sizeof(head.ip),
						    IP_PROTO((const IP_HEADER *)quote), sum));
	if (!frame_cut(ctx, l3_off_bytes + quoted) ||
	    !frame_grow(ctx, l3_off_bytes, sizeof(head)) ||
	    frame_store(ctx, l3_off_bytes, &head, sizeof(head)))
		return XDP_DROP;
	count_stat(STAT_ICMP_SENT);
	return send_back(ctx);
}

/* Answers an echo request to a frontend. Both addresses stay in the sum, exchanged. */
static __always_inline int F(echo, )(struct xdp_md *ctx, IP_HEADER *ip, struct icmp_head *icmp)
{
	__u64 diff = checksum_diff16(bpf_htons(IP_TTL(ip) << 8), bpf_htons(IP_TTL_OWN << 8));

	if (!can_send_back(ctx))
		return XDP_PASS; /* the stack answers for the address, which has a local route */
	if (!answer_is_allowed(node()))
		return XDP_DROP;
	ADDR_KEEP(addr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(ip->saddr, HEADER_ADDR(ip->daddr));
	ADDR_PUT(ip->daddr, addr);
	IP_TTL(ip) = IP_TTL_OWN;
	F(ip, _patch)(ip, diff);
	icmp->type = F(ICMP, _ECHO_REPLY);
	icmp->check =
		checksum_apply(icmp->check, checksum_diff16(bpf_htons(F(ICMP, _ECHO_REQUEST) << 8),
							    bpf_htons(F(ICMP, _ECHO_REPLY) << 8)));
	count_stat(STAT_ICMP_ECHOES);
	return send_back(ctx);
}
