/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reset.bpf.h - RST for a TCP flow whose backend has gone: the client knows at once
 */
#ifndef SLUICE_RESET_BPF_H
#define SLUICE_RESET_BPF_H

#include "forward/remote.bpf.h"

/* The header of the RST that answers @tcp (RFC 9293, 3.5.2), checksum 0. */
static __always_inline void reset_fill(struct tcphdr *out, const struct tcphdr *tcp, __u32 flags,
				       __u32 payload_bytes)
{
	__u8 *bytes = (__u8 *)out;

	__builtin_memset(out, 0, sizeof(*out));
	out->source = tcp->dest;
	out->dest = tcp->source;
	bytes[12] = (sizeof(*out) / 4) << 4;
	bytes[13] = TCP_RST;
	if (flags & TCP_ACK) {
		out->seq = tcp->ack_seq;
	} else {
		bytes[13] |= TCP_ACK;
		out->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + payload_bytes + !!(flags & TCP_SYN) +
					 !!(flags & TCP_FIN));
	}
}

/*
 * Whether @head may go out with its checksum as it is. Where a device is to complete the one of the
 * packet that is answered, it will do so in the answer, which only has its pseudo header then; that
 * needs the headers at the same place.
 */
static __always_inline bool reset_check(struct xdp_md *ctx, const struct pkt *pkt, __u32 ip_bytes,
					struct tcphdr *tcp, __u64 pseudo_sum)
{
	if (!frame_check_is_partial(ctx,
				    pkt->l4_off_bytes + __builtin_offsetof(struct tcphdr, check)))
		return true;
	tcp->check = ~checksum_finish(pseudo_sum);
	return pkt->l4_off_bytes - pkt->l3_off_bytes == ip_bytes;
}

static __always_inline __u32 tcp_payload_bytes(const struct pkt *pkt, const struct tcphdr *tcp)
{
	__u32 headers_bytes =
		pkt->l4_off_bytes - pkt->l3_off_bytes + (((const __u8 *)tcp)[12] >> 4) * 4;

	return pkt->bytes > headers_bytes ? pkt->bytes - headers_bytes : 0;
}

/* Turns the packet into an RST to its sender. Return: verdict. */
__noinline int reset4(struct xdp_md *ctx, __u32 l3_off_bytes)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} head = {};
	const struct tcphdr *tcp;
	const struct iphdr *ip;
	struct pkt pkt;
	__s64 sum;

	if (!pkt_again4(ctx, l3_off_bytes, &pkt) || pkt.proto != IPPROTO_TCP ||
	    pkt.fragment == FRAGMENT_LATER || pkt.tcp_flags & TCP_RST)
		return drop_packet(ctx, DROP_BACKEND_GONE);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	tcp = pkt_at(&pkt, pkt.l4_off_bytes, sizeof(*tcp));
	if (!ip || !tcp)
		return drop_packet(ctx, DROP_BACKEND_GONE);
	reset_fill(&head.tcp, tcp, pkt.tcp_flags, tcp_payload_bytes(&pkt, tcp));
	*(__u8 *)&head.ip = 0x45;
	head.ip.tot_len = bpf_htons(sizeof(head));
	head.ip.frag_off = bpf_htons(0x4000);
	head.ip.ttl = ICMP_TTL;
	head.ip.protocol = IPPROTO_TCP;
	head.ip.saddr = ip->daddr;
	head.ip.daddr = ip->saddr;
	head.ip.check =
		checksum_finish(bpf_csum_diff(NULL, 0, (__be32 *)&head.ip, sizeof(head.ip), 0));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.tcp, sizeof(head.tcp),
			    bpf_htons(sizeof(head.tcp)) + bpf_htons(IPPROTO_TCP));
	head.tcp.check = checksum_finish((__u64)sum + head.ip.saddr + head.ip.daddr);
	count_drop(DROP_BACKEND_GONE);
	event_record(ctx, DROP_BACKEND_GONE);
	if (!reset_check(ctx, &pkt, sizeof(head.ip), &head.tcp,
			 (__u64)(bpf_htons(sizeof(head.tcp)) + bpf_htons(IPPROTO_TCP)) +
				 head.ip.saddr + head.ip.daddr) ||
	    frame_store(ctx, l3_off_bytes, &head, sizeof(head)) ||
	    !frame_cut(ctx, l3_off_bytes + sizeof(head)))
		return XDP_DROP;
	count_stat(STAT_RESETS_SENT);
	return send_back(ctx);
}

__noinline int reset6(struct xdp_md *ctx, __u32 l3_off_bytes)
{
	struct {
		struct ipv6hdr ip;
		struct tcphdr tcp;
	} head = {};
	const struct tcphdr *tcp;
	const struct ipv6hdr *ip;
	struct pkt pkt;
	__s64 pseudo, sum;

	if (!pkt_again6(ctx, l3_off_bytes, &pkt) || pkt.proto != IPPROTO_TCP ||
	    pkt.fragment == FRAGMENT_LATER || pkt.tcp_flags & TCP_RST)
		return drop_packet(ctx, DROP_BACKEND_GONE);
	ip = pkt_at(&pkt, l3_off_bytes, sizeof(*ip));
	tcp = pkt_at(&pkt, pkt.l4_off_bytes, sizeof(*tcp));
	if (!ip || !tcp)
		return drop_packet(ctx, DROP_BACKEND_GONE);
	reset_fill(&head.tcp, tcp, pkt.tcp_flags, tcp_payload_bytes(&pkt, tcp));
	*(__u8 *)&head.ip = 0x60;
	head.ip.payload_len = bpf_htons(sizeof(head.tcp));
	head.ip.nexthdr = IPPROTO_TCP;
	head.ip.hop_limit = ICMP_TTL;
	head.ip.saddr = ip->daddr;
	head.ip.daddr = ip->saddr;
	pseudo = bpf_csum_diff(NULL, 0, (__be32 *)&head.ip.saddr, 32,
			       bpf_htons(sizeof(head.tcp)) + bpf_htons(IPPROTO_TCP));
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.tcp, sizeof(head.tcp), pseudo);
	head.tcp.check = checksum_finish(sum);
	count_drop(DROP_BACKEND_GONE);
	event_record(ctx, DROP_BACKEND_GONE);
	if (!reset_check(ctx, &pkt, sizeof(head.ip), &head.tcp, pseudo) ||
	    frame_store(ctx, l3_off_bytes, &head, sizeof(head)) ||
	    !frame_cut(ctx, l3_off_bytes + sizeof(head)))
		return XDP_DROP;
	count_stat(STAT_RESETS_SENT);
	return send_back(ctx);
}

#endif /* SLUICE_RESET_BPF_H */
