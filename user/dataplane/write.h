/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.h - one change of the table to the maps
 *
 * Each Return: 0; -ENOSPC the map is full or has no such index; -errno. A reader never sees a
 * half-written entry: the word that makes it valid is stored last.
 */
#ifndef SLUICE_DATAPLANE_WRITE_H
#define SLUICE_DATAPLANE_WRITE_H

#include "dataplane/dataplane.h"

int backend_write(struct dataplane *dp, const struct table_backend *backend);
int backend_remove(struct dataplane *dp, uint32_t id);
int upstream_write(struct dataplane *dp, const struct table_upstream *upstream);
int upstream_remove(struct dataplane *dp, uint32_t id);
int frontend_write(struct dataplane *dp, const struct table_frontend *frontend);
int frontend_remove(struct dataplane *dp, const struct table_frontend *frontend);

#endif /* SLUICE_DATAPLANE_WRITE_H */
