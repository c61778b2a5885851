// SPDX-License-Identifier: Apache-2.0
#include "files/claims.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/clone.h"

#define KEY_MAX 512

static void write_key(char key[KEY_MAX], enum object_kind kind, const char *namespace,
		      const char *name)
{
	snprintf(key, KEY_MAX, "%d/%s/%s", (int)kind, namespace, name);
}

static void free_claim(struct claim *claim)
{
	for (size_t i = 0; i < claim->count; i++)
		object_free(claim->holders[i].object);
	free(claim->holders);
	free(claim->key);
	free(claim->namespace);
	free(claim->name);
	free(claim);
}

struct claim *claims_get(const struct claims *claims, enum object_kind kind, const char *namespace,
			 const char *name)
{
	char key[KEY_MAX];

	write_key(key, kind, namespace, name);
	return strmap_get(&claims->by_key, key);
}

/* Finds or makes the claim on an object. */
static int claim_of(struct claims *claims, const struct object *object, struct claim **out)
{
	struct claim *claim;
	char key[KEY_MAX];

	write_key(key, object->kind, object->namespace, object->name);
	claim = strmap_get(&claims->by_key, key);
	if (claim) {
		*out = claim;
		return 0;
	}
	claim = calloc(1, sizeof(*claim));
	if (!claim)
		return -ENOMEM;
	claim->kind = object->kind;
	claim->key = strdup(key);
	claim->namespace = strdup(object->namespace);
	claim->name = strdup(object->name);
	if (!claim->key || !claim->namespace || !claim->name ||
	    strmap_put(&claims->by_key, key, claim, NULL)) {
		free_claim(claim);
		return -ENOMEM;
	}
	*out = claim;
	return 0;
}

static void drop_if_empty(struct claims *claims, struct claim *claim)
{
	if (claim->count)
		return;
	strmap_remove(&claims->by_key, claim->key);
	free_claim(claim);
}

/* Place of @file among the holders, or where it belongs. */
static size_t find_holder(const struct claim *claim, const char *file)
{
	size_t i = 0;

	while (i < claim->count && strcmp(claim->holders[i].file, file) < 0)
		i++;
	return i;
}

static bool is_holder(const struct claim *claim, size_t place, const char *file)
{
	return place < claim->count && strcmp(claim->holders[place].file, file) == 0;
}

bool claims_holds(const struct claim *claim, const char *file)
{
	return is_holder(claim, find_holder(claim, file), file);
}

/* The version that was in use until now is held by its file. */
static int demote_first(struct claims *claims, struct claim *claim)
{
	const struct object *object =
		model_get(claims->model, claim->kind, claim->namespace, claim->name);

	return object ? object_clone(object, &claim->holders[0].object) : 0;
}

static int insert_holder(struct claim *claim, size_t place, const char *file)
{
	struct claim_holder *grown = realloc(claim->holders, (claim->count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	claim->holders = grown;
	memmove(&grown[place + 1], &grown[place], (claim->count - place) * sizeof(*grown));
	grown[place] = (struct claim_holder){ .file = file };
	claim->count++;
	return 0;
}

int claims_put(struct claims *claims, const char *file, struct object *object, int64_t since_unix_s,
	       struct claim **out)
{
	struct claim *claim;
	size_t place;
	int err = claim_of(claims, object, &claim);

	if (err)
		goto out;
	if (!claim->count)
		claim->since_unix_s = since_unix_s;
	if (object->created_unix_s == CREATED_NEVER)
		object->created_unix_s = claim->since_unix_s;
	place = find_holder(claim, file);
	if (!is_holder(claim, place, file)) {
		if (place == 0 && claim->count)
			err = demote_first(claims, claim);
		if (!err)
			err = insert_holder(claim, place, file);
		if (err) {
			drop_if_empty(claims, claim);
			goto out;
		}
	}
	if (place == 0) {
		err = model_put(claims->model, object);
	} else {
		object_free(claim->holders[place].object);
		claim->holders[place].object = object;
	}
	*out = claim;
	return err;
out:
	object_free(object);
	return err;
}

int claims_release(struct claims *claims, const char *file, struct claim *claim)
{
	size_t place = find_holder(claim, file);
	int err = 0;

	if (!is_holder(claim, place, file))
		return 0;
	object_free(claim->holders[place].object);
	claim->count--;
	memmove(&claim->holders[place], &claim->holders[place + 1],
		(claim->count - place) * sizeof(claim->holders[0]));
	if (place == 0 && claim->count && claim->holders[0].object) {
		err = model_put(claims->model, claim->holders[0].object);
		claim->holders[0].object = NULL;
	} else if (place == 0) {
		err = model_delete(claims->model, claim->kind, claim->namespace, claim->name);
	}
	drop_if_empty(claims, claim);
	return err == -ENOENT ? 0 : err;
}

void claims_clear(struct claims *claims)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&claims->by_key, &position)))
		free_claim(entry->value);
	strmap_clear(&claims->by_key);
}
