// SPDX-License-Identifier: Apache-2.0
/*
 * host_block.c - serialises what is in force on one host, as snapshot_format.h says
 *
 * Offsets of texts in routes and in .tls count from the block here; snapshot_write.c moves them
 * when it knows where the block will lie.
 */
#include "table/write/host_block.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/vec.h"

/* Texts that follow one another are often the same: Ingress, Service. */
#define RECENT_TEXTS 8u

struct writer {
	const struct table *table;
	char *bytes; /* owned */
	size_t count, capacity;
	struct {
		const char *text; /* borrowed */
		uint32_t offset;
	} recent[RECENT_TEXTS];
	unsigned int recent_next;
	int err; /* first failure; later calls do nothing */
};

/* Appends @bytes of zeros at @align and returns their offset. */
static uint32_t put_zeros(struct writer *writer, size_t bytes, size_t align)
{
	size_t offset = (writer->count + align - 1) / align * align;

	if (!writer->err && offset + bytes > UINT32_MAX)
		writer->err = -ENOMEM;
	if (!writer->err)
		writer->err = vec_reserve(&writer->bytes, &writer->capacity, writer->count,
					  offset - writer->count + bytes, 1);
	if (writer->err)
		return 0;
	memset(writer->bytes + writer->count, 0, offset - writer->count + bytes);
	writer->count = offset + bytes;
	return (uint32_t)offset;
}

/* A text once; 0 for NULL and "". */
static uint32_t put_text(struct writer *writer, const char *text)
{
	uint32_t offset;

	if (!text || !text[0])
		return 0;
	for (unsigned int i = 0; i < RECENT_TEXTS; i++)
		if (writer->recent[i].text && strcmp(writer->recent[i].text, text) == 0)
			return writer->recent[i].offset;
	offset = put_zeros(writer, strlen(text) + 1, 1);
	if (writer->err)
		return 0;
	memcpy(writer->bytes + offset, text, strlen(text));
	writer->recent[writer->recent_next % RECENT_TEXTS].text = text;
	writer->recent[writer->recent_next++ % RECENT_TEXTS].offset = offset;
	return offset;
}

static struct snapshot_host *header_of(struct writer *writer)
{
	return (struct snapshot_host *)(void *)writer->bytes;
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* 64 bits of each pair of hex digits in @text, 16 bytes in all; false: it is no UUID. */
static bool read_uuid(const char *text, uint64_t out[2])
{
	unsigned int digits = 0;

	out[0] = out[1] = 0;
	for (; *text; text++) {
		const char *hex = "0123456789abcdef", *at;

		if (*text == '-')
			continue;
		at = strchr(hex, tolower((unsigned char)*text));
		if (!at || digits == 32)
			return false;
		out[digits / 16] = out[digits / 16] << 4 | (uint64_t)(at - hex);
		digits++;
	}
	return digits == 32;
}

/*
 * Nobody outside knows the uid of a Service, and every node does. Where there is none (files) the
 * secret of this machine stands in, told apart by the name of the Service.
 */
static void put_affinity_key(const struct writer *writer, const struct service_entry *service,
			     struct route *route)
{
	const uint64_t *secret = writer->table->options.affinity_secret;
	uint64_t name = 0xcbf29ce484222325u; /* FNV-1a, 64 bit */

	if (!read_uuid(service->uid, route->affinity_key)) {
		for (const char *c = service->key; *c; c++)
			name = (name ^ (uint8_t)*c) * 0x100000001b3u;
		route->affinity_key[0] = name;
		route->affinity_key[1] = ~name;
	}
	route->affinity_key[0] ^= secret[0];
	route->affinity_key[1] ^= secret[1];
}

/* Cookie affinity before any other way to choose. */
static void put_balance(struct writer *writer, const struct policy *policy,
			const struct service_entry *service, struct route *route)
{
	route->balance = (uint8_t)policy->balance;
	if (policy->affinity) {
		route->balance = BALANCE_COOKIE_AFFINITY;
		route->balance_key = put_text(writer, policy->cookie_name ? policy->cookie_name
									  : "sluice-affinity");
		route->cookie_same_site = (uint8_t)policy->cookie_same_site;
		if (policy->cookie_secure)
			route->flags |= ROUTE_F_COOKIE_SECURE;
		put_affinity_key(writer, service, route);
	} else if (policy->balance == BALANCE_HASH_HEADER ||
		   policy->balance == BALANCE_HASH_COOKIE) {
		route->balance_key = put_text(writer, policy->balance_key);
	}
}

static void put_sources(struct writer *writer, const struct policy *policy, struct route *route)
{
	size_t bytes = policy->sources.count * sizeof(*policy->sources.items);

	if (!policy_has(policy, POLICY_SOURCES))
		return;
	route->flags |= ROUTE_F_SOURCES;
	route->sources_count = (uint32_t)policy->sources.count;
	if (!bytes)
		return;
	route->sources = put_zeros(writer, bytes, _Alignof(struct inet_network));
	if (!writer->err)
		memcpy(writer->bytes + route->sources, policy->sources.items, bytes);
}

static void put_redirect(const struct writer *writer, const struct host_entry *host,
			 const struct policy *policy, struct route *route)
{
	if (policy_denies(policy, SSL_REDIRECT, ssl_redirect))
		route->flags |= ROUTE_F_NO_SSL_REDIRECT;
	else if (host->tls && !host->tls->passthrough && writer->table->options.https_port)
		route->flags |= ROUTE_F_SSL_REDIRECT;
}

#define PUT_HERE(type, field)
#define PUT_ROUTE(type, field) PUT_##type(field)
#define PUT_NUMBER(field)      route->field = policy->field;
#define PUT_SIZE(field)        route->field = policy->field;
#define PUT_TEXT(field)        route->field = put_text(writer, policy->field);

static void put_policy(struct writer *writer, const struct policy *policy, const char *namespace,
		       struct route *route)
{
	char ca[512];

#define X(id, type, field, place, ...) PUT_##place(type, field)
	POLICY_LIST(X)
#undef X
	route->protocol = (uint8_t)policy->protocol;
	route->proxy_protocol_out = (uint8_t)policy->proxy_protocol;
	if (policy_denies(policy, BODY_BYTES, body_bytes_max))
		route->flags |= ROUTE_F_BODY_UNLIMITED;
	if (policy_denies(policy, EJECT_AFTER, eject_after))
		route->flags |= ROUTE_F_NEVER_EJECT;
	if (policy->tls_passthrough)
		route->flags |= ROUTE_F_TLS_PASSTHROUGH;
	if (policy_denies(policy, TLS_VERIFY, tls_verify))
		route->flags |= ROUTE_F_BACKEND_TLS_INSECURE;
	if (policy->ca) {
		snprintf(ca, sizeof(ca), "%s/%s", namespace, policy->ca);
		memset(writer->recent, 0, sizeof(writer->recent));
		route->ca_name = put_text(writer, ca);
		memset(writer->recent, 0, sizeof(writer->recent)); /* ca[] goes */
	}
}

/*
 * The kernel moves responses as the backend wrote them: only from a backend that is reached in
 * plain HTTP/1.1, and only if the route puts nothing of its own into responses on a plain
 * connection (Strict-Transport-Security goes to TLS clients alone) and counts none of them against
 * its backend.
 */
static bool may_splice(const struct route *route)
{
	return route->protocol == ROUTE_HTTP && route->balance != BALANCE_COOKIE_AFFINITY &&
	       !route->eject_after && !(route->flags & ROUTE_F_TLS_PASSTHROUGH);
}

/* A request's body may go past the helper if its backend is spoken to in plain HTTP/1.1: the helper
 * looks at no body, and sees what the backend answers. */
static bool may_splice_upload(const struct route *route)
{
	return route->protocol == ROUTE_HTTP && !(route->flags & ROUTE_F_TLS_PASSTHROUGH);
}

static const char *upstream_name(const struct target *target)
{
	return target->upstream ? target->upstream->public.name : target->name;
}

static void put_route(struct writer *writer, const struct host_entry *host,
		      const struct claim *claim, uint32_t offset)
{
	static const struct policy none = {};
	const struct rule_owner *owner = claim->owner;
	const struct service_entry *service = claim->target.service;
	const struct upstream_entry *upstream = claim->target.upstream;
	struct route route;
	struct policy policy;

	memset(&route, 0, sizeof(route)); /* padding, too: blocks are compared */
	policy_merge(owner ? &owner->policy : &none, &service->policy, &policy);
	route.upstream_id = upstream ? upstream->public.id : 0;
	route.upstream_name = put_text(writer, upstream_name(&claim->target));
	route.ingress_name = put_text(writer, owner ? owner->key : NULL);
	route.path = put_text(writer, claim->path);
	if (claim->kind == CLAIM_HOST)
		route.flags |= ROUTE_F_DEFAULT_BACKEND;
	if (claim->regex)
		route.flags |= ROUTE_F_REGEX;
	else if (claim->kind == CLAIM_PATH && claim->type == PATH_EXACT)
		route.flags |= ROUTE_F_EXACT;
	if (!policy_has(&policy, POLICY_PROTOCOL) && upstream)
		policy.protocol = upstream->app_protocol;
	put_policy(writer, &policy, service->namespace, &route);
	put_balance(writer, &policy, service, &route);
	put_sources(writer, &policy, &route);
	put_redirect(writer, host, &policy, &route);
	if (may_splice(&route))
		route.flags |= ROUTE_F_SPLICE;
	if (may_splice_upload(&route))
		route.flags |= ROUTE_F_SPLICE_UPLOAD;
	if (!writer->err)
		memcpy(writer->bytes + offset, &route, sizeof(route));
}

/* All routes in order of precedence, the default backend last. */
static void put_routes(struct writer *writer, const struct host_entry *host)
{
	size_t count = host->routes_count + (host->default_backend ? 1 : 0);
	uint32_t first = put_zeros(writer, count * sizeof(struct route), SNAPSHOT_ALIGN);

	for (size_t i = 0; i < count; i++)
		put_route(writer, host,
			  i < host->routes_count ? host->routes[i] : host->default_backend,
			  first + (uint32_t)(i * sizeof(struct route)));
	if (writer->err)
		return;
	header_of(writer)->routes = first;
	header_of(writer)->routes_count = (uint32_t)count;
	if (host->default_backend)
		header_of(writer)->default_route =
			first + (uint32_t)(host->routes_count * sizeof(struct route));
}

/* ---- tables of paths ------------------------------------------------------------------------- */

/* A power of two, at most two thirds full. */
static uint32_t slots_for(size_t count)
{
	uint32_t slots = 2;

	while (slots * 2u < count * 3u)
		slots *= 2;
	return count ? slots : 0;
}

static struct snapshot_path *slot_of(struct writer *writer, uint32_t table, uint32_t slots,
				     uint32_t hash, const char *text, uint32_t bytes)
{
	struct snapshot_path *paths = (void *)(writer->bytes + table);

	for (uint32_t i = hash & (slots - 1);; i = (i + 1) & (slots - 1)) {
		struct snapshot_path *path = &paths[i];

		if (!path->here && !path->below)
			return path;
		if (path->hash == hash && path->text_bytes == bytes &&
		    memcmp(writer->bytes + path->text, text, bytes) == 0)
			return path;
	}
}

static size_t count_type(const struct host_entry *host, enum path_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < host->routes_count; i++)
		count += !host->routes[i]->regex && host->routes[i]->type == type;
	return count;
}

static void put_prefix(struct snapshot_path *slot, uint32_t route, bool slash)
{
	/* "/foo" beside "/foo/": the first for the path itself, the second for what is below. */
	if (!slot->here || !slash)
		slot->here = route;
	if (!slot->below || slash)
		slot->below = route;
}

static void put_paths(struct writer *writer, const struct host_entry *host, enum path_type type)
{
	uint32_t slots = slots_for(count_type(host, type)), bytes_max = 0;
	uint32_t table = put_zeros(writer, slots * sizeof(struct snapshot_path), 4);

	for (size_t i = 0; i < host->routes_count && !writer->err; i++) {
		const struct snapshot_host *header = header_of(writer);
		uint32_t route = header->routes + (uint32_t)(i * sizeof(struct route));
		const struct route *written = (const void *)(writer->bytes + route);
		const struct claim *claim = host->routes[i];
		uint32_t bytes = (uint32_t)strlen(claim->path), hash;
		struct snapshot_path *slot;
		bool slash;

		if (claim->regex || claim->type != type)
			continue;
		slash = type == PATH_PREFIX && claim->path[bytes - 1] == '/';
		bytes -= slash;
		bytes_max = bytes > bytes_max ? bytes : bytes_max;
		hash = snapshot_hash_end(
			snapshot_hash_more(writer->table->hash_seed, claim->path, bytes));
		slot = slot_of(writer, table, slots, hash, claim->path, bytes);
		slot->hash = hash;
		slot->text = written->path;
		slot->text_bytes = bytes;
		if (type == PATH_EXACT)
			slot->here = route;
		else
			put_prefix(slot, route, slash);
	}
	if (writer->err)
		return;
	if (type == PATH_EXACT) {
		header_of(writer)->exact = table;
		header_of(writer)->exact_slots = slots;
	} else {
		header_of(writer)->prefix = table;
		header_of(writer)->prefix_slots = slots;
		header_of(writer)->prefix_bytes_max = bytes_max;
	}
}

static void put_regexes(struct writer *writer, const struct host_entry *host)
{
	size_t count =
		host->routes_count - count_type(host, PATH_EXACT) - count_type(host, PATH_PREFIX);
	uint32_t table = put_zeros(writer, count * sizeof(uint32_t), sizeof(uint32_t));
	uint32_t *routes = (void *)(writer->bytes + table);
	size_t written = 0;

	if (writer->err)
		return;
	for (size_t i = 0; i < host->routes_count; i++)
		if (host->routes[i]->regex)
			routes[written++] =
				header_of(writer)->routes + (uint32_t)(i * sizeof(struct route));
	header_of(writer)->regexes = table;
	header_of(writer)->regexes_count = (uint32_t)count;
}

/* ---- TLS and the whole ----------------------------------------------------------------------- */

static void put_tls(struct writer *writer, const struct host_entry *host)
{
	const struct claim *claim = host->tls;
	struct snapshot_tls tls = {};
	struct policy policy;

	if (!claim)
		return;
	if (claim->passthrough) {
		policy_merge(&claim->owner->policy, &claim->target.service->policy, &policy);
		tls.flags = SNAPSHOT_TLS_F_PASSTHROUGH;
		tls.upstream_id = claim->target.upstream ? claim->target.upstream->public.id : 0;
		tls.upstream_name = put_text(writer, upstream_name(&claim->target));
		tls.proxy_protocol_out = (uint8_t)policy.proxy_protocol;
		tls.connect_timeout_ms = policy.connect_timeout_ms;
		tls.tunnel_idle_timeout_ms = policy.tunnel_idle_timeout_ms;
	} else {
		const struct policy *own = &claim->owner->policy;

		if (claim->secret.usable)
			tls.secret_name = put_text(writer, claim->secret.secret->key);
		if (writer->table->options.https_port &&
		    !policy_denies(own, SSL_REDIRECT, ssl_redirect))
			tls.flags = SNAPSHOT_TLS_F_REDIRECT;
	}
	if (writer->err)
		return;
	header_of(writer)->tls = tls;
	header_of(writer)->flags |= SNAPSHOT_HOST_F_TLS;
}

static bool has_rules(const struct host_entry *host)
{
	const struct claim *claim;

	LIST_FOREACH(claim, &host->claims, of_host)
	{
		if (claim->kind == CLAIM_HOST)
			return true;
	}
	return false;
}

int host_block_build(const struct table *table, const struct host_entry *host, void **out)
{
	struct writer writer = { .table = table };
	void *smaller;
	uint32_t name;

	put_zeros(&writer, sizeof(struct snapshot_host), 1);
	name = put_text(&writer, host->name);
	if (!writer.err) {
		header_of(&writer)->name = name;
		header_of(&writer)->name_bytes = (uint32_t)strlen(host->name);
		header_of(&writer)->flags = has_rules(host) ? SNAPSHOT_HOST_F_RULES : 0;
	}
	put_routes(&writer, host);
	put_paths(&writer, host, PATH_EXACT);
	put_paths(&writer, host, PATH_PREFIX);
	put_regexes(&writer, host);
	put_tls(&writer, host);
	put_zeros(&writer, 0, SNAPSHOT_ALIGN);
	if (writer.err) {
		free(writer.bytes);
		return writer.err;
	}
	header_of(&writer)->bytes = (uint32_t)writer.count;
	smaller = realloc(writer.bytes, writer.count); /* gives back what is left over */
	*out = smaller ? smaller : writer.bytes;
	return 0;
}
