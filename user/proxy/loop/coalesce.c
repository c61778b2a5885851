// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/coalesce.h"

#define CHECK_US        500000 /* of windows with sleeps, between two without, that check the gain */
#define WINDOWS_OFF     16     /* windows without after a failure; doubled by each that follows */
#define WINDOWS_OFF_MAX 1024

#define LOOK_TURNS 32 /* into a window with sleeps: is it still so busy? */

/* Of the rate without sleeps: what is lost by them at most. Noise of a window is about as large. */
#define KEPT_MIN(rate) ((rate) - (rate) / 8)

static void turn_off(struct coalesce *coalesce)
{
	coalesce->on = false;
	if (coalesce->windows_off < WINDOWS_OFF)
		coalesce->windows_off = WINDOWS_OFF;
	coalesce->windows_left = coalesce->windows_off;
	if (coalesce->windows_off < WINDOWS_OFF_MAX)
		coalesce->windows_off *= 2;
}

static void turn_on(struct coalesce *coalesce, uint64_t now_us)
{
	coalesce->on = true;
	coalesce->on_since_us = now_us;
	coalesce->slept_per_s = 0;
}

/* Would a sleep gather enough? */
static bool comes_fast(uint32_t per_s)
{
	return (uint64_t)per_s * COALESCE_SLEEP_US >= COALESCE_EVENTS_MIN * 1000000ull;
}

/* A window without sleeps has ended. */
static void end_plain(struct coalesce *coalesce, uint32_t per_s, uint64_t now_us)
{
	coalesce->plain_per_s = per_s;
	if (coalesce->slept_per_s && coalesce->slept_per_s < KEPT_MIN(per_s)) {
		coalesce->slept_per_s = 0;
		turn_off(coalesce);
		return;
	}
	if (coalesce->windows_left)
		coalesce->windows_left--;
	if (!coalesce->windows_left && comes_fast(per_s))
		turn_on(coalesce, now_us);
}

static bool gathers_little(const struct coalesce *coalesce)
{
	return coalesce->events < COALESCE_EVENTS_MIN * coalesce->turns;
}

/* A window with sleeps has ended. */
static void end_slept(struct coalesce *coalesce, uint32_t per_s, uint64_t now_us)
{
	coalesce->slept_per_s = per_s;
	if (gathers_little(coalesce) || per_s < KEPT_MIN(coalesce->plain_per_s)) {
		coalesce->slept_per_s = 0;
		turn_off(coalesce);
	} else if (now_us - coalesce->on_since_us >= CHECK_US) {
		coalesce->on = false; /* for one window, to compare */
		coalesce->windows_off = 0;
	}
}

bool coalesce_turn(struct coalesce *coalesce, uint32_t events, uint64_t now_us)
{
	uint64_t took_us, per_s;

	if (!coalesce->begun_us) {
		coalesce->begun_us = now_us;
		return coalesce->on;
	}
	coalesce->turns++;
	coalesce->events += events;
	if (coalesce->turns < COALESCE_WINDOW_TURNS &&
	    !(coalesce->on && coalesce->turns >= LOOK_TURNS && gathers_little(coalesce)))
		return coalesce->on;
	took_us = now_us - coalesce->begun_us;
	per_s = took_us ? coalesce->events * 1000000ull / took_us : UINT32_MAX;
	if (per_s > UINT32_MAX)
		per_s = UINT32_MAX;
	if (coalesce->on)
		end_slept(coalesce, (uint32_t)per_s, now_us);
	else
		end_plain(coalesce, (uint32_t)per_s, now_us);
	coalesce->begun_us = now_us;
	coalesce->turns = 0;
	coalesce->events = 0;
	return coalesce->on;
}
