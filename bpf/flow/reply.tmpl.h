/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reply.tmpl.h - replies of one family
 */

/* The entry in force for a packet that has @key, NULL: it is no reply of ours. */
static __always_inline NAT *F(reply, _find)(const FLOW_KEY *key, __u64 now_ns)
{
	NAT *nat = bpf_map_lookup_elem(&F(nat, ), key);
	const struct backend *backend;
	__u32 backend_id;

	if (!nat ||
	    sluice_flow_is_over(key->proto, nat->state, nat->flags, nat->last_seen_ns, now_ns))
		return NULL;
	backend_id = nat->backend_id;
	backend = bpf_map_lookup_elem(&backends, &backend_id);
	return backend && backend->generation == nat->backend_generation && backend_is_up(backend)
		       ? nat
		       : NULL;
}

/* Notes in both entries of a flow what a reply changes. */
static __noinline int F(reply, _tell)(NAT *nat, __u32 proto, __u32 state, __u64 now_ns)
{
	bool ends = !sluice_flow_has_ended(nat->state) && sluice_flow_has_ended(state);
	FLOW_KEY key = { .proto = proto };
	struct flow *flow;

	nat->state = state;
	nat->flags |= FLOW_F_REPLIED;
	nat->last_seen_ns = now_ns;
	ADDR_PUT(key.saddr, nat->client_addr);
	ADDR_PUT(key.daddr, nat->frontend_addr);
	key.sport = nat->client_port;
	key.dport = nat->frontend_port;
	flow = bpf_map_lookup_elem(&F(flows, ), &key);
	if (flow && flow->backend_generation == nat->backend_generation) {
		flow->state = state;
		flow->flags |= FLOW_F_REPLIED;
		flow->last_seen_ns = now_ns;
	}
	if (ends)
		count_flow_end(nat->frontend_id, nat->backend_id);
	return 0;
}

/* A reply with these TCP flags goes by. @nat: of reply4_find(), reply6_find() */
static __always_inline void F(reply, _note)(NAT *nat, __u8 proto, __u32 tcp_flags, __u64 now_ns)
{
	__u8 state = sluice_flow_next(nat->state, proto, tcp_flags, 1);

	if (unlikely(state != nat->state || !(nat->flags & FLOW_F_REPLIED) ||
		     now_ns - nat->last_seen_ns >= FLOW_TOUCH_NS))
		F(reply, _tell)(nat, proto, state, now_ns);
}
