// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot.c - the helper's side: lookups in a mapped snapshot (checked by snapshot_check.c)
 */
#include "handoff/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "handoff/snapshot_check.h"
#include "handoff/snapshot_format.h"

#define ACME_PATH "/.well-known/acme-challenge/" /* RFC 8555, 8.3 */

struct snapshot {
	const struct snapshot_header *header; /* the mapping, owned */
	size_t bytes;
};

static const void *at(const struct snapshot *snapshot, uint32_t offset)
{
	return (const char *)snapshot->header + offset;
}

static const void *in_block(const struct snapshot_host *host, uint32_t offset)
{
	return (const char *)host + offset;
}

int snapshot_open(int fd, struct snapshot **out)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct snapshot *snapshot;
	struct stat status;
	void *mapped;
	int err;

	if (seals < 0 || (seals & SNAPSHOT_SEALS) != SNAPSHOT_SEALS)
		return -EINVAL;
	if (fstat(fd, &status))
		return -errno;
	if (status.st_size < (off_t)sizeof(struct snapshot_header) || status.st_size > UINT32_MAX)
		return -EINVAL;
	snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return -ENOMEM;
	snapshot->bytes = (size_t)status.st_size;
	mapped = mmap(NULL, snapshot->bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (mapped == MAP_FAILED) {
		err = -errno;
		goto out;
	}
	snapshot->header = mapped;
	err = snapshot_check(mapped, snapshot->bytes);
	if (err)
		goto out;
	*out = snapshot;
	snapshot = NULL;
out:
	snapshot_close(snapshot);
	return err;
}

void snapshot_close(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	if (snapshot->header)
		munmap((void *)(uintptr_t)snapshot->header, snapshot->bytes);
	free(snapshot);
}

uint64_t snapshot_generation(const struct snapshot *snapshot)
{
	return snapshot->header->generation;
}

uint32_t snapshot_regex_count(const struct snapshot *snapshot)
{
	return snapshot->header->regexes_count;
}

const char *snapshot_text(const struct snapshot *snapshot, uint32_t offset)
{
	return offset < snapshot->bytes ? at(snapshot, offset) : "";
}

const char *snapshot_regex(const struct snapshot *snapshot, uint32_t index)
{
	const uint32_t *texts = at(snapshot, snapshot->header->regexes);

	return index < snapshot->header->regexes_count ? at(snapshot, texts[index]) : NULL;
}

/* The block of a host written @first followed by @rest (a wildcard is asked for as "*" and the rest
 * of the host from its first dot). */
static const struct snapshot_host *find_host(const struct snapshot *snapshot, const char *first,
					     uint32_t first_bytes, const char *rest,
					     uint32_t rest_bytes)
{
	const struct snapshot_header *header = snapshot->header;
	const struct snapshot_slot *slots = at(snapshot, header->slots);
	uint32_t mask = header->slots_count - 1;
	uint32_t hash = snapshot_hash_more(header->hash_seed, first, first_bytes);

	hash = snapshot_hash_end(snapshot_hash_more(hash, rest, rest_bytes));
	for (uint32_t i = 0; i < header->slots_count; i++) {
		const struct snapshot_slot *slot = &slots[(hash + i) & mask];
		const struct snapshot_host *host;
		const char *name;

		if (!slot->host)
			return NULL;
		if (slot->hash != hash)
			continue;
		host = at(snapshot, slot->host);
		name = in_block(host, host->name);
		if (host->name_bytes == first_bytes + rest_bytes &&
		    memcmp(name, first, first_bytes) == 0 &&
		    memcmp(name + first_bytes, rest, rest_bytes) == 0)
			return host;
	}
	return NULL;
}

static const struct snapshot_host *find_exact(const struct snapshot *snapshot, const char *host,
					      size_t host_bytes)
{
	if (!host_bytes || host_bytes > UINT16_MAX)
		return NULL;
	return find_host(snapshot, host, (uint32_t)host_bytes, "", 0);
}

/* "*.foo.com" covers exactly one label in the place of the star. */
static const struct snapshot_host *find_wildcard(const struct snapshot *snapshot, const char *host,
						 size_t host_bytes)
{
	const char *dot = host_bytes <= UINT16_MAX ? memchr(host, '.', host_bytes) : NULL;

	if (!dot || dot == host)
		return NULL;
	return find_host(snapshot, "*", 1, dot, (uint32_t)(host_bytes - (size_t)(dot - host)));
}

static const struct snapshot_path *find_path(const struct snapshot_host *host, uint32_t table,
					     uint32_t slots, uint32_t hash, const char *path,
					     uint32_t path_bytes)
{
	const struct snapshot_path *paths = in_block(host, table);

	hash = snapshot_hash_end(hash);
	for (uint32_t i = 0; i < slots; i++) {
		const struct snapshot_path *found = &paths[(hash + i) & (slots - 1)];

		if (!found->here && !found->below)
			return NULL;
		if (found->hash == hash && found->text_bytes == path_bytes &&
		    memcmp(in_block(host, found->text), path, path_bytes) == 0)
			return found;
	}
	return NULL;
}

/* Goes through the path once, asking at the end of each element; the last answer is the longest. */
static uint32_t match_prefix(const struct snapshot_host *host, uint32_t seed, const char *path,
			     uint32_t path_bytes)
{
	uint32_t hash = seed, matched = 0;

	if (!host->prefix_slots)
		return 0;
	for (uint32_t i = 0; i <= path_bytes && i <= host->prefix_bytes_max; i++) {
		const struct snapshot_path *found;

		if (i == path_bytes || path[i] == '/') {
			found = find_path(host, host->prefix, host->prefix_slots, hash, path, i);
			if (found)
				matched = i == path_bytes ? found->here : found->below;
		}
		if (i < path_bytes)
			hash = snapshot_hash_more(hash, &path[i], 1);
	}
	return matched;
}

/* Within one host: exact, then regular expressions in their order, then the longest prefix. */
static uint32_t match_path(const struct snapshot_host *host, uint32_t seed, const char *path,
			   uint32_t path_bytes, snapshot_regex_fn *regex, void *ctx)
{
	const uint32_t *regexes = in_block(host, host->regexes);
	const struct snapshot_path *found;

	if (host->exact_slots) {
		uint32_t hash = snapshot_hash_more(seed, path, path_bytes);

		found = find_path(host, host->exact, host->exact_slots, hash, path, path_bytes);
		if (found)
			return found->here;
	}
	for (uint32_t i = 0; regex && i < host->regexes_count; i++)
		if (regex(ctx, host->regex_first + i, path, path_bytes))
			return regexes[i];
	return match_prefix(host, seed, path, path_bytes);
}

/* Exact host, then wildcard, then the rules without a host; none falls through to the next. */
static const struct snapshot_host *host_of(const struct snapshot *snapshot, const char *host,
					   size_t host_bytes)
{
	const struct snapshot_host *found = find_exact(snapshot, host, host_bytes);

	if (found && found->flags & SNAPSHOT_HOST_F_RULES)
		return found;
	found = find_wildcard(snapshot, host, host_bytes);
	if (found && found->flags & SNAPSHOT_HOST_F_RULES)
		return found;
	if (!snapshot->header->any_host)
		return NULL;
	found = at(snapshot, snapshot->header->any_host);
	return found->flags & SNAPSHOT_HOST_F_RULES ? found : NULL;
}

const struct route *snapshot_match(const struct snapshot *snapshot, const char *host,
				   size_t host_bytes, const char *path, size_t path_bytes,
				   snapshot_regex_fn *regex, void *ctx)
{
	const struct snapshot_header *header = snapshot->header;
	const struct snapshot_host *found = host_of(snapshot, host, host_bytes);
	uint32_t route = 0;

	if (path_bytes > INT32_MAX)
		return NULL;
	if (found) {
		route = match_path(found, header->hash_seed, path, (uint32_t)path_bytes, regex,
				   ctx);
		if (!route)
			route = found->default_route;
		if (route)
			return in_block(found, route);
	}
	return header->default_route ? at(snapshot, header->default_route) : NULL;
}

static bool contains(const struct inet_network *network, const struct inet_addr *addr)
{
	bool v4 = inet_addr_is_v4(&network->addr);
	unsigned int bits = network->prefix_bits + (v4 ? 96u : 0u);
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	if (v4 != inet_addr_is_v4(addr) || bits > 128 ||
	    memcmp(network->addr.bytes, addr->bytes, bits / 8) != 0)
		return false;
	return bits == 128 || !((network->addr.bytes[bits / 8] ^ addr->bytes[bits / 8]) & mask);
}

bool snapshot_admits(const struct snapshot *snapshot, const struct route *route,
		     const struct inet_addr *addr)
{
	const struct inet_network *networks = at(snapshot, route->sources);

	if (!(route->flags & ROUTE_F_SOURCES))
		return true;
	for (uint32_t i = 0; i < route->sources_count; i++)
		if (contains(&networks[i], addr))
			return true;
	return false;
}

static void each_check(const struct snapshot_host *host, snapshot_route_fn *fn, void *ctx)
{
	const struct route *routes = in_block(host, host->routes);

	for (uint32_t i = 0; i < host->routes_count; i++)
		if (routes[i].check_path)
			fn(ctx, &routes[i]);
}

void snapshot_each_check(const struct snapshot *snapshot, snapshot_route_fn *fn, void *ctx)
{
	const struct snapshot_header *header = snapshot->header;
	const struct snapshot_slot *slots = at(snapshot, header->slots);
	const struct route *last =
		header->default_route ? at(snapshot, header->default_route) : NULL;

	if (!header->checks_count)
		return;
	for (uint32_t i = 0; i < header->slots_count; i++)
		if (slots[i].host)
			each_check(at(snapshot, slots[i].host), fn, ctx);
	if (header->any_host)
		each_check(at(snapshot, header->any_host), fn, ctx);
	if (last && last->check_path)
		fn(ctx, last);
}

const struct snapshot_tls *snapshot_tls_of(const struct snapshot *snapshot, const char *host,
					   size_t host_bytes)
{
	const struct snapshot_host *exact = find_exact(snapshot, host, host_bytes);
	const struct snapshot_host *wildcard, *any;

	if (exact && exact->flags & SNAPSHOT_HOST_F_TLS)
		return &exact->tls;
	wildcard = find_wildcard(snapshot, host, host_bytes);
	if (wildcard && wildcard->flags & SNAPSHOT_HOST_F_TLS)
		return &wildcard->tls;
	/* The rules without a host say nothing of hosts that have rules of their own. */
	if ((exact && exact->flags & SNAPSHOT_HOST_F_RULES) ||
	    (wildcard && wildcard->flags & SNAPSHOT_HOST_F_RULES) || !snapshot->header->any_host)
		return NULL;
	any = at(snapshot, snapshot->header->any_host);
	return any->flags & SNAPSHOT_HOST_F_TLS ? &any->tls : NULL;
}

bool snapshot_passes_through(const struct snapshot *snapshot)
{
	const struct snapshot_header *header = snapshot->header;
	const struct snapshot_slot *slots = at(snapshot, header->slots);

	for (uint32_t i = 0; i < header->slots_count; i++) {
		const struct snapshot_host *host;

		if (!slots[i].host)
			continue;
		host = at(snapshot, slots[i].host);
		if (host->flags & SNAPSHOT_HOST_F_TLS &&
		    host->tls.flags & SNAPSHOT_TLS_F_PASSTHROUGH)
			return true;
	}
	return false;
}

bool snapshot_redirects(const struct snapshot *snapshot, const struct route *route,
			const char *host, size_t host_bytes, const char *path, size_t path_bytes)
{
	const struct snapshot_tls *tls;

	if (path_bytes >= sizeof(ACME_PATH) - 1 &&
	    memcmp(path, ACME_PATH, sizeof(ACME_PATH) - 1) == 0)
		return false;
	if (route && route->flags & ROUTE_F_NO_SSL_REDIRECT)
		return false;
	if (route && route->flags & ROUTE_F_SSL_REDIRECT)
		return true;
	tls = snapshot_tls_of(snapshot, host, host_bytes);
	return tls && tls->flags & SNAPSHOT_TLS_F_REDIRECT;
}
