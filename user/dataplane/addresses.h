/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addresses.h - addresses of frontends, with their filter bits and local routes
 */
#ifndef SLUICE_DATAPLANE_ADDRESSES_H
#define SLUICE_DATAPLANE_ADDRESSES_H

#include "base/inet.h"
#include "base/mapped_array.h"
#include "base/strmap.h"
#include "sluice_schema.h"

struct addresses {
	struct strmap by_text;  /* address -> struct address *, owned */
	uint16_t *per_bit;      /* owned: addresses that share a bit of the filter */
	struct inet_addr *node; /* owned: addresses on interfaces, as last read */
	size_t node_count;
	bool node_is_fresh;
};

struct address {
	uint32_t frontends; /* that have this address */
	bool routed;        /* we added the local route */
	bool on_node;       /* an interface has it */
};

int addresses_init(struct addresses *addresses);
void addresses_free(struct addresses *addresses);

/* Reads the addresses of interfaces again at the next use. */
void addresses_forget_node(struct addresses *addresses);

/**
 * addresses_add - count one more frontend with @addr, before it is written to the maps
 * @filter: address_filter, mapped
 * Return: 0; -errno, nothing changed.
 */
int addresses_add(struct addresses *addresses, struct mapped_array *filter,
		  const struct inet_addr *addr);

/* Counts one frontend less, after it has left the maps. */
void addresses_remove(struct addresses *addresses, struct mapped_array *filter,
		      const struct inet_addr *addr);

/* Removes routes and filter bits of a former process for addresses that no frontend has now. */
int addresses_reconcile(struct addresses *addresses, struct mapped_array *filter);

#endif /* SLUICE_DATAPLANE_ADDRESSES_H */
