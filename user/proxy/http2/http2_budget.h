/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_budget.h - how much a peer may make us decode (RFC 7541 7.3: a few octets can stand for
 * many)
 *
 * Both ends count alike. A head is counted twice: by its octets on the wire, because nghttp2 calls
 * back for no field of a stream that it ignores, and by its fields once they are decoded. A peer
 * that passes a limit is cut off in the middle of the head: what follows on the connection could
 * not be decoded any more.
 */
#ifndef SLUICE_PROXY_HTTP2_BUDGET_H
#define SLUICE_PROXY_HTTP2_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP2_FIELD_OVERHEAD  32u           /* of a field in a list: RFC 9113 6.5.2 */
#define HTTP2_BUDGET_TURN_MAX (256u * 1024) /* decoded octets, then others have their turn */
#define HTTP2_BUDGET_LONG_MAX 32u           /* heads a second over a quarter of the limit */

struct http2_budget {
	uint32_t list_bytes_max; /* of one head; set by the end that the session is of */
	uint32_t wire_bytes;     /* of the head that comes in */
	uint32_t list_bytes;     /* of the same, decoded, as RFC 9113 6.5.2 counts */
	uint32_t turn_bytes;     /* decoded in this turn of the loop, at most */
	uint64_t since_ms;       /* begin of the second in which long heads are counted */
	uint32_t long_heads;
	bool exceeded;
};

/**
 * http2_budget_frame - a frame begins that is part of a head
 * @first: HEADERS, not CONTINUATION
 * Return: false: the peer is to be cut off.
 */
bool http2_budget_frame(struct http2_budget *budget, bool first, size_t wire_bytes);

/* One more field was decoded, valid or not. Return: false: the peer is to be cut off. */
bool http2_budget_field(struct http2_budget *budget, uint64_t now_ms, size_t name_bytes,
			size_t value_bytes);

/* True if the peer has used up its share of this turn. */
static inline bool http2_budget_spent(const struct http2_budget *budget)
{
	return budget->turn_bytes >= HTTP2_BUDGET_TURN_MAX;
}

#endif /* SLUICE_PROXY_HTTP2_BUDGET_H */
