// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tc_egress - replies of backends on this node get the frontend's address back
 *
 * Errors of ICMP that the pod or this node sends about a packet of the client are translated with
 * it.
 */
#include "forward/tc_nat.bpf.h"
#include "flow/reply.bpf.h"
#include "packet/flow_key.bpf.h"

/* What of a packet must lie in its linear part to be parsed: Ethernet, VLANs, IPv6, and an ICMP
 * error with the headers that it quotes. */
#define HEAD_BYTES_MAX 160

#include "packet/family4.h"
#include "tc_egress.tmpl.h"
#include "packet/family6.h"
#include "tc_egress.tmpl.h"

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	struct pkt pkt = {};
	__be16 type;

	if (skb->protocol == bpf_htons(ETH_P_ARP) || !pkt_open_skb(skb, &pkt, HEAD_BYTES_MAX))
		return TC_ACT_UNSPEC;
	type = pkt_parse_ethernet(&pkt);
	if (type == bpf_htons(ETH_P_IP))
		return egress4(skb, &pkt);
	if (type == bpf_htons(ETH_P_IPV6))
		return egress6(skb, &pkt);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
