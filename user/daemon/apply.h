/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply.h - from a changed model to maps and workers
 *
 * Everything that was noted in one turn of the loop is one update. What is added goes to the maps
 * at once; a routing table follows at most every few milliseconds; what a routing table in use may
 * still name leaves the maps only after the workers have confirmed the next one.
 */
#ifndef SLUICE_DAEMON_APPLY_H
#define SLUICE_DAEMON_APPLY_H

#include <stdbool.h>

#include "base/loop.h"
#include "dataplane/dataplane.h"
#include "daemon/workers/supervisor.h"
#include "model/model.h"
#include "table/table.h"

struct apply;

/* All borrowed while it lives. */
struct apply_options {
	struct loop *loop;
	struct model *model;
	struct table *table;
	struct dataplane *dataplane;
	struct supervisor *supervisor;
	const char *ca_bundle; /* roots for TLS to backends; NULL: the system's */
	/* A problem arose, or (@cleared) is gone; for Events. May be NULL. */
	void (*problem)(void *ctx, const struct problem *problem, bool cleared);
	/* The table has been compiled again. May be NULL. */
	void (*compiled)(void *ctx);
	void *ctx;
};

int apply_new(const struct apply_options *options, struct apply **out);
void apply_free(struct apply *apply); /* takes NULL */

/* The input has been read to its end: from now on it counts. */
void apply_synced(struct apply *apply);

/* Model or addresses have changed: an update at the end of this turn. */
void apply_changed(struct apply *apply);

/* The workers have confirmed something: waiting work continues. */
void apply_workers_changed(struct apply *apply);

/* Not ready from now on, whatever happens; all else continues. */
void apply_leave(struct apply *apply);

#endif /* SLUICE_DAEMON_APPLY_H */
