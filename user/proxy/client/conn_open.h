/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PROXY_CONN_OPEN_H
#define SLUICE_PROXY_CONN_OPEN_H

#include "proxy/client/conn.h"

/**
 * conn_open - serve an accepted connection, from its first byte on
 * @fd: owned from now on, also on failure
 * @over_limit: limit that it is above: answer 503 and close; HTTP1_FAULT_NONE: serve it
 * Return: 0; -errno.
 */
int conn_open(struct clients *clients, int fd, const struct exchange_peer *peer,
	      enum http1_fault_reason over_limit);

#endif /* SLUICE_PROXY_CONN_OPEN_H */
