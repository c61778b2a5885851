/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - taking connections from the inherited listeners, and ending when drained
 */
#ifndef SLUICE_PROXY_LISTENER_H
#define SLUICE_PROXY_LISTENER_H

#include "proxy/client/clients.h"

struct listener;

struct listen_socket {
	struct watch watch;        /* first: its callback gets it; .fd -1: absent */
	struct listener *listener; /* borrowed */
};

struct listener {
	struct turn *turn;               /* borrowed */
	struct clients *clients;         /* borrowed */
	struct listen_socket sockets[2]; /* IPv4, IPv6 */
	struct timer pause;
	uint64_t files_max;    /* descriptors for conns and connections to backends */
	uint64_t warned_ms;    /* when the log last said that there are too few; 0: never */
	uint64_t warned_count; /* pauses that it has not mentioned since */
	struct timer drain;
	uint64_t drain_deadline_ms;
	uint64_t accepted_ms; /* when the last connection was */
};

/* Borrows all it gets. */
void clients_init(struct clients *clients, struct exchange_services *services,
		  struct http2_memory *memory, struct tls *tls);
void clients_close(struct clients *clients); /* all conns, before what they use is freed */
void clients_free(struct clients *clients);

/* Gets ready to accept. Return: 0; -errno with a log line. */
int listener_start(struct listener *listener, struct clients *clients);

/* There is a routing table: from now on connections are accepted. Until then they wait in the
 * queue: what a previous worker left there must not be told 503 by its successor. */
void listener_open(struct listener *listener);

/**
 * listener_drain - answer what comes with Connection: close and stop when nothing is left
 * @timeout_ms: then stop in any case
 * Connections are accepted until none came for a while: some wait in the queue, some are still in
 * their handshake.
 */
void listener_drain(struct listener *listener, uint32_t timeout_ms);

#endif /* SLUICE_PROXY_LISTENER_H */
