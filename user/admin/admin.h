/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - /healthz /readyz /metrics for machines, and the socket that sluicectl asks
 *
 *   where                       | allowed peers        | GET (and HEAD)
 *   ----------------------------+----------------------+---------------------------------------------
 *   TCP address of --admin      | all                  | /healthz /readyz /metrics
 *   abstract unix socket, see   | uid 0 and our own    | the same, and /status /routes /problems
 *   name.h                      | (SO_PEERCRED)        | /drops?from=N (JSON); PUT and DELETE of
 *                               |                      | /denylist/ADDRESS/BITS
 *
 * Hosts, paths and names of all tenants must not be public, so they are not on TCP.
 */
#ifndef SLUICE_ADMIN_ADMIN_H
#define SLUICE_ADMIN_ADMIN_H

#include "admin/drop_log.h"
#include "base/inet.h"
#include "base/loop.h"
#include "dataplane/dataplane.h"
#include "table/table.h"

struct admin;

/* What is wrong with something that is no object: a file, a server of somebody else. */
struct admin_problem {
	const char *kind;   /* "File", "Listener" */
	const char *name;   /* path, address and port */
	unsigned int line;  /* of a file; 0: not known */
	const char *reason; /* one word */
	const char *message;
};

/* Takes one of them, borrowed for the time of the call. */
typedef void admin_problem_fn(void *ctx, const struct admin_problem *problem);

struct admin_options {
	const char *listen;          /* "127.0.0.1:9901", "[::1]:9901", "off" */
	const char *pin_folder;      /* names the unix socket */
	struct loop *loop;           /* borrowed */
	struct dataplane_view *view; /* borrowed */
	struct table *const *table;  /* borrowed; may point at NULL until there is one */
	/* Problems of the source itself, such as files that do not parse: calls @fn for each. May
	 * be NULL. */
	void (*source_problems)(void *source_ctx, admin_problem_fn *fn, void *ctx);
	void *source_ctx;
	/* The last records of dropped packets. May be NULL, as the next. */
	const struct drop_log *(*drop_log)(const void *l4_ctx);
	/* As dataplane_deny(). */
	int (*deny)(void *l4_ctx, const struct inet_network *network, bool deny);
	void *l4_ctx;
};

/* Return: 0; -EADDRINUSE and others with a log line that names the address. */
int admin_start(const struct admin_options *options, struct admin **out);
void admin_stop(struct admin *admin); /* takes NULL */

#endif /* SLUICE_ADMIN_ADMIN_H */
