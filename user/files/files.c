// SPDX-License-Identifier: Apache-2.0
#include "files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "files/folder.h"
#include "files/way.h"

#define EVENTS_DIR                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | \
	 IN_MOVE_SELF | IN_ONLYDIR)
#define EVENTS_TARGET (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define REOPEN_MS     1000 /* between checks for a missing directory */

struct files {
	struct files_options options; /* .dir is the folder's copy */
	struct folder folder;
	struct way way; /* to the directory */
	int inotify_fd; /* owned */
	int dir_wd;     /* -1: none */
	struct loop_watch *watch;
	struct loop_timer *soon;    /* files that are missing or busy, a directory that is gone */
	struct loop_timer *recheck; /* changes that inotify does not report */
	struct loop_timer *begin;   /* reports once that all is read */
	struct strmap dirty;        /* names to check at the end of the turn */
	bool rescan, reopen;        /* instead: all of them; open the directory again */
	struct files_problem *problems; /* owned; the list handed out last */
	char **texts;                   /* owned; texts of that list without another owner */
	size_t problems_count, texts_count;
};

/* ---- watches --------------------------------------------------------------------------------- */

/* Watch before reading: a change in between is seen twice, never missed. */
static int open_dir(struct files *files)
{
	const char *path = files->folder.path;
	int wd;

	way_watch(&files->way, files->inotify_fd, path, files->dir_wd);
	wd = inotify_add_watch(files->inotify_fd, path, EVENTS_DIR);
	if (files->dir_wd >= 0 && wd != files->dir_wd)
		inotify_rm_watch(files->inotify_fd, files->dir_wd);
	files->dir_wd = wd;
	if (wd < 0 && errno == ENOSPC)
		log_error("files: %s: no inotify watch left (fs.inotify.max_user_watches); "
			  "checking for changes every %d s",
			  path, FILES_RECHECK_MS / 1000);
	return folder_open(&files->folder);
}

/* A file that can change under another name: a symbolic link, or one of several hard links. */
static bool is_link(const struct files *files, const char *name)
{
	struct stat st;

	if (fstatat(files->folder.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return S_ISLNK(st.st_mode) || st.st_nlink > 1;
}

/* The target of a link gets a watch of its own. A watch ends with its target. */
static void watch_targets(struct files *files)
{
	const struct strmap_entry *entry;
	char path[PATH_MAX];
	size_t position = 0;

	while (files->folder.has_links && (entry = strmap_next(&files->folder.files, &position))) {
		struct file *file = entry->value;

		if (file->missing_since_ms || (file->watched_dev == file->signature.dev &&
					       file->watched_ino == file->signature.ino))
			continue;
		file->watched_dev = file->signature.dev;
		file->watched_ino = file->signature.ino;
		if (!is_link(files, file->name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", files->folder.path, file->name);
		inotify_add_watch(files->inotify_fd, path, EVENTS_TARGET);
	}
}

static void arm_soon(struct files *files, uint64_t delay_ms)
{
	if (delay_ms)
		loop_timer_arm(files->soon, delay_ms);
}

/* After each check of the files. @wait_ms: until the next check, 0: none is due */
static void looked(struct files *files, uint64_t wait_ms)
{
	watch_targets(files);
	arm_soon(files, wait_ms);
}

static void tell(struct files *files)
{
	if (files->options.model->changes_count && files->options.changed)
		files->options.changed(files->options.ctx);
}

/* Reads what may have changed. @force: ignore the signatures */
static void scan(struct files *files, bool force)
{
	uint64_t now_ms = loop_now_ms();
	int err = 0;

	if (folder_was_replaced(&files->folder))
		err = open_dir(files);
	if (!err)
		err = folder_scan(&files->folder, force, now_ms);
	if (err == -ENOMEM)
		log_error("files: %s: out of memory; again in %d ms", files->folder.path,
			  REOPEN_MS);
	looked(files, err ? REOPEN_MS : folder_follow_up(&files->folder, now_ms, FILES_GRACE_MS));
	/* A large file leaves much memory that is not needed again soon. */
	if (force)
		malloc_trim(0);
}

static void look_at_dirty(struct files *files)
{
	const struct strmap_entry *entry;
	uint64_t now_ms = loop_now_ms();
	size_t position = 0;
	int err = 0;

	while (!err && (entry = strmap_next(&files->dirty, &position)))
		err = folder_refresh(&files->folder, entry->key, true, now_ms);
	strmap_clear(&files->dirty);
	if (err) {
		log_error("files: %s: %s; again in %d ms", files->folder.path, strerror(-err),
			  REOPEN_MS);
		files->rescan = true;
		arm_soon(files, REOPEN_MS);
		return;
	}
	looked(files, folder_follow_up(&files->folder, now_ms, FILES_GRACE_MS));
}

/* The end of a turn: all known changes are applied as one change. */
static void settle(struct files *files)
{
	if (files->rescan || files->reopen) {
		if (files->reopen)
			open_dir(files);
		files->rescan = files->reopen = false;
		strmap_clear(&files->dirty);
		scan(files, false);
	} else if (files->dirty.count) {
		look_at_dirty(files);
	}
	tell(files);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void note_dir_event(struct files *files, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";

	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
		if (event->mask & IN_IGNORED)
			files->dir_wd = -1;
		files->reopen = true;
		return;
	}
	if (!folder_reads(name)) {
		/* A directory of a mounted ConfigMap is swapped by renaming "..data". */
		files->rescan |= files->folder.has_links || strncmp(name, "..", 2) == 0;
		return;
	}
	/* A new link is complete only if its target existed before. */
	if (is_link(files, name))
		files->folder.has_links = true;
	else if (event->mask & IN_CREATE)
		return; /* its writer will close it */
	if (strmap_put(&files->dirty, name, files, NULL))
		files->rescan = true;
}

static void note_event(struct files *files, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW) {
		log_warn("files: %s: inotify queue overflow; reading all files again",
			 files->folder.path);
		files->rescan = true;
	} else if (event->wd == files->dir_wd) {
		note_dir_event(files, event);
	} else if (way_judge(&files->way, event) != WAY_FOREIGN) {
		files->reopen |= way_judge(&files->way, event) == WAY_CHANGED;
	} else if (!(event->mask & IN_IGNORED)) {
		files->rescan = true; /* what a link leads to */
	}
}

static void read_events(void *ctx, int fd, uint32_t events)
{
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct files *files = ctx;
	ssize_t bytes;

	(void)events;
	while ((bytes = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + bytes;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			note_event(files, event);
			at += sizeof(*event) + event->len;
		}
	}
	settle(files);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void follow_up(void *ctx)
{
	struct files *files = ctx;

	/* A file is gone only if its directory still exists without it. */
	if (files->rescan || folder_was_replaced(&files->folder)) {
		files->rescan = false;
		scan(files, false);
	} else {
		looked(files, folder_follow_up(&files->folder, loop_now_ms(), FILES_GRACE_MS));
	}
	tell(files);
}

static void recheck_all(void *ctx)
{
	struct files *files = ctx;

	scan(files, false);
	loop_timer_arm(files->recheck, FILES_RECHECK_MS);
	tell(files);
}

static void say_synced(void *ctx)
{
	struct files *files = ctx;

	if (files->options.synced)
		files->options.synced(files->options.ctx);
	tell(files);
}

void files_reread(struct files *files)
{
	scan(files, true);
	tell(files);
}

/* ---- start and stop -------------------------------------------------------------------------- */

static int first_reading(struct files *files)
{
	int err = open_dir(files);

	if (err)
		return err;
	files->folder.quiet = true;
	err = folder_scan(&files->folder, true, loop_now_ms());
	files->folder.quiet = false;
	malloc_trim(0);
	if (err)
		return err;
	looked(files, folder_follow_up(&files->folder, loop_now_ms(), FILES_GRACE_MS));
	return 0;
}

static int start_watching(struct files *files)
{
	struct loop *loop = files->options.loop;
	int err =
		loop_watch_add(loop, files->inotify_fd, EPOLLIN, read_events, files, &files->watch);

	if (!err)
		err = loop_timer_new(loop, follow_up, files, &files->soon);
	if (!err)
		err = loop_timer_new(loop, recheck_all, files, &files->recheck);
	if (!err)
		err = loop_timer_new(loop, say_synced, files, &files->begin);
	return err;
}

int files_start(const struct files_options *options, struct files **out,
		char error[FILES_ERROR_MAX])
{
	struct files *files = calloc(1, sizeof(*files));
	int err;

	if (!files) {
		snprintf(error, FILES_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	/* A process that opens a leased file for writing causes this signal; its default ends the
	 * process. */
	signal(SIGIO, SIG_IGN);
	files->options = *options;
	files->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	files->dir_wd = -1;
	err = files->inotify_fd < 0 ? -errno : 0;
	if (!err)
		err = folder_init(&files->folder, options->dir, options->model);
	if (!err)
		err = start_watching(files);
	if (!err)
		err = first_reading(files);
	if (err) {
		snprintf(error, FILES_ERROR_MAX, "%s: %s", options->dir, strerror(-err));
		files_stop(files);
		return err;
	}
	files->options.dir = files->folder.path;
	loop_timer_arm(files->begin, 0);
	loop_timer_arm(files->recheck, FILES_RECHECK_MS);
	*out = files;
	return 0;
}

static void free_problems(struct files *files)
{
	for (size_t i = 0; i < files->texts_count; i++)
		free(files->texts[i]);
	free(files->texts);
	free(files->problems);
	files->texts = NULL;
	files->problems = NULL;
	files->texts_count = files->problems_count = 0;
}

void files_stop(struct files *files)
{
	if (!files)
		return;
	loop_watch_remove(files->watch);
	loop_timer_free(files->soon);
	loop_timer_free(files->recheck);
	loop_timer_free(files->begin);
	if (files->inotify_fd >= 0)
		close(files->inotify_fd);
	free_problems(files);
	strmap_clear(&files->dirty);
	folder_free(&files->folder);
	way_free(&files->way);
	free(files);
}

/* ---- problems -------------------------------------------------------------------------------- */

static bool push_text(struct files *files, char *text)
{
	char **grown = realloc(files->texts, (files->texts_count + 1) * sizeof(*grown));

	if (!grown || !text) {
		free(text);
		files->texts = grown ? grown : files->texts;
		return false;
	}
	files->texts = grown;
	grown[files->texts_count++] = text;
	return true;
}

static void push_problem(struct files *files, const char *file, unsigned int line,
			 const char *message)
{
	struct files_problem *grown =
		realloc(files->problems, (files->problems_count + 1) * sizeof(*grown));

	if (!grown)
		return;
	files->problems = grown;
	grown[files->problems_count++] =
		(struct files_problem){ .file = file, .line = line, .message = message };
}

/* Objects of the file that another file provides. */
static void push_conflicts(struct files *files, const char *path, const struct file *file)
{
	for (size_t i = 0; i < file->claims_count; i++) {
		const struct claim *claim = file->claims[i];
		char *text;

		if (strcmp(claim->holders[0].file, file->name) == 0)
			continue;
		if (asprintf(&text, "%s %s%s%s is also in %s, whose version is used",
			     object_kind_name(claim->kind), claim->namespace,
			     claim->namespace[0] ? "/" : "", claim->name,
			     claim->holders[0].file) < 0)
			continue;
		if (push_text(files, text))
			push_problem(files, path, 0, text);
	}
}

static int by_place(const void *a, const void *b)
{
	const struct files_problem *one = a, *other = b;
	int order = strcmp(one->file, other->file);

	return order ? order : (one->line > other->line) - (one->line < other->line);
}

const struct files_problem *files_problems(struct files *files, size_t *count)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	free_problems(files);
	if (files->folder.problem)
		push_problem(files, files->folder.path, 0, files->folder.problem);
	while ((entry = strmap_next(&files->folder.files, &position))) {
		const struct file *file = entry->value;
		char *path;

		if (asprintf(&path, "%s/%s", files->folder.path, file->name) < 0 ||
		    !push_text(files, path))
			continue;
		for (size_t i = 0; i < file->problems_count; i++)
			push_problem(files, path, file->problems[i].line,
				     file->problems[i].message);
		push_conflicts(files, path, file);
	}
	if (files->problems_count)
		qsort(files->problems, files->problems_count, sizeof(*files->problems), by_place);
	*count = files->problems_count;
	return files->problems;
}

int files_load_dir(const char *dir, struct model *model, size_t *problems_count,
		   char error[FILES_ERROR_MAX])
{
	struct files_options options = { .model = model, .dir = dir };
	struct files *files = NULL;
	size_t count = 0;
	int err = loop_new(&options.loop);

	if (err) {
		snprintf(error, FILES_ERROR_MAX, "%s: %s", dir, strerror(-err));
		return err;
	}
	err = files_start(&options, &files, error);
	if (!err) {
		files_problems(files, &count);
		if (problems_count)
			*problems_count = count;
	}
	files_stop(files);
	loop_free(options.loop);
	return err;
}
