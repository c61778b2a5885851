/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event.bpf.h - drops: counted each, recorded once a second for each reason
 */
#ifndef SLUICE_EVENT_BPF_H
#define SLUICE_EVENT_BPF_H

#include "node/count.bpf.h"
#include "node/node.bpf.h"
#include "packet/packet.bpf.h"
#include "node/time.bpf.h"

#define LIMIT_SECOND_SHIFT 30

/* True for one caller a second, whatever its CPU. */
static __always_inline bool event_is_due(__u32 reason, __u64 now_ns)
{
	__u64 *mark = bpf_map_lookup_elem(&event_marks, &reason);
	__u64 before;

	if (!mark)
		return false;
	before = *(volatile __u64 *)mark;
	if (before && now_ns - before < NS_PER_S)
		return false;
	return __sync_val_compare_and_swap(mark, before, now_ns) == before;
}

static __always_inline void event_fill(struct drop_event *event, __u32 reason, __u64 now_ns,
				       __u32 ifindex, __u32 packet_bytes)
{
	event->kind = EVENT_DROP;
	event->reason = reason;
	event->at_ns = now_ns;
	event->ifindex = ifindex;
	event->packet_bytes = packet_bytes;
	event->head_bytes = packet_bytes < EVENT_HEAD_BYTES ? packet_bytes : EVENT_HEAD_BYTES;
	event->l3_off_bytes = 0;
	__builtin_memset(event->head, 0, sizeof(event->head));
}

/* The record of a packet that is dropped. */
__noinline int event_record(struct xdp_md *ctx, __u32 reason)
{
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	struct drop_event *event;
	struct pkt pkt = {
		.data = (void *)(long)ctx->data,
		.data_end = (void *)(long)ctx->data_end,
	};

	if (!event_is_due(reason, now_ns))
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event_fill(event, reason, now_ns, frame_ifindex(ctx), frame_bytes(ctx));
	pkt_parse_ethernet(&pkt);
	event->l3_off_bytes = pkt.l3_off_bytes;
	if (event->head_bytes == EVENT_HEAD_BYTES)
		frame_load(ctx, 0, event->head, EVENT_HEAD_BYTES);
	else if (event->head_bytes >= sizeof(struct ethhdr) + sizeof(struct iphdr))
		frame_load(ctx, 0, event->head, sizeof(struct ethhdr) + sizeof(struct iphdr));
	bpf_ringbuf_submit(event, 0);
	return 1;
}

/*
 * The state of this CPU in the second at hand. Seconds of limits are 2^30 ns: a shift instead of a
 * division.
 */
static __always_inline struct cpu_state *cpu_second(__u64 now_ns)
{
	__u32 key = 0;
	struct cpu_state *state = bpf_map_lookup_elem(&cpu_state, &key);

	if (state && state->second != now_ns >> LIMIT_SECOND_SHIFT) {
		state->second = now_ns >> LIMIT_SECOND_SHIFT;
		state->new_flows = 0;
		state->answers = 0;
	}
	return state;
}

/*
 * May this CPU make another answer of our own (an error of ICMP, an RST, an echo) in this second?
 * One bucket for all of them: who sends what we answer, from addresses that are not his, aims at
 * others.
 */
static __always_inline bool answer_is_allowed(const struct node_config *config)
{
	struct cpu_state *state;

	if (!config || !config->answers_max)
		return true;
	state = cpu_second(bpf_ktime_get_coarse_ns());
	if (!state)
		return true;
	if (state->answers >= config->answers_max) {
		count_drop(DROP_ANSWER_LIMIT);
		return false;
	}
	state->answers++;
	return true;
}

/* Counts, records, drops. */
static __always_inline int drop_packet(struct xdp_md *ctx, __u32 reason)
{
	count_drop(reason);
	event_record(ctx, reason);
	return XDP_DROP;
}

#endif /* SLUICE_EVENT_BPF_H */
