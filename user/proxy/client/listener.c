// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/conn_open.h"
#include "handoff/control.h"
#include "proxy/client/http2_client.h"

#define ACCEPT_BUDGET       64     /* a turn: those that are served wait meanwhile */
#define PAUSE_MS            50u    /* without a descriptor or memory: conns must end first */
#define WARN_MS             10000u /* between two log lines about that */
#define FILES_OF_OURS       8u     /* opened later: snapshots, logs, sluiced */
#define DRAIN_LOOK_MS       50u
#define DRAIN_QUIET_MS      1000u
#define OVERLOAD_ROOM_SHIFT 4 /* a sixteenth above the limit is accepted to be told 503 */

static void pause_accepting(struct listener *listener, bool pause)
{
	for (int i = 0; i < 2; i++) {
		struct epoll_event event = { .events = pause ? 0 : EPOLLIN,
					     .data.ptr = &listener->sockets[i].watch };

		if (listener->sockets[i].watch.fd >= 0)
			epoll_ctl(listener->turn->epoll, EPOLL_CTL_MOD,
				  listener->sockets[i].watch.fd, &event);
	}
	if (pause)
		turn_arm(listener->turn, &listener->pause, PAUSE_MS);
}

/* Clients wait in the queue of the kernel. One line tells of it, however long it lasts. */
static void pause_for(struct listener *listener, const char *why)
{
	uint64_t now_ms = listener->turn->now_ms;

	pause_accepting(listener, true);
	listener->warned_count++;
	if (listener->warned_ms && now_ms < listener->warned_ms + WARN_MS)
		return;
	log_warn("proxy: accept: %s; clients wait in the queue (%llu pauses of %u ms since the "
		 "last such line)",
		 why, (unsigned long long)listener->warned_count, PAUSE_MS);
	listener->warned_ms = now_ms;
	listener->warned_count = 0;
}

/*
 * Each conn may need a connection to a backend, so half of the descriptors are kept for those. One
 * that only waits for the next exchange makes room.
 */
static bool descriptors_are_short(const struct listener *listener)
{
	struct turn *turn = listener->turn;
	uint64_t conns = turn->stats->conns_open;

	if (conns >= listener->files_max / 2)
		return true;
	while (conns + turn->stats->upstream_conns_open + 1 >= listener->files_max)
		if (!turn_shed(turn))
			return true;
	return false;
}

static void on_pause_over(struct timer *timer)
{
	pause_accepting((struct listener *)((char *)timer - offsetof(struct listener, pause)),
			false);
}

/* Above which limit this conn is. */
static enum http1_fault_reason over_limit(const struct clients *clients,
					  const struct exchange_peer *peer)
{
	const struct turn *turn = clients->turn;
	uint32_t of_source = turn->settings->conns_source_max;

	if (turn->stats->conns_open >= turn->settings->conns_max)
		return HTTP1_FAULT_CONNS;
	/* Who sends a PROXY header is not a client: whom it names will be counted. */
	if (of_source && !peer->trusted &&
	    !settings_expects_proxy_header(turn->settings, peer->local_port, &peer->addr) &&
	    sources_conns(&clients->sources, &peer->addr) >= of_source)
		return HTTP1_FAULT_CONNS_SOURCE;
	return HTTP1_FAULT_NONE;
}

/* Who comes again and again is not even told so. */
static bool is_hopeless(const struct clients *clients, const struct exchange_peer *peer)
{
	return sources_conns(&clients->sources, &peer->addr) / 2 >=
	       clients->turn->settings->conns_source_max;
}

/* Return: false if no more can be taken now. */
static bool take(struct listener *listener, int fd, const struct sockaddr_storage *client)
{
	struct clients *clients = listener->clients;
	const struct settings *settings = listener->turn->settings;
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
	listener->accepted_ms = listener->turn->now_ms;
	over = over_limit(clients, &peer);
	if (over == HTTP1_FAULT_CONNS_SOURCE && is_hopeless(clients, &peer)) {
		fault_log_request(&clients->services->faults, &peer.addr,
				  &(struct http1_fault){ .reason = over });
		close(fd);
		return true;
	}
	return conn_open(clients, fd, &peer, over) == 0;
}

static bool full(const struct turn *turn)
{
	uint64_t most = turn->settings->conns_max;

	return turn->stats->conns_open > most + (most >> OVERLOAD_ROOM_SHIFT);
}

static void on_connection(struct watch *watch, uint32_t events)
{
	struct listener *listener = ((struct listen_socket *)watch)->listener;

	(void)events;
	for (int i = 0; i < ACCEPT_BUDGET; i++) {
		struct sockaddr_storage client;
		socklen_t client_bytes = sizeof(client);
		int fd;

		if (full(listener->turn)) {
			pause_accepting(listener, true);
			return;
		}
		if (descriptors_are_short(listener)) {
			pause_for(listener, "few descriptors are left");
			return;
		}
		fd = accept4(watch->fd, (struct sockaddr *)&client, &client_bytes,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (fd < 0 && (errno == EMFILE || errno == ENFILE) && turn_shed(listener->turn))
			continue;
		if (fd < 0 &&
		    (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
			pause_for(listener, strerror(errno));
			return;
		}
		if (fd < 0)
			continue; /* that connection failed, not the listener: accept(2) */
		if (!take(listener, fd, &client)) {
			pause_accepting(listener, true);
			return;
		}
	}
}

/* Return: 1 if @fd is a listening TCP socket; 0: something else (/dev/null); -errno. */
static int is_listener(int fd)
{
	int listening = 0;
	socklen_t bytes = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes))
		return errno == ENOTSOCK || errno == EBADF ? 0 : -errno;
	return listening != 0;
}

static void on_drain_look(struct timer *timer);

/* How many descriptors are not in use now: the lowest free one tells how many are. */
static uint64_t files_left(void)
{
	struct rlimit limit;
	int lowest = dup(CONTROL_FD_LISTEN_V4);
	uint64_t used = lowest < 0 ? 0 : (uint64_t)lowest;

	if (lowest >= 0)
		close(lowest);
	used += FILES_OF_OURS;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur > used ? limit.rlim_cur - used : 2; /* one conn */
}

int listener_start(struct listener *listener, struct clients *clients)
{
	static const int fds[] = { CONTROL_FD_LISTEN_V4, CONTROL_FD_LISTEN_V6 };
	int one = 1;
	int err;

	listener->turn = clients->turn;
	listener->clients = clients;
	listener->files_max = files_left();
	listener->pause.fn = on_pause_over;
	listener->drain.fn = on_drain_look;
	err = turn_timer_room(clients->turn); /* .pause */
	if (!err)
		err = turn_timer_room(clients->turn); /* .drain */
	for (int i = 0; !err && i < 2; i++) {
		listener->sockets[i] = (struct listen_socket){ { .fd = -1 }, listener };
		err = is_listener(fds[i]);
		if (err <= 0)
			continue;
		/* Accepted sockets take it over from the listener: one call for all of them. */
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		err = turn_watch(clients->turn, &listener->sockets[i].watch, fds[i], 0,
				 on_connection);
	}
	if (!err && listener->sockets[0].watch.fd < 0 && listener->sockets[1].watch.fd < 0)
		err = -ENOTSOCK;
	if (err)
		log_error("proxy: listeners (descriptors %d, %d): %s", CONTROL_FD_LISTEN_V4,
			  CONTROL_FD_LISTEN_V6, strerror(-err));
	return err;
}

void listener_open(struct listener *listener)
{
	pause_accepting(listener, false);
}

/* ---- what conns share ------------------------------------------------------------------------ */

void clients_init(struct clients *clients, struct exchange_services *services,
		  struct http2_memory *memory, struct tls *tls)
{
	*clients = (struct clients){
		.turn = services->turn,
		.services = services,
		.http2_memory = memory,
		.tls = tls,
		.hook.check = conns_check,
	};
	turn_hook(clients->turn, &clients->hook);
	turn_slab(clients->turn, &clients->conns, sizeof(struct conn));
	turn_slab(clients->turn, &clients->http2_clients, sizeof(struct http2_client));
	sources_init(&clients->sources, services->ids.state[1]);
}

void clients_close(struct clients *clients)
{
	while (clients->newest)
		conn_close(clients->newest);
}

void clients_free(struct clients *clients)
{
	slab_free(&clients->conns);
	slab_free(&clients->http2_clients);
	sources_free(&clients->sources);
}

/* ---- draining -------------------------------------------------------------------------------- */

static void on_drain_look(struct timer *timer)
{
	struct listener *listener =
		(struct listener *)((char *)timer - offsetof(struct listener, drain));
	struct turn *turn = listener->turn;
	bool quiet = turn->now_ms >= listener->accepted_ms + DRAIN_QUIET_MS;

	if (turn->now_ms >= listener->drain_deadline_ms ||
	    (quiet && turn->stats->conns_open == 0)) {
		turn->stop = true;
		return;
	}
	conns_drain(listener->clients);
	http2_clients_drain(listener->clients);
	turn_arm(turn, timer, DRAIN_LOOK_MS);
}

void listener_drain(struct listener *listener, uint32_t timeout_ms)
{
	struct turn *turn = listener->turn;

	if (!turn->draining) {
		turn->draining = true;
		listener->accepted_ms = turn->now_ms;
		log_info("proxy: draining, %llu conns open, at most %u ms",
			 (unsigned long long)turn->stats->conns_open, timeout_ms);
	}
	listener->drain_deadline_ms = turn->now_ms + timeout_ms;
	turn_arm(turn, &listener->drain, 0);
}
