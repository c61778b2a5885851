/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole.h - the complete text of a file, never one that is only partly written
 */
#ifndef SLUICE_FILES_WHOLE_H
#define SLUICE_FILES_WHOLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Identifies a state of a file without reading it. */
struct whole_signature {
	dev_t dev;
	ino_t ino;
	off_t bytes;
	struct timespec modified, changed;
};

/**
 * whole_read - read a regular file while nothing has it open for writing
 * @known: a state that need not be read again; NULL: none
 * @signature: out, of the state that was read; also if it is the known one
 * @text: out, owned by the caller, NUL-terminated; untouched on failure
 * A read lease shows whether a process has the file open for writing, and blocks a new writer until
 * the file is closed here (fcntl(2), F_SETLEASE). Without leases - other file systems, no CAP_LEASE
 * for a file of another owner - the states before and after must be equal.
 * Return: 0; -EALREADY the state is the known one; -EAGAIN a process is writing; -ENOENT not a
 * regular file; -EFBIG above FILES_BYTES_MAX; -ENOMEM; -errno.
 */
int whole_read(int dir_fd, const char *name, const struct whole_signature *known,
	       struct whole_signature *signature, char **text, size_t *bytes);

/* When the file was made; where the file system does not say, when it was last written; now, if it
 * cannot be asked. */
int64_t whole_born_unix_s(int dir_fd, const char *name);

#endif /* SLUICE_FILES_WHOLE_H */
