/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http2_guard.h - how often a client may do certain things before its connection is ended
 *
 * Each kind costs us more than it costs the sender. Counted in whole seconds: a client below the
 * limit is not affected, one above it gets GOAWAY with ENHANCE_YOUR_CALM.
 */
#ifndef SLUICE_PROXY_HTTP2_GUARD_H
#define SLUICE_PROXY_HTTP2_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* Frames a second that no client needs in this number: SETTINGS, PING, PRIORITY, unknown types,
 * empty DATA. A client that measures its round trips sends some tens. */
#define HTTP2_IDLE_FRAMES_MAX 500u

struct http2_guard {
	uint64_t since_ms; /* begin of the second that is counted */
	uint32_t resets;   /* RST_STREAM of the client, and of ours for its faults */
	uint32_t frames;   /* those that move nothing */
};

/**
 * http2_guard_reset, http2_guard_frame - one more
 * Return: false if that is too many.
 */
bool http2_guard_reset(struct http2_guard *guard, uint64_t now_ms, uint32_t resets_max);
bool http2_guard_frame(struct http2_guard *guard, uint64_t now_ms);

#endif /* SLUICE_PROXY_HTTP2_GUARD_H */
