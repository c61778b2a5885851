/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fragment.tmpl.h - fragments of one family
 */

static __always_inline struct F(fragment, _key)
	F(fragment, _key_of)(const struct pkt *pkt, const IP_HEADER *ip)
{
	struct F(fragment, _key) key = { .id = pkt->fragment_id };

	ADDR_PUT(key.saddr, HEADER_ADDR(ip->saddr));
	ADDR_PUT(key.daddr, HEADER_ADDR(ip->daddr));
#if FAMILY == 4
	key.proto = pkt->proto; /* of IPv6 only the first fragment may know it: RFC 8200, 4.5 */
#endif
	return key;
}

/**
 * fragment4, fragment6 - record a first fragment, give a later one its ports
 * Return: false for a later fragment that belongs to nothing known.
 */
static __always_inline bool F(fragment, )(struct pkt *pkt, const IP_HEADER *ip)
{
	struct F(fragment, _key) key = F(fragment, _key_of)(pkt, ip);
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct fragment first;

	if (pkt->fragment == FRAGMENT_LATER)
		return fragment_apply(pkt, bpf_map_lookup_elem(&F(fragments, ), &key), now_ns);
	first = fragment_of(pkt, now_ns);
	bpf_map_update_elem(&F(fragments, ), &key, &first, BPF_ANY);
	return true;
}

/**
 * fragment4_renumber, fragment6_renumber - give a fragment the identification of its datagram
 * towards the pod, or the client
 * @ip: still with the ends that it came with
 * Packets of many senders get one source: what each has numbered for itself could be taken for
 * parts of one datagram. Return: false if the first fragment has been forgotten meanwhile.
 */
static __always_inline bool F(fragment, _renumber)(const struct pkt *pkt, IP_HEADER *ip)
{
	struct F(fragment, _key) key = F(fragment, _key_of)(pkt, ip);
	const struct fragment *known = bpf_map_lookup_elem(&F(fragments, ), &key);

	return known && F(fragment, _number)(pkt, ip, known->fresh_id);
}
