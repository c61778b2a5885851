// SPDX-License-Identifier: Apache-2.0
#include "dataplane/attach.h"
#include "dataplane/state.h"

struct attach_context attach_context_of(const struct dataplane *dp)
{
	return (struct attach_context){
		.bpffs = dp->bpffs,
		.maps = dp->maps,
		.xdp_prog = dp->xdp_prog,
		.tc_prog = dp->tc_prog,
		.sk_lookup_prog = dp->sk_lookup_prog,
		.tc_ingress_prog = dp->tc_ingress_prog,
		.tc_ingress_ip_prog = dp->tc_ingress_ip_prog,
		.force_generic = dp->xdp == DATAPLANE_XDP_GENERIC,
	};
}

struct node_config *dataplane_node_config(struct dataplane *dp)
{
	return mapped_array_at(&dp->node_config, 0);
}
