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

static __always_inline void reset4_fill_ip(struct iphdr *ip)
{
	ip->frag_off = bpf_htons(IPV4_DONT_FRAGMENT);
	ip4_fill(ip, 0, IPPROTO_TCP, sizeof(struct tcphdr));
}

static __always_inline void reset6_fill_ip(struct ipv6hdr *ip)
{
	ip6_fill(ip, 0, IPPROTO_TCP, sizeof(struct tcphdr));
}

#include "packet/family4.h"
#include "forward/reset.tmpl.h"
#include "packet/family6.h"
#include "forward/reset.tmpl.h"

#endif /* SLUICE_RESET_BPF_H */
