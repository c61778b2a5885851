/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reset.tmpl.h - RST, in one family
 */

/* Turns the packet into an RST to its sender. Return: verdict. */
__noinline int F(reset, )(struct xdp_md *ctx, __u32 l3_off_bytes)
{
	struct {
		IP_HEADER ip;
		struct tcphdr tcp;
	} head = {};
	const struct tcphdr *tcp;
	const IP_HEADER *ip;
	struct pkt pkt;
	__s64 pseudo;

	if (!F(pkt_again, )(ctx, l3_off_bytes, &pkt) || pkt.proto != IPPROTO_TCP ||
	    pkt.fragment == FRAGMENT_LATER || pkt.tcp_flags & TCP_RST || !answer_is_allowed(node()))
		return drop_packet(ctx, DROP_BACKEND_GONE);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	tcp = pkt_at(&pkt, pkt.l4_off_bytes, sizeof(*tcp));
	if (!ip || !tcp)
		return drop_packet(ctx, DROP_BACKEND_GONE);
	reset_fill(&head.tcp, tcp, pkt.tcp_flags, tcp_payload_bytes(&pkt, tcp));
	ADDR_PUT(head.ip.saddr, HEADER_ADDR(ip->daddr));
	ADDR_PUT(head.ip.daddr, HEADER_ADDR(ip->saddr));
	F(reset, _fill_ip)(&head.ip);
	pseudo = F(ip, _pseudo_sum)(&head.ip, IPPROTO_TCP, sizeof(head.tcp));
	head.tcp.check = checksum_finish(
		pseudo + bpf_csum_diff(NULL, 0, (__be32 *)&head.tcp, sizeof(head.tcp), 0));
	count_drop(DROP_BACKEND_GONE);
	event_record(ctx, DROP_BACKEND_GONE);
	if (!reset_check(ctx, &pkt, sizeof(head.ip), &head.tcp, pseudo) ||
	    frame_store(ctx, l3_off_bytes, &head, sizeof(head)) ||
	    !frame_cut(ctx, l3_off_bytes + sizeof(head)))
		return XDP_DROP;
	count_stat(STAT_RESETS_SENT);
	return send_back(ctx);
}
