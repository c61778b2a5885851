/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.h - what maps of a former sluiced already hold
 */
#ifndef SLUICE_DATAPLANE_ADOPT_H
#define SLUICE_DATAPLANE_ADOPT_H

struct dataplane;

/* Notes which members, addresses and filter bits adopted maps use. Return: 0; -errno. */
int adopt_notes(struct dataplane *dp);

#endif /* SLUICE_DATAPLANE_ADOPT_H */
