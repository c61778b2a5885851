/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.h - the parts of sluiced in one struct, which those that put them together share
 */
#ifndef SLUICE_DAEMON_DAEMON_H
#define SLUICE_DAEMON_DAEMON_H

#include <stdbool.h>

#include "admin/admin.h"
#include "base/loop.h"
#include "daemon/node/addresses.h"
#include "daemon/apply.h"
#include "daemon/node/external_names.h"
#include "daemon/workers/helper.h"
#include "daemon/instance.h"
#include "daemon/node/l4.h"
#include "daemon/options/options.h"
#include "daemon/source.h"
#include "daemon/workers/supervisor.h"
#include "dataplane/dataplane.h"

struct daemon {
	struct options options;
	char pin_folder[4096];
	char default_interfaces[SLUICE_INTERFACES_MAX][SLUICE_IFNAME_MAX];
	const char *interfaces[SLUICE_INTERFACES_MAX]; /* borrowed */
	size_t interfaces_count;
	char source_text[128];

	/* Owned, in the order in which they are made. */
	struct loop *loop;
	struct instance *instance;
	struct helper helper;
	struct dataplane *dataplane;
	struct daemon_state *state; /* borrowed from the dataplane */
	struct dataplane_view *view;
	struct model model;
	struct addresses *addresses;
	struct table *table;
	struct admin *admin;
	struct l4 *l4;
	struct supervisor *supervisor;
	struct apply *apply;
	struct external_names *external_names; /* NULL: names are not looked up */
	struct source *source;
	struct announcer *announcer; /* NULL without --announce l2 */
	struct occupants *occupants;

	bool was_in_force; /* maps were pinned before we came */
	bool ending;       /* SIGINT: serve for a while, drain, then remove all */
	bool draining;     /* of that the second */
	bool handed_over;  /* to another sluiced, which now owns the state */
	struct loop_timer *drain_timer;
	uint64_t ending_since_ms;
};

#endif /* SLUICE_DAEMON_DAEMON_H */
