// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/l4.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "admin/health_ports.h"
#include "base/log.h"
#include "daemon/node/flow_hash_key.h"
#include "daemon/node/port_clash.h"

/* Whether XDP can send by a device may change at its other end, without an event here. */
#define PORTS_PERIOD_MS 5000

/* Flows that are over are looked for a piece at a time: this long, this often, with a pause after
 * all. */
#define SWEEP_ROUND_NS 2000000u
#define SWEEP_ROUND_MS 50
#define SWEEP_PAUSE_MS 10000

struct l4 {
	struct l4_options options;
	struct health_ports *health; /* owned */
	struct drop_log drops;
	struct loop_watch *events_watch;
	struct loop_timer *drains_timer, *ports_timer, *sweep_timer;
	uint64_t flow_hash_key;     /* 0: none */
	struct dataplane_node node; /* as the programs know it */
};

/* ---- the node's own addresses ---------------------------------------------------------------- */

static bool is_set(const struct inet_addr *addr)
{
	static const struct inet_addr unset;

	return inet_addr_compare(addr, &unset) != 0;
}

static bool is_own(const struct l4 *l4, const struct inet_addr *addr)
{
	const struct address_list *own = addresses_of_node(l4->options.addresses);

	for (size_t i = 0; i < own->count; i++)
		if (inet_addr_compare(&own->items[i], addr) == 0)
			return true;
	return false;
}

/* --node-address; else what Kubernetes calls it, if it is here; else that of the interfaces. */
static struct inet_addr node_address(const struct l4 *l4, bool v6)
{
	const struct options *options = l4->options.options;
	struct inet_addr addr = v6 ? options->l4.node_address6 : options->l4.node_address4;
	const struct node *node;

	if (is_set(&addr))
		return addr;
	node = (const struct node *)model_get(l4->options.model, OBJECT_NODE, "",
					      options->node_name);
	for (size_t i = 0; node && i < node->internal_ips_count; i++)
		if (inet_addr_is_v4(&node->internal_ips[i]) != v6 &&
		    is_own(l4, &node->internal_ips[i]))
			return node->internal_ips[i];
	addresses_primary(l4->options.addresses, v6, &addr);
	return addr;
}

static void set_node(struct l4 *l4)
{
	const struct options *options = l4->options.options;
	struct dataplane_node node = {
		.addr4 = node_address(l4, false),
		.addr6 = node_address(l4, true),
		.source_port_min = options->l4.source_port_min,
		.source_port_max = options->l4.source_port_max,
		.gue_port = options->l4.gue_port,
		.pass_unknown_ports = options->l4.pass_unknown_ports,
		.new_flows_max = options->l4.new_flows_max,
		.answers_max = options->l4.answers_max,
		.flow_hash_key = l4->flow_hash_key,
	};
	char text4[INET_ADDR_TEXT_MAX] = "none", text6[INET_ADDR_TEXT_MAX] = "none";

	if (inet_addr_compare(&node.addr4, &l4->node.addr4) == 0 &&
	    inet_addr_compare(&node.addr6, &l4->node.addr6) == 0 && l4->node.source_port_max)
		return;
	l4->node = node;
	dataplane_set_node(l4->options.dataplane, &node);
	if (is_set(&node.addr4))
		inet_addr_format(&node.addr4, text4);
	if (is_set(&node.addr6))
		inet_addr_format(&node.addr6, text6);
	log_info("l4: pods of other nodes see %s and %s as this node", text4, text6);
}

/* ---- tunnels, flows that are over ------------------------------------------------------------ */

/* The nodes whose tunnels are opened: all that have an address, and those of --tunnel-peer. */
static void set_tunnel_peers(struct l4 *l4)
{
	const struct options *options = l4->options.options;
	const struct strmap *nodes = &l4->options.model->objects[OBJECT_NODE];
	const struct strmap_entry *at;
	struct inet_addr *addrs, *grown;
	size_t count = options->l4.tunnel_peers_count, position = 0;
	int err = 0;

	addrs = calloc(count + 1, sizeof(*addrs));
	if (!addrs)
		return;
	if (count)
		memcpy(addrs, options->l4.tunnel_peers, count * sizeof(*addrs));
	while (!err && (at = strmap_next(nodes, &position))) {
		const struct node *node = at->value;

		grown = reallocarray(addrs, count + node->internal_ips_count + 1, sizeof(*addrs));
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		addrs = grown;
		for (size_t i = 0; i < node->internal_ips_count; i++)
			addrs[count++] = node->internal_ips[i];
	}
	if (!err)
		err = dataplane_set_tunnel_peers(l4->options.dataplane, addrs, count);
	if (err)
		log_error("l4: nodes whose tunnels are opened: %s; those of some are refused",
			  strerror(-err));
	free(addrs);
}

static void sweep(void *ctx)
{
	struct l4 *l4 = ctx;
	int done = dataplane_sweep(l4->options.dataplane, SWEEP_ROUND_NS);

	if (done < 0)
		log_warn("l4: take out flows that are over: %s; again in %d s", strerror(-done),
			 SWEEP_PAUSE_MS / 1000);
	loop_timer_arm(l4->sweep_timer, done ? SWEEP_PAUSE_MS : SWEEP_ROUND_MS);
}

/* ---- drains, ports, health checks ------------------------------------------------------------ */

static void expire_drains(void *ctx)
{
	struct l4 *l4 = ctx;
	uint64_t next_ms = dataplane_expire_drains(l4->options.dataplane,
						   l4->options.options->drain_timeout_ms);

	if (next_ms == UINT64_MAX)
		loop_timer_disarm(l4->drains_timer);
	else
		loop_timer_arm(l4->drains_timer, next_ms);
}

static void update_ports(void *ctx)
{
	struct l4 *l4 = ctx;
	int err = dataplane_update_ports(l4->options.dataplane);

	if (err)
		log_error("dataplane: map tx_ports: %s; the stack sends", strerror(-err));
	loop_timer_arm(l4->ports_timer, PORTS_PERIOD_MS);
}

void l4_table_changed(struct l4 *l4)
{
	int err = health_ports_update(l4->health, l4->options.table, l4->options.model);

	if (err)
		log_error("l4: health checks: %s; those before stay", strerror(-err));
	set_node(l4); /* the Node may say another address */
	set_tunnel_peers(l4);
	expire_drains(l4);
}

void l4_addresses_changed(struct l4 *l4)
{
	set_node(l4);
}

/* ---- denylist, dropped packets --------------------------------------------------------------- */

int l4_deny(struct l4 *l4, const struct inet_network *network, bool deny)
{
	char text[INET_NETWORK_TEXT_MAX];
	int err = dataplane_deny(l4->options.dataplane, network, deny);

	if (!err)
		log_info("denylist: %s %s by command", inet_network_format(network, text),
			 deny ? "is denied" : "is not denied any more");
	return err;
}

static void on_events(void *ctx, int fd, uint32_t events)
{
	struct l4 *l4 = ctx;

	(void)fd;
	(void)events;
	dataplane_events_read(l4->options.dataplane);
}

static void on_drop(void *ctx, const struct drop_event *event)
{
	struct l4 *l4 = ctx;

	drop_log_add(&l4->drops, event);
}

const struct drop_log *l4_drop_log(const struct l4 *l4)
{
	return &l4->drops;
}

/* ---- start and end --------------------------------------------------------------------------- */

static int hash_key_read(struct l4 *l4)
{
	const char *path = l4->options.options->l4.flow_hash_key_file;
	int err = path ? flow_hash_key_read(path, &l4->flow_hash_key) : 0;

	if (err)
		log_error("l4: --flow-hash-key %s: %s", path,
			  err == -EINVAL ? "shorter than 16 bytes" : strerror(-err));
	return err;
}

int l4_start(const struct l4_options *options, struct l4 **out)
{
	struct l4 *l4 = calloc(1, sizeof(*l4));
	int fd = -1, err;

	if (!l4)
		return -ENOMEM;
	l4->options = *options;
	err = health_ports_new(options->loop, &l4->health);
	if (!err)
		err = loop_timer_new(options->loop, expire_drains, l4, &l4->drains_timer);
	if (!err)
		err = loop_timer_new(options->loop, update_ports, l4, &l4->ports_timer);
	if (!err)
		err = loop_timer_new(options->loop, sweep, l4, &l4->sweep_timer);
	if (!err)
		err = hash_key_read(l4);
	if (!err)
		err = dataplane_events_open(options->dataplane, on_drop, l4, &fd);
	if (!err)
		err = loop_watch_add(options->loop, fd, EPOLLIN, on_events, l4, &l4->events_watch);
	if (err) {
		log_error("l4: %s", strerror(-err));
		l4_stop(l4);
		return err;
	}
	set_node(l4);
	set_tunnel_peers(l4);
	port_clash_warn(options->options->l4.source_port_min, options->options->l4.source_port_max);
	loop_timer_arm(l4->ports_timer, PORTS_PERIOD_MS);
	loop_timer_arm(l4->sweep_timer, SWEEP_PAUSE_MS);
	*out = l4;
	return 0;
}

void l4_stop(struct l4 *l4)
{
	if (!l4)
		return;
	health_ports_free(l4->health);
	loop_watch_remove(l4->events_watch);
	loop_timer_free(l4->drains_timer);
	loop_timer_free(l4->ports_timer);
	loop_timer_free(l4->sweep_timer);
	free(l4);
}
