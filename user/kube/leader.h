/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leader.h - one replica at a time writes: the holder of a Lease
 *
 * Our own clock judges expiry, from the last change of the Lease that we saw, never from the times
 * in it: clocks of nodes differ. A leader that cannot renew stops before others may start: it leads
 * for two thirds of the duration after it sent the last renewal.
 */
#ifndef SLUICE_KUBE_LEADER_H
#define SLUICE_KUBE_LEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "kube/api.h"

#define LEADER_DURATION_S 15u

struct leader;

struct leader_options {
	const char *namespace, *name, *identity; /* copied */
	unsigned int duration_s;                 /* 0: LEADER_DURATION_S */
	const char *title; /* borrowed for the life of the process; NULL: "the leader" */
	void (*changed)(void *ctx, bool leads);
	/* Called after each renewal: we hold it until then (loop_now_ms()). May be NULL. */
	void (*renewed)(void *ctx, uint64_t until_ms);
	/* Called for each answer about the Lease: the server is there. May be NULL. */
	void (*reached)(void *ctx);
	void *ctx;
};

int leader_start(struct loop *loop, struct api *api, const struct leader_options *options,
		 struct leader **out);
/* Releases the Lease if we hold it (in at most a second). Does not call changed(). Takes NULL. */
void leader_stop(struct leader *leader);

bool leader_leads(const struct leader *leader);

/*
 * A note for later leaders, stored as an annotation of the Lease. Borrowed until the loop runs
 * again; NULL if there is none. Setting it writes the Lease at once, only while we lead.
 */
const char *leader_note(const struct leader *leader, const char *key);
int leader_set_note(struct leader *leader, const char *key, const char *value);

#endif /* SLUICE_KUBE_LEADER_H */
