/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delta.h - hands out what the work on the table has gathered; for update.c
 */
#ifndef SLUICE_TABLE_DELTA_H
#define SLUICE_TABLE_DELTA_H

#include "table/table_priv.h"

int delta_make(struct table *table, struct table_delta **out);
void changes_clear(struct table *table);

#endif /* SLUICE_TABLE_DELTA_H */
