/* SPDX-License-Identifier: Apache-2.0 */
/*
 * announcer.h - virtual addresses in a flat network: this node answers for its own
 *
 * The programs answer questions (bpf/node/announce.bpf.h); this file sets their addresses, and
 * informs neighbours of a take-over. The source decides which node holds an address.
 */
#ifndef SLUICE_DAEMON_ANNOUNCER_H
#define SLUICE_DAEMON_ANNOUNCER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/loop.h"
#include "dataplane/dataplane.h"

struct announcer;

/* All borrowed. */
struct announcer_options {
	struct loop *loop;
	struct dataplane *dataplane;
	const struct daemon_state *state; /* nothing is announced before it is ready */
	bool (*holds)(void *ctx, const struct inet_addr *addr, uint64_t *until_ms);
	/* Once ready, this node is one of those that hold addresses; at the end no longer. */
	int (*take_part)(void *ctx, bool takes_part);
	void *ctx;
};

/* Return: 0; -errno, with a log line. */
int announcer_new(const struct announcer_options *options, struct announcer **out);

/* holds() may answer otherwise, or other addresses are served. Takes NULL. */
void announcer_review_soon(struct announcer *announcer);

/* Answers for nothing any more, lets others take over. Takes NULL. */
void announcer_leave(struct announcer *announcer);

/*
 * Addresses that this node holds for ever (without other nodes) stay; the rest is left as by
 * announcer_leave(). Takes NULL.
 */
void announcer_free(struct announcer *announcer);

/* Ends announcements of a previous sluiced. Return: 0; -errno, with a log line. */
int announcer_turn_off(struct dataplane *dataplane);

#endif /* SLUICE_DAEMON_ANNOUNCER_H */
