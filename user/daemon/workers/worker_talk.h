/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_talk.h - the control connection of one worker: what is sent, what it answers
 *
 * Between worker.c, which knows the process, and worker_talk.c alone; others use worker.h.
 */
#ifndef SLUICE_DAEMON_WORKER_TALK_H
#define SLUICE_DAEMON_WORKER_TALK_H

#include "daemon/workers/worker_process.h"

/* Connects by the slot's name. Return: 0; -errno. */
int worker_talk_connect(struct worker *worker);

/* Uses @fd, which is connected already and moves to the worker, closed on failure. */
int worker_talk_attach(struct worker *worker, int fd);

/* Closes the connection; what the worker has been told counts as not known. */
void worker_talk_close(struct worker *worker);

/* Of .answer_timer. */
void worker_talk_overdue(void *ctx);

/* In worker.c: the connection broke. */
void worker_talk_lost(struct worker *worker, int err);

#endif /* SLUICE_DAEMON_WORKER_TALK_H */
