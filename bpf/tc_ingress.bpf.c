// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tc_ingress - what XDP could not do itself
 *
 * Packets that xdp_ingress marked are handed to the stack's neighbour code to be sent, or go back
 * as they are. On devices that XDP does not see packets of (tunnels of an overlay, named as
 * return interfaces) replies of pods on other nodes, and errors of ICMP about what was sent to
 * them, get the addresses of frontend and client back, and are sent the same way. Packets of some
 * of these devices begin with the IP header (IP in IP, GRE, WireGuard, tun): tc_ingress_ip is for
 * them.
 */
#include "packet/mark.bpf.h"
#include "node/node.bpf.h"
#include "forward/tc_nat.bpf.h"
#include "flow/reply.bpf.h"
#include "packet/flow_key.bpf.h"

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

static __always_inline int send4(struct __sk_buff *skb, const struct pkt *pkt, addr4_t saddr,
				 addr4_t daddr)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.ipv4_src = saddr,
		.ipv4_dst = daddr,
	};

	return send(skb, pkt, &fib);
}

static __always_inline int send6(struct __sk_buff *skb, const struct pkt *pkt, addr6_t saddr,
				 addr6_t daddr)
{
	struct bpf_fib_lookup fib = { .family = AF_INET6 };

	__builtin_memcpy(fib.ipv6_src, saddr, sizeof(fib.ipv6_src));
	__builtin_memcpy(fib.ipv6_dst, daddr, sizeof(fib.ipv6_dst));
	return send(skb, pkt, &fib);
}

/* One hop less than @ttl. Return: 0; -errno. */
static __always_inline long ip4_store_ttl(struct __sk_buff *skb, __u32 l3_off_bytes, __u8 ttl)
{
	__u8 less = ttl - 1;
	long err = bpf_l3_csum_replace(skb, l3_off_bytes + __builtin_offsetof(struct iphdr, check),
				       bpf_htons(ttl << 8), bpf_htons(less << 8), sizeof(__be16));

	return err ? err
		   : bpf_skb_store_bytes(skb, l3_off_bytes + __builtin_offsetof(struct iphdr, ttl),
					 &less, sizeof(less), 0);
}

/* The sum over the packet that a device has computed is kept by all else. */
static __always_inline long ip6_store_ttl(struct __sk_buff *skb, __u32 l3_off_bytes, __u8 ttl)
{
	__u8 less = ttl - 1;

	return bpf_skb_store_bytes(skb,
				   l3_off_bytes + __builtin_offsetof(struct ipv6hdr, hop_limit),
				   &less, sizeof(less), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline bool is_marked(struct __sk_buff *skb, __u32 magic)
{
	const struct send_mark *mark = (void *)(long)skb->data_meta;

	return (void *)(mark + 1) <= (void *)(long)skb->data && mark->magic == magic;
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

#include "packet/family4.h"
#include "tc_ingress.tmpl.h"
#include "packet/family6.h"
#include "tc_ingress.tmpl.h"

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

	if (is_marked(skb, SEND_MARK))
		return send_marked(skb);
	if (is_marked(skb, BACK_MARK))
		return bpf_redirect(skb->ifindex, 0);
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
