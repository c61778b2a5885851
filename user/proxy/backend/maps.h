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
#include "base/mapped_array.h"
#include "sluice_schema.h"

/*
 * Mapped piece by piece as entries are asked for: a BPF array that is mapped whole counts as
 * resident whole, and most entries are never used.
 */
struct maps {
	struct mapped_array upstreams, backends, members; /* owned, read only */
	struct mapped_array worker_stats;                 /* owned, of all workers */
	uint32_t upstreams_max, backends_max, members_max, worker_stats_max; /* entries */
};

struct maps_fds {
	int upstreams, backends, members, worker_stats; /* borrowed */
};

/**
 * maps_open - get ready to map entries of all four
 * The descriptors must outlive the maps.
 * Descriptors of BPF arrays or of memfds with the same layout.
 * Return: 0; -errno with a log line that names the map.
 */
int maps_open(const struct maps_fds *fds, struct maps *out);
/**
 * maps_seal - give up the descriptor of worker_stats, of which our own entry is mapped
 * Those of the others stay, to be mapped as they are needed. The kernel maps only descriptors that
 * write, too; the sandbox refuses what could write by them.
 * Return: 0; -errno with a log line.
 */
int maps_seal(struct maps *maps);

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
bool maps_backend(struct maps *maps, uint32_t upstream_id, uint32_t id, struct backend_view *out);

/* True if connections to this backend may be used again: same meaning, and not down. */
bool maps_backend_alive(struct maps *maps, uint32_t id, uint32_t generation);

#endif /* SLUICE_PROXY_MAPS_H */
