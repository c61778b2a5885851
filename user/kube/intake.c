// SPDX-License-Identifier: Apache-2.0
#include "kube/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/decode.h"

/* A namespace is at most 63 bytes, a name 253. */
#define KEY_MAX 320

struct refusal {
	char *namespace, *name, *uid, *message; /* owned */
	unsigned int round;
};

struct identity {
	const char *namespace, *name, *uid; /* borrowed from the JSON */
	char key[KEY_MAX];
};

static const char *text_of(const cJSON *object, const char *field)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, field));

	return text ? text : "";
}

/* False for an object without a name: it cannot be in the model. */
static bool identify(const cJSON *json, struct identity *out)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(json, "metadata");

	out->namespace = text_of(metadata, "namespace");
	out->name = text_of(metadata, "name");
	out->uid = text_of(metadata, "uid");
	return *out->name &&
	       snprintf(out->key, KEY_MAX, "%s/%s", out->namespace, out->name) < KEY_MAX;
}

static void refusal_free(struct refusal *refusal)
{
	if (!refusal)
		return;
	free(refusal->namespace);
	free(refusal->name);
	free(refusal->uid);
	free(refusal->message);
	free(refusal);
}

static void refusal_end(struct intake *intake, const char *key)
{
	struct refusal *refusal = strmap_remove(&intake->refused_now, key);

	if (refusal && intake->refused)
		intake->refused(intake->ctx, intake->kind, refusal->namespace, refusal->name,
				refusal->uid, NULL);
	refusal_free(refusal);
}

static int delete_from_model(struct intake *intake, const struct identity *id)
{
	int err = model_delete(intake->model, intake->kind, id->namespace, id->name);

	return err == -ENOENT ? 0 : err;
}

static int refuse(struct intake *intake, const struct identity *id, const char *message)
{
	struct refusal *refusal = strmap_get(&intake->refused_now, id->key);
	int err = delete_from_model(intake, id);

	if (err)
		return err;
	if (refusal && strcmp(refusal->message, message) == 0) {
		refusal->round = intake->round;
		return 0;
	}
	refusal_end(intake, id->key);
	refusal = calloc(1, sizeof(*refusal));
	if (!refusal)
		return -ENOMEM;
	refusal->namespace = strdup(id->namespace);
	refusal->name = strdup(id->name);
	refusal->uid = strdup(id->uid);
	refusal->message = strdup(message);
	refusal->round = intake->round;
	if (!refusal->namespace || !refusal->name || !refusal->uid || !refusal->message ||
	    strmap_put(&intake->refused_now, id->key, refusal, NULL)) {
		refusal_free(refusal);
		return -ENOMEM;
	}
	if (intake->refused)
		intake->refused(intake->ctx, intake->kind, id->namespace, id->name, id->uid,
				message);
	return 0;
}

int intake_put(struct intake *intake, const cJSON *json)
{
	struct decode_result result = { 0 };
	char message[DECODE_ERROR_MAX] = "";
	struct identity id;
	int err;

	if (!identify(json, &id)) {
		log_warn("kube: leaving out a %s without a name", object_kind_name(intake->kind));
		return 0;
	}
	if (intake->namespace && strcmp(intake->namespace, id.namespace) != 0)
		return 0;
	err = decode_object(json, object_kind_name(intake->kind), &result, message);
	if (err == -EINVAL)
		return refuse(intake, &id, message);
	if (err == -ENOTSUP)
		return delete_from_model(intake, &id);
	if (err)
		return err;
	for (size_t i = 0; i < result.count && !err; i++) {
		if (intake->adjust)
			err = intake->adjust(intake->ctx, result.objects[i]);
		if (err)
			break;
		err = model_put(intake->model, result.objects[i]);
		result.objects[i] = NULL;
	}
	decode_result_free(&result);
	if (!err && intake->listing)
		err = strmap_put(&intake->seen, id.key, intake, NULL);
	if (!err && intake->refused_now.count)
		refusal_end(intake, id.key);
	return err;
}

int intake_delete(struct intake *intake, const cJSON *json)
{
	struct identity id;

	if (!identify(json, &id))
		return 0;
	refusal_end(intake, id.key);
	strmap_remove(&intake->seen, id.key);
	return delete_from_model(intake, &id);
}

void intake_list_begin(struct intake *intake)
{
	strmap_clear(&intake->seen);
	intake->listing = true;
	intake->round++;
}

int intake_list_end(struct intake *intake)
{
	const struct strmap *objects = &intake->model->objects[intake->kind];
	const struct strmap_entry *entry;
	struct identity id = { 0 };
	size_t position = 0;
	int err = 0;

	while (!err && (entry = strmap_next(objects, &position))) {
		const struct object *object = entry->value;
		char namespace[KEY_MAX], name[KEY_MAX];

		if (intake->namespace && strcmp(intake->namespace, object->namespace) != 0)
			continue;
		snprintf(id.key, KEY_MAX, "%s/%s", object->namespace, object->name);
		if (strmap_get(&intake->seen, id.key))
			continue;
		/* The object is freed, together with the strings of its name. */
		snprintf(namespace, sizeof(namespace), "%s", object->namespace);
		snprintf(name, sizeof(name), "%s", object->name);
		id.namespace = namespace;
		id.name = name;
		err = delete_from_model(intake, &id);
	}
	position = 0;
	while ((entry = strmap_next(&intake->refused_now, &position))) {
		const struct refusal *refusal = entry->value;

		if (refusal->round != intake->round)
			refusal_end(intake, entry->key);
	}
	strmap_clear(&intake->seen);
	intake->listing = false;
	return err;
}

void intake_free(struct intake *intake)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&intake->refused_now, &position)))
		refusal_free(entry->value);
	strmap_clear(&intake->refused_now);
	strmap_clear(&intake->seen);
}
