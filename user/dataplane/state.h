/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - the state of an open dataplane; private to dataplane/
 */
#ifndef SLUICE_DATAPLANE_STATE_H
#define SLUICE_DATAPLANE_STATE_H

#include "base/mapped_array.h"
#include "dataplane/addresses.h"
#include "dataplane/attach.h"
#include "dataplane/dataplane.h"
#include "dataplane/extents.h"
#include "dataplane/maps.h"
#include "dataplane/denylist.h"
#include "dataplane/drains.h"
#include "dataplane/pending.h"
#include "dataplane/peers.h"
#include "dataplane/ranges.h"
#include "dataplane/sweep.h"

struct events;

struct dataplane {
	char *bpffs;                             /* owned */
	bool adopted;                            /* maps of a previous sluiced were found */
	enum dataplane_xdp xdp;                  /* as asked at opening */
	int maps[MAPS_COUNT];                    /* owned */
	int xdp_prog, tc_prog, sk_lookup_prog;   /* owned */
	int tc_ingress_prog, tc_ingress_ip_prog; /* owned */
	int tc_l4_prog;                          /* owned; negative: not needed yet */
	int sk_skb_prog;                         /* owned; negative: the kernel refused it */
	struct interface *interfaces;            /* owned array */
	size_t interfaces_count;

	struct mapped_array upstreams, backends, members, filter, steering, daemon_state;
	struct mapped_array node_config;
	struct addresses addresses;
	struct inet_addr own4, own6;   /* of the node, counted in .addresses; zero: none */
	struct extents member_extents; /* the used part of members */
	struct pending pending;        /* writes that failed, to be tried again */
	struct drains drains;
	struct ranges ranges;     /* what source_ranges* hold */
	struct denylist denylist; /* what denylist* hold */
	__u32 node_flags;         /* of node_config, without those of the denylist */
	struct peers peers;       /* what tunnel_peers holds */
	size_t tunnel_frontends;  /* that have FRONTEND_F_TUNNELS */
	struct sweep *sweep;      /* owned; NULL until the first round */
	uint32_t *stale_rings; /* owned: upstreams whose backends' weights changed, rings to make */
	size_t stale_rings_count;
	struct events *events; /* owned; NULL until they are read */
};

/* The input of attach.h; borrows from @dp. */
struct attach_context attach_context_of(const struct dataplane *dp);

/**
 * interface_attach - attach XDP to an interface, or TC instead
 * tc_egress must already be on all interfaces. Return: 0; -errno with @error.
 */
int interface_attach(struct dataplane *dp, struct interface *interface, char *error);

/* After .node_flags, the denylist or .tunnel_frontends has changed. */
void node_flags_store(struct dataplane *dp);

void events_close(struct events *events); /* takes NULL */

#endif /* SLUICE_DATAPLANE_STATE_H */
