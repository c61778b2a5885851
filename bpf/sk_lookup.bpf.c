// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sk_lookup - new HTTP connections go to the listeners of the helper's workers
 *
 * Nothing binds the ports of HTTP frontends on the node, and any address that the stack delivers
 * locally works.
 */
#include "node/count.bpf.h"
#include <bpf/bpf_endian.h>

#define AF_INET  2
#define AF_INET6 10

/* The frontend asked for, else the one for any address of the node, else NULL. */
static __always_inline struct frontend *frontend_of4(struct bpf_sk_lookup *ctx)
{
	struct frontend4_key key = {
		.addr = ctx->local_ip4,
		.port = bpf_htons(ctx->local_port),
		.proto = ctx->protocol,
	};
	struct frontend *frontend = bpf_map_lookup_elem(&frontends4, &key);

	if (frontend)
		return frontend;
	key.addr = 0;
	return bpf_map_lookup_elem(&frontends4, &key);
}

static __always_inline struct frontend *frontend_of6(struct bpf_sk_lookup *ctx)
{
	struct frontend6_key key = {
		.port = bpf_htons(ctx->local_port),
		.proto = ctx->protocol,
	};
	struct frontend *frontend;
	__u32 *addr = (__u32 *)key.addr;

	addr[0] = ctx->local_ip6[0];
	addr[1] = ctx->local_ip6[1];
	addr[2] = ctx->local_ip6[2];
	addr[3] = ctx->local_ip6[3];
	frontend = bpf_map_lookup_elem(&frontends6, &key);
	if (frontend)
		return frontend;
	addr[0] = addr[1] = addr[2] = addr[3] = 0;
	return bpf_map_lookup_elem(&frontends6, &key);
}

/* One client connection must not decide where the next goes: address and port are mixed well. */
static __always_inline __u32 client_hash(struct bpf_sk_lookup *ctx)
{
	__u32 h = ctx->remote_port * 0x9e3779b1u;

	if (ctx->family == AF_INET) {
		h ^= ctx->remote_ip4;
	} else {
		h ^= ctx->remote_ip6[0] ^ ctx->remote_ip6[1];
		h ^= ctx->remote_ip6[2] ^ ctx->remote_ip6[3];
	}
	h ^= h >> 16;
	h *= 0x85ebca6bu;
	h ^= h >> 13;
	h *= 0xc2b2ae35u;
	return h ^ h >> 16;
}

static __always_inline int steer(struct bpf_sk_lookup *ctx, __u64 word)
{
	__u32 first_slot = (__u32)word, workers = word >> 32;
	__u32 worker;

	if (!workers || workers > SLUICE_WORKERS_MAX)
		goto none;
	worker = client_hash(ctx) % workers;
	for (__u32 i = 0; i < SLUICE_WORKERS_MAX; i++) {
		__u32 slot = first_slot + 2 * worker + (ctx->family == AF_INET6);
		struct bpf_sock *sk;

		if (i >= workers)
			break;
		sk = bpf_map_lookup_elem(&listeners, &slot);
		if (sk) {
			long err = bpf_sk_assign(ctx, sk, 0);

			bpf_sk_release(sk);
			if (!err) {
				count_stat(STAT_STEERED);
				return SK_PASS;
			}
		}
		worker = worker + 1 == workers ? 0 : worker + 1;
	}
none:
	count_drop(DROP_NO_LISTENER);
	/* No RST: the client sends its SYN again, and a worker may be back by then. */
	return SK_DROP;
}

SEC("sk_lookup")
int sk_lookup_steer(struct bpf_sk_lookup *ctx)
{
	const volatile __u64 *steering_word;
	struct frontend *frontend;
	__u32 key = 0;

	if (ctx->protocol != IPPROTO_TCP)
		return SK_PASS;
	frontend = ctx->family == AF_INET ? frontend_of4(ctx) : frontend_of6(ctx);
	if (!frontend || frontend->kind != FRONTEND_HTTP)
		return SK_PASS;
	steering_word = bpf_map_lookup_elem(&steering, &key);
	return steering_word ? steer(ctx, *steering_word) : SK_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
