/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - the daemon's event loop: one epoll, descriptors and timers with callbacks
 *
 * Used by sluiced (files, kube, admin, supervisor). The helper has an epoll loop of its own, made
 * for its hot path. Single-threaded: every call from the thread that runs the loop.
 */
#ifndef SLUICE_BASE_LOOP_H
#define SLUICE_BASE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_watch; /* one watched descriptor */
struct loop_timer; /* one timer, one-shot; arm it again from its callback to repeat */

typedef void loop_watch_fn(void *ctx, int fd, uint32_t events);
typedef void loop_timer_fn(void *ctx);

int loop_new(struct loop **out);
/* Frees the loop and everything still registered on it; closes only its own descriptor. */
void loop_free(struct loop *loop);

/**
 * loop_watch_add - call @fn when @fd has @events (EPOLLIN, EPOLLOUT, ...; level-triggered)
 * Return: 0 and *out (owned by the loop, ended by loop_watch_remove()); -errno.
 */
int loop_watch_add(struct loop *loop, int fd, uint32_t events, loop_watch_fn *fn, void *ctx,
		   struct loop_watch **out);
int loop_watch_modify(struct loop_watch *watch, uint32_t events);
/* Takes NULL. Safe from inside any callback of the same loop, before the descriptor is closed. */
void loop_watch_remove(struct loop_watch *watch);

int loop_timer_new(struct loop *loop, loop_timer_fn *fn, void *ctx, struct loop_timer **out);
/* (Re)arms: fires once, @delay_ms from now (0: in this turn's end). */
void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_disarm(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* takes NULL; safe in callbacks */

/**
 * loop_run - serve until loop_stop()
 * Return: 0; -errno if epoll fails.
 */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

uint64_t loop_now_ms(void); /* CLOCK_MONOTONIC */

#endif /* SLUICE_BASE_LOOP_H */
