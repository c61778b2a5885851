/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_check.h - what holds of every exchange after each turn of the loop
 *
 * Each has exactly one armed deadline, or leaves it to its client side (EXCHANGE_NEW); none is left
 * that has nothing more to say; and phases follow each other as in the chart of exchange.h. Built
 * with SLUICE_CHECK (sanitized builds) only; a breach ends the process.
 */
#ifndef SLUICE_PROXY_EXCHANGE_CHECK_H
#define SLUICE_PROXY_EXCHANGE_CHECK_H

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/exchange_services.h"

#ifdef SLUICE_CHECK

void exchange_check_start(struct exchange_services *services);
void exchange_check_add(struct exchange *exchange);
void exchange_check_remove(struct exchange *exchange);

/* Before the phase changes. */
void exchange_check_step(const struct exchange *exchange, enum exchange_phase next);

#else

static inline void exchange_check_start(struct exchange_services *services)
{
	(void)services;
}

static inline void exchange_check_add(struct exchange *exchange)
{
	(void)exchange;
}

static inline void exchange_check_remove(struct exchange *exchange)
{
	(void)exchange;
}

static inline void exchange_check_step(const struct exchange *exchange, enum exchange_phase next)
{
	(void)exchange;
	(void)next;
}

#endif

#endif /* SLUICE_PROXY_EXCHANGE_CHECK_H */
