/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maps.h - the map table of sluice_schema.h for user space: the layout of each pinned map
 */
#ifndef SLUICE_DATAPLANE_MAPS_H
#define SLUICE_DATAPLANE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum map_id {
	MAP_FRONTENDS4,
	MAP_FRONTENDS6,
	MAP_ADDRESS_FILTER,
	MAP_UPSTREAMS,
	MAP_UPSTREAM_NAMES,
	MAP_BACKENDS,
	MAP_MEMBERS,
	MAP_RINGS,
	MAP_FLOWS4,
	MAP_FLOWS6,
	MAP_NAT4,
	MAP_NAT6,
	MAP_FRAGMENTS4,
	MAP_FRAGMENTS6,
	MAP_FRAGMENT_IDS,
	MAP_SOURCE_RANGES4,
	MAP_SOURCE_RANGES6,
	MAP_DENYLIST4,
	MAP_DENYLIST6,
	MAP_AFFINITY4,
	MAP_AFFINITY6,
	MAP_RATES4,
	MAP_RATES6,
	MAP_NODE_CONFIG,
	MAP_ANNOUNCED,
	MAP_TX_PORTS,
	MAP_NEXT_HOPS,
	MAP_CPU_STATE,
	MAP_FLOW_SCRATCH,
	MAP_TUNNEL_PEERS,
	MAP_EVENTS,
	MAP_EVENT_MARKS,
	MAP_LISTENERS,
	MAP_STEERING,
	MAP_STATS,
	MAP_DROPS,
	MAP_FRONTEND_STATS,
	MAP_BACKEND_STATS,
	MAP_WORKER_STATS,
	MAP_DAEMON_STATE,
	MAP_SOCKS,
	MAP_SINKS,
	MAP_SLOTS,
	MAP_SPLICE_RINGS,
	MAP_HEAD_SCRATCH,
	MAPS_COUNT,
};

struct map_layout {
	const char *name; /* of the map and of its pin */
	uint32_t type, key_bytes, value_bytes, entries_max, flags;
	bool sized_by_option; /* entries_max is the default of a start-up option */
};

extern const struct map_layout map_layouts[MAPS_COUNT];

#define PIN_PATH_MAX 256

/* Path of the pin folder, or of @name in it. Return: 0; -ENAMETOOLONG. */
int pin_path(char path[PIN_PATH_MAX], const char *bpffs, const char *name);

/**
 * maps_check - does an open map have the layout of the contract?
 * @error: out, which property differs, and the remedy
 * Return: 0; -EPROTO; -errno.
 */
int maps_check(int fd, enum map_id id, char *error, size_t error_bytes);

/**
 * maps_open_pinned - open one pinned map and check its layout
 * @fd_out: owned by the caller
 * Return: 0; -ENOENT not pinned; -EPROTO another layout; -EPERM; -errno. @error has the reason.
 */
int maps_open_pinned(const char *bpffs, enum map_id id, int *fd_out, char *error,
		     size_t error_bytes);

/* Says where adopted maps are not of the size of --flows-max. 0: any size will do. */
void maps_warn_of_size(const int maps[MAPS_COUNT], uint32_t flows_max);

#endif /* SLUICE_DATAPLANE_MAPS_H */
