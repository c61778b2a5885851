// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot_open.c - the helper's side: maps and checks a snapshot, says what routes and hosts say
 *
 * snapshot_check.c checks it; snapshot_find.c finds hosts, snapshot_match.c rules in a host.
 */
#include "handoff/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "handoff/snapshot_check.h"
#include "handoff/snapshot_priv.h"

#define ACME_PATH "/.well-known/acme-challenge/" /* RFC 8555, 8.3 */

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
	return offset < snapshot->bytes ? snapshot_at(snapshot, offset) : "";
}

const char *snapshot_regex(const struct snapshot *snapshot, uint32_t index)
{
	const uint32_t *texts = snapshot_at(snapshot, snapshot->header->regexes);

	return index < snapshot->header->regexes_count ? snapshot_at(snapshot, texts[index]) : NULL;
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

static bool is_listed(const struct snapshot *snapshot, uint32_t offset, uint32_t count,
		      const struct inet_addr *addr)
{
	const struct inet_network *networks = snapshot_at(snapshot, offset);

	for (uint32_t i = 0; i < count; i++)
		if (contains(&networks[i], addr))
			return true;
	return false;
}

bool snapshot_admits(const struct snapshot *snapshot, const struct route *route,
		     const struct inet_addr *addr)
{
	return !(route->flags & ROUTE_F_SOURCES) ||
	       is_listed(snapshot, route->sources, route->sources_count, addr);
}

bool snapshot_denies(const struct snapshot *snapshot, const struct route *route,
		     const struct inet_addr *addr)
{
	return route->flags & ROUTE_F_DENIED &&
	       is_listed(snapshot, route->denied, route->denied_count, addr);
}

/* Calls @fn for each host; stops at true and returns it. */
static bool each_host(const struct snapshot *snapshot,
		      bool (*fn)(void *ctx, const struct snapshot_host *host), void *ctx)
{
	const struct snapshot_header *header = snapshot->header;
	const struct snapshot_slot *slots = snapshot_at(snapshot, header->slots);
	const struct snapshot_listener *listeners = snapshot_at(snapshot, header->listeners);

	for (uint32_t i = 0; i < header->slots_count; i++)
		if (slots[i].host && fn(ctx, snapshot_at(snapshot, slots[i].host)))
			return true;
	for (uint32_t i = 0; i < header->listeners_count; i++)
		if ((listeners[i].any_host &&
		     fn(ctx, snapshot_at(snapshot, listeners[i].any_host))) ||
		    (listeners[i].default_host &&
		     fn(ctx, snapshot_at(snapshot, listeners[i].default_host))))
			return true;
	return false;
}

struct check_call {
	snapshot_route_fn *fn;
	void *ctx;
};

static bool check_host(void *ctx, const struct snapshot_host *host)
{
	const struct route *routes = in_block(host, host->routes);
	const struct check_call *call = ctx;

	for (uint32_t i = 0; i < host->routes_count; i++)
		if (routes[i].check_path)
			call->fn(call->ctx, &routes[i]);
	return false;
}

void snapshot_each_check(const struct snapshot *snapshot, snapshot_route_fn *fn, void *ctx)
{
	struct check_call call = { fn, ctx };

	if (snapshot->header->checks_count)
		each_host(snapshot, check_host, &call);
}

const struct snapshot_tls *snapshot_tls_of(const struct snapshot *snapshot, const char *host,
					   size_t host_bytes)
{
	const struct snapshot_listener *listener = snapshot_first_listener(snapshot);
	const struct snapshot_host *exact =
		snapshot_find_exact(snapshot, listener->number, host, host_bytes);
	const struct snapshot_host *wildcard, *any;

	if (exact && exact->flags & SNAPSHOT_HOST_F_TLS)
		return &exact->tls;
	wildcard = snapshot_find_wildcard(snapshot, listener, host, host_bytes);
	if (wildcard && wildcard->flags & SNAPSHOT_HOST_F_TLS)
		return &wildcard->tls;
	/* The rules without a host say nothing of hosts that have rules of their own. */
	if ((exact && exact->flags & SNAPSHOT_HOST_F_RULES) ||
	    (wildcard && wildcard->flags & SNAPSHOT_HOST_F_RULES) || !listener->any_host)
		return NULL;
	any = snapshot_at(snapshot, listener->any_host);
	return any->flags & SNAPSHOT_HOST_F_TLS ? &any->tls : NULL;
}

static bool host_passes_through(void *ctx, const struct snapshot_host *host)
{
	(void)ctx;
	return host->flags & SNAPSHOT_HOST_F_TLS && host->tls.flags & SNAPSHOT_TLS_F_PASSTHROUGH;
}

bool snapshot_passes_through(const struct snapshot *snapshot)
{
	return each_host(snapshot, host_passes_through, NULL);
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
	if (route && route->flags & (ROUTE_F_SSL_REDIRECT | ROUTE_F_FORCE_SSL))
		return true;
	tls = snapshot_tls_of(snapshot, host, host_bytes);
	return tls && tls->flags & SNAPSHOT_TLS_F_REDIRECT;
}
