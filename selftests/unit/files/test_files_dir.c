// SPDX-License-Identifier: Apache-2.0
/* The directory itself: gone, replaced, swapped, flooded. */
#include "unit/files/files_world.h"

/* ---- the directory --------------------------------------------------------------------------- */

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

/* Links to files elsewhere: rewritten, replaced as editors do, gone. */
static void files__what_a_link_leads_to_is_followed(void **state)
{
	struct world *w = *state;
	char link_path[220], target[220], other[220];

	start(w);
	snprintf(target, sizeof(target), "%s/elsewhere.yaml", w->root);
	snprintf(other, sizeof(other), "%s/other.yaml", w->root);
	write_at(target, SERVICE("a", "81"));
	path_of(w, "a.yaml", link_path);
	assert_int_equal(symlink(target, link_path), 0);
	UNTIL(w, a_is_81);
	write_at(target, SERVICE("a", "82"));
	UNTIL(w, a_is_82);
	write_at(other, SERVICE("a", "81"));
	assert_int_equal(rename(other, target), 0);
	UNTIL(w, a_is_81);
	write_at(target, SERVICE("a", "82"));
	UNTIL(w, a_is_82);
	assert_int_equal(unlink(target), 0);
	UNTIL(w, a_is_gone);
}

static void files__one_file_by_two_names_is_followed(void **state)
{
	struct world *w = *state;
	char name[220], other[220];

	start(w);
	snprintf(other, sizeof(other), "%s/other.yaml", w->root);
	write_at(other, SERVICE("a", "81"));
	path_of(w, "a.yaml", name);
	assert_int_equal(link(other, name), 0);
	UNTIL(w, a_is_81);
	write_at(other, SERVICE("a", "82"));
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

/* A checkout with the manifests below it: root/current -> v1, which has m. Swapped while the old
 * one stays, gone for a moment, swapped to an absolute path by way of another link. */
static void files__link_above_the_directory_is_swapped(void **state)
{
	struct world *w = *state;
	char path[220], current[220], other[220];

	for (int i = 1; i <= 3; i++) {
		snprintf(path, sizeof(path), "%s/v%d", w->root, i);
		assert_int_equal(mkdir(path, 0755), 0);
		snprintf(path, sizeof(path), "%s/v%d/m", w->root, i);
		assert_int_equal(mkdir(path, 0755), 0);
		snprintf(path, sizeof(path), "%s/v%d/m/a.yaml", w->root, i);
		write_at(path, i == 2 ? SERVICE("a", "82") : SERVICE("a", "81"));
	}
	snprintf(current, sizeof(current), "%s/current", w->root);
	snprintf(other, sizeof(other), "%s/new", w->root);
	assert_int_equal(symlink("v1", current), 0);
	snprintf(w->dir, sizeof(w->dir), "%s/current/m", w->root);
	start(w);
	assert_int_equal(port_of(w, "a"), 81);
	assert_int_equal(symlink("v2", other), 0);
	assert_int_equal(rename(other, current), 0);
	UNTIL(w, a_is_82);
	assert_int_equal(unlink(current), 0);
	UNTIL(w, there_is_a_problem);
	assert_int_equal(symlink("./v1", current), 0);
	UNTIL(w, a_is_81);
	UNTIL(w, there_is_no_problem);
	save(w, "a.yaml", SERVICE("a", "82"));
	UNTIL(w, a_is_82);
	snprintf(path, sizeof(path), "%s/v3", w->root);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(unlink(current), 0);
	assert_int_equal(symlink("new", current), 0);
	UNTIL(w, a_is_81);
	snprintf(path, sizeof(path), "%s/newer", w->root);
	assert_int_equal(symlink("v2", path), 0);
	assert_int_equal(rename(path, other), 0);
	UNTIL(w, a_is_82);
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
		file_delete(w, name);
	}
	save(w, "a.yaml", SERVICE("a", "81"));
	UNTIL(w, a_is_81);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files__directory_that_goes_away_leaves_all_in_force),
		TEST(files__directory_replaced_by_another),
		TEST(files__mounted_config_map_is_swapped),
		TEST(files__what_a_link_leads_to_is_followed),
		TEST(files__one_file_by_two_names_is_followed),
		TEST(files__path_that_is_a_symlink_is_swapped),
		TEST(files__link_above_the_directory_is_swapped),
		TEST(files__flood_of_events_is_no_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
