/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - where clients dial: each listener has hosts of its own; for the files of table/ only
 */
#ifndef SLUICE_TABLE_LISTENER_H
#define SLUICE_TABLE_LISTENER_H

#include "table/table_priv.h"

/**
 * listener_add - a listener without hosts, on every address and port
 * @key: of its owner; copied
 * @out: NULL, or borrowed: what it listens on is for the caller to set
 * Return: 0; -ENOMEM.
 */
int listener_add(struct table *table, const char *key, struct listener **out);
/* Its hosts are gone, or go with the table. Takes NULL. Its number is free for another one. */
void listener_remove(struct table *table, struct listener *listener);

#endif /* SLUICE_TABLE_LISTENER_H */
