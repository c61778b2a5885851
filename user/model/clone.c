// SPDX-License-Identifier: Apache-2.0
/*
 * clone.c - deep copies of objects
 */
#include "model/clone.h"

#include <errno.h>
#include <string.h>

#include "model/kind.h"
#include "model/parts.h"

static void copier_meta(struct copier *c, struct object *object)
{
	object->namespace = copier_text(c, object->namespace);
	object->name = copier_text(c, object->name);
	object->uid = copier_text(c, object->uid);
	object->resource_version = copier_text(c, object->resource_version);
	copier_pairs(c, &object->annotations, &object->annotations_count);
	copier_pairs(c, &object->labels, &object->labels_count);
	object->problems = copier_array(c, object->problems, &object->problems_count,
					sizeof(*object->problems));
	for (size_t i = 0; i < object->problems_count; i++) {
		object->problems[i].field = copier_text(c, object->problems[i].field);
		object->problems[i].message = copier_text(c, object->problems[i].message);
	}
}

int object_clone(const struct object *object, struct object **out)
{
	struct copier c = {};
	struct object *copy = object_new(object->kind);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, object, kind_ops(object->kind)->size);
	copier_meta(&c, copy);
	kind_ops(object->kind)->clone(&c, copy);
	if (c.failed) {
		object_free(copy);
		return -ENOMEM;
	}
	*out = copy;
	return 0;
}
