// SPDX-License-Identifier: Apache-2.0
#include "kube/selection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ITEMS    "500" /* the page size of client-go */
#define WATCH_LIMIT_S 290u  /* the server ends a watch after this and up to as much again */

static int copy(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

int selection_init(struct selection *selection, const struct kind_resource *resource,
		   const char *namespace, const char *label_selector, const char *field_selector)
{
	int err;

	memset(selection, 0, sizeof(*selection));
	selection->resource = resource;
	err = copy(&selection->namespace, namespace);
	if (!err)
		err = copy(&selection->label_selector, label_selector);
	return err ? err : copy(&selection->field_selector, field_selector);
}

void selection_free(struct selection *selection)
{
	free(selection->namespace);
	free(selection->label_selector);
	free(selection->field_selector);
}

static int append(char query[SELECTION_QUERY_MAX], const char *name, const char *value)
{
	size_t used = strlen(query);
	int count;

	if (!value)
		return 0;
	count = snprintf(query + used, SELECTION_QUERY_MAX - used, "%s%s=", used ? "&" : "", name);
	used += (size_t)count;
	if (used >= SELECTION_QUERY_MAX)
		return -EMSGSIZE;
	return api_escape(value, query + used, SELECTION_QUERY_MAX - used);
}

static int append_selectors(const struct selection *selection, char query[SELECTION_QUERY_MAX])
{
	int err;

	query[0] = '\0';
	err = append(query, "fieldSelector", selection->field_selector);
	return err ? err : append(query, "labelSelector", selection->label_selector);
}

int selection_list_query(const struct selection *selection, bool in_pages, const char *page_token,
			 char query[SELECTION_QUERY_MAX])
{
	int err = append_selectors(selection, query);

	if (!err && in_pages)
		err = append(query, "limit", PAGE_ITEMS);
	return err ? err : append(query, "continue", page_token);
}

int selection_watch_query(const struct selection *selection, const char *version,
			  char query[SELECTION_QUERY_MAX])
{
	int err = append_selectors(selection, query);
	char limit_s[16];

	snprintf(limit_s, sizeof(limit_s), "%u", WATCH_LIMIT_S + arc4random_uniform(WATCH_LIMIT_S));
	if (!err)
		err = append(query, "watch", "1");
	if (!err)
		err = append(query, "allowWatchBookmarks", "true");
	if (!err)
		err = append(query, "timeoutSeconds", limit_s);
	if (!err && version)
		return append(query, "resourceVersion", version);
	if (!err)
		err = append(query, "sendInitialEvents", "true");
	return err ? err : append(query, "resourceVersionMatch", "NotOlderThan");
}
