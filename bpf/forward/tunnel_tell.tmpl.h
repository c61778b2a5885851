/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel_tell.tmpl.h - what the client is told of a tunnel, in one family
 */

/**
 * tunnel_error_tell4, tunnel_error_tell6 - make an error about a tunnel one about the packet
 * inside, and send it
 * @mtu_bytes: for that packet
 * Return: verdict.
 */
__noinline int F(tunnel_error_tell, )(struct xdp_md *ctx, __u32 inner_off_bytes, __u32 mtu_bytes)
{
	struct pkt pkt = pkt_of(ctx, inner_off_bytes);
	const IP_HEADER *old = pkt_at(&pkt, inner_off_bytes, sizeof(*old));
	struct {
		IP_HEADER ip;
		struct icmp_head icmp;
	} head = {};
	__u8 quote[ICMP_QUOTE_MAX];
	struct hop hop = {};
	__u32 bytes, quoted;
	__s64 sum;

	if (!old || inner_off_bytes < sizeof(struct ethhdr) + sizeof(head))
		return drop_packet(ctx, DROP_SHORT_L3);
	ADDR_PUT(head.ip.saddr, HEADER_ADDR(old->daddr));
	ADDR_PUT(head.ip.daddr, HEADER_ADDR(old->saddr));
	ADDR_TO_16(hop.saddr, HEADER_ADDR(old->daddr));
	ADDR_TO_16(hop.daddr, HEADER_ADDR(old->saddr));
	bytes = pkt.data_end - (void *)old;
	quoted = F(ip, _bytes)(old);
	quoted = quote_load(ctx, inner_off_bytes, quoted < bytes ? quoted : bytes, quote);
	if (!quoted)
		return drop_packet(ctx, DROP_SHORT_L3);
	F(ip, _fill)(&head.ip, F(ICMP, _TOS), F(IP_PROTO_ICMP, ), sizeof(head.icmp) + quoted);
	head.icmp.type = F(ICMP, _FRAG) >> 8;
	head.icmp.code = (__u8)F(ICMP, _FRAG);
	head.icmp.rest = bpf_htonl(mtu_bytes);
	sum = F(icmp, _pseudo_sum)(&head.ip, sizeof(head.icmp) + quoted);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), sum);
	head.icmp.check =
		checksum_finish(bpf_csum_diff(NULL, 0, (__be32 *)quote, sizeof(quote), sum));
	return tunnel_error_send(ctx, &hop, inner_off_bytes, &head, sizeof(head), quoted,
				 F(ETH_TYPE, ));
}
