/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picker.h - which backend of an upstream takes the next exchange
 */
#ifndef SLUICE_PROXY_PICKER_H
#define SLUICE_PROXY_PICKER_H

#include "proxy/maps.h"

#define PICKER_ATTEMPTS_MAX 3u /* backends tried for one exchange */

struct picker {
	struct maps *maps; /* borrowed */
	uint32_t *turns;   /* owned; per upstream id: how often it was asked */
};

/* Backends that an exchange has tried already. */
struct picker_tried {
	uint32_t ids[PICKER_ATTEMPTS_MAX];
	uint32_t count;
};

/**
 * picker_init - ready to pick; each worker begins at another member, so that together they are fair
 * Return: 0; -ENOMEM.
 */
int picker_init(struct picker *picker, struct maps *maps, uint32_t worker);
void picker_free(struct picker *picker);

/**
 * picker_round_robin - next usable backend of an upstream
 * @tried: passed over while there is another; may be NULL
 * Return: 0; -ENOENT: the upstream has no usable backend (that was not tried).
 */
int picker_round_robin(struct picker *picker, uint32_t upstream_id,
		       const struct picker_tried *tried, struct backend_view *out);

#endif /* SLUICE_PROXY_PICKER_H */
