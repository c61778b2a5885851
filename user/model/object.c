// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"

#include <stdlib.h>

#include "model/kind.h"
#include "model/parts.h"

struct object *object_new(enum object_kind kind)
{
	struct object *object = calloc(1, kind_ops(kind)->size);

	if (object) {
		object->kind = kind;
		object->created_unix_s = CREATED_NEVER;
	}
	return object;
}

void object_free(struct object *object)
{
	if (!object)
		return;
	kind_ops(object->kind)->free(object);
	free(object->namespace);
	free(object->name);
	free(object->uid);
	free(object->resource_version);
	pairs_free(object->annotations, object->annotations_count);
	pairs_free(object->labels, object->labels_count);
	for (size_t i = 0; i < object->problems_count; i++) {
		free(object->problems[i].field);
		free(object->problems[i].message);
	}
	free(object->problems);
	free(object);
}
