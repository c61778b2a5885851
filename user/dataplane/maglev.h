/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maglev.h - lookup tables that spread flows evenly and move few of them when a backend changes
 */
#ifndef SLUICE_DATAPLANE_MAGLEV_H
#define SLUICE_DATAPLANE_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

/* A slot holds the id, but address and port decide its place: ids differ between nodes, and the
 * table must not. */
struct maglev_member {
	uint32_t id;
	uint16_t port;   /* host order */
	uint16_t weight; /* 1 to TABLE_WEIGHT_MAX; 0 counts as 1 */
	struct inet_addr addr;
};

/**
 * maglev_slots - size of the table for a number of members
 * Prime, between SLUICE_RING_SLOTS_MIN and SLUICE_RING_SLOTS_MAX, at least 100 a member up to 655
 * members. Few steps on purpose: each step moves most flows that the flow table does not know.
 */
uint32_t maglev_slots(size_t members_count);

/**
 * maglev_fill - build one lookup table
 * @slots: out, @slots_count member ids, none left 0
 * @slots_count: prime, from maglev_slots()
 * @members: ascending by (addr, port), no two alike: same set in, same table out on every node
 *
 * With 100 slots or more a member no share is more than 5 % above the one of its weight, and
 * removing one of 100 members moves less than 1.5 times its share. Nothing here depends on floating
 * point, so all machines compute the same table.
 * Return: 0; -EINVAL if @count is 0 or above @slots_count; -ENOMEM.
 */
int maglev_fill(uint32_t *slots, uint32_t slots_count, const struct maglev_member *members,
		size_t count);

#endif /* SLUICE_DATAPLANE_MAGLEV_H */
