// SPDX-License-Identifier: Apache-2.0
#include "base/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 64

struct loop_watch {
	struct loop *loop; /* borrowed */
	int fd;            /* borrowed; -1 once removed */
	loop_watch_fn *fn;
	void *ctx;
	struct loop_watch *prev, *next;
};

struct loop_timer {
	struct loop *loop;
	loop_timer_fn *fn;
	void *ctx;
	uint64_t due_ms;
	bool armed;
	bool freed;
	struct loop_timer *next;
};

struct loop {
	int epoll_fd;
	bool stopped;
	struct loop_watch *watches; /* owned */
	struct loop_watch *removed; /* owned; freed at the end of a turn: events may name them */
	struct loop_timer *timers;  /* owned; few, so a list */
};

uint64_t loop_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		err = -errno;
		free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

static void free_removed(struct loop *loop)
{
	while (loop->removed) {
		struct loop_watch *watch = loop->removed;

		loop->removed = watch->next;
		free(watch);
	}
}

static void free_ended_timers(struct loop *loop)
{
	struct loop_timer **link = &loop->timers;

	while (*link) {
		struct loop_timer *timer = *link;

		if (timer->freed) {
			*link = timer->next;
			free(timer);
		} else {
			link = &timer->next;
		}
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	free_removed(loop);
	while (loop->watches) {
		struct loop_watch *watch = loop->watches;

		loop->watches = watch->next;
		free(watch);
	}
	for (struct loop_timer *timer = loop->timers; timer; timer = timer->next)
		timer->freed = true;
	free_ended_timers(loop);
	close(loop->epoll_fd);
	free(loop);
}

int loop_watch_add(struct loop *loop, int fd, uint32_t events, loop_watch_fn *fn, void *ctx,
		   struct loop_watch **out)
{
	struct loop_watch *watch = calloc(1, sizeof(*watch));
	struct epoll_event event = { .events = events, .data.ptr = watch };
	int err;

	if (!watch)
		return -ENOMEM;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		err = -errno;
		free(watch);
		return err;
	}
	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->ctx = ctx;
	watch->next = loop->watches;
	if (watch->next)
		watch->next->prev = watch;
	loop->watches = watch;
	if (out)
		*out = watch;
	return 0;
}

int loop_watch_modify(struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
		return -errno;
	return 0;
}

void loop_watch_remove(struct loop_watch *watch)
{
	struct loop *loop;

	if (!watch || watch->fd < 0)
		return;
	loop = watch->loop;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
	if (watch->prev)
		watch->prev->next = watch->next;
	else
		loop->watches = watch->next;
	if (watch->next)
		watch->next->prev = watch->prev;
	watch->next = loop->removed;
	loop->removed = watch;
}

int loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *ctx, struct loop_timer **out)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return -ENOMEM;
	timer->loop = loop;
	timer->fn = fn;
	timer->ctx = ctx;
	timer->next = loop->timers;
	loop->timers = timer;
	*out = timer;
	return 0;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ms)
{
	timer->due_ms = loop_now_ms() + delay_ms;
	timer->armed = true;
}

void loop_timer_disarm(struct loop_timer *timer)
{
	timer->armed = false;
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	timer->armed = false;
	timer->freed = true; /* run_timers() may be walking the list */
}

static int wait_ms(const struct loop *loop)
{
	uint64_t now_ms = loop_now_ms();
	uint64_t least_ms = UINT64_MAX;

	for (const struct loop_timer *timer = loop->timers; timer; timer = timer->next) {
		if (!timer->armed)
			continue;
		if (timer->due_ms <= now_ms)
			return 0;
		if (timer->due_ms - now_ms < least_ms)
			least_ms = timer->due_ms - now_ms;
	}
	if (least_ms == UINT64_MAX)
		return -1;
	return least_ms > INT_MAX ? INT_MAX : (int)least_ms;
}

static void run_timers(struct loop *loop)
{
	uint64_t now_ms = loop_now_ms();

	for (struct loop_timer *timer = loop->timers; timer; timer = timer->next) {
		if (!timer->armed || timer->due_ms > now_ms)
			continue;
		timer->armed = false;
		timer->fn(timer->ctx);
	}
	free_ended_timers(loop);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_A_TURN];

	loop->stopped = false;
	while (!loop->stopped) {
		int count = epoll_wait(loop->epoll_fd, events, EVENTS_A_TURN, wait_ms(loop));

		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count; i++) {
			struct loop_watch *watch = events[i].data.ptr;

			if (watch->fd >= 0)
				watch->fn(watch->ctx, watch->fd, events[i].events);
		}
		free_removed(loop);
		run_timers(loop);
		free_removed(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
