/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn.h - the event loop, and what everything that runs in it shares
 *
 * Everything here belongs to one thread. The order of one turn: a short sleep if events come fast,
 * epoll_wait, its events, due timers, tasks put off to the end of the turn, hooks, and then memory
 * that was given back in this turn may be handed out again.
 */
#ifndef SLUICE_PROXY_TURN_H
#define SLUICE_PROXY_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/sanitized.h"
#include "proxy/loop/buffer.h"
#include "proxy/loop/coalesce.h"
#include "proxy/loop/http_date.h"
#include "proxy/loop/slab.h"
#include "proxy/loop/timers.h"
#include "sluice_schema.h"

struct settings;
struct turn;

/* Builds for debugging and with a sanitizer look at their invariants after each turn. */
#if defined(SLUICE_DEBUG) || SANITIZED
#define TURN_CHECKS 1
#else
#define TURN_CHECKS 0
#endif

/* Something to be done at the end of this turn. */
struct task {
	void (*fn)(struct task *task);
	struct task *prev, *next; /* NULL: not queued */
};

/* What epoll points at, if it is not a stream: see turn_watch(). */
struct watch {
	const void *tag; /* distinguishes it from a stream, which has its operations here */
	void (*fn)(struct watch *watch, uint32_t events);
	struct turn *turn;
	int fd; /* borrowed */
};

/* Called in every turn; see turn_hook(). */
struct turn_hook {
	/* Events came: how many. May be NULL. */
	void (*events)(struct turn_hook *hook, uint32_t count);
	/* The turn is over. May be NULL. */
	void (*settle)(struct turn_hook *hook);
	/* With TURN_CHECKS, at the end of a turn: what has no deadline? May be NULL.
	 * Return: NULL: all is well; what is missing otherwise, and the process aborts. */
	const char *(*check)(const struct turn_hook *hook);
	/* Descriptors run out: closes one that nothing needs at the moment. May be NULL.
	 * Return: false: there is none. */
	bool (*shed)(struct turn_hook *hook);
	struct turn_hook *next;
};

struct turn {
	const struct settings *settings; /* borrowed */
	struct worker_stats *stats; /* borrowed: counters of this process, shared with sluiced */
	int epoll;                  /* owned */
	uint64_t now_us;            /* CLOCK_MONOTONIC at the begin of the turn */
	uint64_t now_ms;
	time_t now_s; /* CLOCK_REALTIME */
	struct coalesce coalesce;
	struct timers timers;
	size_t timers_used;    /* objects that hold room in .timers */
	struct task tasks;     /* head of a ring */
	struct task last_task; /* in it while tasks run: those after it wait for the next turn */
	struct turn_hook *hooks;
	struct slab *slabs; /* those of turn_slab() */

	struct buffer_pool buffers;      /* for what is read, and heads */
	struct buffer_pool bulk_buffers; /* for bodies that are longer than those */
	struct http_date date;
	bool draining; /* connections end as soon as they can */
	bool stop;     /* this turn is the last */
};

/**
 * turn_init - a loop without anything in it
 * @settings: borrowed for the life of the loop
 * .stats is set by the caller. Return: 0; -errno.
 */
int turn_init(struct turn *turn, const struct settings *settings);
void turn_free(struct turn *turn); /* takes one that is all zeroes, too */

/* Turns until .stop. Return: 0; -errno if epoll fails. */
int turn_run(struct turn *turn);

/* Level-triggered watch of a descriptor that is not a stream. Return: 0; -errno. */
int turn_watch(struct turn *turn, struct watch *watch, int fd, uint32_t events,
	       void (*fn)(struct watch *, uint32_t));
void turn_unwatch(struct watch *watch);

/* Queues once; fn is called at the end of this turn. */
void turn_defer(struct turn *turn, struct task *task);
void task_cancel(struct task *task);

/* Calls it now, in place of the call at the end of the turn. */
static inline void task_run(struct task *task)
{
	task_cancel(task);
	task->fn(task);
}

/* Runs what was deferred until now; what is deferred meanwhile waits for the next turn. */
void turn_run_tasks(struct turn *turn);

/* Calls the hooks at the end of a turn, and settles the slabs; with TURN_CHECKS looks first. */
void turn_settle(struct turn *turn);

/* Room for one more timer, given back by turn_timer_drop(). Return: 0; -ENOMEM. */
int turn_timer_room(struct turn *turn);
void turn_timer_drop(struct turn *turn, struct timer *timer);

/* Sets or moves the deadline of a timer that has room. */
static inline void turn_arm(struct turn *turn, struct timer *timer, uint64_t delay_ms)
{
	timers_arm(&turn->timers, timer, turn->now_ms + delay_ms);
}

/* @hook: borrowed for the life of the loop. */
void turn_hook(struct turn *turn, struct turn_hook *hook);

/* Frees a descriptor: that of an idle connection to a backend. Return: false: there is none. */
bool turn_shed(struct turn *turn);

/* Readies a slab that settles at the end of each turn. Its owner frees it. */
void turn_slab(struct turn *turn, struct slab *slab, size_t size);

/* Date of now as IMF-fixdate. */
struct http_slice turn_date(struct turn *turn);

#endif /* SLUICE_PROXY_TURN_H */
