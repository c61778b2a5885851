// SPDX-License-Identifier: Apache-2.0
#include "daemon/parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/node/announcer.h"
#include "daemon/node/occupants.h"
#include "daemon/part_forward.h"
#include "daemon/workers/keys.h"
#include "daemon/workers/machine.h"

#define LB_CLASS         "sluice.dev/l4" /* spec.loadBalancerClass of Services that are ours */
#define NGINX_CONFIG_MAP "ingress-nginx/ingress-nginx-controller"

/* ---- callbacks: the parts know each other only through these --------------------------------- */

static void source_has_synced(void *ctx)
{
	struct daemon *d = ctx;

	apply_synced(d->apply);
}

static void source_has_changed(void *ctx)
{
	struct daemon *d = ctx;

	apply_changed(d->apply);
}

static bool source_asks_owner(void *ctx, const char *namespace, const char *name)
{
	const struct daemon *d = ctx;

	return table_owns_ingress(d->table, namespace, name);
}

static void table_was_compiled(void *ctx)
{
	struct daemon *d = ctx;

	l4_table_changed(d->l4);
	source_compiled(d->source);
	announcer_review_soon(d->announcer);
	if (d->external_names)
		external_names_refresh(d->external_names);
}

static void holders_have_changed(void *ctx)
{
	struct daemon *d = ctx;

	announcer_review_soon(d->announcer);
}

static void problem_was_found(void *ctx, const struct problem *problem, bool cleared)
{
	struct daemon *d = ctx;

	source_problem(d->source, problem, cleared);
}

static void set_addresses(struct daemon *d)
{
	const struct address_list *served = addresses_of_interfaces(d->addresses);
	const struct address_list *node = addresses_of_node(d->addresses);
	int err = 0;

	if (d->options.addresses_count == 0)
		err = table_set_addresses(d->table, served->items, served->count);
	if (!err)
		err = table_set_node_addresses(d->table, node->items, node->count);
	if (err)
		log_error("addresses: %s; those known before stay", strerror(-err));
}

static void addresses_have_changed(void *ctx)
{
	struct daemon *d = ctx;
	char error[DATAPLANE_ERROR_MAX] = "";
	int err;

	log_debug("addresses: changed");
	err = dataplane_reattach(d->dataplane, error);
	if (err)
		log_error("dataplane: %s (%s)", error, strerror(-err));
	set_addresses(d);
	l4_addresses_changed(d->l4);
	dataplane_describe_interfaces(d->dataplane, d->state);
	apply_changed(d->apply);
	announcer_review_soon(d->announcer);
}

/* ---- start and stop, one part after the other ------------------------------------------------ */

static int start_addresses(struct daemon *d)
{
	int err;

	err = addresses_start(d->loop, d->interfaces, d->interfaces_count, addresses_have_changed,
			      d, &d->addresses);
	if (err)
		log_error("addresses: %s", strerror(-err));
	return err;
}

static void stop_addresses(struct daemon *d)
{
	addresses_stop(d->addresses);
}

static int start_table(struct daemon *d)
{
	const struct options *o = &d->options;
	struct table_options options = {
		.ingress_class = o->ingress_class,
		.controller = o->controller,
		.nginx_class = o->nginx_class,
		.nginx_config_map = o->nginx_config_map ? o->nginx_config_map : NGINX_CONFIG_MAP,
		.lb_class = LB_CLASS,
		.watch_without_class = o->watch_without_class,
		.default_backend = o->default_backend,
		.default_certificate = o->default_certificate,
		.allow_external_name = o->allow_external_name,
		.node_name = o->node_name,
		.addresses = o->addresses,
		.addresses_count = o->addresses_count,
		.http_port = o->http_port,
		.https_port = o->https_port,
		.l4_mode = o->l4.mode,
		.l4_encapsulation = o->l4.encapsulation,
		.l4_rate_per_s = o->l4.rate_per_s,
		.inspect = keys_inspect,
	};
	struct table_ids ids = {};
	int err;

	if (o->manifests)
		machine_secret(MACHINE_ID_PATH, options.affinity_secret);
	err = dataplane_read_ids(d->dataplane, &ids);
	if (err) {
		log_error("dataplane: read what the maps hold: %s", strerror(-err));
		return err;
	}
	if (ids.upstreams_count || ids.backends_count || ids.frontends_count)
		log_info("adopted maps: %zu frontends, %zu upstreams, %zu backends",
			 ids.frontends_count, ids.upstreams_count, ids.backends_count);
	err = table_new(&options, &ids, &d->table);
	table_ids_free(&ids);
	if (err)
		log_error("table: %s", strerror(-err));
	else
		set_addresses(d);
	return err;
}

static void stop_table(struct daemon *d)
{
	table_free(d->table);
}

/* Where a problem of a listener goes. */
struct problem_sink {
	admin_problem_fn *fn;
	void *ctx;
};

static void pass_listener(void *ctx, const char *listener, const char *message)
{
	const struct problem_sink *sink = ctx;
	struct admin_problem problem = {
		.kind = "Listener",
		.name = listener,
		.reason = "PortTaken",
		.message = message,
	};

	sink->fn(sink->ctx, &problem);
}

static void tell_other_problems(void *source_ctx, admin_problem_fn *fn, void *ctx)
{
	const struct daemon *d = source_ctx;
	struct problem_sink sink = { fn, ctx };

	source_each_problem(d->source, fn, ctx);
	occupants_each(d->occupants, pass_listener, &sink);
}

static const struct drop_log *ask_drop_log(const void *ctx)
{
	return l4_drop_log(((const struct daemon *)ctx)->l4);
}

static int take_deny(void *ctx, const struct inet_network *network, bool deny)
{
	struct daemon *d = ctx;

	return l4_deny(d->l4, network, deny);
}

static int start_l4(struct daemon *d)
{
	struct l4_options options = {
		.loop = d->loop,
		.options = &d->options,
		.dataplane = d->dataplane,
		.model = &d->model,
		.table = d->table,
		.addresses = d->addresses,
	};

	return l4_start(&options, &d->l4);
}

static void stop_l4(struct daemon *d)
{
	l4_stop(d->l4);
}

static int start_admin(struct daemon *d)
{
	struct admin_options options = {
		.listen = d->options.admin,
		.pin_folder = d->pin_folder,
		.loop = d->loop,
		.view = d->view,
		.table = &d->table,
		.source_problems = tell_other_problems,
		.source_ctx = d,
		.drop_log = ask_drop_log,
		.deny = take_deny,
		.l4_ctx = d,
	};

	return admin_start(&options, &d->admin);
}

static void stop_admin(struct daemon *d)
{
	admin_stop(d->admin);
}

static int start_apply(struct daemon *d)
{
	struct apply_options options = {
		.loop = d->loop,
		.model = &d->model,
		.table = d->table,
		.dataplane = d->dataplane,
		.supervisor = d->supervisor,
		.ca_bundle = d->options.backend_ca_bundle,
		.problem = problem_was_found,
		.compiled = table_was_compiled,
		.ctx = d,
	};

	return apply_new(&options, &d->apply);
}

static void stop_apply(struct daemon *d)
{
	apply_free(d->apply);
}

static int start_external_names(struct daemon *d)
{
	struct external_names_options options = {
		.loop = d->loop,
		.model = &d->model,
		.table = d->table,
		.changed = source_has_changed,
		.ctx = d,
	};

	return d->options.allow_external_name ? external_names_new(&options, &d->external_names)
					      : 0;
}

static void stop_external_names(struct daemon *d)
{
	external_names_free(d->external_names);
}

static size_t source_asks_addresses(void *ctx, const struct inet_addr **addresses, bool *exact)
{
	const struct daemon *d = ctx;
	const struct address_list *served = addresses_of_interfaces(d->addresses);

	*exact = d->options.addresses_count != 0;
	*addresses = *exact ? d->options.addresses : served->items;
	return *exact ? d->options.addresses_count : served->count;
}

static int start_source(struct daemon *d)
{
	struct source_callbacks callbacks = {
		.synced = source_has_synced,
		.changed = source_has_changed,
		.owns_ingress = source_asks_owner,
		.own_addresses = source_asks_addresses,
		.holders_changed = holders_have_changed,
		.ctx = d,
	};

	return source_start(&d->options, d->loop, &d->model, &callbacks, &d->source);
}

static void stop_source(struct daemon *d)
{
	source_stop(d->source);
}

static bool announcer_asks_holder(void *ctx, const struct inet_addr *addr, uint64_t *until_ms)
{
	const struct daemon *d = ctx;

	return source_holds(d->source, addr, until_ms);
}

static int announcer_takes_part(void *ctx, bool takes_part)
{
	struct daemon *d = ctx;

	return source_take_part(d->source, takes_part);
}

static int start_announcer(struct daemon *d)
{
	const struct announcer_options options = {
		.loop = d->loop,
		.dataplane = d->dataplane,
		.state = d->state,
		.holds = announcer_asks_holder,
		.take_part = announcer_takes_part,
		.ctx = d,
	};

	if (!d->options.announce_l2)
		return announcer_turn_off(d->dataplane);
	return announcer_new(&options, &d->announcer);
}

static void stop_announcer(struct daemon *d)
{
	announcer_free(d->announcer);
}

static size_t occupants_ask_addresses(void *ctx, const struct inet_addr **addresses)
{
	bool exact;

	return source_asks_addresses(ctx, addresses, &exact);
}

static int start_occupants(struct daemon *d)
{
	struct occupants_options options = {
		.loop = d->loop,
		.ports = { d->options.http_port, d->options.https_port },
		.served = occupants_ask_addresses,
		.ctx = d,
	};

	return occupants_start(&options, &d->occupants);
}

static void stop_occupants(struct daemon *d)
{
	occupants_stop(d->occupants);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* A part may use those above it. Each stop takes a part that did not start. */
static const struct part {
	int (*start)(struct daemon *d); /* 0; -errno, with a log line */
	void (*stop)(struct daemon *d); /* NULL: another part stops it */
} parts[] = {
	{ part_dataplane_start, part_dataplane_stop },
	{ start_addresses, stop_addresses },
	{ start_table, stop_table },
	{ start_l4, stop_l4 },
	{ start_admin, stop_admin },
	{ part_splice_start, NULL },
	{ part_workers_start, part_workers_stop },
	{ start_apply, stop_apply },
	{ start_external_names, stop_external_names },
	{ start_source, stop_source },
	{ start_announcer, stop_announcer },
	{ start_occupants, stop_occupants },
};

#define PARTS_COUNT (sizeof(parts) / sizeof(parts[0]))

int parts_start(struct daemon *d)
{
	int err = 0;

	for (size_t i = 0; i < PARTS_COUNT && !err; i++)
		err = parts[i].start(d);
	return err;
}

void parts_stop(struct daemon *d)
{
	for (size_t i = PARTS_COUNT; i-- > 0;)
		if (parts[i].stop)
			parts[i].stop(d);
}
