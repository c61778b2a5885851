/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - when to ask the API server again
 */
#ifndef SLUICE_KUBE_RETRY_H
#define SLUICE_KUBE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

#define RETRY_DELAY_MAX_MS 30000u

struct retry {
	struct loop_timer *timer; /* owned by the user of this struct */
	unsigned int failures;    /* in a row */
	bool unreachable;         /* waits because the server did not answer at all */
};

/* One more failure: twice the delay of the one before, but at least @least_ms (and 60 s at most). */
void retry_later(struct retry *retry, uint64_t least_ms);

/* The server answers somebody: if this one waits because it could not reach it, it tries now. */
void retry_wake(struct retry *retry);

#endif /* SLUICE_KUBE_RETRY_H */
