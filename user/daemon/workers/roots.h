/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roots.h - the CA certificates of the system, for the helper, which opens no file
 */
#ifndef SLUICE_DAEMON_ROOTS_H
#define SLUICE_DAEMON_ROOTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct roots {
	const char *file; /* borrowed; NULL: where systems have it */
	struct stat read; /* of what was read */
	char *pem;        /* owned; NULL: there is none */
	size_t pem_bytes;
};

/* Reads the bundle if it has changed since; an unreadable one is logged, and the previous one
 * stays. */
void roots_refresh(struct roots *roots);
void roots_clear(struct roots *roots);

#endif /* SLUICE_DAEMON_ROOTS_H */
