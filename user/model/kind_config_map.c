// SPDX-License-Identifier: Apache-2.0
/*
 * kind_config_map.c - ConfigMap
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/fields.h"
#include "model/kind.h"
#include "model/names.h"
#include "model/parts.h"

static int decode_config_map(struct decode *d, const cJSON *json, struct object *object)
{
	struct config_map *map = (struct config_map *)object;
	return decode_key_values(d, NULL, json, "data", &map->data, &map->data_count);
}

static void copy_config_map(struct copier *c, struct object *object)
{
	struct config_map *map = (struct config_map *)object;

	copier_pairs(c, &map->data, &map->data_count);
}

static bool same_config_map(const struct object *left, const struct object *right)
{
	const struct config_map *a = (const struct config_map *)left;
	const struct config_map *b = (const struct config_map *)right;

	return same_pairs(a->data, a->data_count, b->data, b->data_count);
}

static void free_config_map(struct object *object)
{
	struct config_map *map = (struct config_map *)object;

	pairs_free(map->data, map->data_count);
}

const struct kind_ops kind_config_map = {
	.resource = { "", "v1", "configmaps", "ConfigMap", true },
	.size = sizeof(struct config_map),
	.check_name = name_check_subdomain,
	.decode = decode_config_map,
	.clone = copy_config_map,
	.equal = same_config_map,
	.free = free_config_map,
};
