/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h - local routes that make the stack deliver addresses which are on no interface
 *
 * The same as `ip route add local ADDRESS dev lo proto 83`: the protocol number identifies our
 * routes.
 */
#ifndef SLUICE_DATAPLANE_ROUTES_H
#define SLUICE_DATAPLANE_ROUTES_H

#include "base/inet.h"

#define ROUTE_PROTOCOL 83 /* 'S'; unassigned in rtnetlink.h and in iproute2's rt_protos */

/* Return: 0, also if it existed; -errno. */
int route_add(const struct inet_addr *addr);
/* Return: 0, also if there was none; -errno. */
int route_remove(const struct inet_addr *addr);

/**
 * routes_each - call @fn for every local route of ours
 * @fn may call route_remove(). Return: 0; what @fn returned if not 0; -errno.
 */
int routes_each(int (*fn)(void *ctx, const struct inet_addr *addr), void *ctx);

#endif /* SLUICE_DATAPLANE_ROUTES_H */
