// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sk_skb - bytes of an enrolled socket go to its peer, or up to the worker
 *
 * The rules, and the property of the kernel that each of them answers, stand in docs/splice.md. A
 * run belongs to one socket and is the only one for it: the socket's lock is held. So fields of the
 * slot that the program writes have one writer at a time. When in doubt, bytes go up.
 */
#include "maps.bpf.h"
#include "splice/splice_head.bpf.h"

/* A tunnel's bytes are bulk once they outrun 1 byte in 32 ns (31 MB/s) by .length_max. Messages to
 * and fro stay below, however fast; a stream that fills a link does not. */
#define BULK_NS_SHIFT 5

/* What the verdict is made from. */
struct verdict {
	struct splice_slot *slot;
	__u32 slot_number;
	__u32 bytes; /* of this run */
	__u32 arm;
	__u32 status;
	__u64 left; /* of the response, before this run */
};

static __always_inline struct splice_slot *slot_of(__u64 cookie, __u32 *number)
{
	__u32 first = sluice_slot_first(cookie);

	for (__u32 i = 0; i < SLUICE_SLOT_WAYS; i++) {
		__u32 key = first + i;
		struct splice_slot *slot = bpf_map_lookup_elem(&slots, &key);

		if (slot && slot->cookie == cookie) {
			*number = key;
			return slot;
		}
	}
	return NULL;
}

/* Tells the worker once; it clears .told before it looks. */
static __always_inline void tell(struct splice_slot *slot, __u32 number)
{
	struct splice_event event = { .cookie = slot->cookie, .slot = number };
	__u32 worker = slot->worker;
	void *ring;

	if (__sync_lock_test_and_set(&slot->told, 1))
		return;
	ring = bpf_map_lookup_elem(&splice_rings, &worker);
	if (!ring || bpf_ringbuf_output(ring, &event, sizeof(event), 0))
		slot->told = 0; /* the next bytes try again */
}

static long scan_step(__u32 index, void *ctx)
{
	(void)index;
	return head_step(ctx);
}

/* Reads the head into the scratch of this CPU and judges it. Return: false: refused. */
static __always_inline bool read_head(struct __sk_buff *skb, struct head_scratch *scratch,
				      struct head_scan *scan)
{
	/* 64 bits: the verifier of Linux 6.1 forgets what a comparison of 32 bits has shown, and
	 * what one with 0 has; no head is whole in one byte. */
	__u64 bytes = skb->len;

	if (bytes > SLUICE_SPLICE_HEAD_MAX)
		bytes = SLUICE_SPLICE_HEAD_MAX;
	asm volatile("" : "+r"(bytes)); /* or the compiler makes it 32 bits again */
	if (bytes < 2 || bytes > SLUICE_SPLICE_HEAD_MAX ||
	    bpf_skb_load_bytes(skb, 0, scratch->data, bytes)) {
		head_refuse(scan, SPLICE_WHY_HEAD);
		return false;
	}
	if (head_begin(scan, scratch->data, bytes))
		return false;
	bpf_loop(HEAD_STEPS_MAX, scan_step, scan, 0);
	return scan->phase == HEAD_WHOLE;
}

/*
 * The first bytes of a response. A run in process context can be interrupted by one for another
 * socket on the same CPU: the scratch is held, the second run passes its bytes up.
 * Return: 0 with .left and .status set; else why it goes up (enum sluice_splice_reason).
 */
static __always_inline __u32 begin_response(struct __sk_buff *skb, struct verdict *v)
{
	struct head_scan scan = { .reason = SPLICE_WHY_HEAD };
	__u32 key = 0;
	struct head_scratch *scratch = bpf_map_lookup_elem(&head_scratch, &key);
	bool whole;

	if (!scratch || __sync_lock_test_and_set(&scratch->busy, 1))
		return SPLICE_WHY_HEAD;
	whole = read_head(skb, scratch, &scan);
	__sync_lock_test_and_set(&scratch->busy, 0);
	v->status = scan.status;
	if (!whole)
		return scan.reason ? scan.reason : SPLICE_WHY_HEAD;
	if (scan.length_bytes > v->slot->length_max)
		return SPLICE_WHY_LENGTH;
	v->left = scan.at + scan.length_bytes;
	v->slot->head_bytes = scan.at;
	v->slot->head_ns = bpf_ktime_get_ns();
	return 0;
}

/* Return: 0: these bytes are of the response that was asked for; else why they go up. */
static __always_inline __u32 judge_response(struct __sk_buff *skb, struct verdict *v)
{
	__u64 state = v->slot->state;
	__u32 reason = 0;

	if ((__u32)(state >> 32) != v->arm) {
		reason = begin_response(skb, v);
	} else if ((state >> 24 & 0xff) != SPLICE_STAGE_BEGUN) {
		return SPLICE_WHY_HELD; /* decided already: the state stays as it is */
	} else {
		v->status = (__u16)state;
		v->left = v->slot->left;
	}
	if (!reason && v->bytes > v->left)
		reason = SPLICE_WHY_EXCESS;
	return reason;
}

/* A bucket that leaks. Return: 0; SPLICE_WHY_BULK. */
static __always_inline __u32 judge_rate(struct verdict *v, __u64 before_ns, __u64 now_ns)
{
	struct splice_slot *slot = v->slot;
	__u64 leaked = (now_ns - before_ns) >> BULK_NS_SHIFT;

	if (!slot->length_max)
		return 0;
	slot->left = (slot->left > leaked ? slot->left - leaked : 0) + v->bytes;
	return slot->left > slot->length_max ? SPLICE_WHY_BULK : 0;
}

/* Return: 0: the peer is there and has room in its window; else why bytes go up. */
static __always_inline __u32 judge_peer(void *map, struct verdict *v)
{
	struct splice_slot *slot = v->slot;
	__u64 cookie = slot->peer_cookie;
	struct bpf_sock *peer = bpf_map_lookup_elem(map, &cookie);
	struct tcp_sock *tcp;
	__u64 waiting = ~0ull;

	if (!peer)
		return SPLICE_WHY_PEER;
	tcp = bpf_skc_to_tcp_sock(peer);
	if (tcp)
		waiting = slot->peer_base + slot->moved + slot->taken + v->bytes - tcp->bytes_acked;
	bpf_sk_release(peer);
	return waiting > slot->window_bytes ? SPLICE_WHY_WINDOW : 0;
}

/* A full barrier: the worker that sees the state sees what was written before. */
static __always_inline void set_state(struct verdict *v, __u32 stage, __u32 reason)
{
	__sync_lock_test_and_set(&v->slot->state,
				 sluice_splice_state(v->arm, stage, reason, v->status));
}

static __always_inline int redirect(struct __sk_buff *skb, void *map, struct verdict *v)
{
	__u64 cookie = v->slot->peer_cookie;

	v->slot->moved += v->bytes;
	return bpf_sk_redirect_hash(skb, map, &cookie, 0);
}

static __always_inline int respond(struct __sk_buff *skb, struct verdict *v)
{
	bool begins = (__u32)(v->slot->state >> 32) != v->arm;
	__u32 reason = judge_response(skb, v);
	int verdict;

	if (reason == SPLICE_WHY_HELD) {
		tell(v->slot, v->slot_number);
		return SK_PASS;
	}
	if (!reason)
		reason = judge_peer(&sinks, v);
	if (reason) {
		set_state(v, SPLICE_STAGE_UP, reason);
		tell(v->slot, v->slot_number);
		return SK_PASS;
	}
	v->left -= v->bytes;
	v->slot->left = v->left;
	verdict = redirect(skb, &sinks, v);
	if (v->left) {
		set_state(v, SPLICE_STAGE_BEGUN, 0);
		return verdict;
	}
	v->slot->done_ns = begins ? v->slot->head_ns : bpf_ktime_get_ns();
	set_state(v, SPLICE_STAGE_DONE, 0);
	if (v->slot->wake)
		tell(v->slot, v->slot_number);
	return verdict;
}

static __always_inline int tunnel(struct __sk_buff *skb, struct verdict *v, __u64 before_ns,
				  __u64 now_ns)
{
	__u32 reason = judge_rate(v, before_ns, now_ns);

	if (!reason)
		reason = judge_peer(&socks, v);
	if (!reason)
		return redirect(skb, &socks, v);
	set_state(v, SPLICE_STAGE_UP, reason);
	tell(v->slot, v->slot_number);
	return SK_PASS;
}

/* The rest of a request's body. What does not fit into it ends the arm: the worker finds the end. */
static __always_inline int upload(struct __sk_buff *skb, struct verdict *v)
{
	struct splice_slot *slot = v->slot;
	__u32 reason;
	int verdict;

	if ((__u32)(slot->state >> 32) == v->arm) { /* decided already: the state stays as it is */
		tell(slot, v->slot_number);
		return SK_PASS;
	}
	reason = v->bytes > slot->left ? SPLICE_WHY_EXCESS : judge_peer(&sinks, v);
	if (reason) {
		set_state(v, SPLICE_STAGE_UP, reason);
		tell(slot, v->slot_number);
		return SK_PASS;
	}
	slot->left -= v->bytes;
	verdict = redirect(skb, &sinks, v);
	if (!slot->left) {
		set_state(v, SPLICE_STAGE_DONE, 0);
		tell(slot, v->slot_number);
	}
	return verdict;
}

SEC("sk_skb/stream_verdict")
int sk_skb_verdict(struct __sk_buff *skb)
{
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct verdict v = { .bytes = skb->len };
	struct splice_slot *slot = slot_of(cookie, &v.slot_number);
	__u64 now_ns, before_ns, seen, control;

	/* A FIN alone comes as no bytes. Passed up behind bytes that wait to be sent on this
	 * socket, or redirected, it would stop that sending with EPIPE; that the peer has ended
	 * is known without it. */
	if (!v.bytes)
		return SK_DROP;
	if (!slot)
		return SK_PASS;
	v.slot = slot;
	now_ns = bpf_ktime_get_coarse_ns();
	before_ns = slot->last_ns;
	slot->last_ns = now_ns;
	seen = slot->seen;
	slot->seen = seen + v.bytes;
	control = *(volatile __u64 *)&slot->control;
	v.arm = control >> 32;
	if (*(volatile __u64 *)&slot->taken + slot->moved == seen) {
		if ((__u8)control == SPLICE_RESPONSE)
			return respond(skb, &v);
		if ((__u8)control == SPLICE_TUNNEL)
			return tunnel(skb, &v, before_ns, now_ns);
		if ((__u8)control == SPLICE_UPLOAD)
			return upload(skb, &v);
	} else if (((__u8)control == SPLICE_RESPONSE || (__u8)control == SPLICE_UPLOAD) &&
		   (__u32)(slot->state >> 32) != v.arm) {
		set_state(&v, SPLICE_STAGE_UP, SPLICE_WHY_HELD);
	}
	tell(slot, v.slot_number);
	return SK_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
