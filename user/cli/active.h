/* SPDX-License-Identifier: Apache-2.0 */
/*
 * active.h - how many flows of each frontend and backend the flow tables hold that have not ended
 */
#ifndef SLUICE_CLI_ACTIVE_H
#define SLUICE_CLI_ACTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/dataplane.h"

struct active_counts {
	uint32_t *counts; /* owned; by id */
	size_t count;
};

struct active {
	struct active_counts frontends, backends;
};

/* Return: 0; -errno. Clear it in each case. */
int active_read(const struct dataplane_view *view, struct active *out);
uint32_t active_of(const struct active_counts *counts, uint32_t id);
void active_clear(struct active *active);

#endif /* SLUICE_CLI_ACTIVE_H */
