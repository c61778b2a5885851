/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removals.h - upstreams and backends that leave the maps when no routing table names them
 */
#ifndef SLUICE_DAEMON_REMOVALS_H
#define SLUICE_DAEMON_REMOVALS_H

#include <stddef.h>
#include <stdint.h>

#include "table/table.h"

/* A zeroed one is empty. */
struct removals {
	uint32_t *upstreams; /* owned */
	size_t upstreams_count;
	uint32_t *backends; /* owned */
	size_t backends_count;
};

/**
 * removals_hold - move the removals of a delta here
 * @delta: left without them; also, what it sets again is held no longer
 * Return: 0; -ENOMEM, both as before but for what the delta sets.
 */
int removals_hold(struct removals *removals, struct table_delta *delta);

/* The delta with the held removals. Borrowed arrays: not for table_delta_free(). */
struct table_delta removals_delta(const struct removals *removals, uint64_t generation);

void removals_clear(struct removals *removals);

#endif /* SLUICE_DAEMON_REMOVALS_H */
