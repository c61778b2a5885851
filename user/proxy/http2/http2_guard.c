// SPDX-License-Identifier: Apache-2.0
#include "proxy/http2/http2_guard.h"

#define SECOND_MS 1000u

static void look_at_clock(struct http2_guard *guard, uint64_t now_ms)
{
	if (now_ms - guard->since_ms < SECOND_MS)
		return;
	*guard = (struct http2_guard){ .since_ms = now_ms };
}

bool http2_guard_reset(struct http2_guard *guard, uint64_t now_ms, uint32_t resets_max)
{
	look_at_clock(guard, now_ms);
	return ++guard->resets <= resets_max;
}

bool http2_guard_frame(struct http2_guard *guard, uint64_t now_ms)
{
	look_at_clock(guard, now_ms);
	return ++guard->frames <= HTTP2_IDLE_FRAMES_MAX;
}
