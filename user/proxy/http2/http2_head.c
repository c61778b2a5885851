// SPDX-License-Identifier: Apache-2.0
#include "proxy/http2/http2_head.h"

#include <string.h>

#include "proxy/http/http_chars.h"
#include "proxy/http/http_host.h"

#define STATUS_BYTES 3u

void http2_head_begin(struct http2_head *head, struct buffer_pool *pool, bool trailers)
{
	http2_head_drop(head);
	*head = (struct http2_head){ .pool = pool, .trailers = trailers };
}

static void drop_ref(nghttp2_rcbuf **ref)
{
	if (*ref)
		nghttp2_rcbuf_decref(*ref);
	*ref = NULL;
}

void http2_head_drop(struct http2_head *head)
{
	drop_ref(&head->method);
	drop_ref(&head->scheme);
	drop_ref(&head->authority);
	drop_ref(&head->path);
	drop_ref(&head->protocol);
	drop_ref(&head->host);
	drop_ref(&head->status);
	if (!head->pool)
		return;
	buffer_put(head->pool, head->text);
	buffer_put(head->pool, head->cookies);
	head->text = head->cookies = NULL;
}

/* ---- text ------------------------------------------------------------------------------------ */

static struct http_slice slice_of(nghttp2_rcbuf *ref)
{
	nghttp2_vec vec;

	if (!ref)
		return (struct http_slice){ 0 };
	vec = nghttp2_rcbuf_get_buf(ref);
	return (struct http_slice){ (const char *)vec.base, (uint32_t)vec.len };
}

static bool is(struct http_slice text, const char *word)
{
	return text.bytes == strlen(word) && memcmp(text.data, word, text.bytes) == 0;
}

static void set_fault(struct http2_head *head, enum http1_fault_reason reason)
{
	if (!head->fault)
		head->fault = (uint8_t)reason;
}

/* Where a head may be longer than the buffers of the pool. */
static void grow(struct http2_head *head, struct buffer **buffer, size_t bytes)
{
	struct buffer *larger;

	if (buffer_bytes(*buffer) + bytes > head->bytes_max)
		return;
	larger = buffer_new(head->bytes_max);
	if (!larger)
		return;
	larger->end = (uint32_t)buffer_bytes(*buffer);
	memcpy(larger->data, buffer_head(*buffer), larger->end);
	buffer_put(head->pool, *buffer);
	*buffer = larger;
}

static void add_to(struct http2_head *head, struct buffer **buffer, const char *text, size_t bytes)
{
	if (!*buffer)
		*buffer = buffer_get(head->pool);
	if (!*buffer) {
		head->no_memory = true;
		return;
	}
	if (bytes > buffer_room(*buffer))
		grow(head, buffer, bytes);
	if (bytes > buffer_room(*buffer)) {
		set_fault(head, HTTP1_FAULT_HEAD_LONG);
		return;
	}
	if (bytes)
		memcpy(buffer_tail(*buffer), text, bytes);
	(*buffer)->end += (uint32_t)bytes;
}

static void add(struct http2_head *head, struct http_slice text)
{
	add_to(head, &head->text, text.data, text.bytes);
}

#define ADD(head, literal) add_to((head), &(head)->text, (literal), sizeof(literal) - 1)

static void add_line(struct http2_head *head, struct http_slice name, struct http_slice value)
{
	add(head, name);
	ADD(head, ": ");
	add(head, value);
	ADD(head, "\r\n");
}

/* All octets are of these classes, and there is one at least. */
static bool only(struct http_slice text, unsigned int classes)
{
	return text.bytes && http_run(text.data, 0, text.bytes, classes) == text.bytes;
}

/* ---- a request ------------------------------------------------------------------------------- */

/* The scheme's own port may be named or omitted (RFC 3986 6.2.3). */
static uint32_t port_of(const struct http_host *host, bool https)
{
	if (host->port)
		return host->port;
	return https ? 443 : 80;
}

/* RFC 9113 8.3.1: Host may not name something else than :authority. */
static bool same_host(struct http_slice authority, struct http_slice said, bool https)
{
	struct http_host one, other;

	if (http_host_parse(authority.data, authority.bytes, &one) ||
	    http_host_parse(said.data, said.bytes, &other))
		return authority.bytes == said.bytes &&
		       memcmp(authority.data, said.data, said.bytes) == 0;
	return one.kind == other.kind && port_of(&one, https) == port_of(&other, https) &&
	       one.name_bytes == other.name_bytes &&
	       memcmp(one.name, other.name, one.name_bytes) == 0;
}

static void start_request(struct http2_head *head)
{
	struct http_slice method = slice_of(head->method);
	struct http_slice scheme = slice_of(head->scheme);
	struct http_slice authority = slice_of(head->authority);
	struct http_slice path = slice_of(head->path);

	head->started = true;
	if (head->protocol && !is(slice_of(head->protocol), "websocket"))
		set_fault(head, HTTP1_FAULT_CONNECT_PROTOCOL);
	if (head->protocol) /* as RFC 6455 asks for it, which the backend speaks */
		method = HTTP_SLICE("GET");
	if (!head->path) /* CONNECT, which is refused by the rules of HTTP/1.1 */
		path = authority;
	if (!only(method, HTTP_CHAR_TOKEN))
		head->malformed = true;
	if (path.bytes > head->pool->size)
		set_fault(head, HTTP1_FAULT_TARGET_LONG);
	if (!only(path, HTTP_CHAR_TARGET))
		set_fault(head, HTTP1_FAULT_TARGET);
	if (head->path && path.data && path.data[0] != '/' && !is(path, "*"))
		set_fault(head, HTTP1_FAULT_TARGET);
	/* RFC 9113 8.3.1: other schemes are for gateways to other protocols. */
	if (head->scheme && !http_text_is(scheme.data, scheme.bytes, "https", 5) &&
	    !http_text_is(scheme.data, scheme.bytes, "http", 4))
		set_fault(head, HTTP1_FAULT_TARGET);
	if (head->authority && !only(authority, HTTP_CHAR_TARGET))
		set_fault(head, HTTP1_FAULT_HOST);
	if (head->fault || head->malformed)
		return;
	add(head, method);
	ADD(head, " ");
	add(head, path);
	ADD(head, " HTTP/1.1\r\n");
	if (head->authority)
		add_line(head, HTTP_SLICE("Host"), authority);
}

static void add_crumb(struct http2_head *head, struct http_slice value)
{
	if (head->cookies)
		add_to(head, &head->cookies, "; ", 2);
	add_to(head, &head->cookies, value.data, value.bytes);
}

/* Return: true: the field is written by us, or held against :authority. */
static bool is_host(struct http2_head *head, nghttp2_rcbuf *value)
{
	struct http_slice said = slice_of(value);

	if (!head->authority)
		return false;
	if (head->host) {
		set_fault(head, HTTP1_FAULT_HOST_TWICE);
		return true;
	}
	nghttp2_rcbuf_incref(value);
	head->host = value;
	if (!same_host(slice_of(head->authority), said,
		       http_text_is(slice_of(head->scheme).data, slice_of(head->scheme).bytes,
				    "https", 5)))
		head->malformed = true;
	return true;
}

static void add_regular(struct http2_head *head, struct http_slice name, nghttp2_rcbuf *ref)
{
	struct http_slice value = slice_of(ref);
	enum http_field_id id = http_field_id(name.data, name.bytes);

	/* nghttp2 has looked at both; the text depends on it, so it is made sure of here. */
	if (!only(name, HTTP_CHAR_TOKEN) ||
	    http_find_control(value.data, 0, value.bytes) != value.bytes) {
		head->malformed = true;
		return;
	}
	if (!head->trailers && !head->started && !head->status)
		start_request(head);
	if (head->fault || head->malformed)
		return;
	if (!head->trailers && !head->status) {
		if (id == HTTP_FIELD_HOST && is_host(head, ref))
			return;
		if (id == HTTP_FIELD_COOKIE) {
			add_crumb(head, value);
			return;
		}
		if (head->protocol && is(name, "sec-websocket-key"))
			return;
	}
	head->length_said |= id == HTTP_FIELD_CONTENT_LENGTH;
	add_line(head, name, value);
}

static nghttp2_rcbuf **pseudo_of(struct http2_head *head, struct http_slice name)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{ ":method", offsetof(struct http2_head, method) },
		{ ":scheme", offsetof(struct http2_head, scheme) },
		{ ":authority", offsetof(struct http2_head, authority) },
		{ ":path", offsetof(struct http2_head, path) },
		{ ":protocol", offsetof(struct http2_head, protocol) },
		{ ":status", offsetof(struct http2_head, status) },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (is(name, fields[i].name))
			return (nghttp2_rcbuf **)(void *)((char *)head + fields[i].offset);
	return NULL;
}

static void start_response(struct http2_head *head)
{
	struct http_slice status = slice_of(head->status);

	head->started = true;
	if (status.bytes != STATUS_BYTES || !only(status, HTTP_CHAR_DIGIT)) {
		head->malformed = true;
		return;
	}
	ADD(head, "HTTP/1.1 ");
	add(head, status);
	ADD(head, " \r\n");
}

void http2_head_add(struct http2_head *head, nghttp2_rcbuf *name_ref, nghttp2_rcbuf *value)
{
	struct http_slice name = slice_of(name_ref);
	nghttp2_rcbuf **place;

	if (!name.bytes || name.data[0] != ':') {
		add_regular(head, name, value);
		return;
	}
	place = head->trailers || head->started ? NULL : pseudo_of(head, name);
	if (!place || *place) { /* nghttp2 refuses these already */
		head->malformed = true;
		return;
	}
	nghttp2_rcbuf_incref(value);
	*place = value;
	if (place == &head->status)
		start_response(head);
}

static struct buffer *take_text(struct http2_head *head)
{
	struct buffer *text = head->text;

	if (head->malformed || head->fault || head->no_memory)
		return NULL;
	head->text = NULL;
	return text;
}

struct buffer *http2_head_end_request(struct http2_head *head, bool end_stream, const char *key)
{
	if (!head->started)
		start_request(head);
	if (head->fault || head->malformed)
		return NULL;
	if (head->cookies)
		add_line(head, HTTP_SLICE("Cookie"),
			 (struct http_slice){ buffer_head(head->cookies),
					      (uint32_t)buffer_bytes(head->cookies) });
	if (head->protocol)
		ADD(head, "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ");
	if (head->protocol)
		add(head, (struct http_slice){ key, 24 });
	if (head->protocol)
		ADD(head, "\r\n");
	else if (!end_stream && !head->length_said)
		ADD(head, "Transfer-Encoding: chunked\r\n");
	ADD(head, "\r\n");
	return take_text(head);
}

bool http2_head_is_interim(const struct http2_head *head)
{
	return slice_of(head->status).bytes && slice_of(head->status).data[0] == '1';
}

struct buffer *http2_head_end_response(struct http2_head *head)
{
	if (!head->started)
		head->malformed = true;
	ADD(head, "\r\n");
	return take_text(head);
}

struct buffer *http2_head_end_trailers(struct http2_head *head)
{
	return take_text(head);
}

/* ---- fields that go out ---------------------------------------------------------------------- */

static const bool of_connection[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_CONNECTION] = true,        [HTTP_FIELD_HOST] = true,
	[HTTP_FIELD_HTTP2_SETTINGS] = true,    [HTTP_FIELD_KEEP_ALIVE] = true,
	[HTTP_FIELD_PROXY_CONNECTION] = true,  [HTTP_FIELD_TRAILER] = false,
	[HTTP_FIELD_TRANSFER_ENCODING] = true, [HTTP_FIELD_UPGRADE] = true,
};

static void put(struct http2_fields *out, struct http_slice name, struct http_slice value)
{
	if (out->count == HTTP2_FIELDS_OUT_MAX)
		return;
	out->items[out->count++] = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.data,
		.namelen = name.bytes,
		.value = (uint8_t *)(uintptr_t)value.data,
		.valuelen = value.bytes,
		.flags = NGHTTP2_NV_FLAG_NONE,
	};
}

/* Lines "name: value" from @at to the empty one. Return: offset after it. */
static size_t put_lines(struct http2_fields *out, const char *text, size_t at, size_t bytes,
			bool tunnel, struct http_slice *host)
{
	while (at < bytes) {
		const char *line = text + at;
		const char *end = memchr(line, '\r', bytes - at);
		const char *colon = end ? memchr(line, ':', (size_t)(end - line)) : NULL;
		struct http_slice name, value;
		enum http_field_id id;

		if (!colon)
			return end == line ? at + 2 : bytes;
		at = (size_t)(end - text) + 2;
		name = (struct http_slice){ line, (uint32_t)(colon - line) };
		value = (struct http_slice){ colon + 2, (uint32_t)(end - colon - 2) };
		id = http_field_id(name.data, name.bytes);
		if (id == HTTP_FIELD_HOST && host)
			*host = value;
		if (of_connection[id] ||
		    (tunnel && http_text_is(name.data, name.bytes, "sec-websocket-accept", 20)))
			continue;
		put(out, name, value);
	}
	return at;
}

static size_t line_bytes(const char *text, size_t bytes)
{
	const char *end = memchr(text, '\n', bytes);

	return end ? (size_t)(end - text) + 1 : bytes;
}

size_t http2_fields_of_response(const char *text, size_t bytes, bool tunnel,
				struct http2_fields *out)
{
	struct http_slice status = { text + 9, STATUS_BYTES }; /* after "HTTP/1.1 " */

	out->count = 0;
	put(out, HTTP_SLICE(":status"), tunnel ? HTTP_SLICE("200") : status);
	return put_lines(out, text, line_bytes(text, bytes), bytes, tunnel, NULL);
}

void http2_fields_of_request(const char *text, size_t bytes, bool tls, struct http2_fields *out)
{
	size_t at = line_bytes(text, bytes);
	const char *target = memchr(text, ' ', at);
	const char *end = target ? memchr(target + 1, ' ', at - (size_t)(target + 1 - text)) : NULL;
	struct http_slice host = { 0 };

	out->count = 0;
	if (!end)
		return;
	put(out, HTTP_SLICE(":method"), (struct http_slice){ text, (uint32_t)(target - text) });
	put(out, HTTP_SLICE(":scheme"), tls ? HTTP_SLICE("https") : HTTP_SLICE("http"));
	put(out, HTTP_SLICE(":authority"), host);
	put(out, HTTP_SLICE(":path"),
	    (struct http_slice){ target + 1, (uint32_t)(end - target - 1) });
	put_lines(out, text, at, bytes, false, &host);
	out->items[2].value = (uint8_t *)(uintptr_t)host.data;
	out->items[2].valuelen = host.bytes;
}

void http2_fields_of_trailers(const char *text, size_t bytes, struct http2_fields *out)
{
	out->count = 0;
	put_lines(out, text, 0, bytes, false, NULL);
}
