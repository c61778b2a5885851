/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - taking connections from the inherited listeners, and ending when drained
 */
#ifndef SLUICE_PROXY_LISTENER_H
#define SLUICE_PROXY_LISTENER_H

#include <stdint.h>

struct worker;

/* Gets ready to accept. Return: 0; -errno with a log line. */
int listener_start(struct worker *worker);

/* There is a routing table: from now on connections are accepted. Until then they wait in the
 * queue: what a former worker left there must not be told 503 by its successor. */
void listener_open(struct worker *worker);

/**
 * listener_drain - answer what comes with Connection: close and stop when nothing is left
 * @timeout_ms: then stop in any case
 * Connections are accepted until none came for a while: some wait in the queue, some are still in
 * their handshake.
 */
void listener_drain(struct worker *worker, uint32_t timeout_ms);

#endif /* SLUICE_PROXY_LISTENER_H */
