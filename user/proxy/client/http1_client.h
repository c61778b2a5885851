/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_client.h - a client's connection that speaks HTTP/1.x, or is handed to a backend as it is
 */
#ifndef SLUICE_PROXY_HTTP1_CLIENT_H
#define SLUICE_PROXY_HTTP1_CLIENT_H

#include "proxy/client/conn.h"

extern const struct conn_protocol http1_client_protocol;

/* The connection speaks HTTP/1.x from the bytes on that are in its reader. It may be closed when
 * this returns. */
void http1_client_begin(struct conn *conn);

/* Return: an exchange of this conn; NULL: no memory. */
struct exchange *http1_client_exchange(struct conn *conn);

#endif /* SLUICE_PROXY_HTTP1_CLIENT_H */
