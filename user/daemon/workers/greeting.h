/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greeting.h - workers that outlived their sluiced: found by name, asked who they are
 */
#ifndef SLUICE_DAEMON_GREETING_H
#define SLUICE_DAEMON_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sluice_schema.h"

/* What a running worker said of itself, and the connection on which it did. */
struct greeting {
	int control;      /* owned; -1 once it has moved on */
	int listeners[2]; /* owned; IPv4, IPv6; -1: none, or moved on */
	uint32_t slot;    /* of the name that was dialled */
	pid_t pid;        /* attested by the kernel; 0: not visible from here */
	bool greeted;     /* has said HELLO; else nothing below is known */
	bool draining;
	uint64_t generation; /* of its snapshot, 0: none */
	bool same;           /* of this build, with these settings */
};

struct greetings {
	struct greeting list[SLUICE_WORKERS_MAX];
	size_t count;
	bool taken[SLUICE_WORKERS_MAX]; /* slots whose name somebody holds */
};

/**
 * greetings_collect - connect to every slot, wait for what is said
 * @settings: hash that a worker of ours has
 * @wait_ms: for those that do not answer at once
 * @out: freed by greetings_close(); those that did not answer are in it, .greeted false
 * Names that a process of another user holds are logged and only noted in .taken.
 */
void greetings_collect(const char *pin_folder, uint64_t settings, unsigned int wait_ms,
		       struct greetings *out);

/* Closes what has not moved on. */
void greetings_close(struct greetings *greetings);

#endif /* SLUICE_DAEMON_GREETING_H */
