// SPDX-License-Identifier: Apache-2.0
/* Memory of exchanges, and what all of them share. */
#include "proxy/exchange/exchange_check.h"
#include "proxy/options/settings.h"

#define RESPONSE_HEADS_MAX 16u /* kept when they are given back */

/* Size of one whose requests have up to @fields_max fields. */
static size_t exchange_bytes(uint32_t fields_max)
{
	uint32_t most = fields_max > 2 * HTTP1_TRAILERS_MAX ? fields_max : 2 * HTTP1_TRAILERS_MAX;

	return sizeof(struct exchange) + most * sizeof(struct http_field);
}

int exchange_services_init(struct exchange_services *services)
{
	struct turn *turn = services->turn;
	int err;

	turn_slab(turn, &services->exchanges, exchange_bytes(turn->settings->fields_max));
	buffer_pool_init(&services->response_heads, sizeof(struct exchange_head),
			 RESPONSE_HEADS_MAX);
	http1_id_seed(&services->ids);
	services->faults.turn = turn;
	exchange_check_start(services);
	err = turn_timer_room(turn); /* .spliced.tick */
	if (!err)
		err = access_log_init(&services->log, turn);
	return err;
}

void exchange_services_free(struct exchange_services *services)
{
	access_log_free(&services->log);
	routing_put(services->routing);
	services->routing = NULL;
	slab_free(&services->exchanges);
	buffer_pool_free(&services->response_heads);
}
