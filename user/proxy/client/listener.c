// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/conn.h"
#include "handoff/control.h"
#include "proxy/client/http2_client.h"
#include "proxy/worker.h"

#define ACCEPT_BUDGET       64  /* a turn: those that are served wait meanwhile */
#define PAUSE_MS            50u /* without a descriptor or memory: conns have to end first */
#define DRAIN_LOOK_MS       50u
#define DRAIN_QUIET_MS      1000u
#define OVERLOAD_ROOM_SHIFT 4 /* a sixteenth above the limit is accepted to be told 503 */

static void pause_accepting(struct worker *worker, bool pause)
{
	for (int i = 0; i < 2; i++) {
		struct epoll_event event = { .events = pause ? 0 : EPOLLIN,
					     .data.ptr = &worker->listen[i] };

		if (worker->listen[i].fd >= 0)
			epoll_ctl(worker->epoll, EPOLL_CTL_MOD, worker->listen[i].fd, &event);
	}
	if (pause)
		timers_arm(&worker->timers, &worker->listen_pause, worker->now_ms + PAUSE_MS);
}

static void on_pause_over(struct timer *timer)
{
	pause_accepting((struct worker *)((char *)timer - offsetof(struct worker, listen_pause)),
			false);
}

/* Above which limit this conn is. */
static enum http1_fault_reason over_limit(const struct worker *worker,
					  const struct exchange_peer *peer)
{
	uint32_t of_source = worker->settings->conns_source_max;

	if (worker->stats->conns_open >= worker->settings->conns_max)
		return HTTP1_FAULT_CONNS;
	/* Who sends a PROXY header is no client: whom it names will be counted. */
	if (of_source && !peer->trusted &&
	    !settings_expects_proxy_header(worker->settings, peer->local_port, &peer->addr) &&
	    sources_conns(&worker->sources, &peer->addr) >= of_source)
		return HTTP1_FAULT_CONNS_SOURCE;
	return HTTP1_FAULT_NONE;
}

/* Who comes again and again is not even told so. */
static bool is_hopeless(const struct worker *worker, const struct exchange_peer *peer)
{
	return sources_conns(&worker->sources, &peer->addr) / 2 >=
	       worker->settings->conns_source_max;
}

/* Return: false if no more can be taken now. */
static bool take(struct worker *worker, int fd, const struct sockaddr_storage *client)
{
	const struct settings *settings = worker->settings;
	enum http1_fault_reason over;
	struct sockaddr_storage local;
	socklen_t local_bytes = sizeof(local);
	struct exchange_peer peer = { 0 };
	uint16_t port_be;

	if (getsockname(fd, (struct sockaddr *)&local, &local_bytes) ||
	    inet_addr_from_sockaddr((struct sockaddr *)&local, &peer.local, &port_be)) {
		close(fd); /* it was reset before we came to it */
		return true;
	}
	peer.local_port = ntohs(port_be);
	if (inet_addr_from_sockaddr((const struct sockaddr *)client, &peer.addr, &port_be)) {
		close(fd);
		return true;
	}
	peer.port = ntohs(port_be);
	peer.tls = settings_is_https_port(settings, peer.local_port);
	peer.trusted = settings_trusts(settings, &peer.addr);
	worker->accepted_ms = worker->now_ms;
	over = over_limit(worker, &peer);
	if (over == HTTP1_FAULT_CONNS_SOURCE && is_hopeless(worker, &peer)) {
		fault_log_request(worker, &peer.addr, &(struct http1_fault){ .reason = over });
		close(fd);
		return true;
	}
	return conn_new(worker, fd, &peer, over) == 0;
}

static bool full(const struct worker *worker)
{
	uint64_t most = worker->settings->conns_max;

	return worker->stats->conns_open > most + (most >> OVERLOAD_ROOM_SHIFT);
}

static void on_connection(struct watch *watch, uint32_t events)
{
	struct worker *worker = watch->worker;

	(void)events;
	for (int i = 0; i < ACCEPT_BUDGET; i++) {
		struct sockaddr_storage client;
		socklen_t client_bytes = sizeof(client);
		int fd;

		if (full(worker)) {
			pause_accepting(worker, true);
			return;
		}
		fd = accept4(watch->fd, (struct sockaddr *)&client, &client_bytes,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
			log_warn("proxy: accept: %s; again in %u ms", strerror(errno), PAUSE_MS);
			pause_accepting(worker, true);
			return;
		}
		if (fd < 0)
			continue; /* that connection failed, not the listener: accept(2) */
		if (!take(worker, fd, &client)) {
			pause_accepting(worker, true);
			return;
		}
	}
}

/* Return: 1 if @fd is a listening TCP socket; 0: something else (/dev/null). */
static int is_listener(int fd)
{
	int listening = 0;
	socklen_t bytes = sizeof(listening);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) && listening;
}

int listener_start(struct worker *worker)
{
	static const int fds[] = { CONTROL_FD_LISTEN_V4, CONTROL_FD_LISTEN_V6 };
	int one = 1;
	int err;

	worker->listen_pause.fn = on_pause_over;
	err = worker_timer_room(worker);
	worker->listen[0].fd = worker->listen[1].fd = -1;
	for (int i = 0; !err && i < 2; i++) {
		if (!is_listener(fds[i]))
			continue;
		/* Accepted sockets take it over from the listener: one call for all of them. */
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		err = worker_watch(worker, &worker->listen[i], fds[i], 0, on_connection);
	}
	if (!err && worker->listen[0].fd < 0 && worker->listen[1].fd < 0)
		err = -ENOTSOCK;
	if (err)
		log_error("proxy: listeners (descriptors %d, %d): %s", CONTROL_FD_LISTEN_V4,
			  CONTROL_FD_LISTEN_V6, strerror(-err));
	return err;
}

void listener_open(struct worker *worker)
{
	pause_accepting(worker, false);
}

/* ---- draining ----------------------------------------------------------------------------------- */

static void on_drain_look(struct timer *timer)
{
	struct worker *worker =
		(struct worker *)((char *)timer - offsetof(struct worker, drain_timer));
	bool quiet = worker->now_ms >= worker->accepted_ms + DRAIN_QUIET_MS;

	if (worker->now_ms >= worker->drain_deadline_ms ||
	    (quiet && worker->stats->conns_open == 0)) {
		worker->stop = true;
		return;
	}
	http2_clients_drain(worker);
	timers_arm(&worker->timers, timer, worker->now_ms + DRAIN_LOOK_MS);
}

void listener_drain(struct worker *worker, uint32_t timeout_ms)
{
	if (!worker->draining) {
		worker->draining = true;
		worker->accepted_ms = worker->now_ms;
		log_info("proxy: draining, %llu conns open, at most %u ms",
			 (unsigned long long)worker->stats->conns_open, timeout_ms);
	}
	worker->drain_deadline_ms = worker->now_ms + timeout_ms;
	worker->drain_timer.fn = on_drain_look;
	timers_arm(&worker->timers, &worker->drain_timer, worker->now_ms);
}
