/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - taking connections from the inherited listeners, and ending when drained
 */
#ifndef SLUICE_PROXY_LISTENER_H
#define SLUICE_PROXY_LISTENER_H

#include <stdint.h>

struct worker;

/* Watches the inherited listeners. Return: 0; -errno with a log line. */
int listener_start(struct worker *worker);

/**
 * listener_drain - answer what comes with Connection: close and stop when nothing is left
 * @timeout_ms: then stop in any case
 * Connections are accepted until none came for a while: some wait in the queue, some are still in
 * their handshake.
 */
void listener_drain(struct worker *worker, uint32_t timeout_ms);

#endif /* SLUICE_PROXY_LISTENER_H */
