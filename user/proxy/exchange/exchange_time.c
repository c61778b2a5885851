// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_time.c - from phase to phase: how long each may take, and how large a body may be
 */
#include <stddef.h>
#include <string.h>

#include "proxy/exchange/exchange_priv.h"

#define CONTINUE_WAIT_MS 1000u /* for the backend's 100: as long as curl waits, too */

uint64_t exchange_body_bytes_max(const struct exchange *x)
{
	uint64_t most = x->turn->settings->body_bytes_max;

	if (x->route && x->route->body_bytes_max)
		most = x->route->body_bytes_max;
	else if (x->route && (x->route->flags & ROUTE_F_BODY_UNLIMITED))
		most = 0;

	return most ? most : UINT64_MAX;
}

bool exchange_body_over_limit(const struct exchange *x)
{
	return x->up.moved_bytes > exchange_body_bytes_max(x);
}

bool exchange_awaits_continue(const struct exchange *x)
{
	return (x->request.flags & HTTP1_REQUEST_F_EXPECT_CONTINUE) && !x->sending.continued &&
	       !x->sending.done && !x->up.moved_bytes;
}

/* The route's value, where it has one; else the process's. Or one that nothing changes. */
struct deadline {
	uint16_t of_route, of_settings; /* offsets of uint32_t, uint64_t */
	uint16_t fixed_ms;
};

/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define FROM(route_field, settings_field) \
	{ .of_route = offsetof(struct route, route_field##_timeout_ms), \
	  .of_settings = offsetof(struct settings, settings_field##_timeout_ms) }
/* clang-format on */

/* What is wrong when it is over: on_timer() of exchange_run.c. */
static const struct deadline deadlines[EXCHANGE_PHASES] = {
	[EXCHANGE_HELD] = FROM(idle, body),
	[EXCHANGE_CONNECT] = FROM(connect, connect),
	[EXCHANGE_EXPECT] = { .fixed_ms = CONTINUE_WAIT_MS },
	[EXCHANGE_SEND] = FROM(idle, body),
	[EXCHANGE_WAIT] = FROM(response, response),
	[EXCHANGE_BODY] = FROM(idle, body),
	[EXCHANGE_TUNNEL] = FROM(tunnel_idle, tunnel_idle),
	[EXCHANGE_REPLY] = FROM(idle, body),
	[EXCHANGE_ABORTED] = { .fixed_ms = 0 },
};

uint64_t exchange_timeout_ms(const struct exchange *x, enum exchange_phase phase)
{
	const struct deadline *deadline = &deadlines[phase];
	uint32_t of_route_ms = 0;
	uint64_t ms;

	if (!deadline->of_settings)
		return deadline->fixed_ms;
	if (x->route)
		memcpy(&of_route_ms, (const char *)x->route + deadline->of_route,
		       sizeof(of_route_ms));
	memcpy(&ms, (const char *)x->turn->settings + deadline->of_settings, sizeof(ms));
	return of_route_ms ? of_route_ms : ms;
}

void exchange_arm(struct exchange *x)
{
	turn_arm(x->turn, &x->timer, exchange_timeout_ms(x, x->phase));
}

void exchange_set_phase(struct exchange *x, enum exchange_phase phase)
{
	exchange_check_step(x, phase);
	x->phase = (uint8_t)phase;
	exchange_arm(x);
}

void exchange_await_head(struct exchange *x)
{
	if (exchange_awaits_continue(x))
		exchange_set_phase(x, EXCHANGE_EXPECT);
	else
		exchange_set_phase(x, x->sending.done ? EXCHANGE_WAIT : EXCHANGE_SEND);
}

void exchange_hold(struct exchange *x)
{
	if (x->phase == EXCHANGE_CONNECT)
		exchange_set_phase(x, EXCHANGE_HELD);
}
