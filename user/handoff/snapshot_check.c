// SPDX-License-Identifier: Apache-2.0
/*
 * snapshot_check.c - reads all of a snapshot once, so that lookups need not check anything
 *
 * The writer is trusted with what routes say, not with memory safety: after this, a lookup stays
 * within the mapping whatever the bytes are.
 */
#include "handoff/snapshot_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "handoff/snapshot_format.h"

struct image {
	const char *base;
	uint32_t bytes;
};

/* An array within @bytes of what begins at offset 0, aligned for its items. */
static bool has_array(uint32_t bytes, uint32_t offset, uint32_t count, uint32_t size,
		      uint32_t align)
{
	return offset % align == 0 && offset <= bytes && count <= (bytes - offset) / size;
}

static bool has_text(const struct image *image, uint32_t offset)
{
	return offset < image->bytes; /* the last byte of all is NUL */
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

#define SOUND_HERE(type, field)
#define SOUND_ROUTE(type, field) SOUND_##type(field)
#define SOUND_NUMBER(field)
#define SOUND_SIZE(field)
#define SOUND_TEXT(field) sound &= has_text(image, route->field);

static bool policy_is_sound(const struct image *image, const struct route *route)
{
	bool sound = true;

#define X(id, type, field, place, ...) SOUND_##place(type, field)
	POLICY_LIST(X)
#undef X
	return sound;
}

static bool route_is_sound(const struct image *image, const struct route *route)
{
	return has_text(image, route->upstream_name) && has_text(image, route->ingress_name) &&
	       has_text(image, route->path) && has_text(image, route->balance_key) &&
	       has_text(image, route->ca_name) && policy_is_sound(image, route) &&
	       has_array(image->bytes, route->sources, route->sources_count,
			 sizeof(struct inet_network), _Alignof(struct inet_network));
}

/* One of the routes of the block, by its offset there. */
static bool is_route(const struct snapshot_host *host, uint32_t offset)
{
	return offset >= host->routes &&
	       (offset - host->routes) / sizeof(struct route) < host->routes_count &&
	       (offset - host->routes) % sizeof(struct route) == 0;
}

static bool table_is_sound(const struct snapshot_host *host, uint32_t table, uint32_t slots)
{
	const struct snapshot_path *paths;

	if (!slots)
		return true;
	if (!is_power_of_two(slots) ||
	    !has_array(host->bytes, table, slots, sizeof(*paths), _Alignof(struct snapshot_path)))
		return false;
	paths = (const void *)((const char *)host + table);
	for (uint32_t i = 0; i < slots; i++) {
		const struct snapshot_path *path = &paths[i];

		if (!path->here && !path->below)
			continue;
		if (!has_array(host->bytes, path->text, path->text_bytes, 1, 1) ||
		    (path->here && !is_route(host, path->here)) ||
		    (path->below && !is_route(host, path->below)))
			return false;
	}
	return true;
}

static bool regexes_are_sound(const struct snapshot_header *header,
			      const struct snapshot_host *host)
{
	const uint32_t *routes;

	if (!has_array(host->bytes, host->regexes, host->regexes_count, sizeof(*routes),
		       sizeof(*routes)) ||
	    host->regex_first > header->regexes_count ||
	    host->regexes_count > header->regexes_count - host->regex_first)
		return false;
	routes = (const void *)((const char *)host + host->regexes);
	for (uint32_t i = 0; i < host->regexes_count; i++)
		if (!is_route(host, routes[i]))
			return false;
	return true;
}

static bool host_is_sound(const struct image *image, uint32_t offset)
{
	const struct snapshot_header *header = (const void *)image->base;
	const struct snapshot_host *host = (const void *)(image->base + offset);
	const struct route *routes;

	if (!has_array(image->bytes, offset, 1, sizeof(*host), SNAPSHOT_ALIGN) ||
	    !has_array(image->bytes, offset, host->bytes, 1, 1) || host->bytes < sizeof(*host) ||
	    !has_array(host->bytes, host->name, host->name_bytes, 1, 1) ||
	    !has_array(host->bytes, host->routes, host->routes_count, sizeof(*routes),
		       SNAPSHOT_ALIGN))
		return false;
	routes = (const void *)((const char *)host + host->routes);
	for (uint32_t i = 0; i < host->routes_count; i++)
		if (!route_is_sound(image, &routes[i]))
			return false;
	return table_is_sound(host, host->exact, host->exact_slots) &&
	       table_is_sound(host, host->prefix, host->prefix_slots) &&
	       regexes_are_sound(header, host) &&
	       (!host->default_route || is_route(host, host->default_route)) &&
	       has_text(image, host->tls.secret_name) && has_text(image, host->tls.upstream_name);
}

static bool header_is_sound(const struct image *image)
{
	const struct snapshot_header *header = (const void *)image->base;

	return header->magic == SNAPSHOT_MAGIC && header->version == SNAPSHOT_VERSION &&
	       header->bytes == image->bytes && image->base[image->bytes - 1] == '\0' &&
	       is_power_of_two(header->slots_count) &&
	       has_array(image->bytes, header->slots, header->slots_count,
			 sizeof(struct snapshot_slot), _Alignof(struct snapshot_slot)) &&
	       has_array(image->bytes, header->regexes, header->regexes_count, sizeof(uint32_t),
			 sizeof(uint32_t)) &&
	       (!header->default_route || has_array(image->bytes, header->default_route, 1,
						    sizeof(struct route), SNAPSHOT_ALIGN));
}

int snapshot_check(const void *base, size_t bytes)
{
	const struct snapshot_header *header = base;
	struct image image = { .base = base, .bytes = (uint32_t)bytes };
	const struct snapshot_slot *slots;
	const uint32_t *regexes;

	if (bytes < sizeof(*header) || bytes > UINT32_MAX || !header_is_sound(&image))
		return -EINVAL;
	regexes = (const void *)(image.base + header->regexes);
	for (uint32_t i = 0; i < header->regexes_count; i++)
		if (!has_text(&image, regexes[i]))
			return -EINVAL;
	slots = (const void *)(image.base + header->slots);
	for (uint32_t i = 0; i < header->slots_count; i++)
		if (slots[i].host && !host_is_sound(&image, slots[i].host))
			return -EINVAL;
	if (header->any_host && !host_is_sound(&image, header->any_host))
		return -EINVAL;
	if (header->default_route &&
	    !route_is_sound(&image, (const void *)(image.base + header->default_route)))
		return -EINVAL;
	return 0;
}
