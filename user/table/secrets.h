/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets.h - which Secrets are named, by whom, and whether they can be used
 *
 * For the files of table/ only.
 */
#ifndef SLUICE_TABLE_SECRETS_H
#define SLUICE_TABLE_SECRETS_H

#include "table/table_priv.h"

/* Return: 0; -ENOMEM. @use: zeroed but for its owner and .use. */
int secret_use_add(struct table *table, const char *namespace, const char *name,
		   struct secret_use *use);
void secret_use_drop(struct table *table, struct secret_use *use);
/* NULL if the Secret can be used so, else why it cannot, in words that go after its name. */
const char *secret_fault(const struct table *table, const struct model *model,
			 const struct secret_use *use);
/* Marks who names the Secret. Return: 0; -ENOMEM. */
int secret_changed(struct table *table, const char *namespace, const char *name);
/* Settles whether it is usable, and notes it if that is news. */
void secret_use_judge(struct table *table, struct secret_use *use, bool usable);

#endif /* SLUICE_TABLE_SECRETS_H */
