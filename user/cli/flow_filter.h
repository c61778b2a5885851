/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_filter.h - which flows to show
 */
#ifndef SLUICE_CLI_FLOW_FILTER_H
#define SLUICE_CLI_FLOW_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "dataplane/dataplane.h"

/* "10.0.0.1", "10.0.0.0/8", "10.0.0.1:80", "[2001:db8::1]:80", ":80" */
struct endpoint_filter {
	bool has_network;
	struct inet_network network;
	uint16_t port; /* host order; 0: any */
};

/* A zeroed filter accepts every flow. */
struct flow_filter {
	struct endpoint_filter frontend, backend, client;
	uint8_t proto; /* 0: any */
	bool has_state;
	uint8_t state;     /* enum sluice_flow_state */
	uint8_t *backends; /* owned; 1 by id for those that match .backend; NULL: all */
	size_t backends_count;
};

/* Return: 0; -EINVAL. */
int endpoint_filter_parse(const char *text, struct endpoint_filter *out);
int flow_filter_protocol(const char *text, struct flow_filter *filter); /* tcp, udp */
int flow_filter_state(const char *text, struct flow_filter *filter); /* new, established, closing */

bool endpoint_filter_matches(const struct endpoint_filter *filter, const struct inet_addr *addr,
			     uint16_t port);

/* Looks up which backends match. Return: 0; -errno. */
int flow_filter_prepare(struct flow_filter *filter, const struct dataplane_view *view);
bool flow_filter_matches(const struct flow_filter *filter, const struct flow_view *flow);
void flow_filter_clear(struct flow_filter *filter);

#endif /* SLUICE_CLI_FLOW_FILTER_H */
