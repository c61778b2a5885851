// SPDX-License-Identifier: Apache-2.0
/*
 * http2_backend_state.c - from state to state: how long each may last, and what leads to the next
 */
#include <errno.h>
#include <stddef.h>

#include "base/log.h"
#include "proxy/backend/http2_backend_priv.h"
#include "proxy/options/settings.h"

#define PROBE_MS    2000u /* for the answer to a PING */
#define QUIET_MS    250u  /* without an octet while exchanges wait: longer than most round trips */
#define FAREWELL_MS 2000u /* for the last GOAWAY to leave */

/* Servers end a connection on which too many streams are reset: after 100 to 1,000, or above some
 * tens a second (CVE-2023-44487). */
#define CANCELLED_MAX     50u
#define CANCELLED_AGES_MS 100u /* one less of them */

/* How long a state may last. */
static const struct {
	uint64_t ms;
	size_t setting; /* offset of the time in struct settings, in place of .ms; 0: none */
	bool elsewhere; /* each exchange has a deadline */
} limits[HTTP2_BACKEND_STATES] = {
	[HTTP2_BACKEND_CONNECT] = { .elsewhere = true },
	[HTTP2_BACKEND_BUSY] = { .elsewhere = true },
	[HTTP2_BACKEND_IDLE] = { .setting = offsetof(struct settings, upstream_idle_timeout_ms) },
	[HTTP2_BACKEND_PROBE] = { .ms = PROBE_MS },
	[HTTP2_BACKEND_LEAVE] = { .elsewhere = true },
	[HTTP2_BACKEND_FAREWELL] = { .ms = FAREWELL_MS },
};

void http2_backend_set_state(struct http2_backend *b, enum http2_backend_state state)
{
	struct turn *turn = b->all->turn;
	uint64_t ms = limits[state].ms;

	b->state = (uint8_t)state;
	if (limits[state].elsewhere) {
		timer_disarm(&b->timer);
		return;
	}
	if (limits[state].setting)
		ms = *(const uint64_t *)(const void *)((const char *)turn->settings +
						       limits[state].setting);
	turn_arm(turn, &b->timer, ms);
}

static void say_farewell(struct http2_backend *b)
{
	http2_backend_set_state(b, HTTP2_BACKEND_FAREWELL);
	http2_session_terminate(&b->session, NGHTTP2_NO_ERROR);
}

void http2_backend_look_again(struct http2_backend *b)
{
	switch (b->state) {
	case HTTP2_BACKEND_BUSY:
		if (!b->calls_count)
			http2_backend_set_state(b, HTTP2_BACKEND_IDLE);
		break;
	case HTTP2_BACKEND_IDLE:
		if (b->calls_count)
			http2_backend_set_state(b, HTTP2_BACKEND_BUSY);
		break;
	case HTTP2_BACKEND_LEAVE:
		if (!b->calls_count)
			say_farewell(b);
		break;
	default:
		break;
	}
}

void http2_backend_leave(struct http2_backend *b)
{
	if (b->state == HTTP2_BACKEND_CONNECT || b->state == HTTP2_BACKEND_FAREWELL)
		return;
	http2_backend_set_state(b, HTTP2_BACKEND_LEAVE);
	http2_backend_look_again(b);
}

void http2_backend_heard(struct http2_backend *b)
{
	b->quiet_since_ms = b->all->turn->now_ms;
	if (b->state == HTTP2_BACKEND_PROBE)
		http2_backend_set_state(b,
					b->calls_count ? HTTP2_BACKEND_BUSY : HTTP2_BACKEND_IDLE);
}

/* Is there still somebody? Only a peer that is gone answers no PING. */
static void probe(struct http2_backend *b)
{
	http2_backend_set_state(b, HTTP2_BACKEND_PROBE);
	nghttp2_submit_ping(b->session.ng, NGHTTP2_FLAG_NONE, NULL);
	http2_session_flush(&b->session);
}

/* Return: false: so many that the backend may take us for an attacker. */
static bool count_cancelled(struct http2_backend *b)
{
	uint64_t now_ms = b->all->turn->now_ms;
	uint64_t aged = (now_ms - b->cancelled_ms) / CANCELLED_AGES_MS;

	if (aged >= b->cancelled_count) {
		b->cancelled_count = 0;
		b->cancelled_ms = now_ms;
	} else {
		b->cancelled_count -= (uint32_t)aged;
		b->cancelled_ms += aged * CANCELLED_AGES_MS;
	}
	return ++b->cancelled_count <= CANCELLED_MAX;
}

void http2_backend_cancelled(struct http2_backend *b)
{
	bool few = count_cancelled(b);

	if (b->state != HTTP2_BACKEND_BUSY)
		return;
	if (!few) {
		log_debug("proxy: HTTP/2 to backend %u: %u streams cancelled; a new connection",
			  b->transport->backend_id, b->cancelled_count);
		http2_backend_leave(b);
	} else if (b->all->turn->now_ms >= b->quiet_since_ms + QUIET_MS) {
		probe(b);
	}
}

void http2_backend_timeout(struct timer *timer)
{
	struct http2_backend *b =
		(struct http2_backend *)((char *)timer - offsetof(struct http2_backend, timer));

	if (b->state == HTTP2_BACKEND_IDLE) {
		say_farewell(b);
		return;
	}
	if (b->state == HTTP2_BACKEND_PROBE)
		log_debug("proxy: HTTP/2 to backend %u: no answer to a PING; closed",
			  b->transport->backend_id);
	b->all->lose(b, -ETIMEDOUT);
}

const char *http2_backends_check(const struct turn_hook *hook)
{
	const struct http2_backends *all =
		(const struct http2_backends *)((const char *)hook -
						offsetof(struct http2_backends, hook));

	if (all->oldest && !all->sweep.deadline_ms)
		return "the look for backends that are gone";
	for (const struct http2_backend *b = all->oldest; b; b = b->newer) {
		bool armed = b->timer.index && b->timer.deadline_ms;

		if (armed == limits[b->state].elsewhere)
			return "an HTTP/2 connection to a backend";
		if (limits[b->state].elsewhere && !b->calls_count)
			return "an HTTP/2 connection to a backend that nothing uses";
	}
	return NULL;
}
