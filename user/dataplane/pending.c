// SPDX-License-Identifier: Apache-2.0
#include "dataplane/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pending_add(struct pending *pending, const struct change *change)
{
	struct change copy = *change;

	if (pending->count == pending->capacity) {
		size_t capacity = pending->capacity ? pending->capacity * 2 : 16;
		struct change *grown =
			reallocarray(pending->changes, capacity, sizeof(*pending->changes));

		if (!grown)
			return -ENOMEM;
		pending->changes = grown;
		pending->capacity = capacity;
	}
	if (copy.kind == CHANGE_UPSTREAM_SET) {
		size_t bytes = copy.upstream.members_count * sizeof(uint32_t);
		uint32_t *members = malloc(bytes ? bytes : 1);

		if (!members)
			return -ENOMEM;
		if (bytes)
			memcpy(members, change->upstream.members, bytes);
		copy.upstream.members = members;
	}
	if (copy.kind == CHANGE_FRONTEND_SET || copy.kind == CHANGE_FRONTEND_REMOVE) {
		size_t bytes = copy.frontend.ranges_count * sizeof(*copy.frontend.ranges);
		struct inet_network *ranges = malloc(bytes ? bytes : 1);

		if (!ranges)
			return -ENOMEM;
		if (bytes)
			memcpy(ranges, change->frontend.ranges, bytes);
		copy.frontend.ranges = ranges;
		copy.frontend.owner = NULL; /* the table's, and not needed to write */
	}
	pending->changes[pending->count++] = copy;
	return 0;
}

void change_free(struct change *change)
{
	if (change->kind == CHANGE_UPSTREAM_SET)
		free((void *)(uintptr_t)change->upstream.members);
	if (change->kind == CHANGE_FRONTEND_SET || change->kind == CHANGE_FRONTEND_REMOVE)
		free((void *)(uintptr_t)change->frontend.ranges);
}

void pending_free(struct pending *pending)
{
	for (size_t i = 0; i < pending->count; i++)
		change_free(&pending->changes[i]);
	free(pending->changes);
	memset(pending, 0, sizeof(*pending));
}
