// SPDX-License-Identifier: Apache-2.0
#include "daemon/part_forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "build_id.h"

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

	err = dataplane_open(&options, &d->dataplane, error);
	if (err)
		log_error("dataplane: %s (%s)", error, strerror(-err));
	return err;
}

int part_dataplane_start(struct daemon *d)
{
	int err;

	choose_interfaces(d);
	d->was_in_force = access(d->pin_folder, F_OK) == 0;
	err = open_dataplane(d);
	if (err)
		return err;
	d->state = dataplane_daemon_state(d->dataplane);
	describe_self(d);
	err = dataplane_view_of(d->dataplane, &d->view);
	if (err)
		log_error("dataplane: view: %s", strerror(-err));
	return err;
}

void part_dataplane_stop(struct daemon *d)
{
	dataplane_view_close(d->view);
	if (d->state) {
		d->state->ready = 0;
		d->state->pid = 0;
	}
	dataplane_close(d->dataplane);
}

static int make_ring(void *ctx, uint32_t slot)
{
	return dataplane_splice_ring(((struct daemon *)ctx)->dataplane, slot);
}

int part_splice_start(struct daemon *d)
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

int part_workers_start(struct daemon *d)
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

void part_workers_stop(struct daemon *d)
{
	supervisor_free(d->supervisor);
}
