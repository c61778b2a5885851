/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole.h - the text of a file, and never a part of what someone is about to write
 */
#ifndef SLUICE_FILES_WHOLE_H
#define SLUICE_FILES_WHOLE_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* What tells one state of a file from another without reading it. */
struct whole_signature {
	dev_t dev;
	ino_t ino;
	off_t bytes;
	struct timespec modified, changed;
};

/**
 * whole_read - read a regular file while no one has it open for writing
 * @known: a state that needs no reading again; NULL: none
 * @signature: out, of the state that was read; also if it is the known one
 * @text: out, owned by the caller, NUL-terminated; untouched on failure
 * A read lease says whether anyone has the file open for writing, and makes one who opens it now
 * wait until it is closed here (fcntl(2), F_SETLEASE). Where there are no leases - other file
 * systems, no CAP_LEASE for a file of another owner - the states before and after must be the same.
 * Return: 0; -EALREADY the state is the known one; -EAGAIN someone writes; -ENOENT no regular file;
 * -EFBIG above FILES_BYTES_MAX; -ENOMEM; -errno.
 */
int whole_read(int dir_fd, const char *name, const struct whole_signature *known,
	       struct whole_signature *signature, char **text, size_t *bytes);

#endif /* SLUICE_FILES_WHOLE_H */
