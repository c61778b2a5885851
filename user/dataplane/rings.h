/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings.h - Maglev tables of upstreams in the maps
 */
#ifndef SLUICE_DATAPLANE_RINGS_H
#define SLUICE_DATAPLANE_RINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/mapped_array.h"

/**
 * ring_swap - make a new ring of the members and replace the old one
 * @backends: source of the members' addresses
 * Return: 0; -EINVAL more members than slots, or a missing one; -errno. The old ring stays.
 */
int ring_swap(int rings_fd, struct mapped_array *backends, uint32_t upstream_id,
	      const uint32_t *members, size_t count);

/* Return: 0, also if there was none; -errno. */
int ring_remove(int rings_fd, uint32_t upstream_id);

#endif /* SLUICE_DATAPLANE_RINGS_H */
