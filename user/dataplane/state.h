/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - what an open dataplane holds; private to dataplane/
 */
#ifndef SLUICE_DATAPLANE_STATE_H
#define SLUICE_DATAPLANE_STATE_H

#include "base/mapped_array.h"
#include "dataplane/addresses.h"
#include "dataplane/attach.h"
#include "dataplane/dataplane.h"
#include "dataplane/extents.h"
#include "dataplane/maps.h"
#include "dataplane/pending.h"

struct dataplane {
	char *bpffs;                           /* owned */
	bool adopted;                          /* maps of a former sluiced were found */
	bool force_generic;                    /* as asked at opening */
	int maps[MAPS_COUNT];                  /* owned */
	int xdp_prog, tc_prog, sk_lookup_prog; /* owned */
	struct interface *interfaces;          /* owned array */
	size_t interfaces_count;

	struct mapped_array upstreams, backends, members, filter, steering, daemon_state;
	struct mapped_array node_config;
	struct addresses addresses;
	struct extents member_extents; /* which part of members is in use */
	struct pending pending;        /* writes that failed, to be tried again */
};

#endif /* SLUICE_DATAPLANE_STATE_H */
