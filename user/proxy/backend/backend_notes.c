// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/backend_notes.h"

#include <errno.h>
#include <stdlib.h>

#include "proxy/http/hash64.h"

#define WEIGHT_LEAST (BACKEND_WEIGHT_FULL / 10) /* enough to warm up by */

int backend_notes_init(struct backend_notes *notes, uint32_t backends_max)
{
	/* calloc: pages of backends that this worker never talks to are never touched. */
	notes->items = calloc(backends_max, sizeof(*notes->items));
	notes->count = notes->items ? backends_max : 0;
	return notes->items ? 0 : -ENOMEM;
}

void backend_notes_free(struct backend_notes *notes)
{
	free(notes->items);
	*notes = (struct backend_notes){ 0 };
}

struct backend_note *backend_note(struct backend_notes *notes, const struct backend_view *backend)
{
	struct backend_note *note = &notes->items[backend->id];
	uint64_t hash = HASH64_SEED;

	if (note->generation == backend->generation && note->identity)
		return note;
	hash = hash64_more(hash, backend->addr.bytes, sizeof(backend->addr.bytes));
	hash = hash64_more(hash, &backend->port_be, sizeof(backend->port_be));
	*note = (struct backend_note){
		.generation = backend->generation,
		.identity = hash64_end(hash) | 1,
	};
	return note;
}

struct backend_note *backend_note_find(struct backend_notes *notes, uint32_t id,
				       uint32_t generation)
{
	struct backend_note *note = id < notes->count ? &notes->items[id] : NULL;

	return note && note->identity && note->generation == generation ? note : NULL;
}

/* ---- failures -------------------------------------------------------------------------------- */

bool backend_note_aside(const struct backend_note *note, uint64_t now_ms)
{
	return note->unhealthy || (note->failing && now_ms < note->aside_until_ms);
}

void backend_note_chosen(struct backend_note *note, uint64_t now_ms)
{
	if (!note->failing)
		return;
	note->trial = true;
	note->aside_until_ms = now_ms + TRIAL_MS;
}

static void put_aside(struct backend_note *note, uint64_t first_ms, uint64_t most_ms,
		      uint64_t now_ms)
{
	note->aside_ms = note->aside_ms ? 2 * note->aside_ms : first_ms;
	if (note->aside_ms < first_ms)
		note->aside_ms = first_ms;
	if (note->aside_ms > most_ms)
		note->aside_ms = most_ms;
	note->aside_until_ms = now_ms + note->aside_ms;
	note->failing = true;
}

bool backend_note_failed(struct backend_note *note, const struct route *route,
			 enum backend_failure failure, uint64_t now_ms)
{
	uint64_t first_ms = route->eject_time_ms ? route->eject_time_ms : EJECT_TIME_MS;
	uint64_t most_ms = first_ms > EJECT_TIME_MAX_MS ? first_ms : EJECT_TIME_MAX_MS;

	/* Exchanges that were on their way when it was ejected say nothing new. */
	if ((route->flags & ROUTE_F_NEVER_EJECT) || (note->failing && !note->trial))
		return false;
	/* Where answers do not count, one that answers at all takes connections again. */
	if (failure == FAILURE_ANSWER && !route->eject_after) {
		backend_note_succeeded(note, now_ms);
		return false;
	}
	note->failures++;
	if (failure == FAILURE_CONNECT)
		put_aside(note, CONNECT_ASIDE_MS, CONNECT_ASIDE_MAX_MS, now_ms);
	else if (note->trial || note->failures >= route->eject_after)
		put_aside(note, first_ms, most_ms, now_ms);
	else
		return false;
	note->trial = false;
	return true;
}

void backend_note_succeeded(struct backend_note *note, uint64_t now_ms)
{
	if (note->failing && !note->trial)
		return;
	/* The time aside grows again from where it was, unless it has held for as long. */
	if (!note->failing && note->aside_ms && now_ms >= note->aside_until_ms + note->aside_ms)
		note->aside_ms = 0;
	if (note->failing)
		note->aside_until_ms = now_ms;
	note->failures = 0;
	note->failing = false;
	note->trial = false;
}

/* ---- slow start, health ---------------------------------------------------------------------- */

uint32_t backend_note_weight(const struct backend_note *note, uint32_t slow_start_ms,
			     uint64_t now_ms)
{
	uint64_t age_ms = now_ms - note->since_ms;
	uint64_t weight;

	if (!note->since_ms || age_ms >= slow_start_ms)
		return BACKEND_WEIGHT_FULL;
	weight = age_ms * BACKEND_WEIGHT_FULL / slow_start_ms;
	return weight > WEIGHT_LEAST ? (uint32_t)weight : WEIGHT_LEAST;
}

bool backend_note_checked(struct backend_note *note, const struct route *route, bool ok,
			  uint64_t now_ms)
{
	uint32_t healthy = route->check_healthy ? route->check_healthy : CHECK_HEALTHY;
	uint32_t unhealthy = route->check_unhealthy ? route->check_unhealthy : CHECK_UNHEALTHY;

	if (ok != note->unhealthy) { /* as it is known to be */
		note->checks = 0;
		return false;
	}
	if (++note->checks < (ok ? healthy : unhealthy))
		return false;
	note->checks = 0;
	note->unhealthy = !ok;
	if (ok)
		note->since_ms = now_ms;
	return true;
}
