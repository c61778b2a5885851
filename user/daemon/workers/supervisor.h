/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - the workers of the helper: keeps their number, restarts and updates them
 *
 * Workers of a previous sluiced that are of this build and these settings are adopted; others serve
 * until a new set is ready, then new connections go to the new set at once and the old one drains.
 * It does not know the dataplane, which it uses only through descriptors and a function.
 */
#ifndef SLUICE_DAEMON_SUPERVISOR_H
#define SLUICE_DAEMON_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "daemon/workers/worker.h"

struct supervisor;

struct supervisor_options {
	struct loop *loop;      /* borrowed */
	const char *pin_folder; /* copied; names the control sockets */
	int binary_fd;          /* borrowed while the supervisor lives; O_PATH of sluice-proxy */
	uid_t uid;              /* of the workers */
	gid_t gid;
	char *const *args; /* borrowed while the supervisor lives; "--name=value" */
	size_t args_count;
	int map_fds[WORKER_MAPS]; /* borrowed likewise; -1: none; in the order of control.h */
	/* A ring of events for a new process: a descriptor to be closed; negative: none. NULL:
	 * none. */
	int (*ring)(void *ctx, uint32_t slot);
	uint32_t workers;
	uint32_t drain_timeout_ms;

	/*
	 * Makes the listeners those that get new connections: fds as workers * 2, IPv4 and IPv6 in
	 * turn, -1 for none. Return: 0; -errno, then it is called again soon.
	 */
	int (*steer)(void *ctx, const int *fds, uint32_t workers);
	/* The answer of supervisor_ready() may have changed. */
	void (*changed)(void *ctx);
	void *ctx;
};

/**
 * supervisor_start - adopt the workers that run, start those that are missing
 * Waits up to two seconds for workers that do not answer.
 * Return: 0; -EMFILE no slot left; -errno.
 */
int supervisor_start(const struct supervisor_options *options, struct supervisor **out);

/* Ends supervision; workers continue by themselves. Takes NULL. */
void supervisor_free(struct supervisor *supervisor);

/* The newest routing table for all workers. @fd: moves to the supervisor. */
void supervisor_set_snapshot(struct supervisor *supervisor, int fd, size_t bytes,
			     uint64_t generation);

/* The newest set of certificates. @fd: moves to the supervisor. */
void supervisor_set_certificates(struct supervisor *supervisor, int fd, size_t bytes,
				 uint32_t count);

/* True if new connections are steered to workers that have a routing table. */
bool supervisor_ready(const struct supervisor *supervisor);

struct supervisor_counts {
	uint32_t wanted, serving, draining;
	uint32_t restarts;         /* since the start of this process */
	uint64_t generation_least; /* that every serving worker has at least; 0: none serves */
};
void supervisor_count(const struct supervisor *supervisor, struct supervisor_counts *out);

/**
 * supervisor_end - no new connections, drain all workers
 * @ended: called once when none is left; at the latest some seconds after @timeout_ms
 */
void supervisor_end(struct supervisor *supervisor, uint32_t timeout_ms, void (*ended)(void *ctx),
		    void *ctx);

/* Kills what is left of them. */
void supervisor_kill(struct supervisor *supervisor);

#endif /* SLUICE_DAEMON_SUPERVISOR_H */
