/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selection.h - which objects a reflector wants, and the queries that ask for them
 */
#ifndef SLUICE_KUBE_SELECTION_H
#define SLUICE_KUBE_SELECTION_H

#include <stdbool.h>

#include "kube/api.h"

struct selection {
	const struct kind_resource *resource; /* borrowed for ever */
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
 * selection_list_query - ask for a page of a list
 * @in_pages: false: for all of it at once
 * @page_token: metadata.continue of the page before, or NULL
 * Return: 0; -EMSGSIZE.
 */
int selection_list_query(const struct selection *selection, bool in_pages, const char *page_token,
			 char query[SELECTION_QUERY_MAX]);

/**
 * selection_watch_query - ask for a watch
 * @version: where to go on; NULL: a streaming list, all that is there comes first
 */
int selection_watch_query(const struct selection *selection, const char *version,
			  char query[SELECTION_QUERY_MAX]);

#endif /* SLUICE_KUBE_SELECTION_H */
