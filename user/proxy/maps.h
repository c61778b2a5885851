/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maps.h - the maps that a worker reads and writes through shared memory
 *
 * sluiced changes them while they are read: nothing here may be trusted twice. See sluice_schema.h
 * for how upstream, members and backends are published.
 */
#ifndef SLUICE_PROXY_MAPS_H
#define SLUICE_PROXY_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "sluice_schema.h"

struct maps {
	const struct upstream *upstreams; /* owned mapping */
	const struct backend *backends;   /* owned mapping */
	const uint64_t *members;          /* owned mapping; an array's elements are 8 bytes apart */
	struct worker_stats *worker_stats; /* owned mapping, of all workers */
	uint32_t upstreams_max, backends_max, members_max, worker_stats_max; /* entries */
};

struct maps_fds {
	int upstreams, backends, members, worker_stats; /* borrowed */
};

/**
 * maps_open - map all four; the descriptors may be closed afterwards
 * Descriptors of BPF arrays or of memfds with the same layout.
 * Return: 0; -errno with a log line that names the map.
 */
int maps_open(const struct maps_fds *fds, struct maps *out);
void maps_close(struct maps *maps);

/* A backend as it was at one moment. */
struct backend_view {
	uint32_t id;
	uint32_t generation;
	struct inet_addr addr;
	uint16_t port_be;
	uint8_t state; /* enum sluice_backend_state */
};

/**
 * maps_backend - consistent copy of one backend
 * Return: true if the id is in use for @upstream_id and the copy is whole.
 */
bool maps_backend(const struct maps *maps, uint32_t upstream_id, uint32_t id,
		  struct backend_view *out);

/* True if connections to this backend may be used again: same meaning, and not down. */
bool maps_backend_alive(const struct maps *maps, uint32_t id, uint32_t generation);

#endif /* SLUICE_PROXY_MAPS_H */
