/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.h - what a change marks for work; for update.c
 */
#ifndef SLUICE_TABLE_NOTE_H
#define SLUICE_TABLE_NOTE_H

#include "table/table_priv.h"

/* Marks what the noted changes touch and compiles the Ingresses among them. Return: 0; -ENOMEM. */
int note_changes(struct table *table, const struct model *model);
/* The first time: all that the model holds, whatever its change list says. */
int note_all(struct table *table, const struct model *model);
/* Marks what depends on a Service. Return: 0; -ENOMEM. */
int note_service(struct table *table, const struct model *model, const char *namespace,
		 const char *name);

/* Marks what the names touch that were set since the last update. Return: 0; -ENOMEM. */
int note_externals(struct table *table, const struct model *model);

#endif /* SLUICE_TABLE_NOTE_H */
