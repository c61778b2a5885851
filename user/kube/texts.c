// SPDX-License-Identifier: Apache-2.0
#include "kube/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The place of the text, or where to insert it. */
static size_t place_of(const struct texts *texts, const char *text)
{
	size_t low = 0, high = texts->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(texts->items[middle], text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool texts_have(const struct texts *texts, const char *text)
{
	size_t place = place_of(texts, text);

	return place < texts->count && strcmp(texts->items[place], text) == 0;
}

int texts_add(struct texts *texts, const char *text)
{
	size_t place = place_of(texts, text);
	char **grown, *copy;

	if (place < texts->count && strcmp(texts->items[place], text) == 0)
		return 0;
	grown = reallocarray(texts->items, texts->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	texts->items = grown;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	memmove(grown + place + 1, grown + place, (texts->count - place) * sizeof(*grown));
	grown[place] = copy;
	texts->count++;
	return 0;
}

int texts_add_list(struct texts *texts, const char *list)
{
	char *copy = strdup(list ? list : ""), *rest = copy, *item;
	int err = copy ? 0 : -ENOMEM;

	while (!err && (item = strsep(&rest, ", ")))
		if (*item)
			err = texts_add(texts, item);
	free(copy);
	return err;
}

bool texts_equal(const struct texts *a, const struct texts *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

char *texts_join(const struct texts *texts)
{
	size_t bytes = 1;
	char *text, *end;

	for (size_t i = 0; i < texts->count; i++)
		bytes += strlen(texts->items[i]) + 1;
	text = malloc(bytes);
	if (!text)
		return NULL;
	end = text;
	for (size_t i = 0; i < texts->count; i++) {
		if (i)
			*end++ = ',';
		end = stpcpy(end, texts->items[i]);
	}
	*end = '\0';
	return text;
}

void texts_free(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	texts->items = NULL;
	texts->count = 0;
}
