/* SPDX-License-Identifier: Apache-2.0 */
/*
 * split.h - JSON documents from a stream that may be cut at any byte
 *
 * A watch is one document a line; a list is one document whose items are passed on one by one, so
 * memory depends on the largest object, not on the list.
 */
#ifndef SLUICE_KUBE_SPLIT_H
#define SLUICE_KUBE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

/* etcd keeps at most 1.5 MiB an object; JSON may write each of its bytes as six. */
#define SPLIT_PIECE_BYTES_MAX (12u << 20)

/* Takes a complete piece, which also ends in NUL. A result other than 0 ends the feeding. */
typedef int split_fn(void *ctx, char *piece, size_t bytes);

struct split_buffer {
	char *bytes; /* owned */
	size_t count, capacity;
};

struct split_lines {
	struct split_buffer line;
	bool skipping;   /* the line is too long: skip to its end */
	size_t too_long; /* lines left out so far */
};

/**
 * split_lines_feed - take the next bytes, call @fn for each complete line
 * A line above SPLIT_PIECE_BYTES_MAX is left out and counted; empty lines are too.
 * Return: 0; what @fn returned if not 0; -ENOMEM.
 */
int split_lines_feed(struct split_lines *lines, const char *bytes, size_t count, split_fn *fn,
		     void *ctx);
void split_lines_reset(struct split_lines *lines); /* frees the buffer */

struct split_list {
	struct split_buffer item;  /* the item that is being read */
	struct split_buffer frame; /* the document without its items */
	struct split_buffer key;   /* the last string at depth 1 */
	size_t depth;
	bool in_string, escaped;
	bool key_is_items; /* at depth 1, after "items": */
	bool in_items, in_item;
	bool skipping;
	size_t too_long;
};

/**
 * split_list_feed - take the next bytes of a list, call @fn for each complete item
 * Return: as split_lines_feed(); -EMSGSIZE if the document without its items is above
 * SPLIT_PIECE_BYTES_MAX.
 */
int split_list_feed(struct split_list *list, const char *bytes, size_t count, split_fn *fn,
		    void *ctx);

/**
 * split_list_frame - the rest of the document: {"kind":"IngressList","metadata":{...},"items":[]}
 * Return: borrowed until the next feed or reset, ends in NUL; NULL if the document is not complete.
 */
const char *split_list_frame(const struct split_list *list);
void split_list_reset(struct split_list *list);

#endif /* SLUICE_KUBE_SPLIT_H */
