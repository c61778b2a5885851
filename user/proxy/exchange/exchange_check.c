// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange/exchange_check.h"

#ifdef SLUICE_CHECK

#include <stdlib.h>

#include "base/log.h"

#define TO(phase) (1u << EXCHANGE_##phase)

/* To another attempt, or an answer of our own. */
#define BEFORE_BODY \
	(TO(CONNECT) | TO(EXPECT) | TO(SEND) | TO(WAIT) | TO(BODY) | TO(TUNNEL) | TO(REPLY))

static const uint32_t steps[EXCHANGE_PHASES] = {
	[EXCHANGE_NEW] = TO(CONNECT) | TO(REPLY),
	[EXCHANGE_HELD] = TO(CONNECT) | TO(REPLY),
	[EXCHANGE_CONNECT] = TO(HELD) | BEFORE_BODY,
	[EXCHANGE_EXPECT] = BEFORE_BODY,
	[EXCHANGE_SEND] = BEFORE_BODY,
	[EXCHANGE_WAIT] = BEFORE_BODY,
	[EXCHANGE_BODY] = TO(WAIT),
};

static void breach(const struct exchange *x, const char *what, unsigned int other)
{
	log_error("proxy: an exchange in phase %u, deadline %llu, now %llu: %s %u", x->phase,
		  (unsigned long long)x->timer.deadline_ms, (unsigned long long)x->turn->now_ms,
		  what, other);
	abort();
}

static void check_all(struct turn_hook *hook)
{
	struct exchange_services *services =
		(struct exchange_services *)((char *)hook -
					     offsetof(struct exchange_services, check));

	for (struct exchange *x = services->live; x; x = x->live_next) {
		bool armed = x->timer.index && x->timer.deadline_ms;

		if (armed != (x->phase != EXCHANGE_NEW))
			breach(x, "its deadline is armed:", armed);
		if (x->phase == EXCHANGE_ABORTED)
			breach(x, "it was not ended; running:", x->turns.running);
	}
}

void exchange_check_start(struct exchange_services *services)
{
	services->check.settle = check_all;
	turn_hook(services->turn, &services->check);
}

void exchange_check_add(struct exchange *x)
{
	x->live_at = &x->services->live;
	x->live_next = *x->live_at;
	*x->live_at = x;
	if (x->live_next)
		x->live_next->live_at = &x->live_next;
}

void exchange_check_remove(struct exchange *x)
{
	*x->live_at = x->live_next;
	if (x->live_next)
		x->live_next->live_at = x->live_at;
}

void exchange_check_step(const struct exchange *x, enum exchange_phase next)
{
	if (next != EXCHANGE_ABORTED && !(steps[x->phase] & 1u << next))
		breach(x, "it cannot continue to phase", next);
}

#endif
