/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - text of a manifest, YAML or JSON, as trees of cJSON nodes
 *
 * YAML is read as Kubernetes reads it: types of plain scalars as in YAML 1.1, quoted ones are
 * strings, merge keys are merged; stricter in that a key may stand only once in a map and tags are
 * refused. Work and memory are bounded by the size of the text, whatever its aliases say.
 */
#ifndef SLUICE_MODEL_TREE_H
#define SLUICE_MODEL_TREE_H

#include <stddef.h>

#include <cjson/cJSON.h>

#define TREE_DEPTH_MAX       256    /* real objects stay below 30, schemas in CRDs below 100 */
#define TREE_ALIAS_NODES_MAX 100000 /* nodes of one document that are there by alias */

struct tree_error {
	unsigned int line; /* from 1; 0: not known. While a document is taken: where it begins */
	char message[256];
};

/**
 * tree_document_fn - takes one document
 * @document: borrowed for the time of the call; never NULL, may be of any type
 * Return: 0; anything else stops the reading and is returned by it.
 */
typedef int tree_document_fn(void *ctx, const cJSON *document);

/**
 * tree_read_yaml, tree_read_json - call @fn for each document of a text, empty ones left out
 * @text: need not end in NUL
 * Documents before a fault have been handed out by the time it is found. JSON documents may follow
 * each other with white space between them.
 * Return: 0; -EINVAL with *error filled; -ENOMEM; what @fn returned.
 */
int tree_read_yaml(const char *text, size_t bytes, tree_document_fn *fn, void *ctx,
		   struct tree_error *error);
int tree_read_json(const char *text, size_t bytes, tree_document_fn *fn, void *ctx,
		   struct tree_error *error);

/* Line where a map or list begins in the text; 0 if not known (scalars, JSON). */
unsigned int tree_line(const cJSON *node);

#endif /* SLUICE_MODEL_TREE_H */
