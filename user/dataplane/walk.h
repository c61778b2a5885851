/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.h - every entry in use of a map, from its descriptor; for views and for adoption
 *
 * Each calls @fn for every entry; stops at non-zero and returns it; -errno on failure.
 */
#ifndef SLUICE_DATAPLANE_WALK_H
#define SLUICE_DATAPLANE_WALK_H

#include "dataplane/dataplane.h"

int walk_frontends(const int *maps, int (*fn)(void *ctx, const struct frontend_view *), void *ctx);
int walk_upstreams(const int *maps, int (*fn)(void *ctx, const struct upstream_view *), void *ctx);
int walk_backends(const int *maps, int (*fn)(void *ctx, const struct backend_view *), void *ctx);
int walk_flows(const int *maps, int (*fn)(void *ctx, const struct flow_view *), void *ctx);

#endif /* SLUICE_DATAPLANE_WALK_H */
