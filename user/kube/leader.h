/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leader.h - one replica at a time writes: the holder of a Lease
 *
 * Expiry is judged by our own clock from when we last saw the Lease change, never by the times
 * written in it: clocks of nodes differ. Who cannot renew in time stops before others may start:
 * it leads for two thirds of the duration after the last renewal was sent.
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
	const char *title;                       /* borrowed for ever; NULL: "the leader" */
	void (*changed)(void *ctx, bool leads);
	/* After each renewal: it is ours until then (loop_now_ms()). May be NULL. */
	void (*renewed)(void *ctx, uint64_t until_ms);
	void *ctx;
};

int leader_start(struct loop *loop, struct api *api, const struct leader_options *options,
		 struct leader **out);
/* Gives the Lease back if it is ours (at most a second). Does not call changed(). Takes NULL. */
void leader_stop(struct leader *leader);

bool leader_leads(const struct leader *leader);

/*
 * A note that goes with the Lease to later leaders: an annotation of it. Borrowed until the loop
 * runs again; NULL if there is none. Setting writes the Lease at once; while we lead only.
 */
const char *leader_note(const struct leader *leader, const char *key);
int leader_set_note(struct leader *leader, const char *key, const char *value);

#endif /* SLUICE_KUBE_LEADER_H */
