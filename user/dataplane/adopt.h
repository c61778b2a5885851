/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.h - contents of the maps of a previous sluiced
 */
#ifndef SLUICE_DATAPLANE_ADOPT_H
#define SLUICE_DATAPLANE_ADOPT_H

struct dataplane;

/* Records the members, addresses and filter bits that adopted maps use. Return: 0; -errno. */
int adopt_notes(struct dataplane *dp);

#endif /* SLUICE_DATAPLANE_ADOPT_H */
