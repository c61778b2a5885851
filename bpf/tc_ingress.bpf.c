// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tc_ingress - what XDP could not do itself
 *
 * Packets that xdp_ingress marked are handed to the stack's neighbour code to be sent. On devices
 * that XDP does not see packets of (tunnels of an overlay, named as return interfaces) replies of
 * pods on other nodes, and errors of ICMP about what was sent to them, get the addresses of frontend and
 * client back, and are sent the same way. Packets of some of these devices begin with the IP header
 * (IP in IP, GRE, WireGuard, tun): tc_ingress_ip is for them.
 */
#include "packet/mark.bpf.h"
#include "node/node.bpf.h"
#include "forward/tc_nat.bpf.h"

/* As that of tc_egress: Ethernet, VLANs, IPv6, and an ICMP error with the headers that it quotes. */
#define HEAD_BYTES_MAX 160

static __always_inline int drop(__u32 reason)
{
	count_drop(reason);
	return TC_ACT_SHOT;
}

/* A packet without Ethernet header gets room for one, which whoever sends it writes. */
static __always_inline bool has_room(struct __sk_buff *skb, const struct pkt *pkt)
{
	return pkt->l3_off_bytes || !bpf_skb_change_head(skb, sizeof(struct ethhdr), 0);
}

/* Sends a packet to its own destination, which the FIB knows a device for. */
static __always_inline int send(struct __sk_buff *skb, const struct pkt *pkt,
				struct bpf_fib_lookup *fib)
{
	long code;

	fib->ifindex = skb->ifindex; /* where it came in */
	code = bpf_fib_lookup(skb, fib, sizeof(*fib), 0);
	switch (code) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		break;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED: /* larger than xdp_ingress saw it: aggregated by GRO */
		break;
	case BPF_FIB_LKUP_RET_UNSUPP_LWT:
		return TC_ACT_UNSPEC; /* the route encapsulates: only the stack can */
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return drop(DROP_FORWARDING_OFF);
	default:
		return drop(DROP_NO_ROUTE);
	}
	/* A tag of the way in, which the device of the way out has none of or another. */
	if ((skb->vlan_present && bpf_skb_vlan_pop(skb)) || !has_room(skb, pkt))
		return drop(DROP_NO_TRANSMIT);
	return bpf_redirect_neigh(fib->ifindex, NULL, 0, 0);
}

static __always_inline int send4(struct __sk_buff *skb, const struct pkt *pkt, __be32 saddr,
				 __be32 daddr)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.ipv4_src = saddr,
		.ipv4_dst = daddr,
	};

	return send(skb, pkt, &fib);
}

static __always_inline int send6(struct __sk_buff *skb, const struct pkt *pkt, const __u8 saddr[16],
				 const __u8 daddr[16])
{
	struct bpf_fib_lookup fib = { .family = AF_INET6 };

	__builtin_memcpy(fib.ipv6_src, saddr, sizeof(fib.ipv6_src));
	__builtin_memcpy(fib.ipv6_dst, daddr, sizeof(fib.ipv6_dst));
	return send(skb, pkt, &fib);
}

static __always_inline bool is_marked(struct __sk_buff *skb)
{
	const struct send_mark *mark = (void *)(long)skb->data_meta;

	return (void *)(mark + 1) <= (void *)(long)skb->data && mark->magic == SEND_MARK;
}

/* Sends what xdp_ingress marked. */
static __always_inline int send_marked(struct __sk_buff *skb)
{
	struct pkt pkt = {};
	__be16 type;

	if (!pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
		return drop(DROP_NO_TRANSMIT);
	type = pkt_parse_ethernet(&pkt);
	if (type == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));

		return ip ? send4(skb, &pkt, ip->saddr, ip->daddr) : drop(DROP_NO_TRANSMIT);
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = pkt_at(&pkt, pkt.l3_off_bytes, sizeof(*ip));

		return ip ? send6(skb, &pkt, (const __u8 *)&ip->saddr, (const __u8 *)&ip->daddr)
			  : drop(DROP_NO_TRANSMIT);
	}
	return drop(DROP_NO_TRANSMIT);
}

/* An error about a packet that source NAT sent to a pod of another node: to the client. */
static __always_inline int error4(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct flow4_key turned = {};
	struct ends4 outer, inner;
	const struct nat4 *nat;
	struct quote quote;

	if (!ip || !icmp || !icmp4_is_error(icmp->type) || !quote4_parse(pkt, &quote, &turned) ||
	    turned.daddr != ip->daddr)
		return TC_ACT_UNSPEC;
	nat = bpf_map_lookup_elem(&nat4, &turned);
	if (!nat)
		return TC_ACT_UNSPEC;
	if (ip->ttl <= 1)
		return drop(DROP_TTL);
	outer.saddr = inner.daddr = nat->frontend_addr;
	outer.daddr = inner.saddr = nat->client_addr;
	inner.sport = nat->client_port;
	inner.dport = nat->frontend_port;
	if (!icmp4_translate(pkt, &quote, &outer, &inner))
		return drop(DROP_SHORT_L4);
	rewrite_ttl4(ip);
	count_stat(STAT_ICMP_TRANSLATED);
	return send4(skb, pkt, outer.saddr, outer.daddr);
}

static __always_inline int error6(struct __sk_buff *skb, struct pkt *pkt)
{
	const struct icmp_head *icmp = pkt_at(pkt, pkt->l4_off_bytes, sizeof(*icmp));
	struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));
	struct flow6_key turned = {};
	struct ends6 outer, inner;
	const struct nat6 *nat;
	struct quote quote;
	__u8 hop_limit;

	if (!ip || !icmp || !icmp6_is_error(icmp->type) || !quote6_parse(pkt, &quote, &turned) ||
	    !addr_equal(turned.daddr, (const __u8 *)&ip->daddr))
		return TC_ACT_UNSPEC;
	nat = bpf_map_lookup_elem(&nat6, &turned);
	if (!nat)
		return TC_ACT_UNSPEC;
	if (ip->hop_limit <= 1)
		return drop(DROP_TTL);
	outer.saddr = inner.daddr = nat->frontend_addr;
	outer.daddr = inner.saddr = nat->client_addr;
	inner.sport = nat->client_port;
	inner.dport = nat->frontend_port;
	if (!icmp6_translate(pkt, &quote, &outer, &inner))
		return drop(DROP_SHORT_L4);
	hop_limit = ip->hop_limit - 1;
	/* The sum over the packet that a device has computed is kept by all else. */
	if (bpf_skb_store_bytes(skb,
				pkt->l3_off_bytes + __builtin_offsetof(struct ipv6hdr, hop_limit),
				&hop_limit, sizeof(hop_limit), BPF_F_RECOMPUTE_CSUM))
		return drop(DROP_NO_TRANSMIT);
	count_stat(STAT_ICMP_TRANSLATED);
	return send6(skb, pkt, nat->frontend_addr, nat->client_addr);
}

static __always_inline int reply4(struct __sk_buff *skb, struct pkt *pkt, const struct iphdr *ip)
{
	enum sluice_drop reason;
	enum parse_result result;
	struct flow4_key key = {};
	const struct nat4 *nat;
	struct ends4 to;
	__u8 ttl = ip->ttl;
	__u32 l3_off_bytes = pkt->l3_off_bytes;
	long err;

	result = pkt_parse4(pkt, ip, skb->len - l3_off_bytes, &reason);
	if (result == PARSE_OTHER && pkt->proto == IPPROTO_ICMP && !pkt->fragment)
		return error4(skb, pkt);
	if (result == PARSE_BAD || result == PARSE_OTHER)
		return TC_ACT_UNSPEC;
	if (pkt->fragment && !fragment4(pkt, ip->saddr, ip->daddr))
		return TC_ACT_UNSPEC;
	key.saddr = ip->saddr;
	key.daddr = ip->daddr;
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	nat = bpf_map_lookup_elem(&nat4, &key);
	if (!nat)
		return TC_ACT_UNSPEC;
	if (ttl <= 1)
		return drop(DROP_TTL);
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt->bytes);
	err = nat_write4(skb, pkt, &key, &to);
	if (!err)
		err = bpf_l3_csum_replace(
			skb, l3_off_bytes + __builtin_offsetof(struct iphdr, check),
			bpf_htons(ttl << 8), bpf_htons((ttl - 1) << 8), sizeof(__be16));
	ttl--;
	if (!err)
		err = bpf_skb_store_bytes(skb, l3_off_bytes + __builtin_offsetof(struct iphdr, ttl),
					  &ttl, 1, 0);
	return err ? drop(DROP_NO_TRANSMIT) : send4(skb, pkt, to.saddr, to.daddr);
}

static __always_inline int reply6(struct __sk_buff *skb, struct pkt *pkt, const struct ipv6hdr *ip)
{
	enum sluice_drop reason;
	enum parse_result result;
	struct flow6_key key = {};
	const struct nat6 *nat;
	struct ends6 to;
	__u8 hop_limit = ip->hop_limit;
	__u32 l3_off_bytes = pkt->l3_off_bytes;
	long err;

	result = pkt_parse6(pkt, ip, skb->len - l3_off_bytes, &reason);
	if (result == PARSE_OTHER && pkt->proto == NEXTHDR_ICMPV6 && !pkt->fragment)
		return error6(skb, pkt);
	if (result == PARSE_BAD || result == PARSE_OTHER)
		return TC_ACT_UNSPEC;
	if (pkt->fragment && !fragment6(pkt, ip))
		return TC_ACT_UNSPEC;
	__builtin_memcpy(key.saddr, &ip->saddr, sizeof(key.saddr));
	__builtin_memcpy(key.daddr, &ip->daddr, sizeof(key.daddr));
	key.sport = pkt->sport;
	key.dport = pkt->dport;
	key.proto = pkt->proto;
	nat = bpf_map_lookup_elem(&nat6, &key);
	if (!nat)
		return TC_ACT_UNSPEC;
	if (hop_limit <= 1)
		return drop(DROP_TTL);
	to.saddr = nat->frontend_addr;
	to.sport = nat->frontend_port;
	to.daddr = nat->client_addr;
	to.dport = nat->client_port;
	count_reply(nat->frontend_id, nat->backend_id, pkt->bytes);
	err = nat_write6(skb, pkt, &key, &to);
	hop_limit--;
	if (!err)
		err = bpf_skb_store_bytes(
			skb, l3_off_bytes + __builtin_offsetof(struct ipv6hdr, hop_limit),
			&hop_limit, 1, 0);
	return err ? drop(DROP_NO_TRANSMIT) : send6(skb, pkt, to.saddr, to.daddr);
}

/* A packet of another node for this one's address, which may be a reply. @type: network order */
static __always_inline int receive(struct __sk_buff *skb, struct pkt *pkt, __be16 type)
{
	const struct node_config *config = node();

	if (!config)
		return TC_ACT_UNSPEC;
	if (type == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));

		if (ip && ip->daddr == config->addr4 && config->flags & NODE_F_SNAT4)
			return reply4(skb, pkt, ip);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = pkt_at(pkt, pkt->l3_off_bytes, sizeof(*ip));

		if (ip && config->flags & NODE_F_SNAT6 &&
		    addr_equal((const __u8 *)&ip->daddr, config->addr6))
			return reply6(skb, pkt, ip);
	}
	return TC_ACT_UNSPEC;
}

/* Does anything come in here that this node has to translate? */
static __always_inline bool translates(void)
{
	const struct node_config *config = node();

	return config && config->flags & (NODE_F_SNAT4 | NODE_F_SNAT6);
}

SEC("tc")
int tc_ingress(struct __sk_buff *skb)
{
	struct pkt pkt = {};

	if (is_marked(skb))
		return send_marked(skb);
	if (!translates() || skb->protocol == bpf_htons(ETH_P_ARP) ||
	    !pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
		return TC_ACT_UNSPEC;
	return receive(skb, &pkt, pkt_parse_ethernet(&pkt));
}

SEC("tc")
int tc_ingress_ip(struct __sk_buff *skb)
{
	struct pkt pkt = {};

	if (!translates() || !pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
		return TC_ACT_UNSPEC;
	return receive(skb, &pkt, skb->protocol);
}

char _license[] SEC("license") = "Dual BSD/GPL";
