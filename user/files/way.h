/* SPDX-License-Identifier: Apache-2.0 */
/*
 * way.h - the names by which a path leads to a directory: its own, and those of the symbolic links
 * above it
 *
 * Each name may be replaced by another directory ("current" -> a checkout, swapped by a rename),
 * and a watch of the old directory does not report that.
 */
#ifndef SLUICE_FILES_WAY_H
#define SLUICE_FILES_WAY_H

#include <sys/inotify.h>

#define WAY_NAMES_MAX 16 /* further links are not watched */

struct way_name {
	int wd;     /* of the directory that contains the name */
	char *name; /* owned */
};

struct way {
	struct way_name names[WAY_NAMES_MAX];
	unsigned int count;
};

/**
 * way_watch - watch all names on the way to a directory, instead of the previous ones
 * @keep_wd: a watch that must not be ended; -1: none
 * Names that cannot be watched, or for which memory is missing, are left out.
 */
void way_watch(struct way *way, int inotify_fd, const char *path, int keep_wd);
void way_free(struct way *way); /* the watches stay: they end with their inotify_fd */

/* The meaning of an event: not about the path; about one of its directories, but another name; the
 * path may lead elsewhere now. */
enum way_event { WAY_FOREIGN, WAY_SAME, WAY_CHANGED };
enum way_event way_judge(const struct way *way, const struct inotify_event *event);

#endif /* SLUICE_FILES_WAY_H */
