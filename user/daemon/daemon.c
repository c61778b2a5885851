// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/keys.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "build_id.h"
#include "daemon/node/announcer.h"
#include "daemon/workers/machine.h"
#include "proxy/exchange/routing.h"

/* Sooner, a second SIGINT is the same one: some senders signal process and group. */
#define END_AGAIN_MS 250
#define LB_CLASS     "sluice.dev/l4" /* spec.loadBalancerClass of Services that are ours */

/* ---- callbacks: the parts know each other only through these ------------------------------------------- */

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

static int steer(void *ctx, const int *fds, uint32_t workers)
{
	struct daemon *d = ctx;

	return dataplane_set_listeners(d->dataplane, fds, workers);
}

static void workers_have_changed(void *ctx)
{
	struct daemon *d = ctx;

	if (d->apply)
		apply_workers_changed(d->apply);
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

static void leave(void *ctx)
{
	struct daemon *d = ctx;

	loop_stop(d->loop);
}

/* ---- start -------------------------------------------------------------------------------------------- */

static void choose_interfaces(struct daemon *d)
{
	const struct options *options = &d->options;

	d->interfaces_count = options->interfaces_count;
	for (size_t i = 0; i < options->interfaces_count; i++)
		d->interfaces[i] = options->interfaces[i];
	if (d->interfaces_count)
		return;
	d->interfaces_count = addresses_default_interfaces(d->default_interfaces);
	for (size_t i = 0; i < d->interfaces_count; i++)
		d->interfaces[i] = d->default_interfaces[i];
	if (!d->interfaces_count)
		log_warn("no --interface and no default route: HTTP is served, L4 frontends are "
			 "not");
}

static int open_dataplane(struct daemon *d)
{
	struct dataplane_options options = {
		.bpffs = d->options.bpffs,
		.interfaces = d->interfaces,
		.interfaces_count = d->interfaces_count,
		.return_interfaces = d->options.l4.return_interfaces,
		.return_interfaces_count = d->options.l4.return_interfaces_count,
		.flows_max = d->options.flows_max,
		.xdp = d->options.xdp,
	};
	char error[DATAPLANE_ERROR_MAX] = "";
	int err;

	d->was_in_force = access(d->pin_folder, F_OK) == 0;
	err = dataplane_open(&options, &d->dataplane, error);
	if (err) {
		log_error("dataplane: %s (%s)", error, strerror(-err));
		return err;
	}
	d->state = dataplane_daemon_state(d->dataplane);
	err = dataplane_view_of(d->dataplane, &d->view);
	if (err)
		log_error("dataplane: view: %s", strerror(-err));
	return err;
}

static void describe_self(struct daemon *d)
{
	struct daemon_state *state = d->state;
	struct daemon_state fresh = {
		.schema = SLUICE_SCHEMA,
		.pid = (__u32)getpid(),
		.started_unix_s = (__u64)time(NULL),
		.synced_unix_s = state->synced_unix_s,
		.generation = state->generation,
	};

	snprintf(fresh.version, sizeof(fresh.version), "%s", SLUICE_VERSION);
	snprintf(fresh.node_name, sizeof(fresh.node_name), "%s", d->options.node_name);
	snprintf(fresh.source, sizeof(fresh.source), "%s", d->source_text);
	*state = fresh;
	dataplane_describe_interfaces(d->dataplane, state);
}

static int open_table(struct daemon *d)
{
	const struct options *o = &d->options;
	struct table_options options = {
		.ingress_class = o->ingress_class,
		.controller = o->controller,
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
		.regex = routing_regex_fault,
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

static void source_says_problems(void *source_ctx, admin_problem_fn *fn, void *ctx)
{
	const struct daemon *d = source_ctx;

	source_each_problem(d->source, fn, ctx);
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

static int start_admin(struct daemon *d)
{
	struct admin_options options = {
		.listen = d->options.admin,
		.pin_folder = d->pin_folder,
		.loop = d->loop,
		.view = d->view,
		.table = &d->table,
		.source_problems = source_says_problems,
		.source_ctx = d,
		.drop_log = ask_drop_log,
		.deny = take_deny,
		.l4_ctx = d,
	};

	return admin_start(&options, &d->admin);
}

static int make_ring(void *ctx, uint32_t slot)
{
	return dataplane_splice_ring(((struct daemon *)ctx)->dataplane, slot);
}

/* Lets workers splice if that was asked for and this kernel is fit for it. Return: 0; -errno, said. */
static int start_splice(struct daemon *d)
{
	bool always = d->options.splice == SPLICE_ALWAYS;
	char error[DATAPLANE_ERROR_MAX] = "--splice off";
	int err = -ECANCELED;

	if (d->options.splice != SPLICE_NEVER)
		err = dataplane_splice_start(d->dataplane, error);
	d->state->splice = !err;
	snprintf(d->state->splice_reason, sizeof(d->state->splice_reason), "%s", err ? error : "");
	if (!err)
		return options_forward(&d->options, always ? "--splice=on" : "--splice=auto");
	if (always) {
		log_error("--splice on: %s", error);
		return err;
	}
	log_line(d->options.splice == SPLICE_NEVER ? LOG_INFO : LOG_WARN,
		 "splice is off: %s; the helper relays all bytes", error);
	return 0;
}

static int start_workers(struct daemon *d)
{
	struct dataplane_worker_maps maps;
	struct supervisor_options options = {
		.loop = d->loop,
		.pin_folder = d->pin_folder,
		.binary_fd = d->helper.binary_fd,
		.uid = d->helper.uid,
		.gid = d->helper.gid,
		.args = d->options.proxy_args,
		.args_count = d->options.proxy_args_count,
		.workers = options_workers(&d->options),
		.drain_timeout_ms = d->options.drain_timeout_ms,
		.steer = steer,
		.changed = workers_have_changed,
		.ctx = d,
	};

	dataplane_worker_maps(d->dataplane, &maps);
	options.map_fds[0] = maps.upstreams;
	options.map_fds[1] = maps.backends;
	options.map_fds[2] = maps.members;
	options.map_fds[3] = maps.worker_stats;
	options.map_fds[4] = maps.socks;
	options.map_fds[5] = maps.sinks;
	options.map_fds[6] = maps.slots;
	options.ring = d->state->splice ? make_ring : NULL;
	return supervisor_start(&options, &d->supervisor);
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

int daemon_start(struct daemon *d)
{
	int err;

	source_describe(&d->options, d->source_text, sizeof(d->source_text));
	log_info("sluiced %s (build %s), source: %s, bpffs: %s", SLUICE_VERSION, SLUICE_BUILD_ID,
		 d->source_text, d->options.bpffs);
	instance_listen(d->instance, d->loop, leave, d);
	choose_interfaces(d);
	err = open_dataplane(d);
	if (err)
		return err;
	describe_self(d);
	err = addresses_start(d->loop, d->interfaces, d->interfaces_count, addresses_have_changed,
			      d, &d->addresses);
	if (err) {
		log_error("addresses: %s", strerror(-err));
		return err;
	}
	err = open_table(d);
	if (!err)
		err = start_l4(d);
	if (!err)
		err = start_admin(d);
	if (!err)
		err = start_splice(d);
	if (!err)
		err = start_workers(d);
	if (!err)
		err = start_apply(d);
	if (!err)
		err = start_external_names(d);
	if (!err)
		err = start_source(d);
	if (!err)
		err = start_announcer(d);
	return err;
}

/* ---- end ---------------------------------------------------------------------------------------------- */

void daemon_end(struct daemon *d)
{
	if (d->ending && loop_now_ms() < d->ending_since_ms + END_AGAIN_MS)
		return;
	if (d->ending) {
		log_info("signal: asked again; no more waiting");
		supervisor_kill(d->supervisor);
		return;
	}
	log_info("signal: SIGINT; draining the helper, then removing all (again: at once)");
	d->ending = true;
	d->ending_since_ms = loop_now_ms();
	d->state->ready = 0;
	announcer_leave(d->announcer);
	supervisor_end(d->supervisor, d->options.drain_timeout_ms, leave, d);
}

void daemon_close(struct daemon *d)
{
	announcer_free(d->announcer);
	source_stop(d->source);
	external_names_free(d->external_names);
	apply_free(d->apply);
	supervisor_free(d->supervisor);
	admin_stop(d->admin);
	l4_stop(d->l4);
	table_free(d->table);
	addresses_stop(d->addresses);
	model_free(&d->model);
	dataplane_view_close(d->view);
	if (d->state) {
		d->state->ready = 0;
		d->state->pid = 0;
	}
	dataplane_close(d->dataplane);
	helper_close(&d->helper);
}
