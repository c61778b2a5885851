/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.h - a libmicrohttpd daemon on a listening socket, driven by the loop
 */
#ifndef SLUICE_ADMIN_HTTP_SERVER_H
#define SLUICE_ADMIN_HTTP_SERVER_H

#include <microhttpd.h>

#include "base/loop.h"

/* All zero: not open. Must not move while it is open. */
struct http_server {
	struct MHD_Daemon *mhd; /* owned */
	struct loop_watch *watch;
	struct loop_timer *timer;
};

struct http_server_limits {
	unsigned int conns, idle_timeout_s;
	size_t memory_bytes; /* of one connection: head of a request */
};

/**
 * http_server_open - serve requests on a listening socket
 * @fd: non-blocking; the server owns it from now on, also on failure
 * @fn: called with @ctx for each request, as MHD_AccessHandlerCallback says
 * Return: 0; -ENOMEM; -EIO libmicrohttpd refuses.
 */
int http_server_open(struct http_server *server, struct loop *loop, int fd,
		     const struct http_server_limits *limits, MHD_AccessHandlerCallback fn,
		     void *ctx);

void http_server_close(struct http_server *server); /* also one that is not open */

#endif /* SLUICE_ADMIN_HTTP_SERVER_H */
