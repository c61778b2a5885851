// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/conn.h"
#include "handoff/control.h"
#include "proxy/control_server.h"
#include "proxy/exchange/exchange.h"
#include "proxy/client/http2_client.h"
#include "proxy/http2/http2_stream.h"
#include "proxy/client/listener.h"
#include "proxy/tls/tls.h"

#define EVENTS_MAX 256

/* 50,000 is the kernel's own: a third of the sleep in which events gather. */
#define TIMER_SLACK_NS 1000ul

/* A head of the longest allowed size, the empty line before it, and a little of what follows. */
#define BUFFER_BYTES     (16384u + 512u)
#define BUFFERS_FREE_MAX 256u
/* What one read and one write of a long body move: a quarter of the system calls. Few at a time, so
 * that clients who do not read hold no more than 16 MB of a worker with them. */
#define BULK_BYTES         65536u
#define BULK_USED_MAX      256u
#define BULK_FREE_MAX      16u
#define RESPONSE_HEADS_MAX 16u

static const char watch_tag;

/* ---- watches, tasks, timers --------------------------------------------------------------------- */

int worker_watch(struct worker *worker, struct watch *watch, int fd, uint32_t events,
		 void (*fn)(struct watch *, uint32_t))
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	*watch = (struct watch){ .tag = &watch_tag, .fn = fn, .worker = worker, .fd = fd };
	if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event)) {
		watch->fd = -1;
		return -errno;
	}
	return 0;
}

void worker_unwatch(struct watch *watch)
{
	epoll_ctl(watch->worker->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
}

void worker_defer(struct worker *worker, struct task *task)
{
	if (task->next)
		return;
	task->prev = worker->tasks.prev;
	task->next = &worker->tasks;
	task->prev->next = task;
	worker->tasks.prev = task;
}

void task_cancel(struct task *task)
{
	if (!task->next)
		return;
	task->prev->next = task->next;
	task->next->prev = task->prev;
	task->prev = task->next = NULL;
}

/* Runs what was queued until now; what is queued meanwhile waits for the next turn. */
static void run_tasks(struct worker *worker)
{
	struct task last = { 0 };

	if (worker->tasks.next == &worker->tasks)
		return;
	worker_defer(worker, &last);
	while (worker->tasks.next != &last) {
		struct task *task = worker->tasks.next;

		task_cancel(task);
		task->fn(task);
	}
	task_cancel(&last);
}

int worker_timer_room(struct worker *worker)
{
	int err = timers_reserve(&worker->timers, worker->timers_used + 1);

	if (!err)
		worker->timers_used++;
	return err;
}

void worker_timer_drop(struct worker *worker, struct timer *timer)
{
	timers_remove(&worker->timers, timer);
	worker->timers_used--;
}

struct http_slice worker_date(struct worker *worker)
{
	return http_date_get(&worker->date, worker->now_s);
}

/* ---- life --------------------------------------------------------------------------------------- */

static void read_clock(struct worker *worker)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	worker->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	worker->now_ms = worker->now_us / 1000;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	worker->now_s = now.tv_sec;
}

static int open_stats(struct worker *worker)
{
	struct worker_stats *stats;

	if (worker->settings->worker >= worker->maps.worker_stats_max) {
		log_error("proxy: --worker %u: worker_stats has room for %u",
			  worker->settings->worker, worker->maps.worker_stats_max);
		return -EINVAL;
	}
	stats = mapped_array_at(&worker->maps.worker_stats, worker->settings->worker);
	/* Counters go on where the process before left them; gauges begin anew. */
	stats->pid = (uint64_t)getpid();
	stats->snapshot_generation = 0;
	stats->conns_open = 0;
	stats->upstream_conns_open = 0;
	stats->http2_conns_open = 0;
	worker->stats = stats;
	return 0;
}

static int start(struct worker *worker)
{
	const struct maps_fds fds = {
		.upstreams = CONTROL_FD_UPSTREAMS,
		.backends = CONTROL_FD_BACKENDS,
		.members = CONTROL_FD_MEMBERS,
		.worker_stats = CONTROL_FD_WORKER_STATS,
	};
	int err;

	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll < 0)
		return -errno;
	if (prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0))
		return -errno;
	err = maps_open(&fds, &worker->maps);
	if (!err)
		err = open_stats(worker);
	if (!err)
		err = picker_init(&worker->picker, &worker->maps, worker->settings->worker);
	if (!err)
		err = pool_init(worker);
	if (!err)
		err = http2_backends_init(worker);
	if (!err)
		err = access_log_init(worker);
	if (!err)
		err = tls_io_new(&worker->tls_io);
	if (!err)
		err = tls_client_new(worker->tls_io, &worker->tls_client);
	if (!err)
		err = tls_new(worker->settings, worker->tls_io, &worker->routing, &worker->tls);
	if (!err)
		err = splice_start(worker);
	if (!err)
		err = worker_timer_room(worker); /* drain_timer */
	if (!err)
		err = listener_start(worker);
	if (!err)
		err = control_server_start(worker);
	return err;
}

int worker_new(const struct settings *settings, struct worker **out)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->settings = settings;
	worker->epoll = -1;
	worker->control.fd = -1;
	worker->splice_watch.fd = -1;
	worker->tasks.prev = worker->tasks.next = &worker->tasks;
	buffer_pool_init(&worker->buffers, BUFFER_BYTES, BUFFERS_FREE_MAX);
	buffer_pool_init(&worker->bulk_buffers, BULK_BYTES, BULK_FREE_MAX);
	worker->bulk_buffers.used_count_max = BULK_USED_MAX;
	worker->buffers.bulk = &worker->bulk_buffers;
	buffer_pool_init(&worker->response_heads, exchange_response_head_bytes, RESPONSE_HEADS_MAX);
	slab_init(&worker->conns, sizeof(struct conn));
	slab_init(&worker->exchanges, exchange_bytes(settings->fields_max));
	slab_init(&worker->upstream_conns, sizeof(struct upstream_conn));
	health_init(worker);
	slab_init(&worker->http2_clients, sizeof(struct http2_client));
	slab_init(&worker->http2_streams, sizeof(struct http2_stream));
	slab_init(&worker->http2_backends_slab, http2_backend_bytes);
	slab_init(&worker->http2_calls, http2_call_bytes);
	buffer_pool_init(&worker->http2_frames, HTTP2_FRAMES_BYTES, HTTP2_FRAMES_FREE_MAX);
	http1_id_seed(&worker->ids);
	sources_init(&worker->sources, worker->ids.state[1]);
	read_clock(worker);
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

/* Conns that are still open end with the process. */
void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	control_server_stop(worker);
	if (worker->pool.backends)
		pool_free(worker);
	health_free(worker);
	splice_free(worker);
	if (worker->http2_backends.by_id)
		http2_backends_free(worker);
	access_log_free(worker);
	tls_free(worker->tls);
	tls_client_free(worker->tls_client);
	tls_io_free(worker->tls_io);
	routing_put(worker->routing);
	picker_free(&worker->picker);
	maps_close(&worker->maps);
	slab_free(&worker->conns);
	slab_free(&worker->exchanges);
	slab_free(&worker->upstream_conns);
	slab_free(&worker->http2_clients);
	slab_free(&worker->http2_streams);
	slab_free(&worker->http2_backends_slab);
	slab_free(&worker->http2_calls);
	buffer_pool_free(&worker->http2_frames);
	buffer_pool_free(&worker->buffers);
	buffer_pool_free(&worker->bulk_buffers);
	buffer_pool_free(&worker->response_heads);
	timers_free(&worker->timers);
	sources_free(&worker->sources);
	if (worker->epoll >= 0)
		close(worker->epoll);
	free(worker);
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static void dispatch(const struct epoll_event *event)
{
	struct watch *watch = event->data.ptr;

	if (watch->tag != &watch_tag)
		stream_events(event->data.ptr, event->events);
	else if (watch->fd >= 0)
		watch->fn(watch, event->events);
}

static void let_events_gather(void)
{
	const struct timespec time = { .tv_nsec = COALESCE_SLEEP_US * 1000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL); /* a signal may end it early */
}

int worker_run(struct worker *worker)
{
	struct epoll_event events[EVENTS_MAX];
	bool gather = false;

	while (!worker->stop) {
		int wait_ms = worker->tasks.next != &worker->tasks
				      ? 0
				      : timers_wait_ms(&worker->timers, worker->now_ms);
		int count;

		if (gather && wait_ms)
			let_events_gather();
		count = epoll_wait(worker->epoll, events, EVENTS_MAX, wait_ms);
		if (count < 0 && errno != EINTR)
			return -errno;
		read_clock(worker);
		gather = coalesce_turn(&worker->coalesce, count > 0 ? (uint32_t)count : 0,
				       worker->now_us);
		if (count >= 0)
			splice_note_batch(&worker->splice, (uint32_t)count, worker->now_ms);
		for (int i = 0; i < count; i++)
			dispatch(&events[i]);
		timers_run(&worker->timers, worker->now_ms);
		run_tasks(worker);
		splice_settle(worker);
		slab_settle(&worker->conns);
		slab_settle(&worker->exchanges);
		slab_settle(&worker->upstream_conns);
		slab_settle(&worker->health.probes);
		slab_settle(&worker->http2_clients);
		slab_settle(&worker->http2_streams);
		slab_settle(&worker->http2_backends_slab);
		slab_settle(&worker->http2_calls);
	}
	return 0;
}
