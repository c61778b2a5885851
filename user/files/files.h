/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - a directory of manifests as a source of objects
 *
 *   manifest.c  text of one file -> objects and faults
 *   claims.c    which file has an object in force
 *   whole.c     a file read while nothing writes it
 *   folder.c    the files of the directory as they were last read
 *   files.c     inotify: what changed, when it is whole
 *
 * It reads *.yaml, *.yml and *.json of the directory itself, in name order, without names that
 * begin with a dot. Each save is one change: a file counts when its writer has closed it or renamed
 * it into place, and is read as a whole while nothing has it open for writing. A file that cannot
 * be read keeps its last version. The objects of a removed file go after a short delay, in which
 * editors put the new version in its place. If the directory goes, everything stays until it exists
 * again.
 */
#ifndef SLUICE_FILES_FILES_H
#define SLUICE_FILES_FILES_H

#include <stddef.h>

#include "base/loop.h"
#include "model/model.h"

struct files;

#define FILES_ERROR_MAX  512
#define FILES_BYTES_MAX  (256u << 20) /* of one file */
#define FILES_GRACE_MS   30           /* from the disappearance of a file to that of its objects */
#define FILES_RECHECK_MS 30000        /* inotify misses some changes: NFS, dangling links */

/* A fault of a file, until it is corrected. */
struct files_problem {
	const char *file;    /* path; borrowed */
	unsigned int line;   /* 0: the file as a whole, or not known */
	const char *message; /* borrowed; object and field where there is one, value, reason */
};

struct files_options {
	struct loop *loop;   /* borrowed */
	struct model *model; /* borrowed */
	const char *dir;     /* copied */
	/* Called from the loop, never from inside files_start(). Any may be NULL. */
	void (*synced)(void *ctx);  /* once: all files have been read */
	void (*changed)(void *ctx); /* the model has noted changes */
	void *ctx;
};

/**
 * files_start - read the directory into the model, then follow it
 * It returns after reading all files; faults in them do not make it fail. Sets SIGIO to be ignored
 * (leases, see whole.h).
 * @error: out, on failure: directory and reason
 * Return: 0; -ENOENT, -ENOTDIR, -EACCES and others of opening the directory; -ENOMEM.
 */
int files_start(const struct files_options *options, struct files **out,
		char error[FILES_ERROR_MAX]);

/* The objects stay in the model. Takes NULL. */
void files_stop(struct files *files);

/* Reads every file again, also files with unchanged size and times (SIGHUP). */
void files_reread(struct files *files);

/* Every current problem, in name order; borrowed until the loop's next turn. */
const struct files_problem *files_problems(struct files *files, size_t *count);

/**
 * files_load_dir - read a directory into a model once
 * @problems_count: out, may be NULL: problems found, each of them logged
 * Return: as files_start().
 */
int files_load_dir(const char *dir, struct model *model, size_t *problems_count,
		   char error[FILES_ERROR_MAX]);

#endif /* SLUICE_FILES_FILES_H */
