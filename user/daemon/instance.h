/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - one sluiced a bpffs: the lock, and how the next one asks for it
 */
#ifndef SLUICE_DAEMON_INSTANCE_H
#define SLUICE_DAEMON_INSTANCE_H

#include <stdbool.h>

#include "base/loop.h"

struct instance;

#define INSTANCE_ERROR_MAX 512

/**
 * instance_lock - become the one sluiced of this bpffs, until the process ends
 * @pin_folder: "<bpffs>/sluice/v2"; its parent is made and locked
 * @takeover: ask the one that holds the lock to leave, and wait for it
 * @error: out, on failure: what, why, the remedy
 * Return: 0; -EBUSY another one runs; -ENOENT no bpffs there; -EPERM; -ETIMEDOUT it does not leave;
 * other -errno.
 */
int instance_lock(const char *bpffs, const char *pin_folder, bool takeover, struct instance **out,
		  char error[INSTANCE_ERROR_MAX]);

/**
 * instance_listen - wait for a sluiced that wants to take over
 * @asked: called once when one does; the process must then end and leave all state
 * Return: 0; -errno, with a log line: then only SIGTERM ends this process.
 */
int instance_listen(struct instance *instance, struct loop *loop, void (*asked)(void *ctx),
		    void *ctx);

/* Gives the lock up. Takes NULL. */
void instance_free(struct instance *instance);

#endif /* SLUICE_DAEMON_INSTANCE_H */
