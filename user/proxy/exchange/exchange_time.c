// SPDX-License-Identifier: Apache-2.0
/*
 * exchange_time.c - how long an exchange may take in each phase, and how much of a body it takes
 */
#include "proxy/exchange/exchange_priv.h"

#define CONTINUE_WAIT_MS 1000u /* for the backend's 100: as long as curl waits, too */

static uint64_t either(uint32_t of_route_ms, uint64_t ms)
{
	return of_route_ms ? of_route_ms : ms;
}

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

uint64_t exchange_body_timeout_ms(const struct exchange *x)
{
	return either(x->route ? x->route->idle_timeout_ms : 0, x->turn->settings->body_timeout_ms);
}

uint64_t exchange_timeout_ms(const struct exchange *x)
{
	static const struct route none;
	const struct settings *settings = x->turn->settings;
	const struct route *route = x->route ? x->route : &none;

	switch (x->phase) {
	case EXCHANGE_CONNECT:
		if (x->held)
			return exchange_body_timeout_ms(x);
		return either(route->connect_timeout_ms, settings->connect_timeout_ms);
	case EXCHANGE_HEAD:
		if (exchange_awaits_continue(x))
			return CONTINUE_WAIT_MS;
		return x->sending.done
			       ? either(route->response_timeout_ms, settings->response_timeout_ms)
			       : exchange_body_timeout_ms(x);
	case EXCHANGE_TUNNEL:
		return either(route->tunnel_idle_timeout_ms, settings->tunnel_idle_timeout_ms);
	default:
		return exchange_body_timeout_ms(x);
	}
}

void exchange_arm(struct exchange *x)
{
	turn_arm(x->turn, &x->timer, exchange_timeout_ms(x));
}
