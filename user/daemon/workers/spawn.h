/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - start a program with given descriptors, as another user, without any privilege
 */
#ifndef SLUICE_DAEMON_SPAWN_H
#define SLUICE_DAEMON_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#define SPAWN_FDS_MAX   16
#define SPAWN_ERROR_MAX 256

struct spawn_options {
	int binary_fd;     /* borrowed; O_PATH: the folder need not be reachable for the user */
	char *const *argv; /* borrowed, NULL at the end */
	const int *fds;    /* borrowed; become 3, 4, ...; -1: /dev/null */
	size_t fds_count;  /* <= SPAWN_FDS_MAX */
	uid_t uid;         /* as it is now if that is what we are */
	gid_t gid;
};

/**
 * spawn - start the program and wait until it is executed
 * @pid: out
 * @pidfd: out, owned by the caller; readable when the process has ended
 * @error: out, on failure: which step failed and why
 * The program gets stdin from /dev/null, our stdout and stderr, a session of its own, default
 * signals, an environment with only TZ, no_new_privs, an empty capability bounding set, and as many
 * descriptors as the hard limit allows. Return: 0; -errno of the failed step.
 */
int spawn(const struct spawn_options *options, pid_t *pid, int *pidfd, char error[SPAWN_ERROR_MAX]);

#endif /* SLUICE_DAEMON_SPAWN_H */
