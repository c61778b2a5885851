/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_world.h - a real directory, a real inotify, a real loop that runs until something holds or
 * time is up
 */
#ifndef SELFTESTS_UNIT_FILES_WORLD_H
#define SELFTESTS_UNIT_FILES_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "files/files.h"
#include "model/model.h"

#define PATIENCE_MS 5000
#define QUIET_MS    150 /* long enough for what must not happen to have happened */

struct world {
	char root[64]; /* what is made for the test */
	char dir[80];  /* root/m */
	struct loop *loop;
	struct loop_timer *tick;
	struct model model;
	struct files *files;
	unsigned int synced, changed;
	bool (*holds)(struct world *);
	uint64_t deadline_ms;
	bool held;
};

static inline void on_synced(void *ctx)
{
	((struct world *)ctx)->synced++;
}

static inline void on_changed(void *ctx)
{
	struct world *w = ctx;

	w->changed++;
	model_clear_changes(&w->model);
}

static inline void on_tick(void *ctx)
{
	struct world *w = ctx;

	w->held = w->holds && w->holds(w);
	if (w->held || loop_now_ms() >= w->deadline_ms)
		loop_stop(w->loop);
	else
		loop_timer_arm(w->tick, 1);
}

static inline bool run_until(struct world *w, bool (*holds)(struct world *), uint64_t limit_ms)
{
	w->holds = holds;
	w->deadline_ms = loop_now_ms() + limit_ms;
	loop_timer_arm(w->tick, 0);
	loop_run(w->loop);
	return w->held;
}

static inline void run_quiet(struct world *w)
{
	run_until(w, NULL, QUIET_MS);
}

#define UNTIL(w, holds) assert_true(run_until(w, holds, PATIENCE_MS))

static inline void path_of(const struct world *w, const char *name, char path[200])
{
	snprintf(path, 200, "%s/%s", w->dir, name);
}

static inline void write_at(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline void save(const struct world *w, const char *name, const char *text)
{
	char path[200];

	path_of(w, name, path);
	write_at(path, text);
}

static inline void save_by_rename(const struct world *w, const char *name, const char *text)
{
	char path[200], temporary[220];

	path_of(w, name, path);
	snprintf(temporary, sizeof(temporary), "%s/.%s.tmp", w->dir, name);
	write_at(temporary, text);
	assert_int_equal(rename(temporary, path), 0);
}

static inline void file_delete(const struct world *w, const char *name)
{
	char path[200];

	path_of(w, name, path);
	assert_int_equal(unlink(path), 0);
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->root, sizeof(w->root), "/tmp/sluice-test-files-XXXXXX");
	assert_non_null(mkdtemp(w->root));
	snprintf(w->dir, sizeof(w->dir), "%s/m", w->root);
	assert_int_equal(mkdir(w->dir, 0755), 0);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(loop_timer_new(w->loop, on_tick, w, &w->tick), 0);
	model_init(&w->model);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	files_stop(w->files);
	model_free(&w->model);
	loop_free(w->loop);
	snprintf(command, sizeof(command), "rm -rf %s", w->root);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static inline void start(struct world *w)
{
	struct files_options options = {
		.loop = w->loop,
		.model = &w->model,
		.dir = w->dir,
		.synced = on_synced,
		.changed = on_changed,
		.ctx = w,
	};
	char error[FILES_ERROR_MAX] = "";

	if (files_start(&options, &w->files, error))
		fail_msg("%s", error);
}

static inline size_t count(const struct world *w, enum object_kind kind)
{
	return w->model.objects[kind].count;
}

/* The number of the first port of a Service; 0: there is no such Service. */
static inline unsigned int port_of(const struct world *w, const char *name)
{
	const struct service *service =
		(const struct service *)model_get(&w->model, OBJECT_SERVICE, "default", name);

	return service && service->ports_count ? service->ports[0].number : 0;
}

static size_t problems(struct world *w)
{
	size_t n;

	files_problems(w->files, &n);
	return n;
}

#define META(name)          "apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\n"
#define SERVICE(name, port) META(name) "spec: {ports: [{port: " port "}]}\n"

static inline bool a_is_81(struct world *w)
{
	return port_of(w, "a") == 81;
}

static inline bool a_is_82(struct world *w)
{
	return port_of(w, "a") == 82;
}

static inline bool a_is_gone(struct world *w)
{
	return port_of(w, "a") == 0;
}

static inline bool there_is_a_problem(struct world *w)
{
	return problems(w) > 0;
}

static inline bool there_is_no_problem(struct world *w)
{
	return problems(w) == 0;
}

static inline bool is_synced(struct world *w)
{
	return w->synced > 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif /* SELFTESTS_UNIT_FILES_WORLD_H */
