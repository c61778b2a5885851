/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_fields.h - slices of a read buffer and lists of header fields
 *
 * Nothing here allocates. A slice borrows from the buffer that was parsed: it is good until that
 * buffer is moved, overwritten or freed.
 */
#ifndef SLUICE_PROXY_HTTP_FIELDS_H
#define SLUICE_PROXY_HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_slice {
	const char *data; /* borrowed, not NUL-terminated; NULL only if bytes is 0 */
	uint32_t bytes;
};

#define HTTP_SLICE(literal) ((struct http_slice){ (literal), sizeof(literal) - 1 })

/* Fields that some rule speaks about; HTTP_FIELD_OTHER is every other name. */
enum http_field_id {
	HTTP_FIELD_OTHER = 0,
	HTTP_FIELD_AGE,
	HTTP_FIELD_AUTHORIZATION,
	HTTP_FIELD_CACHE_CONTROL,
	HTTP_FIELD_CONNECTION,
	HTTP_FIELD_CONTENT_ENCODING,
	HTTP_FIELD_CONTENT_LENGTH,
	HTTP_FIELD_CONTENT_RANGE,
	HTTP_FIELD_CONTENT_TYPE,
	HTTP_FIELD_COOKIE,
	HTTP_FIELD_DATE,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_EXPIRES,
	HTTP_FIELD_FORWARDED,
	HTTP_FIELD_HOST,
	HTTP_FIELD_HTTP2_SETTINGS,
	HTTP_FIELD_IF_MATCH,
	HTTP_FIELD_IF_MODIFIED_SINCE,
	HTTP_FIELD_IF_NONE_MATCH,
	HTTP_FIELD_IF_RANGE,
	HTTP_FIELD_IF_UNMODIFIED_SINCE,
	HTTP_FIELD_KEEP_ALIVE,
	HTTP_FIELD_LOCATION,
	HTTP_FIELD_MAX_FORWARDS,
	HTTP_FIELD_PRAGMA,
	HTTP_FIELD_PROXY_AUTHENTICATE,
	HTTP_FIELD_PROXY_AUTHORIZATION,
	HTTP_FIELD_PROXY_CONNECTION,
	HTTP_FIELD_RANGE,
	HTTP_FIELD_RETRY_AFTER,
	HTTP_FIELD_SERVER,
	HTTP_FIELD_SET_COOKIE,
	HTTP_FIELD_TE,
	HTTP_FIELD_TRAILER,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_UPGRADE,
	HTTP_FIELD_VARY,
	HTTP_FIELD_WWW_AUTHENTICATE,
	HTTP_FIELD_X_FORWARDED_FOR,
	HTTP_FIELD_X_FORWARDED_HOST,
	HTTP_FIELD_X_FORWARDED_PORT,
	HTTP_FIELD_X_FORWARDED_PROTO,
	HTTP_FIELD_X_REAL_IP,
	HTTP_FIELD_X_REQUEST_ID,
	HTTP_FIELD_COUNT
};

enum http_field_flag {
	HTTP_FIELD_F_HOP = 1 << 0,        /* named by a Connection field: not forwarded */
	HTTP_FIELD_F_UNDERSCORE = 1 << 1, /* '_' in the name; .id is then HTTP_FIELD_OTHER */
	HTTP_FIELD_F_VERBATIM = 1 << 2,   /* lies in its buffer as "name: value" CRLF */
};

struct http_field {
	const char *name;  /* borrowed; a token, spelled as it came */
	const char *value; /* borrowed; no white space at either end */
	uint32_t value_bytes;
	uint16_t name_bytes;
	uint8_t id;    /* enum http_field_id */
	uint8_t flags; /* enum http_field_flag */
};

struct http_fields {
	struct http_field *items; /* borrowed from the caller of the parser */
	uint32_t capacity;        /* more fields than this are a fault */
	uint32_t count;
};

/* Which field a token (any case) names; HTTP_FIELD_OTHER if no rule speaks about it. */
enum http_field_id http_field_id(const char *name, size_t bytes);

/**
 * http_fields_find - first field with this id, from @from on
 * @from: index to begin with: 0, or the index of the last hit + 1
 * Return: borrowed field; NULL if there is none.
 */
const struct http_field *http_fields_find(const struct http_fields *fields, enum http_field_id id,
					  uint32_t from);

/* The field with this id if there is exactly one, and it is not empty; else NULL. */
const struct http_field *http_fields_find_only(const struct http_fields *fields,
					       enum http_field_id id);

/* First field with this name in any case; NULL if there is none. For names without an id. */
const struct http_field *http_fields_find_name(const struct http_fields *fields, const char *name,
					       size_t name_bytes);

/**
 * http_field_is_hearsay - true for a field that only a trusted peer may send to a backend
 * Such fields describe the client's side of a proxy, or name another path than the request line:
 * X-Forwarded-*, X-Scheme, X-Original-URL and similar ones. Proxy is not among them: it never
 * passes.
 * @name: in any case; '_' counts as '-'
 */
bool http_field_is_hearsay(const char *name, size_t bytes);

/* True for "Proxy", which a CGI program would read as HTTP_PROXY (CVE-2016-5385 and others). */
bool http_field_is_proxy(const char *name, size_t bytes);

/* True if a field may stand in a trailer section: no framing, routing, auth or control field. */
bool http_field_allowed_in_trailer(const struct http_field *field);

/* ASCII comparison without regard to case; @lower is in lower case. */
bool http_text_is(const char *text, size_t bytes, const char *lower, size_t lower_bytes);

/**
 * http_list_next - walk a comma-separated list; empty elements are skipped, spaces trimmed
 * @list: advanced past the element
 * Return: true and *element; false at the end.
 */
bool http_list_next(struct http_slice *list, struct http_slice *element);

#endif /* SLUICE_PROXY_HTTP_FIELDS_H */
