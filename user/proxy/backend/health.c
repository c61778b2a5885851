// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/backend/picker.h"
#include "proxy/http/hash64.h"
#include "proxy/http/routing.h"
#include "proxy/loop/turn.h"

#define STATUS_LINE_BYTES 12 /* "HTTP/1.1 200" */
#define REQUEST_BYTES_MAX 2304

/* What is checked: one upstream, as one of its routes says. */
struct health_target {
	struct health *health;     /* borrowed */
	struct routing *routing;   /* one reference */
	const struct route *route; /* borrowed from routing */
	struct timer timer;        /* until the next member */
	uint32_t cursor;
};

/* One check on its way. */
struct probe {
	struct watch watch;        /* first: it is what epoll points at */
	struct health *health;     /* borrowed */
	struct routing *routing;   /* one reference */
	const struct route *route; /* borrowed from routing */
	struct probe *next, **prev;
	struct timer timer;
	struct inet_addr addr;
	uint32_t backend_id, backend_generation;
	uint16_t port; /* host order */
	bool sent;
	uint8_t line_bytes;
	char line[STATUS_LINE_BYTES];
};

static uint32_t either(uint32_t of_route, uint32_t usual)
{
	return of_route ? of_route : usual;
}

/* ---- one check ------------------------------------------------------------------------------- */

static void say(const struct probe *probe, bool ok, const char *why)
{
	const struct snapshot *snapshot = routing_snapshot(probe->routing);
	char addr[INET_ADDR_TEXT_MAX];

	inet_addr_format(&probe->addr, addr);
	if (ok)
		log_info("proxy: %s: backend %s port %u is healthy again",
			 snapshot_text(snapshot, probe->route->upstream_name), addr, probe->port);
	else
		log_warn("proxy: %s: backend %s port %u is unhealthy: GET %s: %s; it gets no "
			 "requests while there is another",
			 snapshot_text(snapshot, probe->route->upstream_name), addr, probe->port,
			 snapshot_text(snapshot, probe->route->check_path), why);
}

static void drop(struct probe *probe)
{
	struct health *health = probe->health;
	int fd = probe->watch.fd;

	if (fd >= 0) {
		turn_unwatch(&probe->watch);
		close(fd);
	}
	*probe->prev = probe->next;
	if (probe->next)
		probe->next->prev = probe->prev;
	turn_timer_drop(health->turn, &probe->timer);
	routing_put(probe->routing);
	health->probes_count--;
	slab_put(&health->probes, probe);
}

static void finish(struct probe *probe, bool ok, const char *why)
{
	struct turn *turn = probe->health->turn;
	struct backend_note *note = backend_note_find(&probe->health->picker->notes,
						      probe->backend_id, probe->backend_generation);

	turn->stats->health_checks++;
	turn->stats->health_check_failures += !ok;
	if (note && backend_note_checked(note, probe->route, ok, turn->now_ms))
		say(probe, ok, why);
	drop(probe);
}

static void on_timer(struct timer *timer)
{
	finish((struct probe *)((char *)timer - offsetof(struct probe, timer)), false,
	       "no answer in time");
}

/* Return: 0; -errno. */
static int send_request(struct probe *probe)
{
	const char *path =
		snapshot_text(routing_snapshot(probe->routing), probe->route->check_path);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = probe };
	bool v4 = inet_addr_is_v4(&probe->addr);
	char text[REQUEST_BYTES_MAX], addr[INET_ADDR_TEXT_MAX];
	ssize_t sent;
	int bytes;

	inet_addr_format(&probe->addr, addr);
	bytes = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: sluice-health\r\n"
			 "Connection: close\r\n\r\n",
			 path, v4 ? "" : "[", addr, v4 ? "" : "]", probe->port);
	sent = send(probe->watch.fd, text, (size_t)bytes, MSG_NOSIGNAL);
	if (sent != bytes)
		return sent < 0 ? -errno : -ENOBUFS;
	if (epoll_ctl(probe->health->turn->epoll, EPOLL_CTL_MOD, probe->watch.fd, &event))
		return -errno;
	probe->sent = true;
	return 0;
}

static bool line_is_good(const struct probe *probe)
{
	const char *line = probe->line;

	return memcmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ' &&
	       (line[9] == '2' || line[9] == '3');
}

static void read_line(struct probe *probe)
{
	ssize_t got = recv(probe->watch.fd, probe->line + probe->line_bytes,
			   sizeof(probe->line) - probe->line_bytes, 0);
	char why[32];

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		finish(probe, false, got ? strerror(errno) : "closed without an answer");
		return;
	}
	probe->line_bytes += (uint8_t)got;
	if (probe->line_bytes < sizeof(probe->line))
		return;
	snprintf(why, sizeof(why), "status %.3s", probe->line + 9);
	finish(probe, line_is_good(probe),
	       memcmp(probe->line, "HTTP/1.", 7) == 0 ? why : "not HTTP/1");
}

static void on_event(struct watch *watch, uint32_t events)
{
	struct probe *probe = (struct probe *)watch;
	int err = 0;

	if (probe->sent) {
		read_line(probe);
		return;
	}
	if (events & (EPOLLERR | EPOLLHUP))
		err = -ECONNREFUSED;
	else if (probe->route->protocol == ROUTE_HTTP)
		err = send_request(probe);
	if (err)
		finish(probe, false, strerror(-err));
	else if (probe->route->protocol != ROUTE_HTTP)
		finish(probe, true, "");
}

static struct probe *probe_new(const struct health_target *target,
			       const struct backend_view *backend)
{
	struct health *health = target->health;
	struct probe *probe;

	if (health->probes_count >= HEALTH_PROBES_MAX || turn_timer_room(health->turn))
		return NULL;
	probe = slab_get(&health->probes);
	if (!probe) {
		health->turn->timers_used--;
		return NULL;
	}
	probe->health = health;
	probe->watch.fd = -1;
	probe->timer.fn = on_timer;
	probe->routing = routing_get(target->routing);
	probe->route = target->route;
	probe->addr = backend->addr;
	probe->port = ntohs(backend->port_be);
	probe->backend_id = backend->id;
	probe->backend_generation = backend->generation;
	probe->next = health->first;
	probe->prev = &health->first;
	if (probe->next)
		probe->next->prev = &probe->next;
	health->first = probe;
	health->probes_count++;
	return probe;
}

static void start(const struct health_target *target, const struct backend_view *backend)
{
	struct turn *turn = target->health->turn;
	struct probe *probe = probe_new(target, backend);
	struct sockaddr_storage name;
	socklen_t name_bytes;
	int fd;

	if (!probe)
		return;
	name_bytes = inet_addr_sockaddr(&backend->addr, backend->port_be, &name);
	fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0) { /* ours to lack, not the backend's */
		drop(probe);
		return;
	}
	if (connect(fd, (struct sockaddr *)&name, name_bytes) && errno != EINPROGRESS) {
		int err = errno;

		close(fd);
		finish(probe, false, strerror(err));
		return;
	}
	if (turn_watch(turn, &probe->watch, fd, EPOLLOUT, on_event)) {
		close(fd);
		drop(probe);
		return;
	}
	turn_arm(turn, &probe->timer, either(target->route->check_timeout_ms, HEALTH_TIMEOUT_MS));
}

/* ---- targets --------------------------------------------------------------------------------- */

/* Members of the upstream now. */
static uint64_t members_word(const struct health_target *target)
{
	const struct upstream *upstream = mapped_array_at(&target->health->picker->maps->upstreams,
							  target->route->upstream_id);

	return upstream ? __atomic_load_n(&upstream->members, __ATOMIC_ACQUIRE) : 0;
}

static bool member(const struct health_target *target, uint64_t word, uint32_t i,
		   struct backend_view *out)
{
	struct maps *maps = target->health->picker->maps;
	const uint64_t *id = mapped_array_at(&maps->members, (uint32_t)(word >> 32) + i);

	return id && maps_backend(maps, target->route->upstream_id,
				  (uint32_t)__atomic_load_n(id, __ATOMIC_RELAXED), out);
}

/* The time of one member: all are asked once in an interval. */
static uint64_t step_ms(const struct health_target *target, uint64_t word)
{
	uint64_t interval_ms = either(target->route->check_interval_ms, HEALTH_INTERVAL_MS);
	uint32_t count = (uint32_t)word ? (uint32_t)word : 1;

	return interval_ms / count ? interval_ms / count : 1;
}

static void on_target(struct timer *timer)
{
	struct health_target *target =
		(struct health_target *)((char *)timer - offsetof(struct health_target, timer));
	struct health *health = target->health;
	uint64_t word = members_word(target);
	uint32_t count = (uint32_t)word;
	struct backend_view backend;

	if (count && member(target, word, target->cursor++ % count, &backend)) {
		backend_note(&health->picker->notes, &backend);
		start(target, &backend);
	}
	turn_arm(health->turn, &target->timer, step_ms(target, word));
}

static struct health_target *target_new(struct health *health, const struct route *route)
{
	struct health_target *target = calloc(1, sizeof(*target));
	uint64_t first_ms;

	if (!target || turn_timer_room(health->turn)) {
		free(target);
		return NULL;
	}
	target->health = health;
	target->route = route;
	target->timer.fn = on_target;
	/* Workers that start together do not all knock at the same moment. */
	first_ms = hash64_next(&health->picker->random) % step_ms(target, members_word(target));
	turn_arm(health->turn, &target->timer, 1 + first_ms);
	return target;
}

static void target_set(struct health_target *target, struct routing *routing,
		       const struct route *route)
{
	struct routing *before = target->routing;

	target->routing = routing_get(routing);
	target->route = route;
	routing_put(before);
}

/* Nobody asks any more: what was found must not last. */
static void target_free(struct health_target *target)
{
	struct health *health = target->health;
	uint64_t word = members_word(target);
	struct backend_view backend;

	for (uint32_t i = 0; i < (uint32_t)word; i++)
		if (member(target, word, i, &backend))
			backend_note(&health->picker->notes, &backend)->unhealthy = false;
	turn_timer_drop(health->turn, &target->timer);
	routing_put(target->routing);
	free(target);
}

/* ---- the list of them ------------------------------------------------------------------------ */

struct collected {
	const struct snapshot *snapshot;
	const struct route **routes; /* owned */
	size_t count, capacity;
};

static void collect(void *ctx, const struct route *route)
{
	struct collected *all = ctx;
	const struct route **grown;

	if (!route->upstream_id)
		return;
	if (all->count == all->capacity) {
		all->capacity = all->capacity ? 2 * all->capacity : 16;
		grown = realloc(all->routes, all->capacity * sizeof(*grown));
		if (!grown) {
			all->capacity = all->count;
			log_error("proxy: out of memory; not all backends are checked");
			return;
		}
		all->routes = grown;
	}
	all->routes[all->count++] = route;
}

/* By upstream; of one upstream always the same first. */
static int compare(const void *left, const void *right, void *ctx)
{
	const struct route *a = *(const struct route *const *)left;
	const struct route *b = *(const struct route *const *)right;
	const struct snapshot *snapshot = ctx;
	int order;

	if (a->upstream_id != b->upstream_id)
		return a->upstream_id < b->upstream_id ? -1 : 1;
	order = strcmp(snapshot_text(snapshot, a->ingress_name),
		       snapshot_text(snapshot, b->ingress_name));
	if (!order)
		order = strcmp(snapshot_text(snapshot, a->check_path),
			       snapshot_text(snapshot, b->check_path));
	return order;
}

/* Puts @all in the place of the targets that are; both are sorted. */
static void replace(struct health *health, struct routing *routing, const struct collected *all,
		    struct health_target **targets)
{
	uint32_t count = 0, old = 0;

	for (size_t i = 0; i < all->count; i++) {
		uint32_t id = all->routes[i]->upstream_id;
		struct health_target *target = NULL;

		if (i && all->routes[i - 1]->upstream_id == id)
			continue;
		while (old < health->count && health->targets[old]->route->upstream_id < id)
			target_free(health->targets[old++]);
		if (old < health->count && health->targets[old]->route->upstream_id == id)
			target = health->targets[old++];
		else
			target = target_new(health, all->routes[i]);
		if (!target)
			continue;
		target_set(target, routing, all->routes[i]);
		targets[count++] = target;
	}
	while (old < health->count)
		target_free(health->targets[old++]);
	free(health->targets);
	health->targets = targets;
	health->count = count;
}

void health_apply(struct health *health, struct routing *routing)
{
	struct collected all = { .snapshot = routing_snapshot(routing) };
	struct health_target **targets;

	snapshot_each_check(all.snapshot, collect, &all);
	if (all.count)
		qsort_r(all.routes, all.count, sizeof(*all.routes), compare,
			(void *)(uintptr_t)all.snapshot);
	targets = calloc(all.count + 1, sizeof(struct health_target *));
	if (targets)
		replace(health, routing, &all, targets);
	else
		log_error("proxy: out of memory; backends are checked as before");
	free(all.routes);
}

void health_init(struct health *health, struct turn *turn, struct picker *picker)
{
	health->turn = turn;
	health->picker = picker;
	turn_slab(turn, &health->probes, sizeof(struct probe));
}

void health_free(struct health *health)
{
	while (health->first)
		drop(health->first);
	for (uint32_t i = 0; i < health->count; i++)
		target_free(health->targets[i]);
	free(health->targets);
	health->targets = NULL;
	health->count = 0;
	slab_free(&health->probes);
}
