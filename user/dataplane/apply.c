// SPDX-License-Identifier: Apache-2.0
/* dataplane_apply(): writes a delta to the maps, in its order, and keeps failed writes for the next
 * call. */
#include <errno.h>
#include <string.h>

#include "dataplane/error.h"
#include "dataplane/state.h"
#include "dataplane/write.h"

static const char *const change_names[] = {
	[CHANGE_BACKEND_SET] = "backend",
	[CHANGE_UPSTREAM_SET] = "upstream",
	[CHANGE_FRONTEND_SET] = "frontend",
	[CHANGE_FRONTEND_REMOVE] = "removed frontend",
	[CHANGE_UPSTREAM_REMOVE] = "removed upstream",
	[CHANGE_BACKEND_REMOVE] = "removed backend",
};

static int change_write(struct dataplane *dp, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_BACKEND_SET:
		return backend_write(dp, &change->backend);
	case CHANGE_UPSTREAM_SET:
		return upstream_write(dp, &change->upstream);
	case CHANGE_FRONTEND_SET:
		return frontend_write(dp, &change->frontend);
	case CHANGE_FRONTEND_REMOVE:
		return frontend_remove(dp, &change->frontend);
	case CHANGE_UPSTREAM_REMOVE:
		return upstream_remove(dp, change->id);
	case CHANGE_BACKEND_REMOVE:
		return backend_remove(dp, change->id);
	}
	return -EINVAL;
}

static uint32_t change_id(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_BACKEND_SET:
		return change->backend.id;
	case CHANGE_UPSTREAM_SET:
		return change->upstream.id;
	case CHANGE_FRONTEND_SET:
	case CHANGE_FRONTEND_REMOVE:
		return change->frontend.id;
	default:
		return change->id;
	}
}

static const char *change_map(const struct change *change)
{
	switch (change->kind) {
	case CHANGE_BACKEND_SET:
	case CHANGE_BACKEND_REMOVE:
		return "backends";
	case CHANGE_FRONTEND_SET:
	case CHANGE_FRONTEND_REMOVE:
		return inet_addr_is_v4(&change->frontend.addr) ? "frontends4" : "frontends6";
	default:
		return "upstreams, members or rings";
	}
}

struct applying {
	struct dataplane *dp;
	struct pending failed; /* of this call */
	char *error;
	int err; /* the first one */
};

static void apply_one(struct applying *a, const struct change *change)
{
	int err = change_write(a->dp, change);

	if (!err)
		return;
	if (!a->err)
		a->err =
			error_set(a->error, err, "map %s: %s %u: %s; it is tried again",
				  change_map(change), change_names[change->kind], change_id(change),
				  err == -ENOSPC ? "the map is full" : strerror(-err));
	if (pending_add(&a->failed, change) && a->err != -ENOMEM)
		a->err = error_set(a->error, -ENOMEM, "no memory to note a failed write");
}

static void apply_sets(struct applying *a, const struct table_delta *delta)
{
	struct change change;

	change.kind = CHANGE_BACKEND_SET;
	for (size_t i = 0; i < delta->backends_set_count; i++) {
		change.backend = delta->backends_set[i];
		apply_one(a, &change);
	}
	change.kind = CHANGE_UPSTREAM_SET;
	for (size_t i = 0; i < delta->upstreams_set_count; i++) {
		change.upstream = delta->upstreams_set[i];
		apply_one(a, &change);
	}
	change.kind = CHANGE_FRONTEND_SET;
	for (size_t i = 0; i < delta->frontends_set_count; i++) {
		change.frontend = delta->frontends_set[i];
		apply_one(a, &change);
	}
}

static void apply_removals(struct applying *a, const struct table_delta *delta)
{
	struct change change;

	change.kind = CHANGE_FRONTEND_REMOVE;
	for (size_t i = 0; i < delta->frontends_removed_count; i++) {
		change.frontend = delta->frontends_removed[i];
		apply_one(a, &change);
	}
	change.kind = CHANGE_UPSTREAM_REMOVE;
	for (size_t i = 0; i < delta->upstreams_removed_count; i++) {
		change.id = delta->upstreams_removed[i];
		apply_one(a, &change);
	}
	change.kind = CHANGE_BACKEND_REMOVE;
	for (size_t i = 0; i < delta->backends_removed_count; i++) {
		change.id = delta->backends_removed[i];
		apply_one(a, &change);
	}
}

int dataplane_apply(struct dataplane *dp, const struct table_delta *delta,
		    char error[DATAPLANE_ERROR_MAX])
{
	struct applying a = { .dp = dp, .error = error };
	struct pending old = dp->pending;

	addresses_forget_node(&dp->addresses);
	memset(&dp->pending, 0, sizeof(dp->pending));
	for (size_t i = 0; i < old.count; i++)
		apply_one(&a, &old.changes[i]);
	pending_free(&old);
	apply_sets(&a, delta);
	apply_removals(&a, delta);
	dp->pending = a.failed;
	return a.err;
}
