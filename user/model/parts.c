// SPDX-License-Identifier: Apache-2.0
#include "model/parts.h"

#include <stdlib.h>
#include <string.h>

char *copier_text(struct copier *c, const char *text)
{
	char *copy = text && !c->failed ? strdup(text) : NULL;

	c->failed |= text && !copy;
	return copy;
}

void *copier_array(struct copier *c, const void *array, size_t *count, size_t size)
{
	void *copy = array && *count && !c->failed ? malloc(*count * size) : NULL;

	c->failed |= array && *count && !copy;
	if (copy)
		memcpy(copy, array, *count * size);
	else
		*count = 0;
	return copy;
}

void copier_pairs(struct copier *c, struct key_value **pairs, size_t *count)
{
	*pairs = copier_array(c, *pairs, count, sizeof(**pairs));
	for (size_t i = 0; i < *count; i++) {
		(*pairs)[i].key = copier_text(c, (*pairs)[i].key);
		(*pairs)[i].value = copier_text(c, (*pairs)[i].value);
	}
}

void copier_addresses(struct copier *c, struct address_entry **entries, size_t *count)
{
	*entries = copier_array(c, *entries, count, sizeof(**entries));
	for (size_t i = 0; i < *count; i++) {
		(*entries)[i].ip = copier_text(c, (*entries)[i].ip);
		(*entries)[i].hostname = copier_text(c, (*entries)[i].hostname);
	}
}

void copier_texts(struct copier *c, char ***texts, size_t *count)
{
	*texts = copier_array(c, *texts, count, sizeof(**texts));
	for (size_t i = 0; i < *count; i++)
		(*texts)[i] = copier_text(c, (*texts)[i]);
}

bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool same_bytes(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	/* memcmp must not see the NULL of an empty array. */
	return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

bool same_pairs(const struct key_value *a, size_t a_count, const struct key_value *b,
		size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		size_t j = i;

		/* Nearly always the same place; else search. Keys of a map are unique. */
		if (strcmp(a[i].key, b[j].key) != 0)
			for (j = 0; j < b_count && strcmp(a[i].key, b[j].key) != 0;)
				j++;
		if (j == b_count || strcmp(a[i].value, b[j].value) != 0)
			return false;
	}
	return true;
}

bool same_addresses(const struct inet_addr *a, size_t a_count, const struct inet_addr *b,
		    size_t b_count)
{
	return same_bytes(a, a_count * sizeof(*a), b, b_count * sizeof(*b));
}

void pairs_free(struct key_value *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(pairs[i].key);
		free(pairs[i].value);
	}
	free(pairs);
}

void address_entries_free(struct address_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(entries[i].ip);
		free(entries[i].hostname);
	}
	free(entries);
}

static const char *value_of(const struct key_value *pairs, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	return NULL;
}

const char *object_annotation(const struct object *object, const char *key)
{
	return value_of(object->annotations, object->annotations_count, key);
}

const char *object_label(const struct object *object, const char *key)
{
	return value_of(object->labels, object->labels_count, key);
}
