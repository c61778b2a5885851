/* SPDX-License-Identifier: Apache-2.0 */
/*
 * external_names.h - looks up the host names of ExternalName Services
 *
 * As the node itself would (getaddrinfo(3): hosts file, DNS), in a thread of its own, again every
 * EXTERNAL_NAMES_AGAIN_MS. A name that is not found any more keeps the addresses that it had.
 */
#ifndef SLUICE_DAEMON_EXTERNAL_NAMES_H
#define SLUICE_DAEMON_EXTERNAL_NAMES_H

#include "base/loop.h"
#include "model/model.h"
#include "table/table.h"

#define EXTERNAL_NAMES_AGAIN_MS 30000u
#define EXTERNAL_NAMES_RETRY_MS 5000u /* while nothing is known of a name */

struct external_names;

/* All borrowed while it lives. */
struct external_names_options {
	struct loop *loop;
	const struct model *model;
	struct table *table;
	void (*changed)(void *ctx); /* the table has got addresses */
	void *ctx;
};

int external_names_new(const struct external_names_options *options, struct external_names **out);
void external_names_free(struct external_names *names); /* takes NULL */

/* The table was compiled again: other names may be wanted. */
void external_names_refresh(struct external_names *names);

#endif /* SLUICE_DAEMON_EXTERNAL_NAMES_H */
