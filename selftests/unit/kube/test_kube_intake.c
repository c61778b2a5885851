// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kube/intake.h"
#include "unit/lib/fixture.h"

struct refusals {
	unsigned int told, ended;
	char message[256];
};

static void on_refused(void *ctx, enum object_kind kind, const char *namespace, const char *name,
		       const char *uid, const char *message)
{
	struct refusals *refusals = ctx;

	(void)kind;
	(void)namespace;
	(void)uid;
	assert_string_not_equal(name, "");
	if (message) {
		refusals->told++;
		snprintf(refusals->message, sizeof(refusals->message), "%s", message);
	} else {
		refusals->ended++;
	}
}

static void put_list(struct intake *intake, const char *fixture)
{
	size_t bytes;
	char *text = fixture_read(fixture, &bytes);
	cJSON *list = cJSON_Parse(text), *item;

	intake_list_begin(intake);
	cJSON_ArrayForEach (item, cJSON_GetObjectItem(list, "items"))
		assert_int_equal(intake_put(intake, item), 0);
	assert_int_equal(intake_list_end(intake), 0);
	cJSON_Delete(list);
	free(text);
}

static void put_text(struct intake *intake, const char *text)
{
	cJSON *object = cJSON_Parse(text);

	assert_non_null(object);
	assert_int_equal(intake_put(intake, object), 0);
	cJSON_Delete(object);
}

static void intake__recorded_lists(void **state)
{
	static const struct {
		enum object_kind kind;
		const char *fixture;
		size_t objects;
	} rows[] = {
		{ OBJECT_INGRESS, "kube-api/list/ingresses.json", 5 },
		{ OBJECT_INGRESS_CLASS, "kube-api/list/ingressclasses.json", 3 },
		{ OBJECT_SERVICE, "kube-api/list/services.json", 6 },
		{ OBJECT_ENDPOINT_SLICE, "kube-api/list/endpointslices.json", 6 },
		{ OBJECT_SECRET, "kube-api/list/secrets.json", 3 },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct refusals refusals = { 0 };
		struct model model;
		struct intake intake = { .model = &model,
					 .kind = rows[row].kind,
					 .refused = on_refused,
					 .ctx = &refusals };

		model_init(&model);
		put_list(&intake, rows[row].fixture);
		assert_int_equal(model.objects[rows[row].kind].count, rows[row].objects);
		assert_int_equal(refusals.told, 0);
		model_clear_changes(&model);
		put_list(&intake, rows[row].fixture); /* again: nothing has changed */
		assert_int_equal(model.changes_count, 0);
		intake_free(&intake);
		model_free(&model);
	}
}

static void intake__recorded_watch_of_a_rollout(void **state)
{
	size_t bytes;
	char *text = fixture_read("kube-api/watch/endpointslices.controller-made.jsonl", &bytes);
	struct model model;
	struct intake intake = { .model = &model, .kind = OBJECT_ENDPOINT_SLICE };
	char *rest = text, *line;
	size_t most = 0;

	(void)state;
	model_init(&model);
	while ((line = strsep(&rest, "\n")) && *line) {
		cJSON *event = cJSON_Parse(line);
		const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(event, "type"));
		cJSON *object = cJSON_GetObjectItem(event, "object");

		if (strcmp(type, "DELETED") == 0)
			assert_int_equal(intake_delete(&intake, object), 0);
		else if (strcmp(type, "BOOKMARK") != 0)
			assert_int_equal(intake_put(&intake, object), 0);
		if (model.objects[OBJECT_ENDPOINT_SLICE].count > most)
			most = model.objects[OBJECT_ENDPOINT_SLICE].count;
		cJSON_Delete(event);
	}
	assert_int_equal(most, 1);
	assert_int_equal(model.objects[OBJECT_ENDPOINT_SLICE].count, 0);
	intake_free(&intake);
	model_free(&model);
	free(text);
}

static void intake__relist_sweeps_what_is_gone_in_its_namespace_alone(void **state)
{
	struct model model;
	struct intake all = { .model = &model, .kind = OBJECT_INGRESS };
	struct intake shop = { .model = &model, .kind = OBJECT_INGRESS, .namespace = "shop" };

	(void)state;
	model_init(&model);
	put_list(&all, "kube-api/list/ingresses.json");
	assert_non_null(model_get(&model, OBJECT_INGRESS, "shop", "web"));
	intake_list_begin(&shop);
	put_text(&shop, "{\"metadata\":{\"name\":\"cart\",\"namespace\":\"shop\"},\"spec\":{}}");
	put_text(&shop, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"other\"},\"spec\":{}}");
	assert_non_null(model_get(&model, OBJECT_INGRESS, "shop", "web"));
	assert_int_equal(intake_list_end(&shop), 0);
	assert_null(model_get(&model, OBJECT_INGRESS, "shop", "web"));
	assert_non_null(model_get(&model, OBJECT_INGRESS, "shop", "cart"));
	assert_null(model_get(&model, OBJECT_INGRESS, "other", "x"));
	assert_non_null(model_get(&model, OBJECT_INGRESS, "blog", "default-backend"));
	intake_free(&all);
	intake_free(&shop);
	model_free(&model);
}

static void intake__refusal_is_told_once_and_ended(void **state)
{
	static const char bad[] =
		"{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\"},\"spec\":\"x\"}";
	static const char good[] =
		"{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\"},\"spec\":{}}";
	struct refusals refusals = { 0 };
	struct model model;
	struct intake intake = {
		.model = &model, .kind = OBJECT_INGRESS, .refused = on_refused, .ctx = &refusals
	};

	(void)state;
	model_init(&model);
	put_text(&intake, good);
	put_text(&intake, bad);
	assert_null(model_get(&model, OBJECT_INGRESS, "shop", "web"));
	put_text(&intake, bad);
	assert_int_equal(refusals.told, 1);
	assert_non_null(strstr(refusals.message, "spec"));
	put_text(&intake, good);
	assert_int_equal(refusals.ended, 1);
	assert_non_null(model_get(&model, OBJECT_INGRESS, "shop", "web"));
	put_text(&intake, bad);
	intake_list_begin(&intake); /* it is gone when we look again */
	assert_int_equal(intake_list_end(&intake), 0);
	assert_int_equal(refusals.ended, 2);
	intake_free(&intake);
	model_free(&model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intake__recorded_lists),
		cmocka_unit_test(intake__recorded_watch_of_a_rollout),
		cmocka_unit_test(intake__relist_sweeps_what_is_gone_in_its_namespace_alone),
		cmocka_unit_test(intake__refusal_is_told_once_and_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
