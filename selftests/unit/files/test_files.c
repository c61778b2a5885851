// SPDX-License-Identifier: Apache-2.0
/* Files of a directory: what is read, what a save does, what is wrong. */
#include "unit/files/files_world.h"

#include <pthread.h>

#include "files/folder.h"
#include "files/whole.h"

/* ---- what is read ---------------------------------------------------------------------------- */

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

/* ---- saves ----------------------------------------------------------------------------------- */

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
	unsigned int looked = 0;

	save(w, "a.yaml", SERVICE("a", "81"));
	start(w);
	UNTIL(w, is_synced);
	path_of(w, "a.yaml", path);
	snprintf(backup, sizeof(backup), "%s~", path);
	for (unsigned int i = 0; i < 20; i++) {
		uint64_t begin_ms = loop_now_ms();

		assert_int_equal(rename(path, backup), 0);
		run_until(w, NULL, 5);
		/* A machine that stood still for that long may see it gone. */
		if (loop_now_ms() - begin_ms < FILES_GRACE_MS) {
			assert_int_not_equal(port_of(w, "a"), 0);
			looked++;
		}
		save(w, "a.yaml", i % 2 ? SERVICE("a", "81") : SERVICE("a", "82"));
		UNTIL(w, i % 2 ? a_is_81 : a_is_82);
	}
	assert_int_not_equal(looked, 0);
}

/* The same by a clock of the test's own. */
static void folder__objects_outlive_their_file_by_its_grace(void **state)
{
	struct world *w = *state;
	struct folder folder;

	save(w, "a.yaml", SERVICE("a", "81"));
	assert_int_equal(folder_init(&folder, w->dir, &w->model), 0);
	assert_int_equal(folder_open(&folder), 0);
	assert_int_equal(folder_scan(&folder, true, 1000), 0);
	file_delete(w, "a.yaml");
	assert_int_equal(folder_refresh(&folder, "a.yaml", true, 2000), 0);
	assert_int_equal(folder_follow_up(&folder, 2000 + FILES_GRACE_MS - 1, FILES_GRACE_MS), 1);
	assert_int_equal(port_of(w, "a"), 81);
	save(w, "a.yaml", SERVICE("a", "82"));
	assert_int_equal(folder_refresh(&folder, "a.yaml", true, 2000 + FILES_GRACE_MS), 0);
	assert_int_equal(folder_follow_up(&folder, 9000, FILES_GRACE_MS), 0);
	assert_int_equal(port_of(w, "a"), 82);
	file_delete(w, "a.yaml");
	assert_int_equal(folder_refresh(&folder, "a.yaml", true, 10000), 0);
	assert_int_equal(folder_follow_up(&folder, 10000 + FILES_GRACE_MS, FILES_GRACE_MS), 0);
	assert_int_equal(port_of(w, "a"), 0);
	folder_free(&folder);
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
	file_delete(w, "a.yaml");
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

/* ---- what is wrong --------------------------------------------------------------------------- */

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
	assert_non_null(strstr(list[0].message, "; keeping its last good version"));
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
		"Service a: spec: expected a map, found a string; keeping its last good "
		"version");
}

/* It may be any of those that the file had. */
static void files__fault_without_a_name_keeps_what_the_file_held(void **state)
{
	static const struct {
		const char *text, *fault;
	} faults[] = {
		{ "hello\n", "not an object" },
		{ "# a list\n- kind: Service\n", "not an object" },
		{ "metadata: {name: a}\nspec: {}\n", "kind: missing" },
		{ "apiVersion: v1\nkind: Service\nspec: {}\n", "metadata.name: missing" },
	};
	struct world *w = *state;
	const struct files_problem *list;
	char text[600];
	size_t n;

	save(w, "a.yaml", SERVICE("a", "81") "---\n" SERVICE("b", "81"));
	start(w);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		snprintf(text, sizeof(text), "%s---\n%s", faults[i].text, SERVICE("b", "82"));
		save(w, "a.yaml", text);
		UNTIL(w, there_is_a_problem);
		assert_int_equal(port_of(w, "a"), 81);
		assert_int_equal(port_of(w, "b"), 82);
		list = files_problems(w->files, &n);
		assert_int_equal(n, 1);
		assert_int_equal(list[0].line, faults[i].text[0] == '#' ? 2 : 1);
		assert_non_null(strstr(list[0].message, faults[i].fault));
		assert_non_null(strstr(list[0].message, "; keeping what the file held before"));
		save(w, "a.yaml", SERVICE("b", "82"));
		UNTIL(w, a_is_gone);
		assert_int_equal(problems(w), 0);
		save(w, "a.yaml", SERVICE("a", "81") "---\n" SERVICE("b", "81"));
		UNTIL(w, a_is_81);
	}
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
			    "Service default/a is also in a.yaml, whose version is used");
	file_delete(w, "a.yaml");
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
	file_delete(w, "a.yaml");
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

/* ---- a file that is replaced while it is read ------------------------------------------------ */

#define BIG_BYTES (4 << 20)
#define TRIES_MAX 2000

struct toucher {
	char path[200], other[200];
	bool stop;
};

/* A second name that comes and goes changes the file's state as a rename over it does. */
static void *touch_all_the_time(void *arg)
{
	struct toucher *t = arg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		if (link(t->path, t->other))
			break;
		unlink(t->other);
	}
	return NULL;
}

static void whole_read__file_that_changes_meanwhile_leaves_nothing(void **state)
{
	struct world *w = *state;
	int dir_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct whole_signature signature;
	struct toucher t = {};
	pthread_t thread;
	size_t bytes;
	int tries = 0, err = 0;

	path_of(w, "a.yaml", t.path);
	path_of(w, ".a", t.other);
	save(w, "a.yaml", "#");
	assert_int_equal(truncate(t.path, BIG_BYTES), 0);
	assert_int_equal(pthread_create(&thread, NULL, touch_all_the_time, &t), 0);
	while (err != -EAGAIN && tries++ < TRIES_MAX) {
		char *text = NULL;

		err = whole_read(dir_fd, "a.yaml", NULL, &signature, &text, &bytes);
		assert_true(!err == (text != NULL));
		free(text);
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	close(dir_fd);
	assert_int_equal(err, -EAGAIN);
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
		TEST(folder__objects_outlive_their_file_by_its_grace),
		TEST(files__same_content_again_is_no_change),
		TEST(files__deleted_file_takes_its_objects_with_it),
		TEST(files__object_left_out_of_a_save_is_gone),
		TEST(files__renamed_file_keeps_its_objects),
		TEST(files__broken_file_keeps_its_last_good_version),
		TEST(files__document_before_a_fault_does_not_count),
		TEST(files__refused_object_keeps_its_last_good_version),
		TEST(files__fault_without_a_name_keeps_what_the_file_held),
		TEST(files__object_twice_in_a_file),
		TEST(files__first_file_in_name_order_wins),
		TEST(files__loser_that_changes_stays_the_loser),
		TEST(files__unreadable_things_are_no_harm),
		TEST(whole_read__file_that_changes_meanwhile_leaves_nothing),
		TEST(files_reread__looks_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
