// SPDX-License-Identifier: Apache-2.0
/* interface_attach(): chooses the program that serves an interface. */
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "dataplane/error.h"
#include "dataplane/object.h"
#include "dataplane/programs.h"
#include "dataplane/state.h"

#define TC_L4 "tc_l4"

/* A device of IP in IP, GRE, WireGuard or tun has none: its packets begin with the IP header. */
static bool has_ethernet(const char *name)
{
	struct ifreq request = { 0 };
	bool known, ethernet;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	known = !ioctl(fd, SIOCGIFHWADDR, &request);
	close(fd);
	ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
		   request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
	return !known || ethernet;
}

static int by_xdp(const struct attach_context *context, struct interface *interface, char *error)
{
	int err = attach_xdp_check(context, interface, error);

	if (!err)
		err = attach_xdp(context, interface, error);
	/* Last: until now tc_l4 may have served the interface. */
	return err ? err : attach_tc_ingress(context, interface, context->tc_ingress_prog, error);
}

/* The one that is pinned, if it is of this build and uses our maps; else a new one. */
static int tc_l4_open(struct dataplane *dp, char *error)
{
	int err;

	dp->tc_l4_prog = programs_open(dp->bpffs, TC_L4);
	if (dp->tc_l4_prog >= 0 && program_uses_map(dp->tc_l4_prog, dp->maps[MAP_FRONTENDS4]))
		return 0;
	if (dp->tc_l4_prog >= 0)
		close(dp->tc_l4_prog);
	dp->tc_l4_prog = -1;
	err = object_load_tc(dp->maps, &dp->tc_l4_prog, error);
	if (err)
		return err;
	err = programs_pin(dp->bpffs, TC_L4, dp->tc_l4_prog);
	if (err)
		log_warn("dataplane: pin the program %s: %s; the next start loads it again", TC_L4,
			 strerror(-err));
	return 0;
}

/* The XDP program of a previous sluiced with another --xdp-mode goes when tc_l4 serves. */
static int by_tc(struct dataplane *dp, struct interface *interface, char *error)
{
	struct attach_context context = attach_context_of(dp);
	int err = 0;

	if (dp->tc_l4_prog < 0)
		err = tc_l4_open(dp, error);
	if (!err)
		err = attach_tc_ingress(&context, interface, dp->tc_l4_prog, error);
	if (err)
		return err;
	interface->xdp_mode = ATTACH_TC_L4;
	interface->dispatcher = false;
	err = detach_xdp(&context, interface->ifindex);
	return err ? error_set(error, err, "interface %s: detach XDP: %s", interface->name,
			       strerror(-err))
		   : 0;
}

int interface_attach(struct dataplane *dp, struct interface *interface, char *error)
{
	struct attach_context context = attach_context_of(dp);
	char why[DATAPLANE_ERROR_MAX] = "";
	bool ethernet;
	int err;

	ethernet = has_ethernet(interface->name);
	if (interface->replies_only)
		return attach_tc_ingress(
			&context, interface,
			ethernet ? context.tc_ingress_prog : context.tc_ingress_ip_prog, error);
	if (!ethernet)
		log_warn("dataplane: interface %s has no Ethernet headers: its packets are "
			 "passed unread",
			 interface->name);
	if (dp->xdp == DATAPLANE_XDP_TC) {
		log_info("dataplane: interface %s: served in TC, as --xdp-mode asks",
			 interface->name);
		return by_tc(dp, interface, error);
	}
	err = by_xdp(&context, interface, why);
	if (!err)
		return 0;
	log_warn("dataplane: %s; served in TC instead, which costs more for each packet", why);
	err = by_tc(dp, interface, error);
	if (err) /* both, as one message */
		log_warn("dataplane: interface %s: nor in TC: %s", interface->name, strerror(-err));
	return err;
}
