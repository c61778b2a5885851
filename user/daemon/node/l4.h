/* SPDX-License-Identifier: Apache-2.0 */
/*
 * l4.h - what L4 needs beside the table: the node's own addresses, drains that end, health checks,
 * the denylist, records of dropped packets
 */
#ifndef SLUICE_DAEMON_L4_H
#define SLUICE_DAEMON_L4_H

#include "admin/drop_log.h"
#include "base/loop.h"
#include "daemon/node/addresses.h"
#include "daemon/options/options.h"
#include "dataplane/dataplane.h"
#include "model/model.h"
#include "table/table.h"

struct l4;

/* All borrowed while it lives. */
struct l4_options {
	struct loop *loop;
	const struct options *options;
	struct dataplane *dataplane;
	const struct model *model;
	const struct table *table;
	const struct addresses *addresses;
};

/* Return: 0; -errno. */
int l4_start(const struct l4_options *options, struct l4 **out);
void l4_stop(struct l4 *l4); /* takes NULL */

/* The maps hold another table now. */
void l4_table_changed(struct l4 *l4);
/* Addresses or interfaces of the node have changed. */
void l4_addresses_changed(struct l4 *l4);

/* The last records of dropped packets, for admin/. */
const struct drop_log *l4_drop_log(const struct l4 *l4);

/* As dataplane_deny(), with a log line. */
int l4_deny(struct l4 *l4, const struct inet_network *network, bool deny);

#endif /* SLUICE_DAEMON_L4_H */
