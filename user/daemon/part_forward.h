/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part_forward.h - the parts that forward: programs and maps, splice, the workers of the helper
 *
 * Rows of the table in parts.c. Each start returns 0 or -errno, with a log line.
 */
#ifndef SLUICE_DAEMON_PART_FORWARD_H
#define SLUICE_DAEMON_PART_FORWARD_H

#include "daemon/daemon.h"

int part_dataplane_start(struct daemon *d);
void part_dataplane_stop(struct daemon *d);

/* Lets workers splice if --splice asks for it and this kernel can do it. */
int part_splice_start(struct daemon *d);

int part_workers_start(struct daemon *d);
void part_workers_stop(struct daemon *d);

#endif /* SLUICE_DAEMON_PART_FORWARD_H */
