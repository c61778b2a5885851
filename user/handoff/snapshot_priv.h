/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_priv.h - an opened snapshot, for those that look things up in it
 */
#ifndef SLUICE_HANDOFF_SNAPSHOT_PRIV_H
#define SLUICE_HANDOFF_SNAPSHOT_PRIV_H

#include "handoff/snapshot_format.h"

struct snapshot {
	const struct snapshot_header *header; /* the mapping, owned */
	size_t bytes;
};

static inline const void *snapshot_at(const struct snapshot *snapshot, uint32_t offset)
{
	return (const char *)snapshot->header + offset;
}

static inline const void *in_block(const struct snapshot_host *host, uint32_t offset)
{
	return (const char *)host + offset;
}

const struct snapshot_listener *snapshot_first_listener(const struct snapshot *snapshot);

/* The block of a host of a listener; NULL if there is none. */
const struct snapshot_host *snapshot_find_exact(const struct snapshot *snapshot, uint32_t number,
						const char *host, size_t host_bytes);
const struct snapshot_host *snapshot_find_wildcard(const struct snapshot *snapshot,
						   const struct snapshot_listener *listener,
						   const char *host, size_t host_bytes);

#endif /* SLUICE_HANDOFF_SNAPSHOT_PRIV_H */
