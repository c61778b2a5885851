// SPDX-License-Identifier: Apache-2.0
#include "files/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define BUSY_RETRY_MS 250

int folder_init(struct folder *folder, const char *path, struct model *model)
{
	*folder = (struct folder){ .fd = -1, .claims.model = model };
	folder->path = strdup(path);
	return folder->path ? 0 : -ENOMEM;
}

static void free_problems(struct file *file)
{
	for (size_t i = 0; i < file->problems_count; i++)
		free(file->problems[i].message);
	free(file->problems);
	file->problems = NULL;
	file->problems_count = 0;
}

static void free_file(struct file *file)
{
	free_problems(file);
	free(file->claims);
	free(file->name);
	free(file);
}

void folder_free(struct folder *folder)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&folder->files, &position)))
		free_file(entry->value);
	strmap_clear(&folder->files);
	claims_clear(&folder->claims);
	if (folder->fd >= 0)
		close(folder->fd);
	free(folder->problem);
	free(folder->path);
	*folder = (struct folder){ .fd = -1 };
}

bool folder_reads(const char *name)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t bytes = strlen(name);

	if (name[0] == '.')
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t end_bytes = strlen(endings[i]);

		if (bytes > end_bytes && strcmp(name + bytes - end_bytes, endings[i]) == 0)
			return true;
	}
	return false;
}

/* ---- the directory itself -------------------------------------------------------------------- */

int folder_open(struct folder *folder)
{
	int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;
	char *problem;

	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = fd;
	if (!err) {
		if (folder->problem)
			log_info("files: %s exists again", folder->path);
		free(folder->problem);
		folder->problem = NULL;
		return 0;
	}
	if (!folder->problem &&
	    asprintf(&problem, "%s; keeping the last version", strerror(-err)) >= 0) {
		folder->problem = problem;
		log_error("files: %s: %s", folder->path, problem);
	}
	return err;
}

bool folder_was_replaced(const struct folder *folder)
{
	struct stat at_path, opened;

	if (folder->fd < 0 || stat(folder->path, &at_path) < 0 || fstat(folder->fd, &opened) < 0)
		return true;
	return at_path.st_dev != opened.st_dev || at_path.st_ino != opened.st_ino;
}

/* ---- problems -------------------------------------------------------------------------------- */

/* Takes @message; NULL: out of memory. Logs it. */
static int add_problem(struct folder *folder, struct file *file, unsigned int line, char *message)
{
	struct file_problem *grown;

	if (!message)
		return -ENOMEM;
	grown = realloc(file->problems, (file->problems_count + 1) * sizeof(*grown));
	if (!grown) {
		free(message);
		return -ENOMEM;
	}
	file->problems = grown;
	grown[file->problems_count++] = (struct file_problem){ .line = line, .message = message };
	if (line)
		log_warn("files: %s/%s:%u: %s", folder->path, file->name, line, message);
	else
		log_warn("files: %s/%s: %s", folder->path, file->name, message);
	return 0;
}

static char *join(const char *text, const char *rest)
{
	char *joined;

	return asprintf(&joined, "%s%s", text, rest) < 0 ? NULL : joined;
}

/* The whole file is unusable. The same fault is logged once. */
static int refuse(struct folder *folder, struct file *file, unsigned int line, const char *reason)
{
	char *message = join(reason, file->loaded ? "; keeping its last good version"
						  : "; serving nothing of it");

	if (message && file->problems_count == 1 && file->problems[0].line == line &&
	    strcmp(file->problems[0].message, message) == 0) {
		free(message);
		return 0;
	}
	free_problems(file);
	return add_problem(folder, file, line, message);
}

/* ---- what the file says, into the model ------------------------------------------------------ */

static int put_object(struct folder *folder, struct file *file, struct manifest *m, size_t index,
		      struct claim **out)
{
	struct object *object = m->objects[index];
	struct claim *claim =
		claims_get(&folder->claims, object->kind, object->namespace, object->name);
	char *message;
	int err;

	*out = NULL;
	if (claim && claim->stamp == folder->readings) {
		if (asprintf(&message, "%s %s%s%s appears twice in this file; using the first",
			     object_kind_name(object->kind), object->namespace,
			     object->namespace[0] ? "/" : "", object->name) < 0)
			message = NULL;
		return add_problem(folder, file, m->lines[index], message);
	}
	m->objects[index] = NULL; /* ownership moves */
	err = claims_put(&folder->claims, file->name, object, file->age_unix_s, &claim);
	if (err)
		return err;
	claim->stamp = folder->readings;
	if (claim->count > 1) {
		bool first = strcmp(claim->holders[0].file, file->name) == 0;

		log_warn("files: %s/%s: %s %s%s%s is also in %s; using the version of %s",
			 folder->path, file->name, object_kind_name(claim->kind), claim->namespace,
			 claim->namespace[0] ? "/" : "", claim->name,
			 claim->holders[first ? 1 : 0].file, claim->holders[0].file);
	}
	*out = claim;
	return 0;
}

/* An object of the file that was refused keeps its last good version. */
static int keep_refused(struct folder *folder, struct file *file,
			const struct manifest_fault *fault, struct claim **out)
{
	const char *kept = "";
	struct claim *claim = NULL;

	if (fault->kind != OBJECT_KINDS)
		claim = claims_get(&folder->claims, fault->kind, fault->namespace, fault->name);
	if (claim && (claim->stamp == folder->readings || !claims_holds(claim, file->name)))
		claim = NULL;
	if (claim) {
		claim->stamp = folder->readings;
		kept = "; keeping its last good version";
	} else if (fault->kind == OBJECT_KINDS && file->claims_count) {
		kept = "; keeping what the file held before";
	}
	*out = claim;
	return add_problem(folder, file, fault->line, join(fault->message, kept));
}

/* Is there a fault whose object is unknown? Then it may be any of the missing objects. */
static bool has_nameless_fault(const struct manifest *m)
{
	for (size_t i = 0; i < m->faults_count; i++)
		if (m->faults[i].kind == OBJECT_KINDS)
			return true;
	return false;
}

/*
 * The age of objects that this reading finds for the first time. What comes later is younger than
 * all that is there, however soon it comes and whatever the clock says: it takes no host or path
 * away. At the start the files say which came first.
 */
static int64_t age_of_reading(struct folder *folder, const struct file *file)
{
	int64_t age_unix_s = folder->quiet ? file->born_unix_s : (int64_t)time(NULL);

	if (!folder->quiet && age_unix_s <= folder->youngest_unix_s)
		age_unix_s = folder->youngest_unix_s + 1;
	if (age_unix_s > folder->youngest_unix_s)
		folder->youngest_unix_s = age_unix_s;
	return age_unix_s;
}

static int commit(struct folder *folder, struct file *file, struct manifest *m)
{
	size_t most = m->count + m->faults_count + file->claims_count;
	struct claim **claims = calloc(most + 1, sizeof(*claims));
	bool keep = has_nameless_fault(m);
	struct claim *claim;
	size_t count = 0;
	int err = claims ? 0 : -ENOMEM;

	folder->readings++;
	file->age_unix_s = age_of_reading(folder, file);
	free_problems(file);
	for (size_t i = 0; i < m->count && !err; i++) {
		err = put_object(folder, file, m, i, &claim);
		if (claim)
			claims[count++] = claim;
	}
	for (size_t i = 0; i < m->faults_count && !err; i++) {
		err = keep_refused(folder, file, &m->faults[i], &claim);
		if (claim)
			claims[count++] = claim;
	}
	for (size_t i = 0; i < file->claims_count && !err; i++) {
		if (file->claims[i]->stamp == folder->readings)
			continue;
		if (keep)
			claims[count++] = file->claims[i];
		else
			err = claims_release(&folder->claims, file->name, file->claims[i]);
	}
	if (!claims)
		return err;
	free(file->claims);
	file->claims = claims;
	file->claims_count = count;
	return err;
}

static void say(const struct folder *folder, const struct file *file, const struct manifest *m)
{
	for (size_t i = 0; i < m->skipped_count; i++)
		log_info("files: %s/%s: %zu of kind %s skipped: this kind is not used",
			 folder->path, file->name, m->skipped_counts[i], m->skipped[i]);
	if (!folder->quiet)
		log_info("files: %s/%s: %zu objects, %zu left out", folder->path, file->name,
			 file->claims_count, file->problems_count);
}

static bool is_json(const char *name)
{
	size_t bytes = strlen(name);

	return bytes > 5 && strcmp(name + bytes - 5, ".json") == 0;
}

static int take_text(struct folder *folder, struct file *file, const char *text, size_t bytes,
		     const struct whole_signature *signature)
{
	struct manifest m = {};
	int err = manifest_read(text, bytes, is_json(file->name), &m);

	if (err == -EINVAL) {
		free_problems(file); /* a new text: logged again even if it is the same fault */
		err = refuse(folder, file, m.faults[0].line, m.faults[0].message);
	} else if (!err) {
		err = commit(folder, file, &m);
		file->loaded = !err;
		if (!err)
			say(folder, file, &m);
	}
	/* A broken file needs no second reading either. */
	if (!err)
		file->signature = *signature;
	manifest_free(&m);
	return err;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int file_of(struct folder *folder, const char *name, struct file **out)
{
	struct file *file = strmap_get(&folder->files, name);

	if (file) {
		*out = file;
		return 0;
	}
	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->name = strdup(name);
	file->born_unix_s = whole_born_unix_s(folder->fd, name);
	if (!file->name || strmap_put(&folder->files, name, file, NULL)) {
		free_file(file);
		return -ENOMEM;
	}
	*out = file;
	return 0;
}

static int forget_file(struct folder *folder, struct file *file)
{
	int err = 0;

	if (file->loaded)
		log_info("files: %s/%s is gone, and its %zu objects", folder->path, file->name,
			 file->claims_count);
	while (file->claims_count && !err)
		err = claims_release(&folder->claims, file->name,
				     file->claims[--file->claims_count]);
	if (err)
		return err;
	strmap_remove(&folder->files, file->name);
	free_file(file);
	return 0;
}

/* No file has that name. */
static void note_missing(struct folder *folder, const char *name, uint64_t now_ms)
{
	struct file *file = strmap_get(&folder->files, name);

	if (!file)
		return;
	file->busy = false;
	if (!file->missing_since_ms)
		file->missing_since_ms = now_ms;
}

int folder_refresh(struct folder *folder, const char *name, bool force, uint64_t now_ms)
{
	struct whole_signature signature;
	const struct whole_signature *known = NULL;
	struct file *file = strmap_get(&folder->files, name);
	char *text = NULL;
	size_t bytes = 0;
	int err, read_err;

	if (file && !force && !file->missing_since_ms)
		known = &file->signature;
	read_err = whole_read(folder->fd, name, known, &signature, &text, &bytes);
	if (read_err == -ENOENT || read_err == -ELOOP || read_err == -ENXIO) {
		note_missing(folder, name, now_ms);
		return 0;
	}
	if (read_err == -ENOMEM)
		return read_err;
	err = file_of(folder, name, &file);
	if (err) {
		free(text);
		return err;
	}
	file->missing_since_ms = 0;
	file->busy = read_err == -EAGAIN;
	if (!read_err)
		err = take_text(folder, file, text, bytes, &signature);
	else if (file->busy && !file->loaded)
		err = refuse(folder, file, 0, "is open for writing; reading it after it is closed");
	else if (!file->busy && read_err != -EALREADY)
		err = refuse(folder, file, 0, strerror(-read_err));
	free(text);
	return err;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int is_wanted(const struct dirent *entry)
{
	return folder_reads(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void mark_unseen_missing(struct folder *folder, uint64_t now_ms)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&folder->files, &position))) {
		struct file *file = entry->value;

		if (!file->seen && !file->missing_since_ms)
			file->missing_since_ms = now_ms;
		file->seen = false;
	}
}

int folder_scan(struct folder *folder, bool force, uint64_t now_ms)
{
	struct dirent **names = NULL;
	int count = scandirat(folder->fd, ".", &names, is_wanted, by_name);
	int err = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		struct file *file;

		folder->has_links |= names[i]->d_type == DT_LNK;
		if (!err)
			err = folder_refresh(folder, names[i]->d_name, force, now_ms);
		file = strmap_get(&folder->files, names[i]->d_name);
		if (file)
			file->seen = !file->missing_since_ms;
		free(names[i]);
	}
	free(names);
	if (!err)
		mark_unseen_missing(folder, now_ms);
	return err;
}

/* Return: the first file that has been missing for long enough; NULL. *next_ms: until the next. */
static struct file *find_expired(struct folder *folder, uint64_t now_ms, uint64_t grace_ms,
				 uint64_t *next_ms)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&folder->files, &position))) {
		struct file *file = entry->value;
		uint64_t wait_ms = BUSY_RETRY_MS;

		if (file->missing_since_ms && now_ms - file->missing_since_ms >= grace_ms)
			return file;
		if (file->missing_since_ms)
			wait_ms = file->missing_since_ms + grace_ms - now_ms;
		else if (!file->busy)
			continue;
		if (!*next_ms || wait_ms < *next_ms)
			*next_ms = wait_ms;
	}
	return NULL;
}

uint64_t folder_follow_up(struct folder *folder, uint64_t now_ms, uint64_t grace_ms)
{
	const struct strmap_entry *entry;
	uint64_t next_ms = 0;
	size_t position = 0;
	struct file *file;
	int err = 0;

	while (!err && (entry = strmap_next(&folder->files, &position))) {
		file = entry->value;
		if (file->busy || file->missing_since_ms)
			err = folder_refresh(folder, file->name, false, now_ms);
	}
	while (!err && (file = find_expired(folder, now_ms, grace_ms, &next_ms))) {
		err = forget_file(folder, file);
		next_ms = 0;
	}
	if (err)
		log_error("files: %s: %s; trying again in %d ms", folder->path, strerror(-err),
			  BUSY_RETRY_MS);
	return err ? BUSY_RETRY_MS : next_ms;
}
