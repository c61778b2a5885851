/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup.h - take away what a sluiced that is gone has left in force
 */
#ifndef SLUICE_DAEMON_CLEANUP_H
#define SLUICE_DAEMON_CLEANUP_H

/**
 * cleanup - end the workers of a bpffs, remove programs, maps, links and routes
 * @pin_folder: "<bpffs>/sluice/v1"
 * What was done and what failed is said in log lines. To be called with the lock held.
 * Return: 0, also if there was nothing; -errno.
 */
int cleanup(const char *bpffs, const char *pin_folder);

#endif /* SLUICE_DAEMON_CLEANUP_H */
