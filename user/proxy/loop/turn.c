// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/loop/stream.h"

#define EVENTS_MAX 256

/* 50,000 is the kernel's own: a third of the sleep in which events gather. */
#define TIMER_SLACK_NS 1000ul

/* A head of the longest allowed size, the empty line before it, and a little of what follows. */
#define BUFFER_BYTES     (16384u + 512u)
#define BUFFERS_FREE_MAX 256u
/* What one read and one write of a long body move: a quarter of the system calls. Few at a time, so
 * that clients that do not read hold at most 16 MB of a process. */
#define BULK_BYTES    65536u
#define BULK_USED_MAX 256u
#define BULK_FREE_MAX 16u

static const char watch_tag;

/* ---- watches, tasks, timers ------------------------------------------------------------------ */

int turn_watch(struct turn *turn, struct watch *watch, int fd, uint32_t events,
	       void (*fn)(struct watch *, uint32_t))
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	*watch = (struct watch){ .tag = &watch_tag, .fn = fn, .turn = turn, .fd = fd };
	if (epoll_ctl(turn->epoll, EPOLL_CTL_ADD, fd, &event)) {
		watch->fd = -1;
		return -errno;
	}
	return 0;
}

void turn_unwatch(struct watch *watch)
{
	epoll_ctl(watch->turn->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
}

void turn_defer(struct turn *turn, struct task *task)
{
	if (task->next)
		return;
	task->prev = turn->tasks.prev;
	task->next = &turn->tasks;
	task->prev->next = task;
	turn->tasks.prev = task;
}

void task_cancel(struct task *task)
{
	if (!task->next)
		return;
	task->prev->next = task->next;
	task->next->prev = task->prev;
	task->prev = task->next = NULL;
}

void turn_run_tasks(struct turn *turn)
{
	struct task *last = &turn->last_task;

	if (turn->tasks.next == &turn->tasks)
		return;
	turn_defer(turn, last);
	while (turn->tasks.next != last) {
		struct task *task = turn->tasks.next;

		task_cancel(task);
		task->fn(task);
	}
	task_cancel(last);
}

int turn_timer_room(struct turn *turn)
{
	int err = timers_reserve(&turn->timers, turn->timers_used + 1);

	if (!err)
		turn->timers_used++;
	return err;
}

void turn_timer_drop(struct turn *turn, struct timer *timer)
{
	timers_remove(&turn->timers, timer);
	turn->timers_used--;
}

struct http_slice turn_date(struct turn *turn)
{
	return http_date_get(&turn->date, turn->now_s);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void read_clock(struct turn *turn)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	turn->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	turn->now_ms = turn->now_us / 1000;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	turn->now_s = now.tv_sec;
}

int turn_init(struct turn *turn, const struct settings *settings)
{
	*turn = (struct turn){ .settings = settings };
	turn->tasks.prev = turn->tasks.next = &turn->tasks;
	buffer_pool_init(&turn->buffers, BUFFER_BYTES, BUFFERS_FREE_MAX);
	buffer_pool_init(&turn->bulk_buffers, BULK_BYTES, BULK_FREE_MAX);
	turn->bulk_buffers.used_count_max = BULK_USED_MAX;
	turn->buffers.bulk = &turn->bulk_buffers;
	read_clock(turn);
	turn->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (turn->epoll < 0)
		return -errno;
	return prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0) ? -errno : 0;
}

void turn_free(struct turn *turn)
{
	buffer_pool_free(&turn->buffers);
	buffer_pool_free(&turn->bulk_buffers);
	timers_free(&turn->timers);
	if (turn->epoll > 0)
		close(turn->epoll);
	turn->epoll = -1;
}

void turn_hook(struct turn *turn, struct turn_hook *hook)
{
	hook->next = turn->hooks;
	turn->hooks = hook;
}

bool turn_shed(struct turn *turn)
{
	for (struct turn_hook *hook = turn->hooks; hook; hook = hook->next)
		if (hook->shed && hook->shed(hook))
			return true;
	return false;
}

void turn_slab(struct turn *turn, struct slab *slab, size_t size)
{
	slab_init(slab, size);
	slab->next = turn->slabs;
	turn->slabs = slab;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void dispatch(const struct epoll_event *event)
{
	struct watch *watch = event->data.ptr;

	if (watch->tag != &watch_tag)
		stream_events(event->data.ptr, event->events);
	else if (watch->fd >= 0)
		watch->fn(watch, event->events);
}

static void let_events_gather(void)
{
	const struct timespec time = { .tv_nsec = COALESCE_SLEEP_US * 1000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL); /* a signal may end it early */
}

static void tell_hooks(struct turn *turn, uint32_t count)
{
	for (struct turn_hook *hook = turn->hooks; hook; hook = hook->next)
		if (hook->events)
			hook->events(hook, count);
}

static void check(const struct turn *turn)
{
	for (const struct turn_hook *hook = turn->hooks; hook; hook = hook->next) {
		const char *missing = hook->check ? hook->check(hook) : NULL;

		if (!missing)
			continue;
		log_error("proxy: without a deadline: %s", missing);
		abort();
	}
}

void turn_settle(struct turn *turn)
{
	if (TURN_CHECKS)
		check(turn);
	for (struct turn_hook *hook = turn->hooks; hook; hook = hook->next)
		if (hook->settle)
			hook->settle(hook);
	for (struct slab *slab = turn->slabs; slab; slab = slab->next)
		slab_settle(slab);
}

int turn_run(struct turn *turn)
{
	struct epoll_event events[EVENTS_MAX];
	bool gather = false;

	while (!turn->stop) {
		int wait_ms = turn->tasks.next != &turn->tasks
				      ? 0
				      : timers_wait_ms(&turn->timers, turn->now_ms);
		int count;

		if (gather && wait_ms)
			let_events_gather();
		count = epoll_wait(turn->epoll, events, EVENTS_MAX, wait_ms);
		if (count < 0 && errno != EINTR)
			return -errno;
		read_clock(turn);
		gather = coalesce_turn(&turn->coalesce, count > 0 ? (uint32_t)count : 0,
				       turn->now_us);
		if (count >= 0)
			tell_hooks(turn, (uint32_t)count);
		for (int i = 0; i < count; i++)
			dispatch(&events[i]);
		timers_run(&turn->timers, turn->now_ms);
		turn_run_tasks(turn);
		turn_settle(turn);
	}
	return 0;
}
