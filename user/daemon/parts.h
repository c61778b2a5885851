/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - how the parts of sluiced know each other, and the order in which they start
 */
#ifndef SLUICE_DAEMON_PARTS_H
#define SLUICE_DAEMON_PARTS_H

#include "daemon/daemon.h"

/**
 * parts_start - start all parts, each after those that it uses
 * @d: with .options, .pin_folder, .source_text, .loop, .instance, .helper and .model filled
 * Return: 0; -errno of the first that failed, with a log line. parts_stop() is due in any case.
 */
int parts_start(struct daemon *d);

/* Stops them in the opposite order; pinned state and the workers stay. */
void parts_stop(struct daemon *d);

#endif /* SLUICE_DAEMON_PARTS_H */
