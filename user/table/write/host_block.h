/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_block.h - serialises one host; for compile/
 */
#ifndef SLUICE_TABLE_HOST_BLOCK_H
#define SLUICE_TABLE_HOST_BLOCK_H

#include "table/table_priv.h"

/* Serialises what is in use on a host. @out: owned by the caller. Return: 0; -ENOMEM. */
int host_block_build(const struct table *table, const struct host_entry *host, void **out);

#endif /* SLUICE_TABLE_HOST_BLOCK_H */
