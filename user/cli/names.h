/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - names of upstreams and addresses of backends by id, read once
 */
#ifndef SLUICE_CLI_NAMES_H
#define SLUICE_CLI_NAMES_H

#include "dataplane/dataplane.h"

struct names {
	char **upstreams; /* owned array of owned texts by id, NULL: none */
	size_t upstreams_count;
	char **backends; /* the same; "10.0.0.1:80", "[2001:db8::1]:80" */
	size_t backends_count;
};

/* Return: 0; -ENOMEM; -errno of reading. Free it in each case. */
int names_read(const struct dataplane_view *view, struct names *out);
void names_free(struct names *names);

/* "-" if there is none. Borrowed. */
const char *names_upstream(const struct names *names, uint32_t id);
const char *names_backend(const struct names *names, uint32_t id);

#define NAMES_ENDPOINT_MAX (INET_ADDR_TEXT_MAX + 9) /* brackets, colon, port */

/* @port: host order. Returns @text. */
const char *names_endpoint(const struct inet_addr *addr, uint16_t port,
			   char text[NAMES_ENDPOINT_MAX]);

const char *names_protocol(unsigned int proto);
const char *names_backend_state(unsigned int state);
const char *names_flow_state(unsigned int state);
const char *names_frontend_kind(unsigned int kind);

#endif /* SLUICE_CLI_NAMES_H */
