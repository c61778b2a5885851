/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_nat.tmpl.h - the ends of a packet of one family
 */

/* From what @key says to @to. After it packet pointers are void. Return: 0; -errno. */
static __always_inline long F(nat_write, )(struct __sk_buff *skb, const struct pkt *pkt,
					   const FLOW_KEY *key, const ENDS *to)
{
	long err = F(write_addr, )(skb, pkt, __builtin_offsetof(IP_HEADER, saddr), key->saddr,
				   to->saddr);

	if (!err && !ADDR_EQUAL(key->daddr, to->daddr))
		err = F(write_addr, )(skb, pkt, __builtin_offsetof(IP_HEADER, daddr), key->daddr,
				      to->daddr);
	return err ? err : write_ports(skb, pkt, to->sport, to->dport);
}
