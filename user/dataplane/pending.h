/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pending.h - writes that a map refused, kept with their values until they succeed
 */
#ifndef SLUICE_DATAPLANE_PENDING_H
#define SLUICE_DATAPLANE_PENDING_H

#include <stddef.h>

#include "table/table.h"

enum change_kind {
	CHANGE_BACKEND_SET,
	CHANGE_UPSTREAM_SET,
	CHANGE_FRONTEND_SET,
	CHANGE_FRONTEND_REMOVE,
	CHANGE_UPSTREAM_REMOVE,
	CHANGE_BACKEND_REMOVE,
};

/* One write. Only the member that .kind names is set. */
struct change {
	enum change_kind kind;
	union {
		struct table_backend backend;
		struct table_upstream upstream;
		struct table_frontend frontend;
		uint32_t id;
	};
};

struct pending {
	struct change *changes; /* owned, with member lists and ranges; oldest first */
	size_t count, capacity;
};

/* Copies @change, with its member list. Return: 0; -ENOMEM. */
int pending_add(struct pending *pending, const struct change *change);
/* Frees one change's own memory. */
void change_free(struct change *change);
void pending_free(struct pending *pending);

#endif /* SLUICE_DATAPLANE_PENDING_H */
