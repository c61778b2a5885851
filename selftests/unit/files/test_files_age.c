// SPDX-License-Identifier: Apache-2.0
/* How old the objects of files are. */
#include "unit/files/files_world.h"

static int64_t age_of(const struct world *w, const char *name)
{
	const struct object *object = model_get(&w->model, OBJECT_CONFIG_MAP, "default", name);

	assert_non_null(object);
	return object->created_unix_s;
}

static bool has_copy(struct world *w)
{
	return model_get(&w->model, OBJECT_CONFIG_MAP, "default", "a-copy");
}

static bool has_copy_of_now(struct world *w)
{
	const struct object *object = model_get(&w->model, OBJECT_CONFIG_MAP, "default", "a-copy");

	return object && ((const struct config_map *)object)->data_count == 1;
}

#define PLAIN(name) "kind: ConfigMap\napiVersion: v1\nmetadata: {name: " name "}\n"

/* What is saved later is younger, whatever its name, and however soon: it must not take over. */
static void files__age_is_when_a_file_first_held_the_object(void **state)
{
	struct world *w = *state;
	int64_t age, copy_age;

	save(w, "web.yaml", PLAIN("web"));
	start(w);
	age = age_of(w, "web");
	assert_true(age > 1700000000 && age < CREATED_NEVER);
	save(w, "a.yaml", PLAIN("a-copy"));
	UNTIL(w, has_copy);
	copy_age = age_of(w, "a-copy");
	assert_true(copy_age > age);
	/* Saved again, in place or under another name: still the same object. */
	save_by_rename(w, "a.yaml", PLAIN("a-copy") "data: {k: v}\n");
	UNTIL(w, has_copy_of_now);
	assert_int_equal(age_of(w, "a-copy"), copy_age);
	assert_int_equal(age_of(w, "web"), age);
}

/* After a restart files tell: the younger file holds the younger object. */
static void files_start__age_is_that_of_the_file(void **state)
{
	struct world *w = *state;
	int64_t age;

	save(w, "web.yaml", PLAIN("web"));
	usleep(1100 * 1000);
	save(w, "a.yaml", PLAIN("a-copy"));
	start(w);
	age = age_of(w, "web");
	assert_true(age_of(w, "a-copy") > age);
}

/* An object that says its own age keeps it. */
static void files__creation_timestamp_counts_if_there_is_one(void **state)
{
	struct world *w = *state;

	save(w, "web.yaml",
	     "kind: ConfigMap\napiVersion: v1\n"
	     "metadata: {name: web, creationTimestamp: '2020-01-01T00:00:00Z'}\n");
	start(w);
	assert_int_equal(age_of(w, "web"), 1577836800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files__age_is_when_a_file_first_held_the_object),
		TEST(files_start__age_is_that_of_the_file),
		TEST(files__creation_timestamp_counts_if_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
