// SPDX-License-Identifier: Apache-2.0
#include "cli/active.h"
#include "sluice_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int count_one(struct active_counts *counts, uint32_t id)
{
	if (id >= counts->count) {
		size_t count = (size_t)id + id / 2 + 64;
		uint32_t *grown = reallocarray(counts->counts, count, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		memset(grown + counts->count, 0, (count - counts->count) * sizeof(*grown));
		counts->counts = grown;
		counts->count = count;
	}
	counts->counts[id]++;
	return 0;
}

static int count_flow(void *ctx, const struct flow_view *flow)
{
	struct active *active = ctx;
	int err;

	if (sluice_flow_has_ended(flow->value.state))
		return 0;
	err = count_one(&active->frontends, flow->value.frontend_id);
	return err ? err : count_one(&active->backends, flow->value.backend_id);
}

int active_read(const struct dataplane_view *view, struct active *out)
{
	*out = (struct active){};
	return dataplane_view_flows(view, count_flow, out);
}

uint32_t active_of(const struct active_counts *counts, uint32_t id)
{
	return id < counts->count ? counts->counts[id] : 0;
}

void active_clear(struct active *active)
{
	free(active->frontends.counts);
	free(active->backends.counts);
	*active = (struct active){};
}
