/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks.h - what is marked for work, and the two things that all entries share: key and age
 *
 * For the files of table/ only.
 */
#ifndef SLUICE_TABLE_MARKS_H
#define SLUICE_TABLE_MARKS_H

#include "table/table_priv.h"

/* Puts an entry on a list of the table; nothing if it is on it. */
#define mark_entry(table, list, entry)                                      \
	do {                                                                \
		if (!(entry)->marked)                                       \
			LIST_INSERT_HEAD(&(table)->list, entry, of_marked); \
		(entry)->marked = true;                                     \
	} while (0)

void mark_owner(struct table *table, struct rule_owner *owner);
/* To see if it is still needed; _changed: to compile it again, too. */
void mark_service(struct table *table, struct service_entry *service);
void mark_service_changed(struct table *table, struct service_entry *service);
void mark_upstream(struct table *table, struct upstream_entry *upstream);
void mark_host(struct table *table, struct host_entry *host);
void mark_frontend(struct table *table, struct frontend_entry *frontend);

/* Takes an entry off the list of the marked ones; nothing if it is not on it. */
#define unmark(entry)                                  \
	do {                                           \
		if ((entry)->marked)                   \
			LIST_REMOVE(entry, of_marked); \
		(entry)->marked = false;               \
	} while (0)

/* Older first: creation time, then namespace, then name; keys are "namespace/name". An int as of
 * strcmp(). */
int age_compare(int64_t a_created_unix_s, const char *a_key, int64_t b_created_unix_s,
		const char *b_key);

/* "namespace/name", owned by the caller; NULL without memory. */
char *key_of(const char *namespace, const char *name);

#endif /* SLUICE_TABLE_MARKS_H */
