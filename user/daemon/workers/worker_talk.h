/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_talk.h - the control connection of one worker: what is sent, what it answers
 */
#ifndef SLUICE_DAEMON_WORKERS_WORKER_TALK_H
#define SLUICE_DAEMON_WORKERS_WORKER_TALK_H

#include "daemon/workers/worker.h"

/* Connects by the slot's name. Return: 0; -errno. */
int worker_talk_connect(struct worker_process *worker);

/* Uses @fd, which is connected already and moves to the worker, closed on failure. */
int worker_talk_attach(struct worker_process *worker, int fd);

/* Closes the connection; what the worker holds counts as not known. */
void worker_talk_close(struct worker_process *worker);

/* Sends what is newer than what the worker has. */
void worker_talk_push(struct worker_process *worker);

/* Of .answer_timer. */
void worker_talk_overdue(void *ctx);

#endif /* SLUICE_DAEMON_WORKERS_WORKER_TALK_H */
