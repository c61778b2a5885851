// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_decode.c - any JSON, as an object of any kind: decoded, put, put again, deleted
 */
#include <stdint.h>
#include <stdlib.h>

#include "model/decode.h"
#include "model/model.h"

static const char *const hints[] = { NULL,      "Ingress",       "IngressClass",
				     "Service", "EndpointSlice", "Endpoints",
				     "Secret",  "ConfigMap",     "Node" };

static void put_all(struct model *model, const cJSON *json, const char *hint)
{
	char error[DECODE_ERROR_MAX];
	struct decode_result result = {};

	if (decode_object(json, hint, &result, error))
		return;
	for (size_t i = 0; i < result.count; i++)
		model_put(model, result.objects[i]);
	free(result.objects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte picks the kind hint, the rest is the JSON text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model;
	const char *hint;
	cJSON *json;

	if (size < 1)
		return 0;
	hint = hints[data[0] % (sizeof(hints) / sizeof(hints[0]))];
	json = cJSON_ParseWithLength((const char *)data + 1, size - 1);
	if (!json)
		return 0;
	model_init(&model);
	put_all(&model, json, hint);
	model_clear_changes(&model);
	put_all(&model, json, hint);
	if (model.changes_count)
		abort(); /* the same object again is no change */
	while (model.objects[OBJECT_ENDPOINT_SLICE].count) {
		size_t position = 0;
		const struct strmap_entry *entry =
			strmap_next(&model.objects[OBJECT_ENDPOINT_SLICE], &position);
		const struct object *object = entry->value;

		if (model_delete(&model, object->kind, object->namespace, object->name))
			abort();
	}
	model_free(&model);
	cJSON_Delete(json);
	return 0;
}
