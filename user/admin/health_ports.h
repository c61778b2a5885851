/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_ports.h - healthCheckNodePort: other load balancers ask which nodes have pods of a Service
 *
 * The answer has the form that kube-proxy gives: 200 with the number of ready pods on this node,
 * 503 if there is none, whatever the path.
 */
#ifndef SLUICE_ADMIN_HEALTH_PORTS_H
#define SLUICE_ADMIN_HEALTH_PORTS_H

#include <stdint.h>

#include "base/loop.h"
#include "table/table.h"

struct health_ports;

int health_ports_new(struct loop *loop, struct health_ports **out);
void health_ports_free(struct health_ports *ports); /* takes NULL */

/**
 * health_ports_update - serve the ports that the table names
 * Closes other ports. A port that cannot be opened is reported once; the next call tries it again.
 * Return: 0; -ENOMEM.
 */
int health_ports_update(struct health_ports *ports, const struct table *table,
			const struct model *model);

#endif /* SLUICE_ADMIN_HEALTH_PORTS_H */
