// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot_find.c - listeners and hosts of a snapshot
 */
#include "handoff/snapshot_priv.h"

#include <string.h>

static int listener_compare(const struct snapshot_listener *listener, const struct inet_addr *addr,
			    uint16_t port)
{
	int order = inet_addr_compare(&listener->addr, addr);

	return order ? order : (int)listener->port - (int)port;
}

static const struct snapshot_listener *find_listener(const struct snapshot *snapshot,
						     const struct inet_addr *addr, uint16_t port)
{
	const struct snapshot_listener *listeners =
		snapshot_at(snapshot, snapshot->header->listeners);
	uint32_t low = 1, high = snapshot->header->listeners_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = listener_compare(&listeners[middle], addr, port);

		if (!order)
			return &listeners[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct snapshot_listener *snapshot_first_listener(const struct snapshot *snapshot)
{
	return snapshot_at(snapshot, snapshot->header->listeners);
}

const struct snapshot_listener *snapshot_listener_of(const struct snapshot *snapshot,
						     const struct inet_addr *addr, uint16_t port)
{
	static const struct inet_addr any;
	const struct snapshot_listener *found = find_listener(snapshot, addr, port);

	if (!found)
		found = find_listener(snapshot, &any, port);
	return found ? found : snapshot_first_listener(snapshot);
}

/* The block of a host written @first followed by @rest (a wildcard is asked for as "*" and the rest
 * of the host from a dot). */
static const struct snapshot_host *find_host(const struct snapshot *snapshot, uint32_t number,
					     const char *first, uint32_t first_bytes,
					     const char *rest, uint32_t rest_bytes)
{
	const struct snapshot_header *header = snapshot->header;
	const struct snapshot_slot *slots = snapshot_at(snapshot, header->slots);
	uint32_t mask = header->slots_count - 1;
	uint32_t hash = snapshot_hash_listener(header->hash_seed, number);

	hash = snapshot_hash_more(hash, first, first_bytes);
	hash = snapshot_hash_end(snapshot_hash_more(hash, rest, rest_bytes));
	for (uint32_t i = 0; i < header->slots_count; i++) {
		const struct snapshot_slot *slot = &slots[(hash + i) & mask];
		const struct snapshot_host *host;
		const char *name;

		if (!slot->host)
			return NULL;
		if (slot->hash != hash)
			continue;
		host = snapshot_at(snapshot, slot->host);
		name = in_block(host, host->name);
		if (host->listener == number && host->name_bytes == first_bytes + rest_bytes &&
		    memcmp(name, first, first_bytes) == 0 &&
		    memcmp(name + first_bytes, rest, rest_bytes) == 0)
			return host;
	}
	return NULL;
}

const struct snapshot_host *snapshot_find_exact(const struct snapshot *snapshot, uint32_t number,
						const char *host, size_t host_bytes)
{
	if (!host_bytes || host_bytes > UINT16_MAX)
		return NULL;
	return find_host(snapshot, number, host, (uint32_t)host_bytes, "", 0);
}

/* "*.foo.com" covers one label in the place of the star, or any number of them; the longest name
 * wins. */
const struct snapshot_host *snapshot_find_wildcard(const struct snapshot *snapshot,
						   const struct snapshot_listener *listener,
						   const char *host, size_t host_bytes)
{
	bool suffix = listener->flags & SNAPSHOT_LISTENER_F_SUFFIX;
	const char *end = host + host_bytes, *dot = host;
	const struct snapshot_host *found = NULL;

	if (!host_bytes || host_bytes > UINT16_MAX || host[0] == '.')
		return NULL;
	do {
		dot = memchr(dot, '.', (size_t)(end - dot));
		if (dot)
			found = find_host(snapshot, listener->number, "*", 1, dot,
					  (uint32_t)(end - dot));
	} while (suffix && dot && !found && ++dot < end);
	return found;
}
