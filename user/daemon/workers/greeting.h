/* SPDX-License-Identifier: Apache-2.0 */
/*
 * greeting.h - workers that outlived their sluiced: found by name, identified by their HELLO
 */
#ifndef SLUICE_DAEMON_GREETING_H
#define SLUICE_DAEMON_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sluice_schema.h"

/* The HELLO of a running worker, and its connection. */
struct greeting {
	int control;      /* owned; -1 once it has moved on */
	int listeners[2]; /* owned; IPv4, IPv6; -1: none, or moved on */
	uint32_t slot;    /* of the name that was dialled */
	pid_t pid;        /* attested by the kernel; 0: not visible from here */
	bool greeted;     /* has sent HELLO; else the fields below are unknown */
	bool draining;
	uint64_t generation; /* of its snapshot, 0: none */
	bool same;           /* of this build, with these settings */
};

struct greetings {
	struct greeting list[SLUICE_WORKERS_MAX];
	size_t count;
	bool taken[SLUICE_WORKERS_MAX]; /* slots whose name is in use */
};

/**
 * greetings_collect - connect to every slot, wait for HELLO
 * @settings: hash of a worker with our settings
 * @wait_ms: for those that do not answer at once
 * @out: freed by greetings_close(); those that did not answer are in it, .greeted false
 * Names held by a process of another user are logged and only marked in .taken.
 */
void greetings_collect(const char *pin_folder, uint64_t settings, unsigned int wait_ms,
		       struct greetings *out);

/* Closes what has not moved on. */
void greetings_close(struct greetings *greetings);

#endif /* SLUICE_DAEMON_GREETING_H */
