// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http_fields.h"

#include <string.h>

#include "proxy/http/http_chars.h"

/* Versions of clang-format lay out braces of macros differently. */
/* clang-format off */
#define NAME(text) { (text), sizeof(text) - 1 }
/* clang-format on */

static const struct {
	const char *text; /* lower case */
	uint8_t bytes;
} names[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_OTHER] = NAME(""),
	[HTTP_FIELD_AGE] = NAME("age"),
	[HTTP_FIELD_AUTHORIZATION] = NAME("authorization"),
	[HTTP_FIELD_CACHE_CONTROL] = NAME("cache-control"),
	[HTTP_FIELD_CONNECTION] = NAME("connection"),
	[HTTP_FIELD_CONTENT_ENCODING] = NAME("content-encoding"),
	[HTTP_FIELD_CONTENT_LENGTH] = NAME("content-length"),
	[HTTP_FIELD_CONTENT_RANGE] = NAME("content-range"),
	[HTTP_FIELD_CONTENT_TYPE] = NAME("content-type"),
	[HTTP_FIELD_COOKIE] = NAME("cookie"),
	[HTTP_FIELD_DATE] = NAME("date"),
	[HTTP_FIELD_EXPECT] = NAME("expect"),
	[HTTP_FIELD_EXPIRES] = NAME("expires"),
	[HTTP_FIELD_FORWARDED] = NAME("forwarded"),
	[HTTP_FIELD_HOST] = NAME("host"),
	[HTTP_FIELD_HTTP2_SETTINGS] = NAME("http2-settings"),
	[HTTP_FIELD_IF_MATCH] = NAME("if-match"),
	[HTTP_FIELD_IF_MODIFIED_SINCE] = NAME("if-modified-since"),
	[HTTP_FIELD_IF_NONE_MATCH] = NAME("if-none-match"),
	[HTTP_FIELD_IF_RANGE] = NAME("if-range"),
	[HTTP_FIELD_IF_UNMODIFIED_SINCE] = NAME("if-unmodified-since"),
	[HTTP_FIELD_KEEP_ALIVE] = NAME("keep-alive"),
	[HTTP_FIELD_LOCATION] = NAME("location"),
	[HTTP_FIELD_MAX_FORWARDS] = NAME("max-forwards"),
	[HTTP_FIELD_PRAGMA] = NAME("pragma"),
	[HTTP_FIELD_PROXY_AUTHENTICATE] = NAME("proxy-authenticate"),
	[HTTP_FIELD_PROXY_AUTHORIZATION] = NAME("proxy-authorization"),
	[HTTP_FIELD_PROXY_CONNECTION] = NAME("proxy-connection"),
	[HTTP_FIELD_RANGE] = NAME("range"),
	[HTTP_FIELD_RETRY_AFTER] = NAME("retry-after"),
	[HTTP_FIELD_SERVER] = NAME("server"),
	[HTTP_FIELD_SET_COOKIE] = NAME("set-cookie"),
	[HTTP_FIELD_TE] = NAME("te"),
	[HTTP_FIELD_TRAILER] = NAME("trailer"),
	[HTTP_FIELD_TRANSFER_ENCODING] = NAME("transfer-encoding"),
	[HTTP_FIELD_UPGRADE] = NAME("upgrade"),
	[HTTP_FIELD_VARY] = NAME("vary"),
	[HTTP_FIELD_WWW_AUTHENTICATE] = NAME("www-authenticate"),
	[HTTP_FIELD_X_FORWARDED_FOR] = NAME("x-forwarded-for"),
	[HTTP_FIELD_X_FORWARDED_HOST] = NAME("x-forwarded-host"),
	[HTTP_FIELD_X_FORWARDED_PORT] = NAME("x-forwarded-port"),
	[HTTP_FIELD_X_FORWARDED_PROTO] = NAME("x-forwarded-proto"),
	[HTTP_FIELD_X_REAL_IP] = NAME("x-real-ip"),
	[HTTP_FIELD_X_REQUEST_ID] = NAME("x-request-id"),
};

/*
 * A hash without collisions among these names: length, first, last and fourth-last octet. The
 * factors were found by trying; the unit test finds each name by it, so a new name that collides is
 * seen at once.
 */
#define SLOTS 128

static const uint8_t slots[SLOTS] = {
	[2] = HTTP_FIELD_PROXY_CONNECTION,
	[4] = HTTP_FIELD_AUTHORIZATION,
	[11] = HTTP_FIELD_MAX_FORWARDS,
	[14] = HTTP_FIELD_SERVER,
	[15] = HTTP_FIELD_CONTENT_TYPE,
	[17] = HTTP_FIELD_UPGRADE,
	[18] = HTTP_FIELD_LOCATION,
	[23] = HTTP_FIELD_VARY,
	[24] = HTTP_FIELD_PROXY_AUTHORIZATION,
	[27] = HTTP_FIELD_KEEP_ALIVE,
	[30] = HTTP_FIELD_CONNECTION,
	[33] = HTTP_FIELD_EXPIRES,
	[40] = HTTP_FIELD_CONTENT_LENGTH,
	[41] = HTTP_FIELD_SET_COOKIE,
	[43] = HTTP_FIELD_RANGE,
	[44] = HTTP_FIELD_X_FORWARDED_HOST,
	[47] = HTTP_FIELD_AGE,
	[51] = HTTP_FIELD_TE,
	[52] = HTTP_FIELD_IF_NONE_MATCH,
	[55] = HTTP_FIELD_TRANSFER_ENCODING,
	[56] = HTTP_FIELD_RETRY_AFTER,
	[57] = HTTP_FIELD_PROXY_AUTHENTICATE,
	[58] = HTTP_FIELD_IF_MATCH,
	[64] = HTTP_FIELD_EXPECT,
	[65] = HTTP_FIELD_PRAGMA,
	[70] = HTTP_FIELD_X_FORWARDED_FOR,
	[71] = HTTP_FIELD_HTTP2_SETTINGS,
	[74] = HTTP_FIELD_X_REAL_IP,
	[83] = HTTP_FIELD_CONTENT_RANGE,
	[84] = HTTP_FIELD_HOST,
	[91] = HTTP_FIELD_X_FORWARDED_PROTO,
	[95] = HTTP_FIELD_IF_UNMODIFIED_SINCE,
	[97] = HTTP_FIELD_COOKIE,
	[105] = HTTP_FIELD_IF_RANGE,
	[108] = HTTP_FIELD_X_REQUEST_ID,
	[109] = HTTP_FIELD_CONTENT_ENCODING,
	[110] = HTTP_FIELD_TRAILER,
	[114] = HTTP_FIELD_FORWARDED,
	[119] = HTTP_FIELD_DATE,
	[123] = HTTP_FIELD_IF_MODIFIED_SINCE,
	[124] = HTTP_FIELD_X_FORWARDED_PORT,
	[125] = HTTP_FIELD_WWW_AUTHENTICATE,
	[126] = HTTP_FIELD_CACHE_CONTROL,
};

static unsigned int slot_of(const char *name, size_t bytes)
{
	unsigned int first = (uint8_t)name[0] | 0x20;
	unsigned int last = (uint8_t)name[bytes - 1] | 0x20;
	unsigned int fourth_last = (uint8_t)name[bytes > 4 ? bytes - 4 : 0] | 0x20;

	return ((unsigned int)bytes * 50 + first * 24 + last * 27 + fourth_last * 26) % SLOTS;
}

enum http_field_id http_field_id(const char *name, size_t bytes)
{
	unsigned int id;

	if (bytes == 0)
		return HTTP_FIELD_OTHER;
	id = slots[slot_of(name, bytes)];
	if (names[id].bytes != bytes || !http_text_is(name, bytes, names[id].text, bytes))
		return HTTP_FIELD_OTHER;
	return (enum http_field_id)id;
}

const struct http_field *http_fields_find(const struct http_fields *fields, enum http_field_id id,
					  uint32_t from)
{
	for (uint32_t i = from; i < fields->count; i++) {
		if (fields->items[i].id == id)
			return &fields->items[i];
	}
	return NULL;
}

const struct http_field *http_fields_find_only(const struct http_fields *fields,
					       enum http_field_id id)
{
	const struct http_field *field = http_fields_find(fields, id, 0);

	if (!field || !field->value_bytes ||
	    http_fields_find(fields, id, (uint32_t)(field - fields->items) + 1))
		return NULL;
	return field;
}

const struct http_field *http_fields_find_name(const struct http_fields *fields, const char *name,
					       size_t name_bytes)
{
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->items[i];
		size_t same = 0;

		if (field->name_bytes != name_bytes)
			continue;
		while (same < name_bytes && http_lower(field->name[same]) == http_lower(name[same]))
			same++;
		if (same == name_bytes)
			return field;
	}
	return NULL;
}

/* RFC 9110 6.5.1 asks to keep out what frames, routes, authenticates, modifies or describes the
 * message; what the proxy itself vouches for is kept out as well. */
static const bool banned_in_trailer[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_AGE] = true,
	[HTTP_FIELD_AUTHORIZATION] = true,
	[HTTP_FIELD_CACHE_CONTROL] = true,
	[HTTP_FIELD_CONNECTION] = true,
	[HTTP_FIELD_CONTENT_ENCODING] = true,
	[HTTP_FIELD_CONTENT_LENGTH] = true,
	[HTTP_FIELD_CONTENT_RANGE] = true,
	[HTTP_FIELD_CONTENT_TYPE] = true,
	[HTTP_FIELD_COOKIE] = true,
	[HTTP_FIELD_DATE] = true,
	[HTTP_FIELD_EXPECT] = true,
	[HTTP_FIELD_EXPIRES] = true,
	[HTTP_FIELD_FORWARDED] = true,
	[HTTP_FIELD_HOST] = true,
	[HTTP_FIELD_HTTP2_SETTINGS] = true,
	[HTTP_FIELD_IF_MATCH] = true,
	[HTTP_FIELD_IF_MODIFIED_SINCE] = true,
	[HTTP_FIELD_IF_NONE_MATCH] = true,
	[HTTP_FIELD_IF_RANGE] = true,
	[HTTP_FIELD_IF_UNMODIFIED_SINCE] = true,
	[HTTP_FIELD_KEEP_ALIVE] = true,
	[HTTP_FIELD_LOCATION] = true,
	[HTTP_FIELD_MAX_FORWARDS] = true,
	[HTTP_FIELD_PRAGMA] = true,
	[HTTP_FIELD_PROXY_AUTHENTICATE] = true,
	[HTTP_FIELD_PROXY_AUTHORIZATION] = true,
	[HTTP_FIELD_PROXY_CONNECTION] = true,
	[HTTP_FIELD_RANGE] = true,
	[HTTP_FIELD_RETRY_AFTER] = true,
	[HTTP_FIELD_SERVER] = true,
	[HTTP_FIELD_SET_COOKIE] = true,
	[HTTP_FIELD_TE] = true,
	[HTTP_FIELD_TRAILER] = true,
	[HTTP_FIELD_TRANSFER_ENCODING] = true,
	[HTTP_FIELD_UPGRADE] = true,
	[HTTP_FIELD_VARY] = true,
	[HTTP_FIELD_WWW_AUTHENTICATE] = true,
	[HTTP_FIELD_X_FORWARDED_FOR] = true,
	[HTTP_FIELD_X_FORWARDED_HOST] = true,
	[HTTP_FIELD_X_FORWARDED_PORT] = true,
	[HTTP_FIELD_X_FORWARDED_PROTO] = true,
	[HTTP_FIELD_X_REAL_IP] = true,
	[HTTP_FIELD_X_REQUEST_ID] = true,
};

bool http_field_allowed_in_trailer(const struct http_field *field)
{
	return !banned_in_trailer[field->id] && !(field->flags & HTTP_FIELD_F_UNDERSCORE) &&
	       !http_field_is_proxy(field->name, field->name_bytes) &&
	       !http_field_is_hearsay(field->name, field->name_bytes);
}

/* @lower: in lower case, with dashes. */
static bool reads_as(const char *name, const char *lower, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if ((name[i] == '_' ? '-' : http_lower(name[i])) != lower[i])
			return false;
	return true;
}

bool http_field_is_proxy(const char *name, size_t bytes)
{
	return bytes == 5 && reads_as(name, "proxy", 5);
}

bool http_field_is_hearsay(const char *name, size_t bytes)
{
	static const struct {
		const char *text;
		uint8_t bytes;
	} hearsay[] = {
		NAME("x-scheme"),
		NAME("x-url-scheme"),
		NAME("front-end-https"),
		NAME("x-client-ip"),
		NAME("x-cluster-client-ip"),
		NAME("x-original-forwarded-for"),
		NAME("x-original-host"),
		NAME("x-original-url"),
		NAME("x-rewrite-url"),
	};

	if (bytes < 8 || (http_lower(name[0]) != 'x' && http_lower(name[0]) != 'f'))
		return false;
	if (bytes >= 12 && reads_as(name, "x-forwarded-", 12))
		return true;
	for (size_t i = 0; i < sizeof(hearsay) / sizeof(hearsay[0]); i++)
		if (bytes == hearsay[i].bytes && reads_as(name, hearsay[i].text, bytes))
			return true;
	return false;
}

bool http_text_is(const char *text, size_t bytes, const char *lower, size_t lower_bytes)
{
	if (bytes != lower_bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (http_lower(text[i]) != lower[i])
			return false;
	}
	return true;
}

bool http_list_next(struct http_slice *list, struct http_slice *element)
{
	while (list->bytes) {
		const char *comma = memchr(list->data, ',', list->bytes);
		uint32_t bytes = comma ? (uint32_t)(comma - list->data) : list->bytes;
		const char *data = list->data;

		list->data += bytes + (comma ? 1 : 0);
		list->bytes -= bytes + (comma ? 1 : 0);
		while (bytes && http_char_is(data[bytes - 1], HTTP_CHAR_SPACE))
			bytes--;
		while (bytes && http_char_is(*data, HTTP_CHAR_SPACE)) {
			data++;
			bytes--;
		}
		if (bytes) {
			*element = (struct http_slice){ data, bytes };
			return true;
		}
	}
	return false;
}
