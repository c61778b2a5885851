// SPDX-License-Identifier: Apache-2.0
/*
 * tree_yaml.c - libyaml's events composed into cJSON nodes
 */
#include "model/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/strmap.h"
#include "model/scalar.h"

#define MAP_SCAN_MAX 32 /* keys up to which looking through them beats hashing */

struct anchor {
	const cJSON *node;   /* borrowed from the document; NULL until it is complete */
	size_t nodes;        /* it and what is below it */
	unsigned int height; /* levels below it */
};

struct composer {
	yaml_parser_t parser;
	struct strmap anchors; /* name -> struct anchor *, owned */
	size_t nodes;          /* composed in this document, copies of aliases included */
	size_t alias_nodes;    /* of those the copies */
	unsigned int deepest;  /* level reached since the innermost anchor began */
	cJSON *kept; /* owned; values of merge keys: not in the document, but anchors may be */
	struct tree_error *error; /* borrowed */
};

unsigned int tree_line(const cJSON *node)
{
	/* cJSON itself sets valueint only for numbers. */
	return cJSON_IsObject(node) || cJSON_IsArray(node) ? (unsigned int)node->valueint : 0;
}

static int fault(struct composer *c, const yaml_mark_t *mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fault(struct composer *c, const yaml_mark_t *mark, const char *format, ...)
{
	va_list args;

	c->error->line = (unsigned int)mark->line + 1;
	va_start(args, format);
	vsnprintf(c->error->message, sizeof(c->error->message), format, args);
	va_end(args);
	return -EINVAL;
}

/* What libyaml found wrong. A reader's fault (bad UTF-8) comes with an offset and no line. */
static int parser_fault(struct composer *c)
{
	const yaml_parser_t *parser = &c->parser;
	const char *problem = parser->problem ? parser->problem : "not YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR) {
		size_t line = 0;

		for (const unsigned char *at = parser->input.string.start;
		     at < parser->input.string.end &&
		     (size_t)(at - parser->input.string.start) < parser->problem_offset;
		     at++)
			line += *at == '\n';
		return fault(c, &(yaml_mark_t){ .line = line }, "%s", problem);
	}
	if (parser->context)
		return fault(c, &parser->problem_mark, "%s, %s (begun in line %zu)", problem,
			     parser->context, parser->context_mark.line + 1);
	return fault(c, &parser->problem_mark, "%s", problem);
}

static int next_event(struct composer *c, yaml_event_t *event)
{
	return yaml_parser_parse(&c->parser, event) ? 0 : parser_fault(c);
}

/* ---- anchors and aliases --------------------------------------------------------------------- */

static void forget_anchors(struct composer *c)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&c->anchors, &position)))
		free(entry->value);
	strmap_clear(&c->anchors);
}

/* @out: borrowed from the composer. The anchor is known from here on, but not complete. */
static int add_anchor(struct composer *c, const char *name, struct anchor **out)
{
	struct anchor *anchor = strmap_get(&c->anchors, name);
	int err;

	if (!anchor) {
		anchor = malloc(sizeof(*anchor));
		if (!anchor)
			return -ENOMEM;
		err = strmap_put(&c->anchors, name, anchor, NULL);
		if (err) {
			free(anchor);
			return err;
		}
	}
	*anchor = (struct anchor){};
	*out = anchor;
	return 0;
}

static int copy_alias(struct composer *c, const yaml_event_t *event, unsigned int depth,
		      cJSON **out)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = strmap_get(&c->anchors, name);

	if (!anchor)
		return fault(c, &event->start_mark, "alias '*%.64s' has no anchor before it", name);
	if (!anchor->node)
		return fault(c, &event->start_mark, "alias '*%.64s' is inside its own anchor",
			     name);
	if (depth + anchor->height > TREE_DEPTH_MAX)
		return fault(c, &event->start_mark, "nested deeper than %d levels", TREE_DEPTH_MAX);
	c->alias_nodes += anchor->nodes;
	if (c->alias_nodes > TREE_ALIAS_NODES_MAX)
		return fault(c, &event->start_mark, "aliases stand for more than %d nodes",
			     TREE_ALIAS_NODES_MAX);
	*out = cJSON_Duplicate(anchor->node, true);
	if (!*out)
		return -ENOMEM;
	c->nodes += anchor->nodes;
	if (depth + anchor->height > c->deepest)
		c->deepest = depth + anchor->height;
	return 0;
}

/* ---- scalars, lists, maps -------------------------------------------------------------------- */

static int compose_node(struct composer *c, const yaml_event_t *event, unsigned int depth,
			cJSON **out);

static int check_text(struct composer *c, const yaml_event_t *event)
{
	if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
		return fault(c, &event->start_mark, "a NUL character in a string");
	return 0;
}

static int compose_scalar(struct composer *c, const yaml_event_t *event, cJSON **out)
{
	const char *text = (const char *)event->data.scalar.value;
	int err = check_text(c, event);

	if (err)
		return err;
	/* The only tag allowed here, !!str, marks a string. */
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag)
		*out = scalar_resolve(text);
	else
		*out = cJSON_CreateString(text);
	return *out ? 0 : -ENOMEM;
}

static int compose_list(struct composer *c, unsigned int depth, cJSON *list)
{
	for (;;) {
		yaml_event_t event;
		cJSON *item = NULL;
		int err = next_event(c, &event);

		if (err)
			return err;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		err = compose_node(c, &event, depth + 1, &item);
		yaml_event_delete(&event);
		if (err)
			return err;
		cJSON_AddItemToArray(list, item);
	}
}

/* A map while it is composed. */
struct map {
	cJSON *node;        /* borrowed */
	cJSON *merged;      /* owned; list of what its merge keys name, NULL if it has none */
	size_t count;       /* keys so far */
	struct strmap seen; /* the keys, once they are many */
};

static bool has_key(const struct map *map, const char *key)
{
	if (map->count > MAP_SCAN_MAX)
		return strmap_get(&map->seen, key) != NULL;
	return cJSON_GetObjectItemCaseSensitive(map->node, key) != NULL;
}

/* Takes ownership of @value, also on failure. */
static int add_pair(struct map *map, const char *key, cJSON *value)
{
	const cJSON *item;
	int err = 0;

	if (!cJSON_AddItemToObject(map->node, key, value)) {
		cJSON_Delete(value);
		return -ENOMEM;
	}
	map->count++;
	if (map->count == MAP_SCAN_MAX + 1) {
		cJSON_ArrayForEach (item, map->node) {
			if (!err)
				err = strmap_put(&map->seen, item->string, map, NULL);
		}
	} else if (map->count > MAP_SCAN_MAX) {
		err = strmap_put(&map->seen, key, map, NULL);
	}
	return err;
}

static int merge_one(struct composer *c, const yaml_mark_t *mark, struct map *map,
		     const cJSON *source)
{
	const cJSON *item;

	if (!cJSON_IsObject(source))
		return fault(c, mark, "a merge key ('<<') takes a map or a list of maps");
	cJSON_ArrayForEach (item, source) {
		cJSON *copy;
		int err;

		if (has_key(map, item->string))
			continue;
		copy = cJSON_Duplicate(item, true);
		if (!copy)
			return -ENOMEM;
		err = add_pair(map, item->string, copy);
		if (err)
			return err;
	}
	return 0;
}

/* Keys of the map itself count over merged ones, so merging waits for its end. */
static int merge_all(struct composer *c, const yaml_mark_t *mark, struct map *map)
{
	const cJSON *source, *item;
	int err = 0;

	cJSON_ArrayForEach (source, map->merged) {
		if (!cJSON_IsArray(source)) {
			err = merge_one(c, mark, map, source);
		} else {
			cJSON_ArrayForEach (item, source) {
				if (!err)
					err = merge_one(c, mark, map, item);
			}
		}
		if (err)
			return err;
	}
	return 0;
}

static int check_key(struct composer *c, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	bool plain;

	if (event->type != YAML_SCALAR_EVENT)
		return fault(c, &event->start_mark, "a key of a map is a string, not a %s",
			     event->type == YAML_ALIAS_EVENT ? "alias" : "list or map");
	if (event->data.scalar.tag)
		return fault(c, &event->start_mark, "tags such as '%.64s' are not supported",
			     (const char *)event->data.scalar.tag);
	if (event->data.scalar.anchor)
		return fault(c, &event->start_mark, "an anchor on a key of a map");
	plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
		return fault(c, &event->start_mark, "a key of a map is missing");
	return check_text(c, event);
}

/* One key with its value. */
static int compose_pair(struct composer *c, const yaml_event_t *key, unsigned int depth,
			struct map *map)
{
	const char *text = (const char *)key->data.scalar.value;
	yaml_event_t event;
	bool merge;
	cJSON *value = NULL;
	int err = check_key(c, key);

	if (err)
		return err;
	merge = key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, "<<") == 0;
	if (!merge && has_key(map, text))
		return fault(c, &key->start_mark, "key '%.64s' appears twice in a map", text);
	err = next_event(c, &event);
	if (err)
		return err;
	err = compose_node(c, &event, depth + 1, &value);
	yaml_event_delete(&event);
	if (err)
		return err;
	if (!merge)
		return add_pair(map, text, value);
	if (!map->merged)
		map->merged = cJSON_CreateArray();
	if (!map->merged) {
		cJSON_Delete(value);
		return -ENOMEM;
	}
	cJSON_AddItemToArray(map->merged, value);
	return 0;
}

static int compose_map(struct composer *c, const yaml_event_t *start, unsigned int depth,
		       cJSON *node)
{
	struct map map = { .node = node };
	int err;

	for (;;) {
		yaml_event_t key;
		bool end;

		err = next_event(c, &key);
		if (err)
			break;
		end = key.type == YAML_MAPPING_END_EVENT;
		if (!end)
			err = compose_pair(c, &key, depth, &map);
		yaml_event_delete(&key);
		if (end || err)
			break;
	}
	if (!err)
		err = merge_all(c, &start->start_mark, &map);
	if (map.merged)
		cJSON_AddItemToArray(c->kept, map.merged);
	strmap_clear(&map.seen);
	return err;
}

/* The node that begins with @event, without regard to anchors. */
static int compose_plain(struct composer *c, const yaml_event_t *event, unsigned int depth,
			 cJSON **out)
{
	bool is_map = event->type == YAML_MAPPING_START_EVENT;
	cJSON *node;
	int err;

	c->nodes++;
	if (depth > c->deepest)
		c->deepest = depth;
	if (event->type == YAML_SCALAR_EVENT)
		return compose_scalar(c, event, out);
	if (depth >= TREE_DEPTH_MAX)
		return fault(c, &event->start_mark, "nested deeper than %d levels", TREE_DEPTH_MAX);
	node = is_map ? cJSON_CreateObject() : cJSON_CreateArray();
	if (!node)
		return -ENOMEM;
	node->valueint = (int)event->start_mark.line + 1;
	err = is_map ? compose_map(c, event, depth, node) : compose_list(c, depth, node);
	if (err) {
		cJSON_Delete(node);
		return err;
	}
	*out = node;
	return 0;
}

static int compose_node(struct composer *c, const yaml_event_t *event, unsigned int depth,
			cJSON **out)
{
	unsigned int outer_deepest = c->deepest;
	const yaml_char_t *name, *tag;
	const char *ordinary; /* the tag that only repeats the type of the node */
	struct anchor *anchor = NULL;
	size_t nodes_before = c->nodes;
	int err;

	if (event->type == YAML_ALIAS_EVENT)
		return copy_alias(c, event, depth, out);
	if (event->type == YAML_SCALAR_EVENT) {
		name = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		ordinary = YAML_STR_TAG;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		name = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		ordinary = YAML_SEQ_TAG;
	} else {
		name = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		ordinary = YAML_MAP_TAG;
	}
	if (tag && strcmp((const char *)tag, ordinary) != 0)
		return fault(c, &event->start_mark, "tags such as '%.64s' are not supported",
			     (const char *)tag);
	if (name) {
		err = add_anchor(c, (const char *)name, &anchor);
		if (err)
			return err;
		c->deepest = depth;
	}
	err = compose_plain(c, event, depth, out);
	if (err || !anchor)
		return err;
	/* The same name may have been given to a node below meanwhile: the outer one ends last. */
	anchor->node = *out;
	anchor->nodes = c->nodes - nodes_before;
	anchor->height = c->deepest - depth;
	if (outer_deepest > c->deepest)
		c->deepest = outer_deepest;
	return 0;
}

/* ---- documents ------------------------------------------------------------------------------- */

static int compose_document(struct composer *c, tree_document_fn *fn, void *ctx)
{
	yaml_event_t event;
	unsigned int line;
	cJSON *document = NULL;
	int err = next_event(c, &event);

	if (err)
		return err;
	line = (unsigned int)event.start_mark.line + 1;
	c->nodes = 0;
	c->alias_nodes = 0;
	c->deepest = 0;
	c->kept = cJSON_CreateArray();
	err = c->kept ? compose_node(c, &event, 0, &document) : -ENOMEM;
	yaml_event_delete(&event);
	/* The document's end may lie after a fault: only a whole one is handed out. */
	if (!err)
		err = next_event(c, &event);
	if (!err) {
		yaml_event_delete(&event);
		c->error->line = line;
		if (!cJSON_IsNull(document))
			err = fn(ctx, document);
	}
	forget_anchors(c);
	cJSON_Delete(c->kept);
	cJSON_Delete(document);
	return err;
}

int tree_read_yaml(const char *text, size_t bytes, tree_document_fn *fn, void *ctx,
		   struct tree_error *error)
{
	struct composer c = { .error = error };
	bool done = false;
	int err = 0;

	if (!yaml_parser_initialize(&c.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, bytes);
	while (!err && !done) {
		yaml_event_t event;

		err = next_event(&c, &event);
		if (err)
			break;
		done = event.type == YAML_STREAM_END_EVENT;
		if (event.type == YAML_DOCUMENT_START_EVENT)
			err = compose_document(&c, fn, ctx);
		yaml_event_delete(&event);
	}
	if (!err)
		error->line = 0;
	forget_anchors(&c);
	yaml_parser_delete(&c.parser);
	return err;
}
