/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - what sluiced knows of one process of the helper, and what all of them share
 *
 * worker_process.h starts, drains and ends the process; worker_talk.h speaks with it.
 */
#ifndef SLUICE_DAEMON_WORKERS_WORKER_H
#define SLUICE_DAEMON_WORKERS_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"

/* upstreams backends members worker_stats, for splice socks sinks slots */
#define WORKER_MAPS 7

struct worker_process;

/* What all workers share. Owned by the supervisor, borrowed by each worker. */
struct worker_host {
	struct loop *loop;      /* borrowed */
	const char *pin_folder; /* borrowed */
	int binary_fd;          /* borrowed; O_PATH */
	uid_t uid;
	gid_t gid;
	char *const *args; /* borrowed; "--name=value" for the helper */
	size_t args_count;
	uint64_t settings;        /* hash over user and args */
	int map_fds[WORKER_MAPS]; /* borrowed; in the order of control.h */
	/* A ring of events for a new process: a descriptor to be closed; negative: none. NULL:
	 * none. */
	int (*ring)(void *ctx, uint32_t slot);
	void *ring_ctx;

	/* The newest of both; -1: none yet. Owned by the supervisor. */
	int snapshot_fd;
	uint64_t snapshot_bytes, snapshot_generation;
	int certificates_fd;
	uint64_t certificates_bytes;
	uint32_t certificates_count;
	uint64_t certificates_version; /* counts sets, from 1 */

	/* Called when .state or .hung of a worker has changed; not from inside
	 * worker_process_*(). */
	void (*changed)(void *ctx, struct worker_process *worker);
	void *ctx;
};

enum worker_state {
	WORKER_DOWN,     /* no process; will be started again */
	WORKER_STARTING, /* a process without a snapshot */
	WORKER_SERVING,
	WORKER_DRAINING, /* finishes its conns and ends */
	WORKER_ENDED,    /* drained; to be freed */
};

struct worker_process {
	const struct worker_host *host; /* borrowed */
	uint32_t slot; /* in worker_stats, in the control name, and the helper's --worker */
	enum worker_state state;
	bool hung;    /* owes an answer for too long */
	bool steered; /* the supervisor's: gets new connections */
	bool counted; /* the supervisor's: one of those that should run */

	int listeners[2];     /* owned; IPv4, IPv6; -1: none */
	int control_listener; /* owned; -1: the process has the only one */
	int control;          /* owned; connected; -1: none */
	struct loop_watch *control_watch;
	pid_t pid;
	int pidfd; /* owned; -1: not known, the end of .control signals it */
	struct loop_watch *pidfd_watch;

	/* The connection broke and is closed. Set by worker_process.c. */
	void (*lost)(struct worker_process *worker, int err);

	struct loop_timer *start_timer;  /* next start, or next try to connect */
	struct loop_timer *answer_timer; /* the answer to a snapshot is overdue */
	struct loop_timer *kill_timer;   /* a draining worker does not end */
	uint64_t started_ms;
	uint32_t failures; /* short lives in a row */

	uint64_t generation_sent; /* in flight or answered */
	uint64_t generation_done;
	uint64_t certificates_sent; /* version */
	bool awaiting;              /* an answer to .generation_sent */

	struct worker_process *next; /* the supervisor's list */
};

#endif /* SLUICE_DAEMON_WORKERS_WORKER_H */
