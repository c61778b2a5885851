/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - how sluiced proves to a worker, or to another sluiced, that it has the same bpffs
 *
 * Abstract sockets belong to the network namespace, which containers may share, and so do users.
 * But the folder above the pin folder, which a sluiced locks, can be opened only by a process that
 * has this BPF file system. So a descriptor of it is the proof.
 */
#ifndef SLUICE_DAEMON_WORKERS_CLAIM_H
#define SLUICE_DAEMON_WORKERS_CLAIM_H

#include <sys/stat.h>

/**
 * claim_open_folder - the proof
 * With O_PATH: nobody can open anything with it, and no lock goes with it.
 * Return: the descriptor, owned by the caller; -errno.
 */
int claim_open_folder(const char *pin_folder);

/* Device and number of the folder, to compare. Return: 0; -errno. */
int claim_folder(const char *pin_folder, struct stat *out);

/* Sends CLAIM, with our stdout and stderr for the worker's log. Return: 0; -errno. */
int claim_send(int control, const char *pin_folder);

#endif /* SLUICE_DAEMON_WORKERS_CLAIM_H */
