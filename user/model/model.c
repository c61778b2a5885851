// SPDX-License-Identifier: Apache-2.0
#include "model/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 512 /* kind, namespace (63) and name (253) with room to spare */

static int write_key(char key[KEY_MAX], const char *namespace, const char *name)
{
	int bytes = snprintf(key, KEY_MAX, "%s/%s", namespace, name);

	return bytes < KEY_MAX ? 0 : -ENAMETOOLONG;
}

void model_init(struct model *model)
{
	memset(model, 0, sizeof(*model));
}

static void free_list(struct object_list *list)
{
	free(list->items);
	free(list);
}

void model_free(struct model *model)
{
	const struct strmap_entry *entry;
	size_t position;

	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		position = 0;
		while ((entry = strmap_next(&model->objects[kind], &position)))
			object_free(entry->value);
		strmap_clear(&model->objects[kind]);
	}
	position = 0;
	while ((entry = strmap_next(&model->slices_of, &position)))
		free_list(entry->value);
	strmap_clear(&model->slices_of);
	model_clear_changes(model);
	free(model->changes);
	model_init(model);
}

/* ---- the change list ------------------------------------------------------------------------- */

static int grow_changes(struct model *model)
{
	size_t capacity = model->changes_capacity ? model->changes_capacity * 2 : 16;
	struct model_change *grown;

	if (model->changes_count < model->changes_capacity)
		return 0;
	grown = realloc(model->changes, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	model->changes = grown;
	model->changes_capacity = capacity;
	return 0;
}

/**
 * note_change - make sure that the change list names the object
 * @fresh: out, true if it did not before: then .old of the last change is the caller's to fill
 */
static int note_change(struct model *model, enum object_kind kind, const char *namespace,
		       const char *name, bool *fresh)
{
	struct model_change *change;
	char key[KEY_MAX];
	int err;

	if (snprintf(key, sizeof(key), "%d/%s/%s", (int)kind, namespace, name) >= KEY_MAX)
		return -ENAMETOOLONG;
	*fresh = !strmap_get(&model->changed, key);
	if (!*fresh)
		return 0;
	err = grow_changes(model);
	if (err)
		return err;
	change = &model->changes[model->changes_count];
	*change = (struct model_change){
		.kind = kind,
		.namespace = strdup(namespace),
		.name = strdup(name),
	};
	if (!change->namespace || !change->name)
		err = -ENOMEM;
	else
		err = strmap_put(&model->changed, key, (void *)(model->changes_count + 1), NULL);
	if (err) {
		free(change->namespace);
		free(change->name);
		return err;
	}
	model->changes_count++;
	return 0;
}

/* Takes back the last note_change() that was fresh. */
static void forget_last_change(struct model *model)
{
	struct model_change *change = &model->changes[--model->changes_count];
	char key[KEY_MAX];

	snprintf(key, sizeof(key), "%d/%s/%s", (int)change->kind, change->namespace, change->name);
	strmap_remove(&model->changed, key);
	free(change->namespace);
	free(change->name);
}

/* What was in use before the first change since the list was read stays with the list. */
static void retire(struct model *model, struct object *old, bool fresh)
{
	if (fresh)
		model->changes[model->changes_count - 1].old = old;
	else
		object_free(old);
}

void model_clear_changes(struct model *model)
{
	for (size_t i = 0; i < model->changes_count; i++) {
		free(model->changes[i].namespace);
		free(model->changes[i].name);
		object_free(model->changes[i].old);
	}
	model->changes_count = 0;
	strmap_clear(&model->changed);
}

/* ---- slices by Service ----------------------------------------------------------------------- */

/* Return: the Service's name, NULL if the object is not a slice of one. */
static const char *service_of(const struct object *object)
{
	const struct endpoint_slice *slice = (const struct endpoint_slice *)object;

	if (!object || object->kind != OBJECT_ENDPOINT_SLICE || !slice->service_name[0])
		return NULL;
	return slice->service_name;
}

static int index_add(struct model *model, struct object *object)
{
	const char *service = service_of(object);
	struct object_list *list;
	char key[KEY_MAX];
	int err;

	if (!service)
		return 0;
	err = write_key(key, object->namespace, service);
	if (err)
		return err;
	list = strmap_get(&model->slices_of, key);
	if (!list) {
		list = calloc(1, sizeof(*list));
		err = list ? strmap_put(&model->slices_of, key, list, NULL) : -ENOMEM;
		if (err) {
			free(list);
			return err;
		}
	}
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 2;
		struct object **grown = realloc(list->items, capacity * sizeof(*grown));

		if (!grown)
			return -ENOMEM; /* an empty list that stays is as good as none */
		list->items = grown;
		list->capacity = capacity;
	}
	list->items[list->count++] = object;
	return 0;
}

static void index_remove(struct model *model, const struct object *object)
{
	const char *service = service_of(object);
	struct object_list *list;
	char key[KEY_MAX];

	if (!service || write_key(key, object->namespace, service))
		return;
	list = strmap_get(&model->slices_of, key);
	for (size_t i = 0; list && i < list->count; i++) {
		if (list->items[i] != object)
			continue;
		memmove(&list->items[i], &list->items[i + 1],
			(--list->count - i) * sizeof(list->items[0]));
		break;
	}
	if (list && !list->count) {
		strmap_remove(&model->slices_of, key);
		free_list(list);
	}
}

const struct object_list *model_slices_of(const struct model *model, const char *namespace,
					  const char *service)
{
	const struct object_list *list;
	char key[KEY_MAX];

	if (write_key(key, namespace, service))
		return NULL;
	list = strmap_get(&model->slices_of, key);
	return list && list->count ? list : NULL;
}

/* ---- the set --------------------------------------------------------------------------------- */

struct object *model_get(const struct model *model, enum object_kind kind, const char *namespace,
			 const char *name)
{
	char key[KEY_MAX];

	if (write_key(key, namespace, name))
		return NULL;
	return strmap_get(&model->objects[kind], key);
}

int model_put(struct model *model, struct object *object)
{
	struct object *old = NULL;
	bool fresh = false;
	char key[KEY_MAX];
	int err = write_key(key, object->namespace, object->name);

	if (err)
		goto out;
	old = strmap_get(&model->objects[object->kind], key);
	if (!old || !object_equal(old, object)) {
		err = note_change(model, object->kind, object->namespace, object->name, &fresh);
		if (err)
			goto out;
	}
	err = index_add(model, object);
	if (err)
		goto out;
	err = strmap_put(&model->objects[object->kind], key, object, NULL);
	if (err) {
		index_remove(model, object);
		goto out;
	}
	index_remove(model, old);
	retire(model, old, fresh);
	return 0;
out:
	if (fresh)
		forget_last_change(model);
	object_free(object);
	return err;
}

int model_delete(struct model *model, enum object_kind kind, const char *namespace,
		 const char *name)
{
	struct object *old;
	bool fresh = false;
	char key[KEY_MAX];
	int err = write_key(key, namespace, name);

	if (err)
		return -ENOENT;
	old = strmap_get(&model->objects[kind], key);
	if (!old)
		return -ENOENT;
	err = note_change(model, kind, namespace, name, &fresh);
	if (err)
		return err;
	index_remove(model, old);
	strmap_remove(&model->objects[kind], key);
	retire(model, old, fresh);
	return 0;
}
