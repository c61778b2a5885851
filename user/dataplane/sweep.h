/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep.h - take the entries of flows that are over out of the tables
 *
 * The kernel evicts an entry only when a table is full, and then an established flow may go
 * before a dead one. So sluiced walks the tables of flows and reverse entries, a bounded piece at
 * a time.
 */
#ifndef SLUICE_DATAPLANE_SWEEP_H
#define SLUICE_DATAPLANE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

struct sweep;

int sweep_new(struct sweep **out);    /* 0; -ENOMEM */
void sweep_free(struct sweep *sweep); /* takes NULL */

/**
 * sweep_round - go on where the last round ended
 * @maps: descriptors by enum map_id
 * @now_ns: CLOCK_MONOTONIC_COARSE
 * @time_ns: begin no other batch of entries when this much time has passed
 * @removed: out, entries that were taken out
 * Return: 1 the last table is done, the next round begins with the first; 0 there is more; -errno.
 */
int sweep_round(struct sweep *sweep, const int *maps, uint64_t now_ns, uint64_t time_ns,
		uint64_t *removed);

#endif /* SLUICE_DATAPLANE_SWEEP_H */
