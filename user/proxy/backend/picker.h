/* SPDX-License-Identifier: Apache-2.0 */
/*
 * picker.h - which backend of an upstream takes the next exchange
 *
 *   round robin     one after the other
 *   least requests  of two at random, the one that serves fewer exchanges of this worker
 *   hash            rendezvous: the backend that fits the key best; one that comes or goes moves
 *                   only its own share of the keys
 *   affinity        the backend that the client's cookie names, else round robin
 *
 * Whatever the way, a backend that is ejected (backend_notes.h) is passed over while there is
 * another; never all of them are.
 */
#ifndef SLUICE_PROXY_PICKER_H
#define SLUICE_PROXY_PICKER_H

#include "proxy/backend/backend_notes.h"
#include "proxy/backend/maps.h"
#include "handoff/snapshot.h"

#define PICKER_ATTEMPTS_MAX 3u  /* backends tried for one exchange */
#define PICKER_TAG_DIGITS   16u /* of a backend's name in an affinity cookie */

struct picker {
	struct maps *maps; /* borrowed */
	struct backend_notes notes;
	struct picker_upstream *upstreams; /* owned, by id */
	uint64_t random;                   /* state of hash64_next() */
	uint32_t first_turn;               /* each worker begins at another member */
};

/* Backends that an exchange has tried already. */
struct picker_tried {
	uint32_t ids[PICKER_ATTEMPTS_MAX];
	uint32_t count;
};

/* The request for a backend. */
struct picker_ask {
	const struct route *route; /* borrowed */
	uint64_t key; /* what is hashed by .balance; 0: the request has nothing of it */
	uint64_t tag; /* of the affinity cookie; 0: none */
	const struct picker_tried *tried; /* passed over while there is another; may be NULL */
	uint64_t now_ms;
};

/**
 * picker_init - ready to pick; each worker begins at another member, so that together they are fair
 * Return: 0; -ENOMEM.
 */
int picker_init(struct picker *picker, struct maps *maps, uint32_t worker);
void picker_free(struct picker *picker);

/**
 * picker_pick - backend for an exchange
 * Return: 0; -ENOENT: the upstream has no usable backend (that was not tried).
 */
int picker_pick(struct picker *picker, const struct picker_ask *ask, struct backend_view *out);

/* Does the upstream have a backend, as far as its list says? */
bool picker_has_backend(const struct picker *picker, uint32_t upstream_id);

/**
 * picker_tag - how affinity cookies name a backend: a MAC of its address and port, keyed by the
 * Service's secret, so that it says nothing of the address and is the same everywhere
 */
uint64_t picker_tag(struct picker *picker, const struct route *route,
		    const struct backend_view *backend);

#endif /* SLUICE_PROXY_PICKER_H */
