/* SPDX-License-Identifier: Apache-2.0 */
/*
 * way.h - the names by which a path leads to a directory: its own, and those of the symbolic links
 * above it
 *
 * Another directory may be put in the place of each ("current" -> a checkout, swapped by a rename),
 * without a word to who watches the one that was there.
 */
#ifndef SLUICE_FILES_WAY_H
#define SLUICE_FILES_WAY_H

#include <sys/inotify.h>

#define WAY_NAMES_MAX 16 /* further links are not watched */

struct way_name {
	int wd;     /* of the directory that the name stands in */
	char *name; /* owned */
};

struct way {
	struct way_name names[WAY_NAMES_MAX];
	unsigned int count;
};

/**
 * way_watch - watch all names on the way to a directory, in the place of those watched before
 * @keep_wd: a watch that is not to be ended, whatever was watched by it; -1: none
 * What cannot be watched, or there is no memory for, is left out.
 */
void way_watch(struct way *way, int inotify_fd, const char *path, int keep_wd);
void way_free(struct way *way); /* the watches stay: they end with their inotify_fd */

/* What an event says: nothing of the way; of its directories, but of another name; it may lead
 * elsewhere now. */
enum way_event { WAY_FOREIGN, WAY_SAME, WAY_CHANGED };
enum way_event way_judge(const struct way *way, const struct inotify_event *event);

#endif /* SLUICE_FILES_WAY_H */
