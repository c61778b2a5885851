// SPDX-License-Identifier: Apache-2.0
#include "model/kind.h"

#include <stdio.h>
#include <string.h>

const struct kind_ops *kind_ops(enum object_kind kind)
{
	static const struct kind_ops *const kinds[OBJECT_KINDS] = {
#define X(id, name) [OBJECT_##id] = &kind_##name,
		OBJECT_KIND_LIST(X)
#undef X
	};

	return kinds[kind];
}

enum object_kind kind_of_name(const char *name)
{
	enum object_kind kind = 0;

	while (kind < OBJECT_KINDS && strcmp(kind_resource(kind)->name, name) != 0)
		kind++;
	return kind;
}

const char *kind_api_version(const struct kind_resource *resource, char out[KIND_API_VERSION_MAX])
{
	snprintf(out, KIND_API_VERSION_MAX, "%s%s%s", resource->group,
		 resource->group[0] ? "/" : "", resource->version);
	return out;
}

const char *object_kind_name(enum object_kind kind)
{
	return (unsigned int)kind < OBJECT_KINDS ? kind_resource(kind)->name : "?";
}
