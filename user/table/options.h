/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - the options of a table, and what they name; for update.c
 */
#ifndef SLUICE_TABLE_OPTIONS_H
#define SLUICE_TABLE_OPTIONS_H

#include "table/table_priv.h"

/* Return: 0; -EINVAL with a log line; -ENOMEM. options_clear() in any case. */
int options_copy(const struct table_options *from, struct table *table);
void options_clear(struct table *table);
/* What --default-backend and --default-certificate name. */
int options_compile(struct table *table, const struct model *model);

#endif /* SLUICE_TABLE_OPTIONS_H */
