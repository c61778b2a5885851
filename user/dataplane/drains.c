// SPDX-License-Identifier: Apache-2.0
#include "dataplane/drains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "dataplane/state.h"

#define store(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

void drains_free(struct drains *drains)
{
	free(drains->items);
	memset(drains, 0, sizeof(*drains));
}

static struct drain *find(const struct drains *drains, uint32_t backend_id)
{
	for (size_t i = 0; i < drains->count; i++)
		if (drains->items[i].backend_id == backend_id)
			return &drains->items[i];
	return NULL;
}

int drains_begin(struct drains *drains, uint32_t backend_id, uint64_t now_ms)
{
	if (find(drains, backend_id))
		return 0;
	if (drains->count == drains->capacity) {
		size_t capacity = drains->capacity ? drains->capacity * 2 : 16;
		struct drain *grown = reallocarray(drains->items, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		drains->items = grown;
		drains->capacity = capacity;
	}
	drains->items[drains->count++] = (struct drain){ backend_id, now_ms };
	return 0;
}

void drains_end(struct drains *drains, uint32_t backend_id)
{
	struct drain *drain = find(drains, backend_id);

	if (drain)
		*drain = drains->items[--drains->count];
}

/* Those that serve because none is ready get new flows: theirs do not end by the clock. */
static bool still_serves(struct dataplane *dp, const struct backend *backend)
{
	const struct upstream *upstream = mapped_array_at(&dp->upstreams, backend->upstream_id);

	return upstream && upstream->flags & UPSTREAM_F_FALLBACK;
}

uint64_t dataplane_expire_drains(struct dataplane *dp, uint64_t timeout_ms)
{
	uint64_t now_ms = loop_now_ms(), next_ms = UINT64_MAX;
	struct drains *drains = &dp->drains;
	size_t kept = 0;

	for (size_t i = 0; i < drains->count; i++) {
		struct drain drain = drains->items[i];
		struct backend *backend = mapped_array_at(&dp->backends, drain.backend_id);

		if (!backend || backend->state != BACKEND_DRAINING)
			continue;
		if (still_serves(dp, backend))
			drain.since_ms = now_ms;
		if (now_ms >= drain.since_ms + timeout_ms && !still_serves(dp, backend)) {
			store(backend->state, BACKEND_DOWN);
			continue;
		}
		if (drain.since_ms + timeout_ms - now_ms < next_ms)
			next_ms = drain.since_ms + timeout_ms - now_ms;
		drains->items[kept++] = drain;
	}
	drains->count = kept;
	return next_ms;
}
