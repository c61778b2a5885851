/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drains.h - backends that drain, and since when
 */
#ifndef SLUICE_DATAPLANE_DRAINS_H
#define SLUICE_DATAPLANE_DRAINS_H

#include <stddef.h>
#include <stdint.h>

struct drain {
	uint32_t backend_id;
	uint64_t since_ms;
};

struct drains {
	struct drain *items; /* owned; no order, no id twice */
	size_t count, capacity;
};

void drains_free(struct drains *drains);

/* Notes that @backend_id drains; one that does already keeps its time. Return: 0; -ENOMEM. */
int drains_begin(struct drains *drains, uint32_t backend_id, uint64_t now_ms);
void drains_end(struct drains *drains, uint32_t backend_id);

#endif /* SLUICE_DATAPLANE_DRAINS_H */
