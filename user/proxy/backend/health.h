/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - active checks of backends, if their routes want them
 *
 * Each worker checks by itself and stores the results in its backend notes. The members of an
 * upstream are checked one after the other, spread evenly over the interval. HTTP backends must
 * answer a GET with 200 to 399; others (TLS, HTTP/2) must only accept the connection.
 */
#ifndef SLUICE_PROXY_HEALTH_H
#define SLUICE_PROXY_HEALTH_H

#include <stdint.h>

#include "proxy/loop/slab.h"

struct health_target;
struct picker;
struct routing;
struct turn;

#define HEALTH_INTERVAL_MS 10000u /* sluice.dev/health-check-interval */
#define HEALTH_TIMEOUT_MS  2000u  /* sluice.dev/health-check-timeout */
#define HEALTH_PROBES_MAX  256u   /* at a time; what would be more is left out and done next time */

struct health {
	struct turn *turn;              /* borrowed */
	struct picker *picker;          /* borrowed: its notes are kept up to date */
	struct health_target **targets; /* owned, ascending by upstream */
	uint32_t count;
	struct slab probes;
	struct probe *first; /* of those that are on their way */
	uint32_t probes_count;
};

void health_init(struct health *health, struct turn *turn, struct picker *picker);
void health_free(struct health *health);

/* The routing table has changed. Checks that already run continue unchanged. */
void health_apply(struct health *health, struct routing *routing);

#endif /* SLUICE_PROXY_HEALTH_H */
