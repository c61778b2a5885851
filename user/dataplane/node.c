// SPDX-License-Identifier: Apache-2.0
/* Data of this node for the programs: addresses, denied networks, interfaces by which XDP can send.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "dataplane/error.h"
#include "dataplane/state.h"
#include "dataplane/xmit.h"

#define store(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

void node_flags_store(struct dataplane *dp)
{
	struct node_config *config = dataplane_node_config(dp);

	store(config->flags, dp->node_flags | denylist_flags(&dp->denylist) |
				     (dp->tunnel_frontends ? NODE_F_TUNNELS : 0));
}

/* Replies to source NAT and tunnels come to the node's own address: it has to pass the filter. */
static void own_address_set(struct dataplane *dp, struct inet_addr *own,
			    const struct inet_addr *now)
{
	int err;

	if (inet_addr_compare(own, now) == 0)
		return;
	err = addresses_add(&dp->addresses, &dp->filter, now);
	if (err) {
		log_error("dataplane: filter of the node's address: %s; replies of pods of other "
			  "nodes are not recognised",
			  strerror(-err));
		return;
	}
	addresses_remove(&dp->addresses, &dp->filter, own);
	*own = *now;
}

void dataplane_set_node(struct dataplane *dp, const struct dataplane_node *node)
{
	static const struct inet_addr unset;
	struct node_config *config = dataplane_node_config(dp);
	bool has4 = inet_addr_is_v4(&node->addr4);
	bool has6 = inet_addr_compare(&node->addr6, &unset) != 0;

	dp->node_flags = node->pass_unknown_ports ? NODE_F_PASS_UNKNOWN_PORTS : 0;
	if ((has4 && config->addr4 != inet_addr_v4(&node->addr4)) ||
	    memcmp(config->addr6, node->addr6.bytes, sizeof(config->addr6)) != 0)
		node_flags_store(dp); /* neither is used while it changes */
	config->addr4 = has4 ? inet_addr_v4(&node->addr4) : 0;
	memcpy(config->addr6, node->addr6.bytes, sizeof(config->addr6));
	own_address_set(dp, &dp->own4, &node->addr4);
	own_address_set(dp, &dp->own6, &node->addr6);
	config->source_port_min = node->source_port_min;
	config->source_port_max = node->source_port_max;
	config->gue_port = htons(node->gue_port);
	config->new_flows_max = node->new_flows_max;
	config->answers_max = node->answers_max;
	config->flow_hash_key = node->flow_hash_key;
	dp->node_flags |= (has4 ? NODE_F_SNAT4 : 0) | (has6 ? NODE_F_SNAT6 : 0);
	node_flags_store(dp);
}

/* ---- tunnels ---------------------------------------------------------------------------------- */

int dataplane_set_tunnel_peers(struct dataplane *dp, const struct inet_addr *addrs, size_t count)
{
	return peers_set(&dp->peers, dp->maps[MAP_TUNNEL_PEERS], addrs, count);
}

/* ---- flows that are over --------------------------------------------------------------------- */

/* Only sluiced counts this one, so it may be read and written. */
static int count_swept(struct dataplane *dp, uint64_t removed)
{
	int cpus = libbpf_num_possible_cpus(), fd = dp->maps[MAP_STATS];
	uint32_t key = STAT_FLOWS_SWEPT;
	uint64_t *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &key, values))
		err = -errno;
	values[0] += removed;
	if (!err && bpf_map_update_elem(fd, &key, values, BPF_ANY))
		err = -errno;
	free(values);
	return err;
}

int dataplane_sweep(struct dataplane *dp, uint64_t time_ns)
{
	struct timespec now;
	uint64_t removed = 0;
	int done, err = 0;

	if (!dp->sweep)
		err = sweep_new(&dp->sweep);
	if (err)
		return err;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	done = sweep_round(dp->sweep, dp->maps,
			   (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, time_ns,
			   &removed);
	if (removed)
		err = count_swept(dp, removed);
	return err ? err : done;
}

/* ---- denylist -------------------------------------------------------------------------------- */

int dataplane_denylist_set(struct dataplane *dp, const struct inet_network *networks, size_t count,
			   char error[DATAPLANE_ERROR_MAX])
{
	int err = denylist_origin_set(&dp->denylist, dp->maps, DENY_MANIFEST, networks, count);

	node_flags_store(dp);
	if (err)
		error_set(error, err, "denylist: %s; the entries written so far are in use",
			  err == -ENOSPC ? "the map is full" : strerror(-err));
	return err;
}

int dataplane_deny(struct dataplane *dp, const struct inet_network *network, bool deny)
{
	int err;

	if (deny)
		err = denylist_add(&dp->denylist, dp->maps, DENY_COMMAND, network);
	else
		err = denylist_remove(&dp->denylist, dp->maps, DENY_COMMAND, network);
	node_flags_store(dp);
	if (err == -ENOENT && denylist_origin(&dp->denylist, network))
		err = -EPERM; /* a manifest denies it: remove it there */
	return err;
}

/* ---- where XDP can send ---------------------------------------------------------------------- */

/* Generic XDP sends by the stack's own queues: any device does, if no native program redirects. */
static bool all_generic(const struct dataplane *dp)
{
	for (size_t i = 0; i < dp->interfaces_count; i++)
		if (dp->interfaces[i].xdp_mode == ATTACH_XDP_NATIVE)
			return false;
	return true;
}

static bool can_send(const struct dataplane *dp, const struct interface *interface)
{
	int possible;

	if (!interface->ifindex || interface->replies_only || interface->xdp_mode == ATTACH_NONE ||
	    interface->xdp_mode == ATTACH_TC_L4)
		return false;
	if (all_generic(dp))
		return true;
	possible = xmit_is_possible(interface->ifindex, interface->name);
	if (possible < 0)
		log_warn("dataplane: interface %s: ask whether XDP can send there: %s; the stack "
			 "sends",
			 interface->name, strerror(-possible));
	return possible > 0;
}

int dataplane_update_ports(struct dataplane *dp)
{
	int fd = dp->maps[MAP_TX_PORTS], err = 0;

	for (size_t i = 0; i < dp->interfaces_count; i++) {
		struct interface *interface = &dp->interfaces[i];
		uint32_t ifindex = interface->ifindex;
		bool sends = can_send(dp, interface);

		if (sends == interface->xdp_sends && ifindex == interface->sends_ifindex)
			continue;
		if (interface->sends_ifindex && interface->sends_ifindex != ifindex)
			bpf_map_delete_elem(fd, &interface->sends_ifindex);
		if (sends && bpf_map_update_elem(fd, &ifindex, &ifindex, BPF_ANY)) {
			err = -errno;
			sends = false;
		} else if (!sends && ifindex) {
			bpf_map_delete_elem(fd, &ifindex);
		}
		if (sends != interface->xdp_sends || !interface->sends_ifindex)
			log_info("dataplane: interface %s: packets for other nodes are sent by %s",
				 interface->name, sends ? "XDP" : "the stack");
		interface->xdp_sends = sends;
		interface->sends_ifindex = ifindex;
	}
	return err;
}
