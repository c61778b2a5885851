/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - /healthz /readyz /metrics for machines, and the socket that sluicectl asks
 *
 * TCP address (--admin) and the abstract unix socket "@sluice/<hash>/admin" (the hash as in
 * proxy/control.h) serve the same: GET /healthz, /readyz, /metrics, /status, /routes, /problems
 * (JSON).
 */
#ifndef SLUICE_ADMIN_ADMIN_H
#define SLUICE_ADMIN_ADMIN_H

#include "base/loop.h"
#include "dataplane/dataplane.h"
#include "table/table.h"

struct admin;

struct admin_options {
	const char *listen;          /* "127.0.0.1:9901", "[::1]:9901", "off" */
	const char *pin_folder;      /* names the unix socket */
	struct loop *loop;           /* borrowed */
	struct dataplane_view *view; /* borrowed */
	struct table *const *table;  /* borrowed; may point at NULL until there is one */
};

/* Return: 0; -EADDRINUSE and others with a log line that names the address. */
int admin_start(const struct admin_options *options, struct admin **out);
void admin_stop(struct admin *admin); /* takes NULL */

#endif /* SLUICE_ADMIN_ADMIN_H */
