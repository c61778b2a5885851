/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * packet.bpf.h - one packet: where its headers are and what they say
 *
 * Offsets, not pointers, are kept, so that they outlive what moves the packet; only .data and
 * .data_end are pointers and are read again from the context after such a helper.
 */
#ifndef SLUICE_PACKET_BPF_H
#define SLUICE_PACKET_BPF_H

#include "packet/ctx.bpf.h"
#include "sluice_drops.h"
#include "sluice_schema.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ETH_P_IP     0x0800
#define ETH_P_ARP    0x0806
#define ETH_P_IPV6   0x86DD
#define ETH_P_8021Q  0x8100
#define ETH_P_8021AD 0x88A8

#define IPV6_EXT_MAX 6 /* RFC 8200, 4.1 names six before the upper layer */

#define IPV4_FRAGMENT        0x3fff /* more fragments, or an offset */
#define IPV4_DONT_FRAGMENT   0x4000
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_FRAGMENT        0xfff9

#define NEXTHDR_HOP      0
#define NEXTHDR_ROUTING  43
#define NEXTHDR_FRAGMENT 44
#define NEXTHDR_ICMPV6   58
#define NEXTHDR_DEST     60

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* No Internet packet of a frame without jumbo payload is longer: a bound for the verifier. */
#define PKT_OFF_MAX 0x3ff

struct pkt {
	void *data;     /* borrowed from the context */
	void *data_end; /* likewise */
	__u32 l3_off_bytes;
	__u32 l4_off_bytes;
	__u32 bytes; /* from the IP header on, as that header says */
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 tcp_flags;           /* 0 for UDP */
	__u8 fragment;            /* enum fragment_place */
	__be32 fragment_id;       /* of a fragment; IPv4: the lower half */
	__u32 fragment_off_bytes; /* of IPv6's fragment header */
};

enum fragment_place {
	FRAGMENT_NONE = 0,
	FRAGMENT_FIRST = 1, /* has the transport header */
	FRAGMENT_LATER = 2,
};

/* What parsing found. */
enum parse_result {
	PARSE_L4 = 0,    /* TCP or UDP, whole headers, ports read */
	PARSE_OTHER = 1, /* another protocol */
	PARSE_BAD = 2,   /* malformed, the reason is in *drop */
	PARSE_LATER = 3, /* TCP or UDP, but a fragment without their header */
};

static __always_inline bool addr_is_v4(const __u8 addr[16])
{
	const __u32 *words = (const __u32 *)addr;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

static __always_inline void addr_from_v4(__u8 out[16], __be32 addr)
{
	__u32 *words = (__u32 *)out;

	words[0] = words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = addr;
}

static __always_inline bool addr_equal(const __u8 a[16], const __u8 b[16])
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

static __always_inline void *pkt_at(const struct pkt *pkt, __u32 off_bytes, __u32 bytes)
{
	void *at;

	if (off_bytes > PKT_OFF_MAX)
		return NULL;
	/* Changes nothing; but the compiler may reload the offset from where the verifier has not
	 * seen the check. */
	if (!__builtin_constant_p(off_bytes))
		asm volatile("%0 &= %1" : "+r"(off_bytes) : "i"(PKT_OFF_MAX));
	at = pkt->data + off_bytes;
	/* Unknown to the compiler: else it drops a check that an earlier one makes needless, by
	 * arithmetic that the verifier does not do. */
	asm volatile("" : "+r"(at));
	return at + bytes <= pkt->data_end ? at : NULL;
}

static __always_inline struct pkt pkt_of(struct xdp_md *ctx, __u32 l3_off_bytes)
{
	return (struct pkt){
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
		.l3_off_bytes = l3_off_bytes,
	};
}

/* Skips Ethernet and VLAN headers. Returns the EtherType (network order), 0 if too short. */
static __always_inline __be16 pkt_parse_ethernet(struct pkt *pkt)
{
	const struct ethhdr *eth = pkt_at(pkt, 0, sizeof(*eth));
	__be16 type;

	if (!eth)
		return 0;
	type = eth->h_proto;
	pkt->l3_off_bytes = sizeof(*eth);
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		const struct vlan_hdr *vlan;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		vlan = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*vlan));
		if (!vlan)
			return 0;
		type = vlan->h_vlan_encapsulated_proto;
		pkt->l3_off_bytes += sizeof(*vlan);
	}
	return type;
}

static __always_inline enum parse_result pkt_parse_tcp(struct pkt *pkt, enum sluice_drop *drop)
{
	__u32 l4_bytes = pkt->bytes - (pkt->l4_off_bytes - pkt->l3_off_bytes);
	const struct tcphdr *tcp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*tcp));
	__u32 header_bytes;

	if (!tcp || l4_bytes < sizeof(*tcp)) {
		*drop = DROP_SHORT_L4;
		return PARSE_BAD;
	}
	header_bytes = (((const __u8 *)tcp)[12] >> 4) * 4;
	if (header_bytes < sizeof(*tcp) || header_bytes > l4_bytes) {
		*drop = DROP_BAD_LENGTH;
		return PARSE_BAD;
	}
	pkt->tcp_flags = ((const __u8 *)tcp)[13];
	pkt->sport = tcp->source;
	pkt->dport = tcp->dest;
	return PARSE_L4;
}

static __always_inline enum parse_result pkt_parse_udp(struct pkt *pkt, enum sluice_drop *drop)
{
	__u32 l4_bytes = pkt->bytes - (pkt->l4_off_bytes - pkt->l3_off_bytes);
	const struct udphdr *udp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*udp));
	__u32 udp_bytes;

	if (!udp || l4_bytes < sizeof(*udp)) {
		*drop = DROP_SHORT_L4;
		return PARSE_BAD;
	}
	udp_bytes = bpf_ntohs(udp->len);
	if (udp_bytes < sizeof(*udp) || (udp_bytes > l4_bytes && !pkt->fragment)) {
		*drop = DROP_BAD_LENGTH;
		return PARSE_BAD;
	}
	pkt->tcp_flags = 0;
	pkt->sport = udp->source;
	pkt->dport = udp->dest;
	return PARSE_L4;
}

static __always_inline enum parse_result pkt_parse_l4(struct pkt *pkt, enum sluice_drop *drop)
{
	if (pkt->fragment == FRAGMENT_LATER)
		return pkt->proto == IPPROTO_TCP || pkt->proto == IPPROTO_UDP ? PARSE_LATER
									      : PARSE_OTHER;
	if (pkt->proto == IPPROTO_TCP)
		return pkt_parse_tcp(pkt, drop);
	if (pkt->proto == IPPROTO_UDP)
		return pkt_parse_udp(pkt, drop);
	return PARSE_OTHER;
}

/* @frame_bytes: bytes from the IP header to the end of the frame, which may be padded. */
static __always_inline enum parse_result pkt_parse4(struct pkt *pkt, const struct iphdr *ip,
						    __u32 frame_bytes, enum sluice_drop *drop)
{
	__u32 header_bytes = (*(const __u8 *)ip & 0x0f) * 4;

	pkt->bytes = frame_l3_bytes(bpf_ntohs(ip->tot_len), 0, frame_bytes);
	if (header_bytes < sizeof(*ip) || pkt->bytes < header_bytes) {
		*drop = DROP_BAD_LENGTH;
		return PARSE_BAD;
	}
	if (pkt->bytes > frame_bytes) {
		*drop = DROP_SHORT_L3;
		return PARSE_BAD;
	}
	pkt->proto = ip->protocol;
	pkt->l4_off_bytes = pkt->l3_off_bytes + header_bytes;
	pkt->fragment = FRAGMENT_NONE;
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT)) {
		pkt->fragment = ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET) ? FRAGMENT_LATER
									       : FRAGMENT_FIRST;
		pkt->fragment_id = ip->id;
	}
	return pkt_parse_l4(pkt, drop);
}

/* Notes what a fragment header says. Returns the bytes of the header. */
static __always_inline __u32 pkt_note_fragment6(struct pkt *pkt, const struct frag_hdr *header)
{
	pkt->fragment_id = header->identification;
	if (header->frag_off & bpf_htons(IPV6_FRAGMENT_OFFSET))
		pkt->fragment = FRAGMENT_LATER;
	else if (header->frag_off & bpf_htons(IPV6_FRAGMENT))
		pkt->fragment = FRAGMENT_FIRST;
	return sizeof(*header);
}

/* Walks extension headers, that of a fragment too: behind it .proto is that of the whole. */
static __always_inline enum parse_result pkt_parse6(struct pkt *pkt, const struct ipv6hdr *ip,
						    __u32 frame_bytes, enum sluice_drop *drop)
{
	__u32 off_bytes = pkt->l3_off_bytes + sizeof(*ip);

	pkt->bytes =
		frame_l3_bytes(bpf_ntohs(ip->payload_len) + sizeof(*ip), sizeof(*ip), frame_bytes);
	if (pkt->bytes > frame_bytes) {
		*drop = DROP_SHORT_L3;
		return PARSE_BAD;
	}
	pkt->proto = ip->nexthdr;
	pkt->fragment = FRAGMENT_NONE;
	for (int i = 0; i < IPV6_EXT_MAX; i++) {
		const struct ipv6_opt_hdr *ext;

		if (pkt->fragment == FRAGMENT_LATER)
			break; /* what follows is the middle of something */
		if (pkt->proto == NEXTHDR_FRAGMENT) {
			const struct frag_hdr *header = pkt_at(pkt, off_bytes, sizeof(*header));

			if (!header) {
				*drop = DROP_SHORT_L3;
				return PARSE_BAD;
			}
			pkt->proto = header->nexthdr;
			pkt->fragment_off_bytes = off_bytes;
			off_bytes += pkt_note_fragment6(pkt, header);
			continue;
		}
		if (pkt->proto != NEXTHDR_HOP && pkt->proto != NEXTHDR_ROUTING &&
		    pkt->proto != NEXTHDR_DEST)
			break;
		ext = pkt_at(pkt, off_bytes, sizeof(*ext));
		if (!ext) {
			*drop = DROP_SHORT_L3;
			return PARSE_BAD;
		}
		pkt->proto = ext->nexthdr;
		off_bytes += (ext->hdrlen + 1) * 8;
	}
	pkt->l4_off_bytes = off_bytes;
	if (off_bytes - pkt->l3_off_bytes > pkt->bytes) {
		*drop = DROP_BAD_LENGTH;
		return PARSE_BAD;
	}
	return pkt_parse_l4(pkt, drop);
}

#endif /* SLUICE_PACKET_BPF_H */
