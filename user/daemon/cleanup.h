/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - remove the state that an ended sluiced has left
 */
#ifndef SLUICE_DAEMON_CLEANUP_H
#define SLUICE_DAEMON_CLEANUP_H

/**
 * cleanup - end the workers of a bpffs, remove programs, maps, links and routes
 * @pin_folder: "<bpffs>/sluice/v2"
 * It logs each step and each failure. Call it with the lock held.
 * Return: 0, also if there was nothing; -errno.
 */
int cleanup(const char *bpffs, const char *pin_folder);

#endif /* SLUICE_DAEMON_CLEANUP_H */
