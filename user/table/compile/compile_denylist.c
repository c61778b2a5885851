// SPDX-License-Identifier: Apache-2.0
/*
 * compile_denylist.c - ConfigMaps called sluice-denylist: networks whose packets are dropped
 *
 * Every value of .data is a list, whatever its key: networks and addresses, parted by blanks,
 * commas or ends of lines; '#' begins a comment that ends with the line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/vec.h"

struct work {
	struct inet_network *ranges; /* owned */
	size_t count, capacity;
	struct problem_set problems;
};

static int refuse(struct work *work, const struct config_map *map, const char *key,
		  unsigned int line, const char *word, const char *why)
{
	struct problem_object object = { OBJECT_CONFIG_MAP, map->meta.namespace, map->meta.name,
					 map->meta.uid };
	char field[128];

	snprintf(field, sizeof(field), "data[%.80s] line %u", key, line);
	return problems_add(&work->problems, &object, PROBLEM_WARNING, "InvalidNetwork", field,
			    "\"%.64s\" %s; left out", word, why);
}

static int take_word(struct work *work, const struct config_map *map, const char *key,
		     unsigned int line, const char *word)
{
	struct inet_network range;
	int err;

	if (inet_network_parse(word, &range))
		return refuse(work, map, key, line, word,
			      "is not an address or network such as 203.0.113.0/24");
	if (range.prefix_bits == 0)
		return refuse(work, map, key, line, word, "would deny everybody");
	err = vec_reserve(&work->ranges, &work->capacity, work->count, 1, sizeof(range));
	if (!err)
		work->ranges[work->count++] = range;
	return err;
}

static int take_line(struct work *work, const struct config_map *map, const char *key,
		     unsigned int line, char *text)
{
	char *word;
	int err = 0;

	text[strcspn(text, "#")] = '\0';
	while (!err && (word = strsep(&text, ", \t\r")))
		if (*word)
			err = take_word(work, map, key, line, word);
	return err;
}

static int take_map(struct work *work, const struct config_map *map)
{
	int err = 0;

	for (size_t i = 0; i < map->data_count && !err; i++) {
		char *copy = strdup(map->data[i].value), *rest = copy, *text;
		unsigned int line = 0;

		if (!copy)
			return -ENOMEM;
		while (!err && (text = strsep(&rest, "\n")))
			err = take_line(work, map, map->data[i].key, ++line, text);
		free(copy);
	}
	return err;
}

static int range_compare(const void *a, const void *b)
{
	return inet_network_compare(a, b);
}

static void sort_unique(struct work *work)
{
	size_t kept = 0;

	if (work->count)
		qsort(work->ranges, work->count, sizeof(*work->ranges), range_compare);
	for (size_t i = 0; i < work->count; i++)
		if (!kept || inet_network_compare(&work->ranges[kept - 1], &work->ranges[i]))
			work->ranges[kept++] = work->ranges[i];
	work->count = kept;
}

int denylist_compile(struct table *table, const struct model *model)
{
	const struct strmap_entry *at;
	struct work work = {};
	size_t position = 0;
	int err = 0;

	while (!err && (at = strmap_next(&model->objects[OBJECT_CONFIG_MAP], &position))) {
		const struct object *object = at->value;

		if (strcmp(object->name, CONFIG_MAP_DENYLIST) == 0)
			err = take_map(&work, (const struct config_map *)object);
	}
	if (!err)
		err = problems_replace(&table->denylist_problems, &work.problems,
				       &table->changes.problems_added,
				       &table->changes.problems_cleared);
	if (!err) {
		sort_unique(&work);
		free(table->denylist);
		table->denylist = work.ranges;
		table->denylist_count = work.count;
		table->denylist_marked = false;
		table->changes.denylist = true;
		work.ranges = NULL;
	}
	problems_clear(&work.problems);
	free(work.ranges);
	return err;
}

const struct inet_network *table_denylist(const struct table *table, size_t *count)
{
	*count = table->denylist_count;
	return table->denylist;
}
