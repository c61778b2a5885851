/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lb_pool.h - addresses for Services: ranges of IPv4 and IPv6
 */
#ifndef SLUICE_KUBE_LB_POOL_H
#define SLUICE_KUBE_LB_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/inet.h"

struct lb_pool_range {
	struct inet_addr first, last; /* of one family, first <= last */
};

struct lb_pool {
	struct lb_pool_range *ranges; /* owned, in the order as written */
	size_t count;
};

#define LB_POOL_ERROR_MAX 160

/**
 * lb_pool_parse - "192.0.2.0/28,2001:db8::10-2001:db8::1f,198.51.100.7"
 * The network and broadcast address of an IPv4 network of more than two addresses, and the
 * subnet-router address of an IPv6 network, are left out; write a range to include them.
 * @out: freed by lb_pool_free()
 * @error: out, on failure: part and reason
 * Return: 0; -EINVAL; -ENOMEM.
 */
int lb_pool_parse(const char *text, struct lb_pool *out, char error[LB_POOL_ERROR_MAX]);
void lb_pool_free(struct lb_pool *pool);

bool lb_pool_has(const struct lb_pool *pool, const struct inet_addr *addr);
bool lb_pool_has_family(const struct lb_pool *pool, bool v4);

typedef bool lb_pool_used_fn(void *ctx, const struct inet_addr *addr);

/**
 * lb_pool_find_free - the first address of a family that is not in use
 * Return: 0; -ENOSPC. Checks as many addresses as are in use before the result, not a whole /64.
 */
int lb_pool_find_free(const struct lb_pool *pool, bool v4, lb_pool_used_fn *used, void *ctx,
		      struct inet_addr *out);

#endif /* SLUICE_KUBE_LB_POOL_H */
