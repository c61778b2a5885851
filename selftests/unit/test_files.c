// SPDX-License-Identifier: Apache-2.0
/*
 * A real directory, a real inotify, a real loop that runs until something holds or time is up.
 */
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

static void on_synced(void *ctx)
{
	((struct world *)ctx)->synced++;
}

static void on_changed(void *ctx)
{
	struct world *w = ctx;

	w->changed++;
	model_clear_changes(&w->model);
}

static void on_tick(void *ctx)
{
	struct world *w = ctx;

	w->held = w->holds && w->holds(w);
	if (w->held || loop_now_ms() >= w->deadline_ms)
		loop_stop(w->loop);
	else
		loop_timer_arm(w->tick, 1);
}

static bool run_until(struct world *w, bool (*holds)(struct world *), uint64_t limit_ms)
{
	w->holds = holds;
	w->deadline_ms = loop_now_ms() + limit_ms;
	loop_timer_arm(w->tick, 0);
	loop_run(w->loop);
	return w->held;
}

static void run_quiet(struct world *w)
{
	run_until(w, NULL, QUIET_MS);
}

#define UNTIL(w, holds) assert_true(run_until(w, holds, PATIENCE_MS))

static void path_of(const struct world *w, const char *name, char path[200])
{
	snprintf(path, 200, "%s/%s", w->dir, name);
}

static void write_at(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void save(const struct world *w, const char *name, const char *text)
{
	char path[200];

	path_of(w, name, path);
	write_at(path, text);
}

static void save_by_rename(const struct world *w, const char *name, const char *text)
{
	char path[200], temporary[220];

	path_of(w, name, path);
	snprintf(temporary, sizeof(temporary), "%s/.%s.tmp", w->dir, name);
	write_at(temporary, text);
	assert_int_equal(rename(temporary, path), 0);
}

static void delete (const struct world *w, const char *name)
{
	char path[200];

	path_of(w, name, path);
	assert_int_equal(unlink(path), 0);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void start(struct world *w)
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

static size_t count(const struct world *w, enum object_kind kind)
{
	return w->model.objects[kind].count;
}

/* The number of the first port of a Service; 0: there is no such Service. */
static unsigned int port_of(const struct world *w, const char *name)
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

static bool a_is_81(struct world *w)
{
	return port_of(w, "a") == 81;
}

static bool a_is_82(struct world *w)
{
	return port_of(w, "a") == 82;
}

static bool a_is_gone(struct world *w)
{
	return port_of(w, "a") == 0;
}

static bool there_is_a_problem(struct world *w)
{
	return problems(w) > 0;
}

static bool there_is_no_problem(struct world *w)
{
	return problems(w) == 0;
}

static bool is_synced(struct world *w)
{
	return w->synced > 0;
}

/* ---- what is read ------------------------------------------------------------------------------------------ */

static void files_start__reads_all_forms(void **state)
{
	struct world *w = *state;

	save(w, "many.yaml", SERVICE("a", "81") "---\n# empty\n---\n" SERVICE("b", "82"));
	save(w, "list.yml",
	     "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Service, "
	     "metadata: {name: c}, spec: {ports: [{port: 83}]}}\n");
	save(w, "typed.json",
	     "{\"kind\":\"ServiceList\",\"apiVersion\":\"v1\",\"items\":[{"
	     "\"metadata\":{\"name\":\"d\"},\"spec\":{\"ports\":[{\"port\":84}]}}]}");
	save(w, "other.txt", SERVICE("x", "85"));
	save(w, ".hidden.yaml", SERVICE("y", "86"));
	save(w, "apps.yaml",
	     "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n"
	     "apiVersion: example.com/v1\nkind: Thing\nspec: {x: [1]}\n");
	start(w);
	assert_int_equal(count(w, OBJECT_SERVICE), 4);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(port_of(w, "b"), 82);
	assert_int_equal(port_of(w, "c"), 83);
	assert_int_equal(port_of(w, "d"), 84);
	assert_int_equal(problems(w), 0);
	assert_int_equal(w->synced, 0);
	UNTIL(w, is_synced);
	assert_int_equal(w->changed, 1);
}

static void files_start__no_directory_is_said(void **state)
{
	struct world *w = *state;
	struct files_options options = { .loop = w->loop,
					 .model = &w->model,
					 .dir = "/tmp/no/such" };
	char error[FILES_ERROR_MAX];

	assert_int_equal(files_start(&options, &w->files, error), -ENOENT);
	assert_string_equal(error, "/tmp/no/such: No such file or directory");
	options.dir = "/dev/null";
	assert_int_equal(files_start(&options, &w->files, error), -ENOTDIR);
}

static void files_load_dir__reads_once(void **state)
{
	struct world *w = *state;
	char error[FILES_ERROR_MAX];
	size_t n = 0;

	save(w, "a.yaml", SERVICE("a", "81"));
	save(w, "b.yaml", "a: [\n");
	assert_int_equal(files_load_dir(w->dir, &w->model, &n, error), 0);
	assert_int_equal(n, 1);
	assert_int_equal(port_of(w, "a"), 81);
}

/* ---- saves ------------------------------------------------------------------------------------------------- */

static void files__save_in_place_takes_effect_at_its_close(void **state)
{
	struct world *w = *state;
	char path[200];
	FILE *file;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	path_of(w, "a.yaml", path);
	file = fopen(path, "w"); /* cut off to nothing */
	run_quiet(w);
	assert_int_equal(port_of(w, "a"), 81);
	fputs(META("a"), file);
	fflush(file);
	run_quiet(w);
	assert_int_equal(port_of(w, "a"), 81);
	fputs("spec: {ports: [{port: 82}]}\n", file);
	fclose(file);
	UNTIL(w, a_is_82);
	assert_int_equal(problems(w), 0);
}

static void files__half_written_file_does_not_count_at_the_start_either(void **state)
{
	struct world *w = *state;
	char path[200];
	FILE *file;

	path_of(w, "a.yaml", path);
	file = fopen(path, "w");
	fputs(SERVICE("a", "81"), file);
	fflush(file);
	start(w);
	assert_int_equal(port_of(w, "a"), 0);
	assert_int_equal(problems(w), 1);
	fclose(file);
	UNTIL(w, a_is_81);
	assert_int_equal(problems(w), 0);
}

static void files__rename_into_place_takes_effect(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	save_by_rename(w, "a.yaml", SERVICE("a", "82"));
	UNTIL(w, a_is_82);
}

static void files__editor_that_moves_the_old_one_away_loses_nothing(void **state)
{
	struct world *w = *state;
	char path[200], backup[220];

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	UNTIL(w, is_synced);
	path_of(w, "a.yaml", path);
	snprintf(backup, sizeof(backup), "%s~", path);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(rename(path, backup), 0);
		run_until(w, NULL, 5);
		assert_int_not_equal(port_of(w, "a"), 0);
		save(w, "a.yaml", i % 2 ? SERVICE("a", "81") : SERVICE("a", "82"));
		UNTIL(w, i % 2 ? a_is_81 : a_is_82);
	}
}

static void files__same_content_again_is_no_change(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	UNTIL(w, is_synced);
	w->changed = 0;
	save(w, "a.yaml", "# comment\n" SERVICE("a", "81"));
	run_quiet(w);
	assert_int_equal(w->changed, 0);
}

static void files__deleted_file_takes_its_objects_with_it(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81"));
	save(w, "b.yaml", SERVICE("b", "82"));
	start(w);
	delete (w, "a.yaml");
	UNTIL(w, a_is_gone);
	assert_int_equal(port_of(w, "b"), 82);
}

static void files__object_left_out_of_a_save_is_gone(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81") "---\n" SERVICE("b", "82"));
	start(w);
	save(w, "a.yaml", SERVICE("b", "82"));
	UNTIL(w, a_is_gone);
	assert_int_equal(port_of(w, "b"), 82);
}

static void files__renamed_file_keeps_its_objects(void **state)
{
	struct world *w = *state;
	char path[200], other[200];

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	UNTIL(w, is_synced);
	w->changed = 0;
	path_of(w, "a.yaml", path);
	path_of(w, "z.yaml", other);
	assert_int_equal(rename(path, other), 0);
	run_quiet(w);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(w->changed, 0);
	assert_int_equal(problems(w), 0);
}

/* ---- what is wrong ------------------------------------------------------------------------------------------ */

static void files__broken_file_keeps_its_last_good_version(void **state)
{
	struct world *w = *state;
	const struct files_problem *list;
	size_t n;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	save(w, "a.yaml", "kind: Service\n  metadata: x\n");
	UNTIL(w, there_is_a_problem);
	assert_int_equal(port_of(w, "a"), 81);
	list = files_problems(w->files, &n);
	assert_int_equal(n, 1);
	assert_non_null(strstr(list[0].file, "/m/a.yaml"));
	assert_int_equal(list[0].line, 2);
	assert_non_null(strstr(list[0].message, "mapping values are not allowed"));
	assert_non_null(strstr(list[0].message, "; its last good version stays in force"));
	save(w, "a.yaml", SERVICE("a", "82"));
	UNTIL(w, a_is_82);
	assert_int_equal(problems(w), 0);
}

static void files__document_before_a_fault_does_not_count(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	save(w, "a.yaml", SERVICE("a", "82") "---\na: [\n");
	UNTIL(w, there_is_a_problem);
	assert_int_equal(port_of(w, "a"), 81);
}

static void files__refused_object_keeps_its_last_good_version(void **state)
{
	struct world *w = *state;
	const struct files_problem *list;
	size_t n;

	save(w, "a.yaml", SERVICE("a", "81") "---\n" SERVICE("b", "81"));
	start(w);
	save(w, "a.yaml", META("a") "spec: nothing\n---\n" SERVICE("b", "82"));
	UNTIL(w, there_is_a_problem);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(port_of(w, "b"), 82);
	list = files_problems(w->files, &n);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].line, 1);
	assert_string_equal(
		list[0].message,
		"Service a: spec: expected a map, found a string; its last good version "
		"stays in force");
}

static void files__object_twice_in_a_file(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81") "---\n" SERVICE("a", "82"));
	start(w);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(problems(w), 1);
}

static void files__first_file_in_name_order_wins(void **state)
{
	struct world *w = *state;
	const struct files_problem *list;
	size_t n;

	save(w, "b.yaml", SERVICE("a", "82"));
	start(w);
	assert_int_equal(port_of(w, "a"), 82);
	save(w, "a.yaml", SERVICE("a", "81"));
	UNTIL(w, a_is_81);
	list = files_problems(w->files, &n);
	assert_int_equal(n, 1);
	assert_non_null(strstr(list[0].file, "/m/b.yaml"));
	assert_string_equal(list[0].message,
			    "Service default/a is also in a.yaml, whose version is in force");
	delete (w, "a.yaml");
	UNTIL(w, a_is_82);
	assert_int_equal(problems(w), 0);
}

static void files__loser_that_changes_stays_the_loser(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81"));
	save(w, "b.yaml", SERVICE("a", "83"));
	start(w);
	assert_int_equal(port_of(w, "a"), 81);
	save(w, "b.yaml", SERVICE("a", "82"));
	run_quiet(w);
	assert_int_equal(port_of(w, "a"), 81);
	delete (w, "a.yaml");
	UNTIL(w, a_is_82);
}

static void files__unreadable_things_are_no_harm(void **state)
{
	struct world *w = *state;
	char path[200];

	path_of(w, "dir.yaml", path);
	assert_int_equal(mkdir(path, 0755), 0);
	path_of(w, "pipe.yaml", path);
	assert_int_equal(mkfifo(path, 0644), 0);
	path_of(w, "dangling.yaml", path);
	assert_int_equal(symlink("nowhere", path), 0);
	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(problems(w), 0);
}

/* ---- the directory ------------------------------------------------------------------------------------------ */

static void files__directory_that_goes_away_leaves_all_in_force(void **state)
{
	struct world *w = *state;
	char away[100];

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	snprintf(away, sizeof(away), "%s/away", w->root);
	assert_int_equal(rename(w->dir, away), 0);
	UNTIL(w, there_is_a_problem);
	run_quiet(w);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(mkdir(w->dir, 0755), 0);
	save(w, "a.yaml", SERVICE("a", "82"));
	UNTIL(w, a_is_82);
	UNTIL(w, there_is_no_problem);
	save(w, "a.yaml", SERVICE("a", "81"));
	UNTIL(w, a_is_81);
}

static void files__directory_replaced_by_another(void **state)
{
	struct world *w = *state;
	char away[100], next[100], path[220];

	save(w, "a.yaml", SERVICE("a", "81"));
	save(w, "b.yaml", SERVICE("b", "81"));
	start(w);
	snprintf(away, sizeof(away), "%s/away", w->root);
	snprintf(next, sizeof(next), "%s/next", w->root);
	assert_int_equal(mkdir(next, 0755), 0);
	snprintf(path, sizeof(path), "%s/b.yaml", next);
	write_at(path, SERVICE("b", "82"));
	assert_int_equal(rename(w->dir, away), 0);
	assert_int_equal(rename(next, w->dir), 0);
	UNTIL(w, a_is_gone);
	assert_int_equal(port_of(w, "b"), 82);
}

/* As the kubelet does it: a.yaml -> ..data/a.yaml, ..data -> a directory, swapped by a rename. */
static void files__mounted_config_map_is_swapped(void **state)
{
	struct world *w = *state;
	char path[220], other[220];

	path_of(w, "..1", path);
	assert_int_equal(mkdir(path, 0755), 0);
	save(w, "..1/a.yaml", SERVICE("a", "81"));
	path_of(w, "..data", path);
	assert_int_equal(symlink("..1", path), 0);
	path_of(w, "a.yaml", path);
	assert_int_equal(symlink("..data/a.yaml", path), 0);
	start(w);
	assert_int_equal(port_of(w, "a"), 81);
	path_of(w, "..2", path);
	assert_int_equal(mkdir(path, 0755), 0);
	save(w, "..2/a.yaml", SERVICE("a", "82"));
	path_of(w, "..data_tmp", path);
	assert_int_equal(symlink("..2", path), 0);
	path_of(w, "..data", other);
	assert_int_equal(rename(path, other), 0);
	UNTIL(w, a_is_82);
}

static void files__path_that_is_a_symlink_is_swapped(void **state)
{
	struct world *w = *state;
	char path[220], other[220];

	snprintf(path, sizeof(path), "%s/v1", w->root);
	assert_int_equal(rename(w->dir, path), 0);
	assert_int_equal(symlink("v1", w->dir), 0);
	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	snprintf(path, sizeof(path), "%s/v2", w->root);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/v2/a.yaml", w->root);
	write_at(path, SERVICE("a", "82"));
	snprintf(other, sizeof(other), "%s/new", w->root);
	assert_int_equal(symlink("v2", other), 0);
	assert_int_equal(rename(other, w->dir), 0);
	UNTIL(w, a_is_82);
	save(w, "a.yaml", SERVICE("a", "81"));
	UNTIL(w, a_is_81);
}

static void files__flood_of_events_is_no_loss(void **state)
{
	struct world *w = *state;
	char name[32];

	start(w);
	/* More than /proc/sys/fs/inotify/max_queued_events (16384) before the loop runs once. */
	for (int i = 0; i < 9000; i++) {
		snprintf(name, sizeof(name), "x%d.txt", i);
		save(w, name, "");
		delete (w, name);
	}
	save(w, "a.yaml", SERVICE("a", "81"));
	UNTIL(w, a_is_81);
}

static void files_reread__looks_at_all(void **state)
{
	struct world *w = *state;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	save(w, "a.yaml", SERVICE("a", "82"));
	files_reread(w->files);
	assert_int_equal(port_of(w, "a"), 82);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_start__reads_all_forms),
		TEST(files_start__no_directory_is_said),
		TEST(files_load_dir__reads_once),
		TEST(files__save_in_place_takes_effect_at_its_close),
		TEST(files__half_written_file_does_not_count_at_the_start_either),
		TEST(files__rename_into_place_takes_effect),
		TEST(files__editor_that_moves_the_old_one_away_loses_nothing),
		TEST(files__same_content_again_is_no_change),
		TEST(files__deleted_file_takes_its_objects_with_it),
		TEST(files__object_left_out_of_a_save_is_gone),
		TEST(files__renamed_file_keeps_its_objects),
		TEST(files__broken_file_keeps_its_last_good_version),
		TEST(files__document_before_a_fault_does_not_count),
		TEST(files__refused_object_keeps_its_last_good_version),
		TEST(files__object_twice_in_a_file),
		TEST(files__first_file_in_name_order_wins),
		TEST(files__loser_that_changes_stays_the_loser),
		TEST(files__unreadable_things_are_no_harm),
		TEST(files__directory_that_goes_away_leaves_all_in_force),
		TEST(files__directory_replaced_by_another),
		TEST(files__mounted_config_map_is_swapped),
		TEST(files__path_that_is_a_symlink_is_swapped),
		TEST(files__flood_of_events_is_no_loss),
		TEST(files_reread__looks_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
