/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.bpf.h - the connection table: which backend a flow has, and until when
 */
#ifndef SLUICE_FLOW_BPF_H
#define SLUICE_FLOW_BPF_H

#include "count.bpf.h"
#include "packet.bpf.h"
#include "pick.bpf.h"

#define NS_PER_S 1000000000ull

#define FLOW_UDP_IDLE_NS (180 * NS_PER_S) /* as nf_conntrack's udp_timeout_stream + a margin */
#define FLOW_CLOSING_NS  (10 * NS_PER_S)  /* as nf_conntrack's tcp_timeout_close */
#define FLOW_TOUCH_NS    (1 * NS_PER_S)   /* how often last_seen_ns is written at most */

/* The state a flow is in after this packet. */
static __always_inline __u8 flow_next_state(const struct pkt *pkt, __u8 state)
{
	if (pkt->proto != IPPROTO_TCP)
		return FLOW_ESTABLISHED;
	if (pkt->tcp_flags & (TCP_FIN | TCP_RST))
		return FLOW_CLOSING;
	if (state == FLOW_CLOSING)
		return state;
	return pkt->tcp_flags & TCP_SYN ? FLOW_NEW : FLOW_ESTABLISHED;
}

/* Whether an entry still says where this packet belongs. @now_ns: CLOCK_MONOTONIC_COARSE. */
static __always_inline bool flow_is_current(const struct pkt *pkt, const struct flow *flow,
					    __u64 now_ns)
{
	__u64 idle_ns = now_ns - flow->last_seen_ns;

	if (pkt->proto == IPPROTO_UDP)
		return idle_ns < FLOW_UDP_IDLE_NS;
	/* A SYN begins a connection: whatever had this 5-tuple before is over. */
	if (pkt->tcp_flags & TCP_SYN)
		return false;
	return flow->state != FLOW_CLOSING || idle_ns < FLOW_CLOSING_NS;
}

/* Whether @backend is still the one that @flow was given, and may keep it. */
static __always_inline bool flow_has_backend(const struct flow *flow,
					     const struct frontend *frontend,
					     const struct backend *backend)
{
	return backend->generation == flow->backend_generation &&
	       backend->upstream_id == frontend->upstream_id &&
	       (backend->state == BACKEND_ACTIVE || backend->state == BACKEND_DRAINING);
}

static __always_inline void nat_fill4(struct flow4_key *reply, struct nat4 *nat,
				      const struct flow4_key *key, const struct backend *backend)
{
	__builtin_memcpy(&reply->saddr, &backend->addr[12], sizeof(reply->saddr));
	reply->daddr = key->saddr;
	reply->sport = backend->port;
	reply->dport = key->sport;
	reply->proto = key->proto;
	nat->frontend_addr = key->daddr;
	nat->frontend_port = key->dport;
	nat->client_addr = key->saddr;
	nat->client_port = key->sport;
}

static __always_inline void nat_fill6(struct flow6_key *reply, struct nat6 *nat,
				      const struct flow6_key *key, const struct backend *backend)
{
	__builtin_memcpy(reply->saddr, backend->addr, sizeof(reply->saddr));
	__builtin_memcpy(reply->daddr, key->saddr, sizeof(reply->daddr));
	reply->sport = backend->port;
	reply->dport = key->sport;
	reply->proto = key->proto;
	__builtin_memcpy(nat->frontend_addr, key->daddr, sizeof(nat->frontend_addr));
	__builtin_memcpy(nat->client_addr, key->saddr, sizeof(nat->client_addr));
	nat->frontend_port = key->dport;
	nat->client_port = key->sport;
}

/**
 * flow4_write - write a flow and its reverse entry, or neither
 * Return: 0; -EINVAL no such backend; -errno of the map, nothing written.
 */
__noinline int flow4_write(const struct flow4_key *key, const struct flow *flow)
{
	struct flow4_key reply = {}, forward;
	struct backend *backend;
	struct nat4 nat = {};
	struct flow entry;
	int err;

	if (!key || !flow)
		return -1;
	/* Copies: before Linux 6.2 the memory of an argument is no key or value of a map. */
	forward = *key;
	entry = *flow;
	backend = bpf_map_lookup_elem(&backends, &entry.backend_id);
	if (!backend)
		return -1;
	nat.frontend_id = entry.frontend_id;
	nat.backend_id = entry.backend_id;
	nat.backend_generation = entry.backend_generation;
	nat_fill4(&reply, &nat, &forward, backend);
	err = bpf_map_update_elem(&nat4, &reply, &nat, BPF_ANY);
	if (err)
		return err;
	err = bpf_map_update_elem(&flows4, &forward, &entry, BPF_ANY);
	if (err)
		bpf_map_delete_elem(&nat4, &reply);
	return err;
}

/* As flow4_write(), for IPv6. */
__noinline int flow6_write(const struct flow6_key *key, const struct flow *flow)
{
	struct flow6_key reply = {}, forward;
	struct backend *backend;
	struct nat6 nat = {};
	struct flow entry;
	int err;

	if (!key || !flow)
		return -1;
	/* Copies: before Linux 6.2 the memory of an argument is no key or value of a map. */
	forward = *key;
	entry = *flow;
	backend = bpf_map_lookup_elem(&backends, &entry.backend_id);
	if (!backend)
		return -1;
	nat.frontend_id = entry.frontend_id;
	nat.backend_id = entry.backend_id;
	nat.backend_generation = entry.backend_generation;
	nat_fill6(&reply, &nat, &forward, backend);
	err = bpf_map_update_elem(&nat6, &reply, &nat, BPF_ANY);
	if (err)
		return err;
	err = bpf_map_update_elem(&flows6, &forward, &entry, BPF_ANY);
	if (err)
		bpf_map_delete_elem(&nat6, &reply);
	return err;
}

#endif /* SLUICE_FLOW_BPF_H */
