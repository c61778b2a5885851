/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selection.h - the objects that a reflector reads, and their queries
 */
#ifndef SLUICE_KUBE_SELECTION_H
#define SLUICE_KUBE_SELECTION_H

#include <stdbool.h>

#include "kube/api.h"

struct selection {
	const struct kind_resource *resource; /* borrowed for the life of the process */
	char *namespace;                      /* owned; NULL: all */
	char *label_selector;                 /* owned; NULL: none */
	char *field_selector;                 /* owned; NULL: none */
};

/* The strings are copied; NULL for none. Return: 0; -ENOMEM; selection_free() in any case. */
int selection_init(struct selection *selection, const struct kind_resource *resource,
		   const char *namespace, const char *label_selector, const char *field_selector);
void selection_free(struct selection *selection);

#define SELECTION_QUERY_MAX (API_TARGET_MAX - 256)

/**
 * selection_list_query - the query for a page of a list
 * @in_pages: false: all objects at once
 * @page_token: metadata.continue of the page before, or NULL
 * Return: 0; -EMSGSIZE.
 */
int selection_list_query(const struct selection *selection, bool in_pages, const char *page_token,
			 char query[SELECTION_QUERY_MAX]);

/**
 * selection_watch_query - the query for a watch
 * @version: where to resume; NULL: a streaming list, which begins with all objects
 */
int selection_watch_query(const struct selection *selection, const char *version,
			  char query[SELECTION_QUERY_MAX]);

#endif /* SLUICE_KUBE_SELECTION_H */
