/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_fields.h - what a route says; for write/ only
 */
#ifndef SLUICE_TABLE_ROUTE_FIELDS_H
#define SLUICE_TABLE_ROUTE_FIELDS_H

#include "table/write/block_writer.h"

/**
 * route_fields_put - the route of one target, its texts put into the block
 * @owner: NULL: of --default-backend
 */
void route_fields_put(struct block_writer *writer, const struct host_entry *host,
		      const struct rule_owner *owner, const struct target *target,
		      struct route *route);

/* "ns/svc:port" */
const char *target_upstream_name(const struct target *target);

#endif /* SLUICE_TABLE_ROUTE_FIELDS_H */
