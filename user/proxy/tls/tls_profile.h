/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_profile.h - how the backends of a route are spoken to by TLS; counted
 */
#ifndef SLUICE_PROXY_TLS_PROFILE_H
#define SLUICE_PROXY_TLS_PROFILE_H

#include <stdint.h>

#include "base/inet.h"

struct tls_profile;

/* The other end of a connection, for sessions, checks and the log. */
struct tls_peer {
	struct inet_addr addr;
	uint32_t backend_id, backend_generation;
};

struct tls_profile *tls_profile_get(struct tls_profile *profile);
void tls_profile_put(struct tls_profile *profile); /* takes NULL */

#endif /* SLUICE_PROXY_TLS_PROFILE_H */
