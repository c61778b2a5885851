// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tc_egress - replies of backends on this node get the frontend's address back
 *
 * The checksum helpers are used here, not our own arithmetic: packets of local senders carry
 * partial checksums, which only the helpers keep consistent.
 */
#include "count.bpf.h"
#include "packet.bpf.h"

#define TC_ACT_UNSPEC (-1) /* the next program, if there is one, decides; else pass */

/* What of a packet must lie in its linear part to be parsed: Ethernet, VLANs, IPv6, TCP. */
#define HEAD_BYTES_MAX 128

static __always_inline void pkt_open(struct pkt *pkt, struct __sk_buff *skb)
{
	pkt->data = (void *)(long)skb->data;
	pkt->data_end = (void *)(long)skb->data_end;
}

static __always_inline __u32 check_off_bytes(const struct pkt *pkt)
{
	return pkt->l4_off_bytes + (pkt->proto == IPPROTO_TCP
					    ? __builtin_offsetof(struct tcphdr, check)
					    : __builtin_offsetof(struct udphdr, check));
}

/* UDP over IPv4 without a checksum keeps none; a sum of 0 becomes 0xffff. */
static __always_inline __u64 check_flags(const struct pkt *pkt)
{
	return pkt->proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
}

static __always_inline long write_sport(struct __sk_buff *skb, const struct pkt *pkt, __be16 port)
{
	long err;

	err = bpf_l4_csum_replace(skb, check_off_bytes(pkt), pkt->sport, port,
				  check_flags(pkt) | sizeof(port));
	if (err)
		return err;
	/* The source port is the first field of both headers. */
	return bpf_skb_store_bytes(skb, pkt->l4_off_bytes, &port, sizeof(port), 0);
}

static __always_inline void count_reply(const struct pkt *pkt, __u32 frontend_id, __u32 backend_id)
{
	count_stat(STAT_PACKETS_REPLY);
	count_frontend(frontend_id, pkt->bytes);
	count_backend(backend_id, pkt->bytes);
}

static __always_inline int egress4(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	enum sluice_drop reason;
	struct flow4_key key = {};
	const struct nat4 *nat;
	__u32 l3 = pkt->l3_off_bytes;
	__be32 from, to;

	if (!ip || pkt_parse4(pkt, ip, skb->len - l3, &reason) != PARSE_L4)
		return TC_ACT_UNSPEC;
	key.saddr = from = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	nat = bpf_map_lookup_elem(&nat4, &key);
	if (!nat)
		return TC_ACT_UNSPEC;
	to = nat->frontend_addr;
	if (bpf_l4_csum_replace(skb, check_off_bytes(pkt), from, to,
				check_flags(pkt) | BPF_F_PSEUDO_HDR | sizeof(to)) ||
	    bpf_l3_csum_replace(skb, l3 + __builtin_offsetof(struct iphdr, check), from, to,
				sizeof(to)) ||
	    bpf_skb_store_bytes(skb, l3 + __builtin_offsetof(struct iphdr, saddr), &to, sizeof(to),
				0) ||
	    write_sport(skb, pkt, nat->frontend_port))
		return TC_ACT_UNSPEC;
	count_reply(pkt, nat->frontend_id, nat->backend_id);
	return TC_ACT_UNSPEC;
}

static __always_inline int egress6(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	enum sluice_drop reason;
	struct flow6_key key = {};
	const struct nat6 *nat;
	__u32 l3 = pkt->l3_off_bytes;
	__s64 diff;

	if (!ip || pkt_parse6(pkt, ip, skb->len - l3, &reason) != PARSE_L4)
		return TC_ACT_UNSPEC;
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	nat = bpf_map_lookup_elem(&nat6, &key);
	if (!nat)
		return TC_ACT_UNSPEC;
	diff = bpf_csum_diff((__be32 *)key.saddr, sizeof(key.saddr), (__be32 *)nat->frontend_addr,
			     sizeof(nat->frontend_addr), 0);
	if (diff < 0 ||
	    bpf_l4_csum_replace(skb, check_off_bytes(pkt), 0, diff,
				check_flags(pkt) | BPF_F_PSEUDO_HDR) ||
	    bpf_skb_store_bytes(skb, l3 + __builtin_offsetof(struct ipv6hdr, saddr),
				nat->frontend_addr, sizeof(nat->frontend_addr), 0) ||
	    write_sport(skb, pkt, nat->frontend_port))
		return TC_ACT_UNSPEC;
	count_reply(pkt, nat->frontend_id, nat->backend_id);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	struct pkt pkt = {};
	__be16 type;

	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return TC_ACT_UNSPEC;
	pkt_open(&pkt, skb);
	if (pkt.data + HEAD_BYTES_MAX > pkt.data_end &&
	    skb->len > (__u64)(pkt.data_end - pkt.data)) {
		__u32 bytes = skb->len;

		if (bpf_skb_pull_data(skb, bytes < HEAD_BYTES_MAX ? bytes : HEAD_BYTES_MAX))
			return TC_ACT_UNSPEC;
		pkt_open(&pkt, skb);
	}
	type = pkt_parse_ethernet(&pkt);
	if (type == bpf_htons(ETH_P_IP))
		return egress4(skb, &pkt);
	if (type == bpf_htons(ETH_P_IPV6))
		return egress6(skb, &pkt);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
