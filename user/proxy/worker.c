// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "handoff/control.h"
#include "proxy/control_server.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http2/http2_stream.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_client.h"

static int open_stats(struct worker *worker)
{
	uint32_t number = worker->turn.settings->worker;
	struct worker_stats *stats;

	if (number >= worker->maps.worker_stats_max) {
		log_error("proxy: --worker %u: worker_stats has room for %u", number,
			  worker->maps.worker_stats_max);
		return -EINVAL;
	}
	stats = mapped_array_at(&worker->maps.worker_stats, number);
	/* Counters continue where the process before left them; gauges begin again. */
	stats->pid = (uint64_t)getpid();
	stats->snapshot_generation = 0;
	stats->conns_open = 0;
	stats->upstream_conns_open = 0;
	stats->http2_conns_open = 0;
	worker->turn.stats = stats;
	return 0;
}

static int start_maps(struct worker *worker)
{
	const struct maps_fds fds = {
		.upstreams = CONTROL_FD_UPSTREAMS,
		.backends = CONTROL_FD_BACKENDS,
		.members = CONTROL_FD_MEMBERS,
		.worker_stats = CONTROL_FD_WORKER_STATS,
	};
	int err = maps_open(&fds, &worker->maps);

	return err ? err : open_stats(worker);
}

static int start_backends(struct worker *worker)
{
	struct turn *turn = &worker->turn;
	int err = picker_init(&worker->picker, &worker->maps, turn->settings->worker);

	if (!err)
		err = pool_init(&worker->pool, turn, &worker->maps);
	if (!err)
		err = http2_backends_init(&worker->http2_backends, &worker->pool,
					  &worker->http2_memory, &worker->services.faults);
	health_init(&worker->health, turn, &worker->picker);
	return err;
}

static int start_tls(struct worker *worker)
{
	int err = tls_io_new(&worker->tls_io);

	if (!err)
		err = tls_client_new(worker->tls_io, &worker->tls_client);
	if (!err)
		err = tls_new(worker->turn.settings, worker->tls_io, &worker->services.routing,
			      &worker->tls);
	return err;
}

static int start_services(struct worker *worker)
{
	worker->services = (struct exchange_services){
		.turn = &worker->turn,
		.picker = &worker->picker,
		.pool = &worker->pool,
		.http2_backends = &worker->http2_backends,
		.tls_client = worker->tls_client,
		.splice = &worker->splice,
	};
	return exchange_services_init(&worker->services);
}

static int start_clients(struct worker *worker)
{
	clients_init(&worker->clients, &worker->services, &worker->http2_memory, worker->tls);
	return listener_start(&worker->listener, &worker->clients);
}

static int start(struct worker *worker)
{
	int err = start_maps(worker);

	http2_memory_init(&worker->http2_memory, &worker->turn);
	if (!err)
		err = start_backends(worker);
	if (!err)
		err = start_tls(worker);
	if (!err)
		err = splice_start(&worker->splice, &worker->turn);
	if (!err)
		err = start_services(worker);
	if (!err)
		err = start_clients(worker);
	if (!err)
		err = control_server_start(worker);
	return err;
}

int worker_new(const struct settings *settings, struct worker **out)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker) {
		log_error("proxy: worker %u does not start: no memory", settings->worker);
		return -ENOMEM;
	}
	worker->control.fd = worker->control_claim.fd = -1;
	err = turn_init(&worker->turn, settings);
	if (!err)
		err = start(worker);
	if (err) {
		log_error("proxy: worker %u does not start: %s", settings->worker, strerror(-err));
		goto out;
	}
	*out = worker;
	worker = NULL;
out:
	worker_free(worker);
	return err;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	control_server_stop(worker);
	clients_close(&worker->clients);
	if (worker->http2_backends.by_id)
		http2_backends_free(&worker->http2_backends);
	if (worker->pool.backends)
		pool_free(&worker->pool);
	health_free(&worker->health);
	splice_free(&worker->splice);
	clients_free(&worker->clients);
	exchange_services_free(&worker->services);
	tls_free(worker->tls);
	tls_client_free(worker->tls_client);
	tls_io_free(worker->tls_io);
	picker_free(&worker->picker);
	maps_close(&worker->maps);
	http2_memory_free(&worker->http2_memory);
	turn_free(&worker->turn);
	free(worker);
}
