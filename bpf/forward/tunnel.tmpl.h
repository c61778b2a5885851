/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel.tmpl.h - the outer headers of one family, and an inner packet of it
 */

static __always_inline bool F(tunnel_put, )(struct xdp_md *ctx, const struct node_config *config,
					    const struct hop *hop, __u32 hash, bool gue,
					    const struct inner *inner)
{
	struct F(tunnel, ) *outer = (void *)(long)ctx->data + sizeof(struct ethhdr);

	if ((void *)(outer + 1) > (void *)(long)ctx->data_end)
		return false;
	F(tunnel_fill, )
	(&outer->ip, F(config->addr, ), ADDR_OF_16(hop->daddr), tunnel_proto(inner, gue),
	 inner->tos, hash, hop->bytes);
	if (gue)
		tunnel_fill_udp(&outer->udp, config, hash, inner->bytes);
	return true;
}

static __always_inline bool F(inner_is_frontend, )(struct pkt *pkt, __u32 off_bytes)
{
	const IP_HEADER *ip = pkt_at(pkt, off_bytes, sizeof(*ip));
	struct F(frontend, _key) key = {};

	if (!ip || *(const __u8 *)ip >> 4 != FAMILY)
		return false;
	ADDR_PUT(key.addr, HEADER_ADDR(ip->daddr));
	return bpf_map_lookup_elem(&F(frontends, ), &key) != NULL;
}

/* May a tunnel with the outer header at @off_bytes end here? Returns 0, or the reason to drop it. */
static __always_inline enum sluice_drop F(tunnel_refused, )(struct pkt *pkt, __u32 off_bytes,
							    const struct node_config *config)
{
	const IP_HEADER *outer = pkt_at(pkt, off_bytes, sizeof(*outer));
	struct tunnel_peer_key peer;

	if (!outer)
		return DROP_SHORT_L3;
	if (config->flags & F(NODE_F_DENYLIST, ) &&
	    F(source, _is_denied)(HEADER_ADDR(outer->saddr)))
		return DROP_DENIED;
	ADDR_TO_16(peer.addr, HEADER_ADDR(outer->saddr));
	return bpf_map_lookup_elem(&tunnel_peers, &peer) ? DROP_NONE : DROP_TUNNEL_SOURCE;
}
