// SPDX-License-Identifier: Apache-2.0
#include "kube/lb_pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V4_BITS_BEFORE 96 /* IPv4 is kept as ::ffff:a.b.c.d */

static void step(struct inet_addr *addr, int by)
{
	for (int i = 15; i >= 0; i--) {
		addr->bytes[i] = (uint8_t)(addr->bytes[i] + by);
		if (by > 0 ? addr->bytes[i] != 0 : addr->bytes[i] != 0xff)
			return;
	}
}

static bool parse_bits(const char *text, unsigned int max, unsigned int *out)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 10);

	if (end == text || *end || *text == '+' || *text == '-' || bits > max)
		return false;
	*out = (unsigned int)bits;
	return true;
}

static void set_network(struct lb_pool_range *range, unsigned int bits)
{
	for (unsigned int i = bits; i < 128; i++) {
		uint8_t mask = (uint8_t)(0x80 >> i % 8);

		range->first.bytes[i / 8] &= (uint8_t)~mask;
		range->last.bytes[i / 8] |= mask;
	}
}

/* One of "ADDRESS/BITS", "FIRST-LAST", "ADDRESS". Returns the fault, or NULL. */
static const char *parse_range(char *text, struct lb_pool_range *out)
{
	char *slash = strchr(text, '/'), *dash = strchr(text, '-');
	unsigned int bits;
	bool v4;

	if (slash)
		*slash++ = '\0';
	else if (dash)
		*dash++ = '\0';
	if (inet_addr_parse(text, &out->first))
		return "not an IP address";
	out->last = out->first;
	v4 = inet_addr_is_v4(&out->first);
	if (slash) {
		if (!parse_bits(slash, v4 ? 32 : 128, &bits))
			return "not a prefix length";
		set_network(out, bits + (v4 ? V4_BITS_BEFORE : 0));
		if (v4 ? bits < 31 : bits < 127)
			step(&out->first, 1);
		if (v4 && bits < 31)
			step(&out->last, -1);
	} else if (dash) {
		if (inet_addr_parse(dash, &out->last) || inet_addr_is_v4(&out->last) != v4)
			return "the end is not an address of the same family";
		if (inet_addr_compare(&out->first, &out->last) > 0)
			return "the end is before the beginning";
	}
	if (inet_addr_is_any(&out->first))
		return "the unspecified address cannot be assigned";
	return NULL;
}

int lb_pool_parse(const char *text, struct lb_pool *out, char error[LB_POOL_ERROR_MAX])
{
	char *copy = strdup(text), *rest = copy, *part;
	struct lb_pool pool = { 0 };
	int err = copy ? 0 : -ENOMEM;

	while (!err && (part = strsep(&rest, ", "))) {
		struct lb_pool_range *grown;
		char shown[64];
		const char *why;

		if (!*part)
			continue;
		snprintf(shown, sizeof(shown), "%s", part);
		grown = reallocarray(pool.ranges, pool.count + 1, sizeof(*grown));
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		pool.ranges = grown;
		why = parse_range(part, &grown[pool.count]);
		if (why) {
			snprintf(error, LB_POOL_ERROR_MAX, "'%s': %s", shown, why);
			err = -EINVAL;
		} else {
			pool.count++;
		}
	}
	free(copy);
	if (err) {
		lb_pool_free(&pool);
		return err;
	}
	*out = pool;
	return 0;
}

void lb_pool_free(struct lb_pool *pool)
{
	free(pool->ranges);
	pool->ranges = NULL;
	pool->count = 0;
}

bool lb_pool_has(const struct lb_pool *pool, const struct inet_addr *addr)
{
	for (size_t i = 0; i < pool->count; i++)
		if (inet_addr_compare(&pool->ranges[i].first, addr) <= 0 &&
		    inet_addr_compare(addr, &pool->ranges[i].last) <= 0)
			return true;
	return false;
}

bool lb_pool_has_family(const struct lb_pool *pool, bool v4)
{
	for (size_t i = 0; i < pool->count; i++)
		if (inet_addr_is_v4(&pool->ranges[i].first) == v4)
			return true;
	return false;
}

int lb_pool_find_free(const struct lb_pool *pool, bool v4, lb_pool_used_fn *used, void *ctx,
		      struct inet_addr *out)
{
	for (size_t i = 0; i < pool->count; i++) {
		const struct lb_pool_range *range = &pool->ranges[i];
		struct inet_addr addr = range->first;

		if (inet_addr_is_v4(&range->first) != v4)
			continue;
		while (used(ctx, &addr)) {
			if (inet_addr_compare(&addr, &range->last) == 0)
				goto next;
			step(&addr, 1);
		}
		*out = addr;
		return 0;
next:;
	}
	return -ENOSPC;
}
