// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/clients.h"

#include "proxy/client/conn.h"
#include "proxy/client/http2_client.h"

void clients_init(struct clients *clients, struct exchange_services *services,
		  struct http2_memory *memory, struct tls *tls)
{
	*clients = (struct clients){
		.turn = services->turn,
		.services = services,
		.http2_memory = memory,
		.tls = tls,
	};
	turn_slab(clients->turn, &clients->conns, sizeof(struct conn));
	turn_slab(clients->turn, &clients->http2_clients, sizeof(struct http2_client));
	sources_init(&clients->sources, services->ids.state[1]);
}

void clients_free(struct clients *clients)
{
	slab_free(&clients->conns);
	slab_free(&clients->http2_clients);
	sources_free(&clients->sources);
}
