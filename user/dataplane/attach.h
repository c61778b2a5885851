/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - programs on interfaces and on the network namespace
 *
 * Programs are replaced in place, never detached first: no packet passes unseen. TCX and sk_lookup
 * links are pinned below the pin folder; XDP and clsact filters stay with the interface.
 */
#ifndef SLUICE_DATAPLANE_ATTACH_H
#define SLUICE_DATAPLANE_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/maps.h"
#include "sluice_schema.h"

struct interface {
	char name[SLUICE_IFNAME_MAX];
	uint32_t ifindex;
	enum sluice_attach_mode xdp_mode, tc_mode;
	bool dispatcher;
	bool xdp_sends;         /* listed in tx_ports */
	uint32_t sends_ifindex; /* the interface number of that entry */
	bool replies_only;      /* --return-interface: no XDP, only for replies of remote pods */
};

/* What attaching needs to know. All borrowed. */
struct attach_context {
	const char *bpffs;
	const int *maps; /* MAPS_COUNT descriptors */
	int xdp_prog, tc_prog, sk_lookup_prog;
	int tc_ingress_prog, tc_ingress_ip_prog;
	bool force_generic;
};

/**
 * attach_xdp_check - could xdp_ingress be attached here?
 * Return: 0; -EBUSY a foreign program lets no other in; -errno. @error has the reason.
 */
int attach_xdp_check(const struct attach_context *context, const struct interface *interface,
		     char *error);

/* Attach or replace; fills .xdp_mode and .dispatcher. Return: 0; -errno with @error. */
int attach_xdp(const struct attach_context *context, struct interface *interface, char *error);
int attach_tc_egress(const struct attach_context *context, struct interface *interface,
		     char *error);
/* @prog_fd: tc_ingress; tc_ingress_ip where packets begin with IP headers; tc_l4 in its place. */
int attach_tc_ingress(const struct attach_context *context, struct interface *interface,
		      int prog_fd, char *error);
int attach_sk_lookup(const struct attach_context *context, char *error);

/*
 * Detaches only our own program from an interface. Uses only .maps and .bpffs. Return: 0, also if
 * it was not there; -errno.
 */
int detach_xdp(const struct attach_context *context, uint32_t ifindex);
int detach_tc(const struct attach_context *context, uint32_t ifindex);

/* True if the open program @prog uses the frontends4 map @map_fd: then it is our own. */
bool program_uses_map(int prog_fd, int map_fd);

#endif /* SLUICE_DATAPLANE_ATTACH_H */
