/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers.h - deadlines of conns, cheap to push back
 *
 * A deadline moves later with nearly every byte, and is hardly ever reached. So a timer in the heap
 * keeps the place of its first deadline; moving it later only stores the new time, and when the old
 * place comes up the timer is put back at its true one. Arming it earlier moves it at once.
 */
#ifndef SLUICE_PROXY_TIMERS_H
#define SLUICE_PROXY_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;
typedef void timer_fn(struct timer *timer);

struct timer {
	timer_fn *fn;
	uint64_t deadline_ms; /* 0: not armed */
	uint64_t place_ms;    /* key in the heap, <= deadline_ms */
	size_t index;         /* in the heap, from 1; 0: not in it */
};

struct timers {
	struct timer **heap; /* owned array of borrowed timers, [0] unused */
	size_t count, room;
};

void timers_free(struct timers *timers);

/**
 * timers_reserve - make room, so that arming @count timers cannot fail
 * Return: 0; -ENOMEM.
 */
int timers_reserve(struct timers *timers, size_t count);

/* Sets or moves the deadline. The timer must have had room reserved. */
void timers_arm(struct timers *timers, struct timer *timer, uint64_t deadline_ms);

/* Unarmed but maybe still in the heap: cheap. */
static inline void timer_disarm(struct timer *timer)
{
	timer->deadline_ms = 0;
}

/* Takes the timer out for good: before its memory is freed. */
void timers_remove(struct timers *timers, struct timer *timer);

/* Calls what is due. A callback may arm, disarm and remove any timer. */
void timers_run(struct timers *timers, uint64_t now_ms);

/* Milliseconds until something may be due, for epoll_wait(); -1: nothing. */
int timers_wait_ms(const struct timers *timers, uint64_t now_ms);

#endif /* SLUICE_PROXY_TIMERS_H */
