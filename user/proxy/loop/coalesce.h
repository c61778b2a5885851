/* SPDX-License-Identifier: Apache-2.0 */
/*
 * coalesce.h - whether a worker lets events gather before it looks for them
 *
 * A worker that is faster than what comes sleeps after nearly every event. Then each event pays for
 * a wake-up, and whoever causes it (a client, a pod, the softirq of their packet) pays more than
 * the worker: an interrupt to another processor, on a virtual machine an exit to the hypervisor.
 * When events come so fast that a short sleep gathers several, it sleeps first, for a fixed time
 * during which no wake-up is needed, and finds them together: what network cards call interrupt
 * moderation. A chain in which each event follows from our answer to the one before would only be
 * slower, so what is gained is measured all the time: windows with and without are compared.
 */
#ifndef SLUICE_PROXY_COALESCE_H
#define SLUICE_PROXY_COALESCE_H

#include <stdbool.h>
#include <stdint.h>

#define COALESCE_SLEEP_US     150 /* as much at most does an event wait longer */
#define COALESCE_WINDOW_TURNS 256
#define COALESCE_EVENTS_MIN   3 /* a sleep is to gather so many, or is not worth its own cost */

struct coalesce {
	uint64_t begun_us; /* the window under way */
	uint64_t on_since_us;
	uint32_t turns;
	uint32_t events;
	uint32_t plain_per_s, slept_per_s; /* events, of the last window of each kind */
	uint16_t windows_left;             /* until sleeps are tried */
	uint16_t windows_off;              /* how long it stays off after the next failure */
	bool on;
};

/**
 * coalesce_turn - notes a turn of the loop
 * @events: that it found
 * @now_us: when it found them; does not go back
 * Return: true: sleep for COALESCE_SLEEP_US before the next ones are waited for.
 */
bool coalesce_turn(struct coalesce *coalesce, uint32_t events, uint64_t now_us);

#endif
