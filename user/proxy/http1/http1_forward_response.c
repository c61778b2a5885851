// SPDX-License-Identifier: Apache-2.0
/*
 * The head of an answer as the client reads it.
 */
#include <errno.h>

#include "proxy/http1/http1_copy.h"
#include "proxy/http1/http1_reply.h"

#define EXTRA_BYTES 512 /* status line, framing, Date, Server, Connection */

/* Written by us, or never passed on. */
static const bool left_behind[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_CONNECTION] = true,        [HTTP_FIELD_CONTENT_LENGTH] = true,
	[HTTP_FIELD_HTTP2_SETTINGS] = true,    [HTTP_FIELD_KEEP_ALIVE] = true,
	[HTTP_FIELD_PROXY_CONNECTION] = true,  [HTTP_FIELD_TE] = true,
	[HTTP_FIELD_TRANSFER_ENCODING] = true, [HTTP_FIELD_UPGRADE] = true,
};

/* How the body continues to the client. */
static enum http1_framing framing_for(const struct http1_response *response,
				      const struct http1_forward_response *how)
{
	bool unknown_length = response->framing == HTTP1_FRAMING_CHUNKED ||
			      response->framing == HTTP1_FRAMING_CLOSE;

	if (!unknown_length)
		return (enum http1_framing)response->framing;
	return how->request_version_minor > 0 ? HTTP1_FRAMING_CHUNKED : HTTP1_FRAMING_CLOSE;
}

static void write_framing(struct http1_output *out, const struct http1_response *response,
			  enum http1_framing framing)
{
	if (framing == HTTP1_FRAMING_CHUNKED) {
		HTTP1_OUTPUT(out, "Transfer-Encoding: chunked\r\n");
		return;
	}
	/* RFC 9110 8.6: never in 1xx and 204; to HEAD and in 304 it is the length of the omitted
	 * body. */
	if (framing == HTTP1_FRAMING_CLOSE || response->status < 200 || response->status == 204 ||
	    !(response->flags & HTTP1_RESPONSE_F_LENGTH_SAID))
		return;
	HTTP1_OUTPUT(out, "Content-Length: ");
	http1_output_number(out, response->content_length_bytes);
	HTTP1_OUTPUT(out, "\r\n");
}

static void write_origin(struct http1_output *out, const struct http1_response *response,
			 const struct http1_forward_response *how)
{
	if (!http_fields_find(&response->fields, HTTP_FIELD_DATE, 0)) {
		HTTP1_OUTPUT(out, "Date: ");
		http1_output_slice(out, how->date);
		HTTP1_OUTPUT(out, "\r\n");
	}
	if (!http_fields_find(&response->fields, HTTP_FIELD_SERVER, 0))
		HTTP1_OUTPUT(out, "Server: " HTTP_SERVER_NAME "\r\n");
}

static void write_connection(struct http1_output *out, const struct http1_forward_response *how)
{
	if (!how->keep_alive)
		HTTP1_OUTPUT(out, "Connection: close\r\n");
	else if (how->request_flags & HTTP1_REQUEST_F_KEEP_ALIVE_SAID)
		HTTP1_OUTPUT(out, "Connection: keep-alive\r\n");
}

static void write_status_line(struct http1_output *out, const struct http1_response *response)
{
	HTTP1_OUTPUT(out, "HTTP/1.1 ");
	http1_output_number(out, response->status);
	HTTP1_OUTPUT(out, " ");
	http1_output_slice(out, response->reason);
	HTTP1_OUTPUT(out, "\r\n");
}

size_t http1_forward_response_max(const struct http1_response *response)
{
	size_t bytes = EXTRA_BYTES + response->reason.bytes;

	for (uint32_t i = 0; i < response->fields.count; i++) {
		const struct http_field *field = &response->fields.items[i];

		bytes += (size_t)field->name_bytes + field->value_bytes + 4;
	}
	return bytes;
}

int http1_forward_response(const struct http1_response *response,
			   struct http1_forward_response *how, char *out, size_t size)
{
	enum http1_framing framing = framing_for(response, how);
	struct http1_output o = { out, out + size, false };
	struct http1_copy_rules rules = {
		.left = left_behind,
		.underscores = true,
		.keep_trailer = framing == HTTP1_FRAMING_CHUNKED &&
				(how->request_flags & HTTP1_REQUEST_F_TE_TRAILERS) &&
				!(response->flags & HTTP1_RESPONSE_F_NO_TRAILERS),
		.extra = how->extra,
		.extra_count = how->extra_count,
	};
	bool interim = response->flags & HTTP1_RESPONSE_F_INTERIM;
	bool tunnel = response->flags & HTTP1_RESPONSE_F_SWITCH;

	if (response->status < 200 && how->request_version_minor == 0)
		return -EINVAL;
	how->framing = (uint8_t)framing;
	how->keep_alive = interim || (how->client_keep_alive && framing != HTTP1_FRAMING_CLOSE &&
				      (how->request_flags & HTTP1_REQUEST_F_KEEP_ALIVE));
	write_status_line(&o, response);
	http1_copy_fields(&o, &response->fields, &rules);
	http1_copy_extra(&o, how->extra, how->extra_count);
	if (tunnel)
		HTTP1_OUTPUT(&o, "Connection: upgrade\r\nUpgrade: websocket\r\n");
	if (!interim) {
		write_framing(&o, response, framing);
		write_origin(&o, response, how);
	}
	if (!interim && !tunnel)
		write_connection(&o, how);
	HTTP1_OUTPUT(&o, "\r\n");
	return http1_output_end(&o, out);
}
