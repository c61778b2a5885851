/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_notes.h - what one worker remembers of backends: load, failures, health, age
 *
 * Each worker learns for itself; nothing of it outlives the worker. A note is about one generation
 * of a backend id: another one begins with an empty note.
 */
#ifndef SLUICE_PROXY_BACKEND_NOTES_H
#define SLUICE_PROXY_BACKEND_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/backend/maps.h"
#include "handoff/snapshot.h"

#define CONNECT_ASIDE_MS     1000u /* after a failed connect, doubled with each that follows */
#define CONNECT_ASIDE_MAX_MS 60000u
#define EJECT_TIME_MS        10000u /* sluice.dev/eject-time, doubled likewise */
#define EJECT_TIME_MAX_MS    300000u
#define TRIAL_MS             10000u /* after a trial of which nothing was heard comes another */

struct backend_note {
	uint32_t generation; /* that this is about; 0: nothing is noted yet */
	uint32_t active;     /* exchanges of this worker that it serves now */
	uint64_t identity;   /* hash of address and port: the same in every worker, on every node */
	uint64_t tag;        /* its name in affinity cookies, with .tag_key; 0: not known yet */
	uint64_t tag_key;
	uint64_t
		since_ms; /* when it came to a list that was known before; 0: in it from the start */
	uint64_t aside_until_ms;
	uint64_t aside_ms; /* how long it was ejected last; 0: not lately */
	uint32_t failures; /* in a row */
	uint16_t checks;   /* health checks in a row that say the other thing than .unhealthy */
	bool known;        /* was in a list that was looked at */
	bool unhealthy;    /* by health checks */
	bool failing;      /* ejected, and no success since */
	bool trial;        /* an exchange is on its way to see if it still fails */
};

struct backend_notes {
	struct backend_note *items; /* owned, by backend id */
	uint32_t count;
};

int backend_notes_init(struct backend_notes *notes, uint32_t backends_max); /* 0; -ENOMEM */
void backend_notes_free(struct backend_notes *notes);

/* The note about what @backend is now, made empty if it was about something else. Never NULL for a
 * backend that maps_backend() gave. */
struct backend_note *backend_note(struct backend_notes *notes, const struct backend_view *backend);

/* The note of that generation, or NULL: the backend is another by now. */
struct backend_note *backend_note_find(struct backend_notes *notes, uint32_t id,
				       uint32_t generation);

/* True if it is to be passed over while there is another. */
bool backend_note_aside(const struct backend_note *note, uint64_t now_ms);

/* It takes the next exchange. If its time aside is over, that is the trial: others wait for what
 * becomes of it. */
void backend_note_chosen(struct backend_note *note, uint64_t now_ms);

enum backend_failure {
	FAILURE_CONNECT, /* it took no connection: always counts, one is enough */
	FAILURE_ANSWER,  /* none in time, cut short, or 502 503 504: counts if the route says so */
};

/* What an exchange came to. @route: says what counts, and for how long. Failed: true if the backend
 * is ejected for it. */
bool backend_note_failed(struct backend_note *note, const struct route *route,
			 enum backend_failure failure, uint64_t now_ms);
void backend_note_succeeded(struct backend_note *note, uint64_t now_ms);

/* Share of a backend that starts slowly, of BACKEND_WEIGHT_FULL. */
#define BACKEND_WEIGHT_FULL 256u
uint32_t backend_note_weight(const struct backend_note *note, uint32_t slow_start_ms,
			     uint64_t now_ms);

/* Takes in one health check. Return: true if .unhealthy changed by it. */
bool backend_note_checked(struct backend_note *note, const struct route *route, bool ok,
			  uint64_t now_ms);

#define CHECK_HEALTHY   2u /* sluice.dev/health-check-healthy */
#define CHECK_UNHEALTHY 3u /* sluice.dev/health-check-unhealthy */

#endif /* SLUICE_PROXY_BACKEND_NOTES_H */
