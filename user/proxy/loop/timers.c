// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/timers.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

void timers_free(struct timers *timers)
{
	free(timers->heap);
	timers->heap = NULL;
	timers->count = 0;
	timers->room = 0;
}

int timers_reserve(struct timers *timers, size_t count)
{
	size_t room = timers->room ? timers->room : 64;
	struct timer **heap;

	if (count < timers->room)
		return 0;
	while (room <= count)
		room *= 2;
	heap = realloc(timers->heap, room * sizeof(struct timer *));
	if (!heap)
		return -ENOMEM;
	timers->heap = heap;
	timers->room = room;
	return 0;
}

static void set(struct timers *timers, size_t index, struct timer *timer)
{
	timers->heap[index] = timer;
	timer->index = index;
}

static void sift_up(struct timers *timers, struct timer *timer)
{
	size_t index = timer->index;

	while (index > 1 && timers->heap[index / 2]->place_ms > timer->place_ms) {
		set(timers, index, timers->heap[index / 2]);
		index /= 2;
	}
	set(timers, index, timer);
}

static void sift_down(struct timers *timers, struct timer *timer)
{
	size_t index = timer->index;

	for (size_t child = 2 * index; child <= timers->count; child = 2 * index) {
		if (child < timers->count &&
		    timers->heap[child + 1]->place_ms < timers->heap[child]->place_ms)
			child++;
		if (timers->heap[child]->place_ms >= timer->place_ms)
			break;
		set(timers, index, timers->heap[child]);
		index = child;
	}
	set(timers, index, timer);
}

void timers_arm(struct timers *timers, struct timer *timer, uint64_t deadline_ms)
{
	timer->deadline_ms = deadline_ms;
	if (!timer->index) {
		timer->place_ms = deadline_ms;
		set(timers, ++timers->count, timer);
		sift_up(timers, timer);
	} else if (deadline_ms < timer->place_ms) {
		timer->place_ms = deadline_ms;
		sift_up(timers, timer);
	}
}

void timers_remove(struct timers *timers, struct timer *timer)
{
	struct timer *last;
	size_t index = timer->index;

	timer->deadline_ms = 0;
	if (!index)
		return;
	timer->index = 0;
	last = timers->heap[timers->count--];
	if (last == timer)
		return;
	set(timers, index, last);
	sift_up(timers, last);
	sift_down(timers, last);
}

void timers_run(struct timers *timers, uint64_t now_ms)
{
	while (timers->count && timers->heap[1]->place_ms <= now_ms) {
		struct timer *timer = timers->heap[1];

		if (timer->deadline_ms > now_ms) { /* it was moved later meanwhile */
			timer->place_ms = timer->deadline_ms;
			sift_down(timers, timer);
			continue;
		}
		if (timer->deadline_ms) {
			timers_remove(timers, timer);
			timer->fn(timer);
		} else {
			timers_remove(timers, timer);
		}
	}
}

int timers_wait_ms(const struct timers *timers, uint64_t now_ms)
{
	uint64_t wait_ms;

	if (!timers->count)
		return -1;
	if (timers->heap[1]->place_ms <= now_ms)
		return 0;
	wait_ms = timers->heap[1]->place_ms - now_ms;
	return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}
