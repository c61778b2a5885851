// SPDX-License-Identifier: Apache-2.0
/*
 * Heads of answers as text, which every client side sends in its own way.
 */
#include <errno.h>

#include "proxy/exchange/exchange_priv.h"

struct buffer *exchange_head_buffer(struct turn *turn, size_t bytes)
{
	struct buffer_pool *pool = &turn->buffers;

	return bytes <= pool->size ? buffer_get(pool) : buffer_new((uint32_t)bytes);
}

int exchange_build_response(struct exchange *x, const struct http1_response *response,
			    bool keep_alive, struct http1_forward_response *how,
			    struct buffer **out)
{
	struct exchange_added added;
	struct buffer *head;
	int bytes;

	added.count = added.bytes = 0;
	if (!(response->flags & HTTP1_RESPONSE_F_INTERIM))
		exchange_added_fields(x, &added);
	head = exchange_head_buffer(x->turn, http1_forward_response_max(response) + added.bytes);
	if (!head)
		return -ENOMEM;
	*how = (struct http1_forward_response){
		.date = turn_date(x->turn),
		.client_keep_alive = keep_alive,
		.request_flags = x->request.flags,
		.request_version_minor = x->request.version_minor,
		.request_method_id = x->method_id,
		.extra = added.fields,
		.extra_count = added.count,
	};
	bytes = http1_forward_response(response, how, head->data, head->size);
	how->extra = NULL;
	how->extra_count = 0;
	if (bytes < 0) {
		buffer_put(&x->turn->buffers, head);
		return bytes;
	}
	head->end = (uint32_t)bytes;
	*out = head;
	return 0;
}

struct buffer *exchange_build_reply(struct exchange *x, const struct http1_reply *reply)
{
	struct http1_reply full = *reply;
	struct exchange_added added;
	struct buffer *whole;
	int bytes;

	exchange_added_always(x, &added);
	full.extra = added.fields;
	full.extra_count = added.count;
	whole = exchange_head_buffer(x->turn,
				     HTTP1_REPLY_MAX + reply->location.bytes + added.bytes);
	if (!whole)
		return NULL;
	bytes = http1_reply_build(&full, whole->data, whole->size);
	if (bytes < 0) {
		buffer_put(&x->turn->buffers, whole);
		return NULL;
	}
	whole->end = (uint32_t)bytes;
	return whole;
}

void exchange_send_continue(struct exchange *x)
{
	const struct http1_response response = {
		.status = 100,
		.version_minor = 1,
		.reason = HTTP_SLICE("Continue"),
		.flags = HTTP1_RESPONSE_F_INTERIM,
	};

	x->sending.continued = x->sending.continue_made = true;
	x->turn->stats->responses_1xx++;
	if (x->client->respond(x, &response)) {
		exchange_set_phase(x, EXCHANGE_ABORTED);
		return;
	}
	x->client_sink->ops->flush(x->client_sink);
	exchange_await_head(x);
}
