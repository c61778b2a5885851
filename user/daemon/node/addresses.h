/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addresses.h - the addresses that this node has, and when they change
 */
#ifndef SLUICE_DAEMON_ADDRESSES_H
#define SLUICE_DAEMON_ADDRESSES_H

#include <stddef.h>

#include "base/inet.h"
#include "base/loop.h"
#include "sluice_schema.h"

struct addresses;

struct address_list {
	struct inet_addr *items; /* owned; sorted, each once */
	size_t count;
};

/**
 * addresses_start - read them, then follow changes by rtnetlink
 * @interfaces: borrowed while it runs; at most SLUICE_INTERFACES_MAX
 * @changed: called from the loop when a list differs from before, or an interface went or came
 * Return: 0; -errno.
 */
int addresses_start(struct loop *loop, const char *const *interfaces, size_t interfaces_count,
		    void (*changed)(void *ctx), void *ctx, struct addresses **out);
void addresses_stop(struct addresses *addresses); /* takes NULL */

/* Those of the interfaces, link-local ones left out. Borrowed until the loop continues. */
const struct address_list *addresses_of_interfaces(const struct addresses *addresses);

/* Those of all devices but loopback. Borrowed likewise. */
const struct address_list *addresses_of_node(const struct addresses *addresses);

/* The first of the first interface that has one of that family; false: none has. */
bool addresses_primary(const struct addresses *addresses, bool v6, struct inet_addr *out);

/**
 * addresses_default_interfaces - devices of the default routes, IPv4 and IPv6
 * Return: how many names were stored; 0 if there is no default route.
 */
size_t addresses_default_interfaces(char names[SLUICE_INTERFACES_MAX][SLUICE_IFNAME_MAX]);

#endif /* SLUICE_DAEMON_ADDRESSES_H */
