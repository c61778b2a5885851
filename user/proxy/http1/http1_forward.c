// SPDX-License-Identifier: Apache-2.0
/*
 * The head of a request as the backend reads it.
 */
#include "proxy/http1/http1_forward.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "proxy/http1/http1_copy.h"
#include "proxy/http/http_chars.h"

#define EXTRA_BYTES       1024 /* fields of ours without the authority and what the peer sent */
#define REQUEST_ID_MAX    256  /* longer ones are not kept */
#define ADDRESS_FIELD_MAX (INET_ADDR_TEXT_MAX + 16) /* brackets, quotes, port */

/* Written by us, or never passed on. Trailer is asked for separately. */
static const bool left_behind[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_CONNECTION] = true,
	[HTTP_FIELD_CONTENT_LENGTH] = true,
	[HTTP_FIELD_EXPECT] = true,
	[HTTP_FIELD_FORWARDED] = true,
	[HTTP_FIELD_HOST] = true,
	[HTTP_FIELD_HTTP2_SETTINGS] = true,
	[HTTP_FIELD_KEEP_ALIVE] = true,
	[HTTP_FIELD_PROXY_CONNECTION] = true,
	[HTTP_FIELD_TE] = true,
	[HTTP_FIELD_TRANSFER_ENCODING] = true,
	[HTTP_FIELD_UPGRADE] = true,
	[HTTP_FIELD_X_FORWARDED_FOR] = true,
	[HTTP_FIELD_X_FORWARDED_HOST] = true,
	[HTTP_FIELD_X_FORWARDED_PORT] = true,
	[HTTP_FIELD_X_FORWARDED_PROTO] = true,
	[HTTP_FIELD_X_REAL_IP] = true,
	[HTTP_FIELD_X_REQUEST_ID] = true,
};

/* ---- X-Request-ID ---------------------------------------------------------------------------- */

void http1_id_seed(struct http1_id_source *source)
{
	if (getrandom(source->state, sizeof(source->state), 0) == sizeof(source->state))
		return;
	/* It must only be unique. */
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	source->state[0] = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec;
	source->state[1] = (uint64_t)(uintptr_t)source;
}

/* SplitMix64 (Steele, Lea, Flood: OOPSLA'14): every state has another output. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

void http1_id_next(struct http1_id_source *source, char out[HTTP1_REQUEST_ID_BYTES])
{
	uint64_t halves[2];

	source->state[0] += 0x9e3779b97f4a7c15u;
	halves[0] = mix(source->state[0]);
	halves[1] = mix(source->state[0] ^ source->state[1]);
	for (unsigned int i = 0; i < HTTP1_REQUEST_ID_BYTES; i++)
		out[i] = "0123456789abcdef"[halves[i / 16] >> (4 * (i % 16)) & 15];
}

/* ---- fields that tell the backend about the client ------------------------------------------- */

struct writer {
	struct http1_output out;
	const struct http1_request *request; /* borrowed */
	struct http1_forward_request *how;   /* borrowed */
	char client[INET_ADDR_TEXT_MAX];
	struct http_slice client_text; /* borrowed from .client */
	struct http_slice authority;   /* borrowed: of the request, or .local */
	char local[ADDRESS_FIELD_MAX];
};

static bool trusted(const struct writer *w)
{
	return w->how->flags & HTTP1_FORWARD_F_TRUSTED_PEER;
}

/* The one field of that name, if a trusted peer sent exactly one that is not empty. */
static const struct http_field *believed(const struct writer *w, enum http_field_id id)
{
	return trusted(w) ? http_fields_find_only(&w->request->fields, id) : NULL;
}

/* All values of one name, each with ", " after it: a list that more is appended to. */
static void write_list(struct writer *w, enum http_field_id id)
{
	const struct http_fields *fields = &w->request->fields;

	for (uint32_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->items[i];

		if (field->id != id || !field->value_bytes)
			continue;
		http1_output_text(&w->out, field->value, field->value_bytes);
		HTTP1_OUTPUT(&w->out, ", ");
	}
}

/* RFC 7239: written only where the peer wrote one, so that it cannot speak for itself. */
static void write_forwarded(struct writer *w)
{
	bool v4 = inet_addr_is_v4(&w->how->client);

	if (!http_fields_find(&w->request->fields, HTTP_FIELD_FORWARDED, 0))
		return;
	HTTP1_OUTPUT(&w->out, "Forwarded: ");
	if (trusted(w))
		write_list(w, HTTP_FIELD_FORWARDED);
	http1_output_text(&w->out, v4 ? "for=" : "for=\"[", v4 ? 4 : 6);
	http1_output_slice(&w->out, w->client_text);
	http1_output_text(&w->out, "]\"", v4 ? 0 : 2);
	HTTP1_OUTPUT(&w->out, ";host=\"");
	http1_output_slice(&w->out, w->authority);
	HTTP1_OUTPUT(&w->out, "\";proto=");
	if (w->how->flags & HTTP1_FORWARD_F_TLS)
		HTTP1_OUTPUT(&w->out, "https\r\n");
	else
		HTTP1_OUTPUT(&w->out, "http\r\n");
}

static void write_proto_and_port(struct writer *w)
{
	const struct http_field *proto = believed(w, HTTP_FIELD_X_FORWARDED_PROTO);
	const struct http_field *port = believed(w, HTTP_FIELD_X_FORWARDED_PORT);
	bool tls = w->how->flags & HTTP1_FORWARD_F_TLS;

	if (proto)
		http1_output_field(&w->out, proto);
	else if (tls)
		HTTP1_OUTPUT(&w->out, "X-Forwarded-Proto: https\r\n");
	else
		HTTP1_OUTPUT(&w->out, "X-Forwarded-Proto: http\r\n");
	if (port) {
		http1_output_field(&w->out, port);
		return;
	}
	HTTP1_OUTPUT(&w->out, "X-Forwarded-Port: ");
	/* Who changed the scheme before us and named no port used the scheme's own. */
	if (proto && !tls && http_text_is(proto->value, proto->value_bytes, "https", 5))
		HTTP1_OUTPUT(&w->out, "443");
	else
		http1_output_number(&w->out, w->how->local_port);
	HTTP1_OUTPUT(&w->out, "\r\n");
}

static void write_client(struct writer *w)
{
	const struct http_field *host = believed(w, HTTP_FIELD_X_FORWARDED_HOST);
	const struct http_field *real = believed(w, HTTP_FIELD_X_REAL_IP);

	HTTP1_OUTPUT(&w->out, "X-Forwarded-For: ");
	if (trusted(w))
		write_list(w, HTTP_FIELD_X_FORWARDED_FOR);
	http1_output_slice(&w->out, w->client_text);
	HTTP1_OUTPUT(&w->out, "\r\n");
	if (host) {
		http1_output_field(&w->out, host);
	} else {
		HTTP1_OUTPUT(&w->out, "X-Forwarded-Host: ");
		http1_output_slice(&w->out, w->authority);
		HTTP1_OUTPUT(&w->out, "\r\n");
	}
	write_proto_and_port(w);
	if (real) {
		http1_output_field(&w->out, real);
	} else {
		HTTP1_OUTPUT(&w->out, "X-Real-IP: ");
		http1_output_slice(&w->out, w->client_text);
		HTTP1_OUTPUT(&w->out, "\r\n");
	}
	write_forwarded(w);
}

static bool keeps_id(const struct http_field *field)
{
	return field && field->value_bytes && field->value_bytes <= REQUEST_ID_MAX &&
	       http_run(field->value, 0, field->value_bytes, HTTP_CHAR_TARGET) ==
		       field->value_bytes;
}

static void write_request_id(struct writer *w)
{
	const struct http_fields *fields = &w->request->fields;
	const struct http_field *first = http_fields_find(fields, HTTP_FIELD_X_REQUEST_ID, 0);
	char id[HTTP1_REQUEST_ID_BYTES];
	bool keep = keeps_id(first) && !http_fields_find(fields, HTTP_FIELD_X_REQUEST_ID,
							 (uint32_t)(first - fields->items) + 1);

	HTTP1_OUTPUT(&w->out, "X-Request-ID: ");
	if (keep) {
		w->how->request_id = (struct http_slice){ first->value, first->value_bytes };
		http1_output_slice(&w->out, w->how->request_id);
	} else {
		http1_id_next(w->how->ids, id);
		w->how->request_id = (struct http_slice){ w->out.at, sizeof(id) };
		http1_output_text(&w->out, id, sizeof(id));
	}
	HTTP1_OUTPUT(&w->out, "\r\n");
}

/* ---- fields of this hop ---------------------------------------------------------------------- */

static void write_framing(struct writer *w)
{
	const struct http1_request *request = w->request;

	if (request->framing == HTTP1_FRAMING_CHUNKED) {
		HTTP1_OUTPUT(&w->out, "Transfer-Encoding: chunked\r\n");
	} else if (request->framing == HTTP1_FRAMING_LENGTH) {
		HTTP1_OUTPUT(&w->out, "Content-Length: ");
		http1_output_number(&w->out, request->content_length_bytes);
		HTTP1_OUTPUT(&w->out, "\r\n");
	}
	if ((request->flags & HTTP1_REQUEST_F_EXPECT_CONTINUE) &&
	    !(w->how->flags & HTTP1_FORWARD_F_NO_EXPECT))
		HTTP1_OUTPUT(&w->out, "Expect: 100-continue\r\n");
}

static void write_connection(struct writer *w)
{
	bool te = w->request->flags & HTTP1_REQUEST_F_TE_TRAILERS;
	bool close = w->how->flags & HTTP1_FORWARD_F_CLOSE;

	if ((w->request->flags & HTTP1_REQUEST_F_WEBSOCKET) &&
	    !(w->how->flags & HTTP1_FORWARD_F_NO_UPGRADE)) {
		HTTP1_OUTPUT(&w->out, "Connection: upgrade\r\nUpgrade: websocket\r\n");
		return;
	}
	if (te && close)
		HTTP1_OUTPUT(&w->out, "Connection: close, TE\r\n");
	else if (te)
		HTTP1_OUTPUT(&w->out, "Connection: TE\r\n");
	else if (close)
		HTTP1_OUTPUT(&w->out, "Connection: close\r\n");
	if (te)
		HTTP1_OUTPUT(&w->out, "TE: trailers\r\n");
}

/* HTTP/1.0 without Host: the local address replaces it. */
static struct http_slice local_authority(struct writer *w)
{
	struct http1_output o = { w->local, w->local + sizeof(w->local), false };
	char text[INET_ADDR_TEXT_MAX];
	bool v4 = inet_addr_is_v4(&w->how->local);

	inet_addr_format(&w->how->local, text);
	http1_output_text(&o, "[", v4 ? 0 : 1);
	http1_output_text(&o, text, strlen(text));
	http1_output_text(&o, "]", v4 ? 0 : 1);
	if (w->how->local_port != (w->how->flags & HTTP1_FORWARD_F_TLS ? 443 : 80)) {
		HTTP1_OUTPUT(&o, ":");
		http1_output_number(&o, w->how->local_port);
	}
	return (struct http_slice){ w->local, (uint32_t)(o.at - w->local) };
}

size_t http1_forward_request_max(const struct http1_request *request)
{
	size_t bytes = EXTRA_BYTES + request->method.bytes + request->target.bytes +
		       3 * (size_t)(request->authority.bytes + ADDRESS_FIELD_MAX);

	for (uint32_t i = 0; i < request->fields.count; i++) {
		const struct http_field *field = &request->fields.items[i];

		bytes += (size_t)field->name_bytes + field->value_bytes + 4;
	}
	return bytes;
}

int http1_forward_request(const struct http1_request *request, struct http1_forward_request *how,
			  char *out, size_t size)
{
	struct writer w = {
		.out = { out, out + size, false },
		.request = request,
		.how = how,
		.authority = request->authority,
	};
	struct http1_copy_rules rules = {
		.left = left_behind,
		.underscores = how->flags & HTTP1_FORWARD_F_UNDERSCORES,
		.keep_trailer = request->framing == HTTP1_FRAMING_CHUNKED &&
				(request->flags & HTTP1_REQUEST_F_TE_TRAILERS) &&
				!(request->flags & HTTP1_REQUEST_F_NO_TRAILERS),
		.of_request = true,
		.of_stranger = !(how->flags & HTTP1_FORWARD_F_TRUSTED_PEER),
		.extra = how->extra,
		.extra_count = how->extra_count,
	};

	inet_addr_format(&how->client, w.client);
	w.client_text = (struct http_slice){ w.client, (uint32_t)strlen(w.client) };
	if (!w.authority.bytes)
		w.authority = local_authority(&w);
	http1_output_slice(&w.out, request->method);
	HTTP1_OUTPUT(&w.out, " ");
	http1_output_slice(&w.out, how->path);
	http1_output_slice(&w.out, request->query);
	HTTP1_OUTPUT(&w.out, " HTTP/1.1\r\nHost: ");
	http1_output_slice(&w.out, how->host.bytes ? how->host : w.authority);
	HTTP1_OUTPUT(&w.out, "\r\n");
	http1_copy_fields(&w.out, &request->fields, &rules);
	http1_copy_extra(&w.out, how->extra, how->extra_count);
	write_framing(&w);
	write_connection(&w);
	write_client(&w);
	write_request_id(&w);
	HTTP1_OUTPUT(&w.out, "\r\n");
	return http1_output_end(&w.out, out);
}
