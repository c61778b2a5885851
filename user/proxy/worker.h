/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - one worker: an event loop, and what all its conns share
 *
 * Everything here belongs to one thread. The order of a turn: a short sleep if events come fast,
 * epoll_wait, its events, due timers, tasks put off to the end of the turn, memory given back in this
 * turn settles.
 */
#ifndef SLUICE_PROXY_WORKER_H
#define SLUICE_PROXY_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "proxy/exchange/access_log.h"
#include "proxy/loop/buffer.h"
#include "proxy/loop/coalesce.h"
#include "proxy/http1/fault_log.h"
#include "proxy/backend/health.h"
#include "proxy/http1/http1_forward.h"
#include "proxy/backend/http2_backend.h"
#include "proxy/loop/http_date.h"
#include "proxy/backend/maps.h"
#include "proxy/backend/picker.h"
#include "proxy/backend/pool.h"
#include "proxy/exchange/routing.h"
#include "proxy/settings.h"
#include "proxy/loop/slab.h"
#include "proxy/loop/sources.h"
#include "proxy/splice/splice.h"
#include "proxy/loop/stream.h"
#include "proxy/loop/timers.h"

/* Something to be done at the end of this turn. */
struct task {
	void (*fn)(struct task *task);
	struct task *prev, *next; /* NULL: not queued */
};

/* What epoll points at, if it is not a stream: see worker_watch(). */
struct watch {
	const void *tag; /* tells it from a stream, which has its operations here */
	void (*fn)(struct watch *watch, uint32_t events);
	struct worker *worker;
	int fd; /* borrowed */
};

struct conn;
struct http2_client;

struct worker {
	const struct settings *settings; /* borrowed */
	int epoll;                       /* owned */
	uint64_t now_us;                 /* CLOCK_MONOTONIC at the begin of the turn */
	uint64_t now_ms;
	time_t now_s; /* CLOCK_REALTIME */
	struct coalesce coalesce;
	struct timers timers;
	struct task tasks; /* head of a ring */

	struct buffer_pool buffers;        /* for what is read, and heads */
	struct buffer_pool bulk_buffers;   /* for bodies that are longer than those */
	struct buffer_pool response_heads; /* struct response_head */
	struct buffer_pool http2_frames;   /* HTTP/2: what is about to be written */
	struct slab conns, exchanges, upstream_conns;
	struct slab http2_clients, http2_streams, http2_backends_slab, http2_calls;
	uint64_t conns_made;
	size_t timers_used; /* objects that hold room in .timers */

	struct maps maps;
	struct worker_stats *stats; /* borrowed from .maps: the entry of this worker */
	struct picker picker;
	struct pool pool;
	struct health health;
	struct routing *routing; /* one reference; NULL before the first snapshot */

	struct http2_backends http2_backends;
	struct http2_client *http2_newest; /* list of all, to be told that we drain */

	struct http_date date;
	struct http1_id_source ids;
	struct access_log log;
	struct fault_log faults;
	struct sources sources; /* of conns; used if their number is limited */

	struct watch listen[2]; /* IPv4, IPv6; .fd -1: absent */
	struct timer listen_pause;
	struct splice splice;
	struct watch splice_watch; /* of its ring */
	struct watch control_listen, control;
	struct timer log_timer; /* no sluiced any more: its stdout and stderr are let go */
	struct timer drain_timer;
	uint64_t drain_deadline_ms;
	uint64_t accepted_ms;          /* when the last connection was */
	struct tls_io *tls_io;         /* owned */
	struct tls *tls;               /* owned; NULL: no HTTPS port */
	struct tls_client *tls_client; /* owned */
	bool draining;
	bool stop;
};

/**
 * worker_new - a worker over the inherited descriptors of control.h
 * @settings: borrowed for the life of the worker
 * Return: 0; -errno with a log line.
 */
int worker_new(const struct settings *settings, struct worker **out);
void worker_free(struct worker *worker); /* takes NULL */

/* Serves until drained. Return: 0; -errno if epoll fails. */
int worker_run(struct worker *worker);

/* Level-triggered watch of a descriptor that is no stream. Return: 0; -errno. */
int worker_watch(struct worker *worker, struct watch *watch, int fd, uint32_t events,
		 void (*fn)(struct watch *, uint32_t));
void worker_unwatch(struct watch *watch);

/* Queues once; fn is called at the end of this turn. */
void worker_defer(struct worker *worker, struct task *task);
void task_cancel(struct task *task);

/* Room for one more timer, given back by worker_timer_drop(). Return: 0; -ENOMEM. */
int worker_timer_room(struct worker *worker);
void worker_timer_drop(struct worker *worker, struct timer *timer);

/* Date of now as IMF-fixdate. */
struct http_slice worker_date(struct worker *worker);

#endif /* SLUICE_PROXY_WORKER_H */
