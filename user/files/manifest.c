// SPDX-License-Identifier: Apache-2.0
#include "files/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tree.h"
#include "model/decode.h"
#include "model/kind.h"

#define FAULTS_MAX 100 /* of one file; later faults show after the first ones are corrected */
#define LISTS_MAX  4   /* Lists within Lists */

static const char *text_of(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static int grow(struct manifest *m, size_t more)
{
	size_t capacity = m->capacity ? m->capacity : 4;
	struct object **objects;
	unsigned int *lines;

	while (capacity < m->count + more)
		capacity *= 2;
	if (capacity == m->capacity)
		return 0;
	objects = realloc(m->objects, capacity * sizeof(*objects));
	if (!objects)
		return -ENOMEM;
	m->objects = objects;
	lines = realloc(m->lines, capacity * sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	m->lines = lines;
	m->capacity = capacity;
	return 0;
}

/* Appends; @message moves to the manifest. */
static int add_fault(struct manifest *m, unsigned int line, char *message,
		     struct manifest_fault **out)
{
	struct manifest_fault *grown;

	if (!message)
		return -ENOMEM;
	grown = realloc(m->faults, (m->faults_count + 1) * sizeof(*grown));
	if (!grown) {
		free(message);
		return -ENOMEM;
	}
	m->faults = grown;
	grown += m->faults_count++;
	*grown = (struct manifest_fault){ .line = line, .message = message, .kind = OBJECT_KINDS };
	if (out)
		*out = grown;
	return 0;
}

/* A refused object usually still has a readable name: its previous version must stay. */
static int identify(struct manifest_fault *fault, const cJSON *json, const char *kind)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(json, "metadata");
	const char *namespace = text_of(meta, "namespace"), *name = text_of(meta, "name");

	if (kind && name)
		fault->kind = kind_of_name(kind);
	if (fault->kind == OBJECT_KINDS)
		return 0;
	if (!kind_resource(fault->kind)->namespaced)
	namespace = "";
	else if (!namespace || !*namespace) namespace = "default";
	fault->namespace = strdup(namespace);
	fault->name = strdup(name);
	return fault->namespace && fault->name ? 0 : -ENOMEM;
}

static int add_refused(struct manifest *m, const cJSON *json, const char *kind, unsigned int line,
		       const char *error)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(json, "metadata");
	const char *namespace = text_of(meta, "namespace"), *name = text_of(meta, "name");
	struct manifest_fault *fault;
	char *message;
	int err;

	if (m->faults_count >= FAULTS_MAX)
		return 0;
	if (asprintf(&message, "%s%s%s%s%s%s%s", kind ? kind : "", kind ? " " : "",
		     namespace ? namespace : "", namespace ? "/" : "", name ? name : "",
		     kind || name ? ": " : "", error) < 0)
		return -ENOMEM;
	err = add_fault(m, line, message, &fault);
	return err ? err : identify(fault, json, kind);
}

static int add_skipped(struct manifest *m, const char *kind, const char *version)
{
	size_t *counts;
	char **grown;
	char *text;

	if (asprintf(&text, "%s (%s)", kind ? kind : "?", version ? version : "?") < 0)
		return -ENOMEM;
	for (size_t i = 0; i < m->skipped_count; i++) {
		if (strcmp(m->skipped[i], text) == 0) {
			m->skipped_counts[i]++;
			free(text);
			return 0;
		}
	}
	grown = realloc(m->skipped, (m->skipped_count + 1) * sizeof(*grown));
	if (grown)
		m->skipped = grown;
	counts = realloc(m->skipped_counts, (m->skipped_count + 1) * sizeof(*counts));
	if (counts)
		m->skipped_counts = counts;
	if (!grown || !counts) {
		free(text);
		return -ENOMEM;
	}
	grown[m->skipped_count] = text;
	counts[m->skipped_count++] = 1;
	return 0;
}

/* @hint: kind of the items according to the list, or NULL */
static int add_object(struct manifest *m, const cJSON *json, const char *hint, unsigned int line)
{
	const char *kind = text_of(json, "kind");
	struct decode_result result = {};
	char error[DECODE_ERROR_MAX] = "";
	int err;

	err = decode_object(json, hint, &result, error);
	if (err == -ENOTSUP)
		return add_skipped(m, kind ? kind : hint, text_of(json, "apiVersion"));
	if (err == -EINVAL)
		return add_refused(m, json, kind ? kind : hint, line, error);
	if (err)
		return err;
	err = grow(m, result.count);
	if (err) {
		decode_result_free(&result);
		return err;
	}
	for (size_t i = 0; i < result.count; i++) {
		m->lines[m->count] = line;
		m->objects[m->count++] = result.objects[i];
	}
	free(result.objects);
	return 0;
}

static int add_document(struct manifest *m, const cJSON *document, const char *hint,
			unsigned int line, unsigned int lists);

/* Items of "List" name their kind, items of "IngressList" usually do not. */
static int add_list(struct manifest *m, const cJSON *list, const char *kind, unsigned int line,
		    unsigned int lists)
{
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(list, "items"), *item;
	char hint[64];
	int err;

	if (items && !cJSON_IsArray(items) && !cJSON_IsNull(items))
		return add_refused(m, list, kind, line, "items: expected a list");
	if (lists > LISTS_MAX)
		return add_refused(m, list, kind, line, "Lists within Lists");
	snprintf(hint, sizeof(hint), "%.*s", (int)(strlen(kind) - strlen("List")), kind);
	cJSON_ArrayForEach (item, items) {
		if (cJSON_IsNull(item))
			continue;
		err = add_document(m, item, *hint ? hint : NULL, tree_line(item), lists + 1);
		if (err)
			return err;
	}
	return 0;
}

static int add_document(struct manifest *m, const cJSON *document, const char *hint,
			unsigned int line, unsigned int lists)
{
	const char *kind = text_of(document, "kind");
	size_t bytes = kind ? strlen(kind) : 0;

	if (bytes >= strlen("List") && strcmp(kind + bytes - strlen("List"), "List") == 0)
		return add_list(m, document, kind, line, lists);
	return add_object(m, document, hint, line);
}

/* A text while it is read. */
struct reading {
	struct manifest *manifest;
	struct tree_error error; /* .line: of the document that is taken */
};

static int take_document(void *ctx, const cJSON *document)
{
	struct reading *reading = ctx;

	return add_document(reading->manifest, document, NULL, reading->error.line, 0);
}

int manifest_read(const char *text, size_t bytes, bool is_json, struct manifest *out)
{
	struct reading reading = { .manifest = out };
	int err;

	*out = (struct manifest){};
	if (is_json)
		err = tree_read_json(text, bytes, take_document, &reading, &reading.error);
	else
		err = tree_read_yaml(text, bytes, take_document, &reading, &reading.error);
	if (err != -EINVAL)
		return err;
	manifest_free(out);
	err = add_fault(out, reading.error.line, strdup(reading.error.message), NULL);
	return err ? err : -EINVAL;
}

void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++)
		object_free(m->objects[i]);
	free(m->objects);
	free(m->lines);
	for (size_t i = 0; i < m->faults_count; i++) {
		free(m->faults[i].message);
		free(m->faults[i].namespace);
		free(m->faults[i].name);
	}
	free(m->faults);
	for (size_t i = 0; i < m->skipped_count; i++)
		free(m->skipped[i]);
	free(m->skipped);
	free(m->skipped_counts);
	*m = (struct manifest){};
}
