/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources.h - how many conns each client address holds
 *
 * An IPv6 client counts with its /64: that is what one customer has. The table is as large as what
 * is in it asks for, so it is bounded by the limit of conns.
 */
#ifndef SLUICE_PROXY_SOURCES_H
#define SLUICE_PROXY_SOURCES_H

#include "base/inet.h"

struct source_count {
	struct inet_addr addr;
	uint32_t conns; /* 0: free */
};

struct sources {
	struct source_count *slots; /* owned, .mask + 1; NULL: empty */
	uint32_t mask, used;
	uint64_t seed; /* of the hash: clients choose their addresses */
};

void sources_init(struct sources *sources, uint64_t seed);
void sources_free(struct sources *sources);

/**
 * sources_add - one more conn of this address
 * Return: conns of it, this one included; -ENOMEM, not counted then.
 */
int64_t sources_add(struct sources *sources, const struct inet_addr *addr);

/* One conn less; only for what was added. */
void sources_remove(struct sources *sources, const struct inet_addr *addr);

uint32_t sources_conns(const struct sources *sources, const struct inet_addr *addr);

#endif /* SLUICE_PROXY_SOURCES_H */
