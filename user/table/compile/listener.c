// SPDX-License-Identifier: Apache-2.0
#include "table/compile/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The lowest number that is free, with room for it in the array. Return: 0; -ENOMEM. */
static int take_number(struct table *table, uint32_t *out)
{
	struct listener **grown;
	size_t number = 0;

	while (number < table->listeners_count && table->listeners[number])
		number++;
	if (number == table->listeners_count) {
		grown = reallocarray(table->listeners, number + 1, sizeof(struct listener *));
		if (!grown)
			return -ENOMEM;
		grown[number] = NULL;
		table->listeners = grown;
		table->listeners_count++;
	}
	*out = (uint32_t)number;
	return 0;
}

int listener_add(struct table *table, const char *key, struct listener **out)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int err = -ENOMEM;

	if (!listener)
		return -ENOMEM;
	listener->key = strdup(key);
	if (listener->key)
		err = take_number(table, &listener->number);
	if (err) {
		free(listener->key);
		free(listener);
		return err;
	}
	table->listeners[listener->number] = listener;
	table->changes.routes = true;
	if (out)
		*out = listener;
	return 0;
}

void listener_remove(struct table *table, struct listener *listener)
{
	if (!listener)
		return;
	table->listeners[listener->number] = NULL;
	table->changes.routes = true;
	free(listener->addresses);
	free(listener->key);
	free(listener);
}
