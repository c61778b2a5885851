/* SPDX-License-Identifier: Apache-2.0 */
/*
 * occupants.h - processes that listen on ports that Sluice serves
 *
 * The socket lookup runs before the sockets of the node are searched, so a server on port 80 of a
 * served address gets no new connections. This finds and reports such servers.
 */
#ifndef SLUICE_DAEMON_NODE_OCCUPANTS_H
#define SLUICE_DAEMON_NODE_OCCUPANTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/loop.h"

struct occupants;

#define OCCUPANTS_PORTS_MAX 2

struct occupants_options {
	struct loop *loop;                   /* borrowed */
	uint16_t ports[OCCUPANTS_PORTS_MAX]; /* host order, of HTTP frontends; 0: none */
	/* The addresses of HTTP frontends, borrowed for the time of the call. Return: how many. */
	size_t (*served)(void *ctx, const struct inet_addr **addresses);
	void *ctx;
};

/* Looks at once and then every ten seconds. Return: 0; -errno. */
int occupants_start(const struct occupants_options *options, struct occupants **out);
void occupants_stop(struct occupants *occupants); /* takes NULL */

/**
 * occupants_each - those of the last look
 * @listener: "0.0.0.0:80"; @message: which process, what happens, the remedy
 */
void occupants_each(const struct occupants *occupants,
		    void (*fn)(void *ctx, const char *listener, const char *message), void *ctx);

#endif /* SLUICE_DAEMON_NODE_OCCUPANTS_H */
