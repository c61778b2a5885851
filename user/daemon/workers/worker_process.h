/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_process.h - the life of one process of the helper: its sockets, start, drain, end
 */
#ifndef SLUICE_DAEMON_WORKERS_WORKER_PROCESS_H
#define SLUICE_DAEMON_WORKERS_WORKER_PROCESS_H

#include <stdint.h>

#include "daemon/workers/worker.h"

struct greeting;

/**
 * worker_process_new - a worker in a free slot: its sockets; no process yet
 * Return: 0; -EADDRINUSE the name of the slot is taken; -errno.
 */
int worker_process_new(const struct worker_host *host, uint32_t slot, struct worker_process **out);

/**
 * worker_process_adopt - take over a process that outlived its sluiced
 * @greeting: its descriptors move to the worker
 */
int worker_process_adopt(const struct worker_host *host, struct greeting *greeting,
			 struct worker_process **out);

/* Starts the process now; after a failure again and again, later each time. */
void worker_process_start(struct worker_process *worker);

/* No new connections; the process ends when it has none left, or after @timeout_ms. */
void worker_process_drain(struct worker_process *worker, uint32_t timeout_ms);

/* SIGKILL, where its pid is known. */
void worker_process_kill(struct worker_process *worker);

/* Releases it: the process, if there is one, continues by itself. Takes NULL. */
void worker_process_free(struct worker_process *worker);

#endif /* SLUICE_DAEMON_WORKERS_WORKER_PROCESS_H */
