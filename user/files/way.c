// SPDX-License-Identifier: Apache-2.0
#include "files/way.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Added to existing watches: the directory itself may be on the way. */
#define EVENTS_WAY (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR | IN_MASK_ADD)
#define LINKS_MAX  40 /* the limit of the kernel */

/* A path that is being followed, with links replaced by their targets. */
struct walk {
	char at[PATH_MAX];   /* "" or a directory, with '/' at its end */
	char rest[PATH_MAX]; /* the rest of the path */
	unsigned int links;
};

static bool watches(const struct way *way, int wd)
{
	for (unsigned int i = 0; i < way->count; i++)
		if (way->names[i].wd == wd)
			return true;
	return false;
}

static void add_name(struct way *way, int inotify_fd, const char *at, const char *name)
{
	struct way_name *added = &way->names[way->count];

	if (way->count == WAY_NAMES_MAX)
		return;
	added->wd = inotify_add_watch(inotify_fd, *at ? at : ".", EVENTS_WAY);
	added->name = added->wd < 0 ? NULL : strdup(name);
	if (added->name)
		way->count++;
}

/* Takes the next element off .rest; false: there is none. Skips ".". */
static bool next_element(struct walk *walk, char name[NAME_MAX + 1])
{
	for (;;) {
		char *rest = walk->rest + strspn(walk->rest, "/");
		size_t bytes = strcspn(rest, "/");

		if (!bytes || bytes > NAME_MAX)
			return false;
		memcpy(name, rest, bytes);
		name[bytes] = '\0';
		memmove(walk->rest, rest + bytes, strlen(rest + bytes) + 1);
		if (strcmp(name, ".") != 0)
			return true;
	}
}

static int begin(struct walk *walk, const char *path)
{
	if (strlen(path) >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	if (path[0] == '/')
		strcpy(walk->at, "/");
	strcpy(walk->rest, path);
	return 0;
}

/* Continues with the target of a link. */
static int follow(struct walk *walk, const char *target)
{
	char rest[PATH_MAX];
	int bytes = snprintf(rest, sizeof(rest), "%s%s", target, walk->rest);

	if (bytes < 0 || (size_t)bytes >= sizeof(rest) || ++walk->links > LINKS_MAX)
		return -ELOOP;
	return begin(walk, rest);
}

/* One element of the path. Return: 0; -errno: the path ends here. */
static int step(struct way *way, int inotify_fd, struct walk *walk, const char *name)
{
	char target[PATH_MAX], full[PATH_MAX + NAME_MAX + 2];
	bool last = walk->rest[strspn(walk->rest, "/")] == '\0';
	bool up = strcmp(name, "..") == 0;
	ssize_t bytes;
	int err;

	snprintf(full, sizeof(full), "%s%s", walk->at, name);
	bytes = readlink(full, target, sizeof(target) - 1);
	err = bytes < 0 && errno == ENOENT ? -ENOENT : 0;
	if (!up && (bytes >= 0 || err || last))
		add_name(way, inotify_fd, walk->at, name);
	if (err)
		return err;
	if (bytes >= 0) {
		target[bytes] = '\0';
		return follow(walk, target);
	}
	if (strlen(full) + 2 > sizeof(walk->at))
		return -ENAMETOOLONG;
	snprintf(walk->at, sizeof(walk->at), "%.*s/", (int)sizeof(walk->at) - 2, full);
	return 0;
}

void way_watch(struct way *way, int inotify_fd, const char *path, int keep_wd)
{
	struct way before = *way;
	struct walk walk = {};
	char name[NAME_MAX + 1];
	int err = begin(&walk, path);

	*way = (struct way){};
	while (!err && next_element(&walk, name))
		err = step(way, inotify_fd, &walk, name);
	for (unsigned int i = 0; i < before.count; i++)
		if (before.names[i].wd != keep_wd && !watches(way, before.names[i].wd))
			inotify_rm_watch(inotify_fd, before.names[i].wd);
	way_free(&before);
}

void way_free(struct way *way)
{
	for (unsigned int i = 0; i < way->count; i++)
		free(way->names[i].name);
	*way = (struct way){};
}

enum way_event way_judge(const struct way *way, const struct inotify_event *event)
{
	enum way_event judged = WAY_FOREIGN;

	for (unsigned int i = 0; i < way->count; i++) {
		if (way->names[i].wd != event->wd)
			continue;
		judged = WAY_SAME;
		if (event->mask & IN_IGNORED ||
		    (event->len && strcmp(event->name, way->names[i].name) == 0))
			return WAY_CHANGED;
	}
	return judged;
}
