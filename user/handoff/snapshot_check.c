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
#include <string.h>

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
	       has_text(image, route->balance_key) && has_text(image, route->ca_name) &&
	       has_text(image, route->redirect_host) && policy_is_sound(image, route) &&
	       has_array(image->bytes, route->sources, route->sources_count,
			 sizeof(struct inet_network), _Alignof(struct inet_network)) &&
	       has_array(image->bytes, route->denied, route->denied_count,
			 sizeof(struct inet_network), _Alignof(struct inet_network));
}

/* One of @count items of @size at @first in the block, by its offset there. */
static bool is_item(uint32_t first, uint32_t count, uint32_t size, uint32_t offset)
{
	return offset >= first && (offset - first) / size < count && (offset - first) % size == 0;
}

static bool is_rule(const struct snapshot_host *host, uint32_t offset)
{
	return is_item(host->rules, host->rules_count, sizeof(struct rule), offset);
}

/* A text of the block. */
static bool has_own_text(const struct snapshot_host *host, uint32_t offset)
{
	const char *text = (const char *)host + offset;

	return offset < host->bytes && memchr(text, '\0', host->bytes - offset);
}

static bool is_slice(uint32_t first, uint32_t count, uint32_t all)
{
	return first <= all && count <= all - first;
}

/* Chains go forward, so they end. */
static bool rules_are_sound(const struct image *image, const struct snapshot_host *host)
{
	const struct rule *rules = (const void *)((const char *)host + host->rules);

	for (uint32_t i = 0; i < host->rules_count; i++) {
		const struct rule *rule = &rules[i];

		if (!has_text(image, rule->path) ||
		    (rule->next && (!is_rule(host, rule->next) ||
				    rule->next <= host->rules + i * sizeof(*rule))) ||
		    (rule->flags & RULE_F_REGEX && rule->regex >= host->regexes_count) ||
		    !is_slice(rule->conditions, rule->conditions_count, host->conditions_count) ||
		    !is_slice(rule->targets, rule->targets_count, host->targets_count))
			return false;
	}
	return true;
}

static bool conditions_are_sound(const struct snapshot_host *host)
{
	const struct snapshot_condition *conditions =
		(const void *)((const char *)host + host->conditions);

	for (uint32_t i = 0; i < host->conditions_count; i++)
		if (!has_own_text(host, conditions[i].name) ||
		    !has_own_text(host, conditions[i].value) ||
		    (conditions[i].test == SNAPSHOT_REGEX &&
		     conditions[i].regex >= host->regexes_count))
			return false;
	return true;
}

static bool targets_are_sound(const struct snapshot_host *host)
{
	const struct snapshot_target *targets = (const void *)((const char *)host + host->targets);

	for (uint32_t i = 0; i < host->targets_count; i++)
		if (!is_item(host->routes, host->routes_count, sizeof(struct route),
			     targets[i].route))
			return false;
	return true;
}

/* The way up leads to shorter texts, so it ends. */
static bool up_is_sound(const struct snapshot_host *host, uint32_t table, uint32_t slots,
			const struct snapshot_path *path)
{
	const struct snapshot_path *up = (const void *)((const char *)host + path->up);

	return !path->up || (is_item(table, slots, sizeof(*path), path->up) &&
			     up->text_bytes < path->text_bytes);
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

		if (!path->here && !path->below && !path->up)
			continue;
		if (!has_array(host->bytes, path->text, path->text_bytes, 1, 1) ||
		    (path->here && !is_rule(host, path->here)) ||
		    (path->below && !is_rule(host, path->below)) ||
		    !up_is_sound(host, table, slots, path))
			return false;
	}
	return true;
}

static bool regexes_are_sound(const struct snapshot_header *header,
			      const struct snapshot_host *host)
{
	const uint32_t *rules, *texts;

	if (!has_array(host->bytes, host->regexes, host->regexes_count, sizeof(*texts),
		       sizeof(*texts)) ||
	    !has_array(host->bytes, host->regex_rules, host->regex_rules_count, sizeof(*rules),
		       sizeof(*rules)) ||
	    !is_slice(host->regex_first, host->regexes_count, header->regexes_count))
		return false;
	rules = (const void *)((const char *)host + host->regex_rules);
	for (uint32_t i = 0; i < host->regex_rules_count; i++)
		if (!is_rule(host, rules[i]))
			return false;
	return true;
}

static bool arrays_are_sound(const struct snapshot_host *host)
{
	return has_array(host->bytes, host->name, host->name_bytes, 1, 1) &&
	       has_array(host->bytes, host->routes, host->routes_count, sizeof(struct route),
			 SNAPSHOT_ALIGN) &&
	       has_array(host->bytes, host->rules, host->rules_count, sizeof(struct rule),
			 _Alignof(struct rule)) &&
	       has_array(host->bytes, host->conditions, host->conditions_count,
			 sizeof(struct snapshot_condition), _Alignof(struct snapshot_condition)) &&
	       has_array(host->bytes, host->targets, host->targets_count,
			 sizeof(struct snapshot_target), _Alignof(struct snapshot_target));
}

static bool host_is_sound(const struct image *image, uint32_t offset)
{
	const struct snapshot_header *header = (const void *)image->base;
	const struct snapshot_host *host = (const void *)(image->base + offset);
	const struct route *routes;

	if (!has_array(image->bytes, offset, 1, sizeof(*host), SNAPSHOT_ALIGN) ||
	    !has_array(image->bytes, offset, host->bytes, 1, 1) || host->bytes < sizeof(*host) ||
	    !arrays_are_sound(host))
		return false;
	routes = (const void *)((const char *)host + host->routes);
	for (uint32_t i = 0; i < host->routes_count; i++)
		if (!route_is_sound(image, &routes[i]))
			return false;
	return rules_are_sound(image, host) && conditions_are_sound(host) &&
	       targets_are_sound(host) && table_is_sound(host, host->exact, host->exact_slots) &&
	       table_is_sound(host, host->prefix, host->prefix_slots) &&
	       regexes_are_sound(header, host) &&
	       (!host->default_rule || is_rule(host, host->default_rule)) &&
	       has_text(image, host->tls.secret_name) && has_text(image, host->tls.upstream_name);
}

static bool listeners_are_sound(const struct image *image)
{
	const struct snapshot_header *header = (const void *)image->base;
	const struct snapshot_listener *listeners = (const void *)(image->base + header->listeners);

	for (uint32_t i = 0; i < header->listeners_count; i++)
		if ((listeners[i].any_host && !host_is_sound(image, listeners[i].any_host)) ||
		    (listeners[i].default_host && !host_is_sound(image, listeners[i].default_host)))
			return false;
	return true;
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
	       header->listeners_count &&
	       has_array(image->bytes, header->listeners, header->listeners_count,
			 sizeof(struct snapshot_listener), _Alignof(struct snapshot_listener));
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
	return listeners_are_sound(&image) ? 0 : -EINVAL;
}
