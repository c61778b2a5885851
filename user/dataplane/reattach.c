// SPDX-License-Identifier: Apache-2.0
/* dataplane_reattach(): interfaces that disappeared and returned. */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "dataplane/error.h"
#include "dataplane/state.h"

static int attach_one(struct dataplane *dp, struct interface *interface, char *error)
{
	struct attach_context context = attach_context_of(dp);
	int err = 0;

	if (!interface->replies_only)
		err = attach_tc_egress(&context, interface, error); /* replies before requests */
	return err ? err : interface_attach(dp, interface, error);
}

int dataplane_reattach(struct dataplane *dp, char error[DATAPLANE_ERROR_MAX])
{
	int first_err = 0;

	for (size_t i = 0; i < dp->interfaces_count; i++) {
		struct interface *interface = &dp->interfaces[i];
		uint32_t ifindex = if_nametoindex(interface->name);
		char why[DATAPLANE_ERROR_MAX] = "";
		int err;

		if (ifindex == interface->ifindex)
			continue;
		interface->ifindex = ifindex;
		interface->xdp_mode = interface->tc_mode = ATTACH_NONE;
		interface->dispatcher = false;
		if (!ifindex) {
			log_warn("dataplane: interface %s is gone; it is served again when it is "
				 "back",
				 interface->name);
			continue;
		}
		err = attach_one(dp, interface, why);
		if (!err) {
			log_info("dataplane: interface %s is back as number %u; attached",
				 interface->name, ifindex);
			continue;
		}
		interface->ifindex = 0; /* the next call tries again */
		if (!first_err)
			first_err = error_set(error, err, "%s", why);
	}
	if (!first_err) {
		first_err = dataplane_update_ports(dp);
		if (first_err)
			error_set(error, first_err, "map tx_ports: %s", strerror(-first_err));
	}
	return first_err;
}
