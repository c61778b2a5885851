/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.h - what all connections of clients share
 */
#ifndef SLUICE_PROXY_CLIENTS_H
#define SLUICE_PROXY_CLIENTS_H

#include "proxy/exchange/exchange_services.h"
#include "proxy/http2/http2_session.h"
#include "proxy/loop/sources.h"
#include "proxy/loop/turn.h"

struct conn;
struct http2_client;
struct tls;

struct clients {
	struct turn *turn;                  /* borrowed */
	struct exchange_services *services; /* borrowed */
	struct http2_memory *http2_memory;  /* borrowed */
	struct tls *tls;                    /* borrowed; NULL: no HTTPS port */

	struct turn_hook hook;
	struct slab conns;                 /* struct conn */
	struct conn *newest;               /* list of all */
	struct slab http2_clients;         /* struct http2_client */
	struct http2_client *http2_newest; /* list of all, which say that we drain */
	struct sources sources;            /* of conns; used if their number is limited */
	uint64_t conns_made;
};

#endif /* SLUICE_PROXY_CLIENTS_H */
