/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper.h - the file of sluice-proxy, and its user
 */
#ifndef SLUICE_DAEMON_HELPER_H
#define SLUICE_DAEMON_HELPER_H

#include <sys/types.h>

struct helper {
	int binary_fd; /* owned; O_PATH: restarts run what was there at our start */
	uid_t uid;
	gid_t gid;
};

#define HELPER_ERROR_MAX 512

/**
 * helper_find - open the program, look up the user
 * @binary: file, or NULL: sluice-proxy beside the running program
 * @user: name or number, or NULL: sluice-proxy if there is such a user, else 65532
 * @error: out, on failure: flag, value, reason
 * Without root the user is our own: no other is possible.
 * Return: 0; -ENOENT, -EACCES, ... the program; -EINVAL the user.
 */
int helper_find(const char *binary, const char *user, struct helper *out,
		char error[HELPER_ERROR_MAX]);
void helper_close(struct helper *helper);

#endif /* SLUICE_DAEMON_HELPER_H */
