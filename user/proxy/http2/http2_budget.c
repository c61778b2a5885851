// SPDX-License-Identifier: Apache-2.0
#include "proxy/http2/http2_budget.h"

#define SECOND_MS  1000u
#define LONG_PARTS 4u /* a head is long from this part of the limit on */

static uint32_t add_capped(uint32_t sum, size_t more)
{
	return more > UINT32_MAX - sum ? UINT32_MAX : sum + (uint32_t)more;
}

bool http2_budget_frame(struct http2_budget *budget, bool first, size_t wire_bytes)
{
	if (first)
		budget->wire_bytes = budget->list_bytes = 0;
	budget->wire_bytes = add_capped(budget->wire_bytes, wire_bytes);
	/* Each octet can be a field from a table, and its work is done even if nobody asks for
	 * it. */
	budget->turn_bytes = add_capped(budget->turn_bytes, wire_bytes * HTTP2_FIELD_OVERHEAD);
	if (budget->wire_bytes > budget->list_bytes_max)
		budget->exceeded = true;
	return !budget->exceeded;
}

static void count_long(struct http2_budget *budget, uint64_t now_ms)
{
	if (now_ms - budget->since_ms >= SECOND_MS) {
		budget->since_ms = now_ms;
		budget->long_heads = 0;
	}
	if (++budget->long_heads > HTTP2_BUDGET_LONG_MAX)
		budget->exceeded = true;
}

bool http2_budget_field(struct http2_budget *budget, uint64_t now_ms, size_t name_bytes,
			size_t value_bytes)
{
	const uint32_t long_bytes = budget->list_bytes_max / LONG_PARTS;
	const size_t bytes = name_bytes + value_bytes + HTTP2_FIELD_OVERHEAD;
	const uint32_t before = budget->list_bytes;

	budget->list_bytes = add_capped(before, bytes);
	budget->turn_bytes = add_capped(budget->turn_bytes, name_bytes + value_bytes);
	if (before <= long_bytes && budget->list_bytes > long_bytes)
		count_long(budget, now_ms);
	if (budget->list_bytes > budget->list_bytes_max)
		budget->exceeded = true;
	return !budget->exceeded;
}
