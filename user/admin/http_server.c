// SPDX-License-Identifier: Apache-2.0
#include "admin/http_server.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

/* After each run, libmicrohttpd says when it must run again without an event, for its timeouts. */
static void run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(server->mhd);
	if (MHD_get_timeout(server->mhd, &wait_ms) == MHD_YES)
		loop_timer_arm(server->timer, wait_ms);
	else
		loop_timer_disarm(server->timer);
}

static void on_event(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	run(ctx);
}

static void on_timer(void *ctx)
{
	run(ctx);
}

void http_server_close(struct http_server *server)
{
	loop_watch_remove(server->watch);
	loop_timer_free(server->timer);
	if (server->mhd)
		MHD_stop_daemon(server->mhd);
	*server = (struct http_server){};
}

int http_server_open(struct http_server *server, struct loop *loop, int fd,
		     const struct http_server_limits *limits, MHD_AccessHandlerCallback fn,
		     void *ctx)
{
	const union MHD_DaemonInfo *info;
	int err;

	server->mhd = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, fn, ctx,
				       MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				       limits->conns, MHD_OPTION_CONNECTION_TIMEOUT,
				       limits->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				       limits->memory_bytes, MHD_OPTION_END);
	if (!server->mhd) {
		close(fd);
		return -EIO;
	}
	info = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	err = info ? loop_timer_new(loop, on_timer, server, &server->timer) : -EIO;
	if (!err)
		err = loop_watch_add(loop, info->epoll_fd, EPOLLIN, on_event, server,
				     &server->watch);
	if (err)
		http_server_close(server);
	return err;
}
