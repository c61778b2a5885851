// SPDX-License-Identifier: Apache-2.0
/*
 * What the fields of a head say about its connection and its body.
 */
#include <errno.h>

#include "proxy/http1/http1_head.h"
#include "proxy/http/http_chars.h"

#define CONNECTION_OPTIONS_MAX 64u /* each is looked for among all fields */

/* Fields that Connection cannot remove: the proxy sets them, frames or routes by them. */
static const bool stays[HTTP_FIELD_COUNT] = {
	[HTTP_FIELD_CONTENT_LENGTH] = true,
	[HTTP_FIELD_DATE] = true,
	[HTTP_FIELD_EXPECT] = true,
	[HTTP_FIELD_FORWARDED] = true,
	[HTTP_FIELD_HOST] = true,
	[HTTP_FIELD_SERVER] = true,
	[HTTP_FIELD_TRANSFER_ENCODING] = true,
	[HTTP_FIELD_X_FORWARDED_FOR] = true,
	[HTTP_FIELD_X_FORWARDED_HOST] = true,
	[HTTP_FIELD_X_FORWARDED_PORT] = true,
	[HTTP_FIELD_X_FORWARDED_PROTO] = true,
	[HTTP_FIELD_X_REAL_IP] = true,
	[HTTP_FIELD_X_REQUEST_ID] = true,
};

static struct http_slice value_of(const struct http_field *field)
{
	return (struct http_slice){ field->value, field->value_bytes };
}

static bool slice_is(const struct http_slice *slice, const char *lower, size_t lower_bytes)
{
	return http_text_is(slice->data, slice->bytes, lower, lower_bytes);
}

#define IS(slice, text) slice_is((slice), (text), sizeof(text) - 1)

static bool is_token(const struct http_slice *text)
{
	return text->bytes && http_run(text->data, 0, text->bytes, HTTP_CHAR_TOKEN) == text->bytes;
}

/* RFC 9110 7.6.1: an option removes the fields of its name. Return: true: trailers may be among
 * them, and those come later. */
static bool mark_named(struct http_fields *fields, const struct http_slice *name)
{
	enum http_field_id id = http_field_id(name->data, name->bytes);
	const struct http_field trailer = { .id = (uint8_t)id };

	if (stays[id])
		return false;
	for (uint32_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->items[i];
		uint32_t same = 0;

		if (field->name_bytes != name->bytes || field->id != id)
			continue;
		while (same < name->bytes &&
		       http_lower(field->name[same]) == http_lower(name->data[same]))
			same++;
		if (same == name->bytes)
			field->flags |= HTTP_FIELD_F_HOP;
	}
	return http_field_allowed_in_trailer(&trailer);
}

static int read_connection(struct http_fields *fields, const struct http_field *field,
			   unsigned int *options, struct http1_semantics *out,
			   struct http1_fault *fault)
{
	struct http_slice value = value_of(field);
	struct http_slice list = value;
	struct http_slice option;

	while (http_list_next(&list, &option)) {
		if (!is_token(&option) || ++*options > CONNECTION_OPTIONS_MAX)
			return http1_fault_set(fault, HTTP1_FAULT_CONNECTION, &value);
		if (IS(&option, "close")) {
			out->close = true;
		} else if (IS(&option, "keep-alive")) {
			out->keep_alive = true;
		} else {
			out->other_option = true;
			if (IS(&option, "upgrade"))
				out->upgrade = true;
			else
				out->names_trailers |= mark_named(fields, &option);
		}
	}
	return 0;
}

static int read_length(const struct http_field *field, struct http1_semantics *out,
		       struct http1_fault *fault)
{
	struct http_slice value = value_of(field);

	if (out->length_said ||
	    http1_length_parse(value.data, value.bytes, &out->length_bytes) != 0)
		return http1_fault_set(fault, HTTP1_FAULT_LENGTH, &value);
	out->length_said = true;
	return 0;
}

/* Codings that are registered and yet not taken: an answer of 400, not of 501. */
static bool is_known_coding(const struct http_slice *coding)
{
	return IS(coding, "chunked") || IS(coding, "gzip") || IS(coding, "x-gzip") ||
	       IS(coding, "deflate") || IS(coding, "compress") || IS(coding, "x-compress") ||
	       IS(coding, "identity");
}

static int read_coding(const struct http_field *field, uint8_t version_minor,
		       struct http1_semantics *out, struct http1_fault *fault)
{
	enum http1_fault_reason reason = HTTP1_FAULT_CODING;
	struct http_slice value = value_of(field);
	struct http_slice list = value;
	struct http_slice coding;

	if (IS(&value, "chunked") && !out->chunked && version_minor > 0) {
		out->chunked = true;
		return 0;
	}
	while (version_minor > 0 && http_list_next(&list, &coding)) {
		if (is_token(&coding) && !is_known_coding(&coding))
			reason = HTTP1_FAULT_CODING_UNKNOWN;
	}
	return http1_fault_set(fault, reason, &value);
}

static int read_expect(const struct http_field *field, struct http1_semantics *out,
		       struct http1_fault *fault)
{
	struct http_slice value = value_of(field);
	struct http_slice list = value;
	struct http_slice expectation;

	while (http_list_next(&list, &expectation)) {
		if (!IS(&expectation, "100-continue"))
			return http1_fault_set(fault, HTTP1_FAULT_EXPECT, &value);
		out->expect_continue = true;
	}
	return 0;
}

static void read_te(const struct http_field *field, struct http1_semantics *out)
{
	struct http_slice list = value_of(field);
	struct http_slice coding;

	while (http_list_next(&list, &coding))
		out->te_trailers |= IS(&coding, "trailers");
}

static void read_upgrade(const struct http_field *field, struct http1_semantics *out)
{
	struct http_slice list = value_of(field);
	struct http_slice protocol;

	while (http_list_next(&list, &protocol)) {
		bool websocket = IS(&protocol, "websocket");

		out->websocket |= websocket;
		out->other_protocol |= !websocket;
	}
}

/* Fields that have a meaning only in requests. */
static int read_request_field(const struct http_field *field, struct http1_semantics *out,
			      struct http1_fault *fault)
{
	struct http_slice value = value_of(field);

	switch (field->id) {
	case HTTP_FIELD_HOST:
		if (out->host)
			return http1_fault_set(fault, HTTP1_FAULT_HOST_TWICE, &value);
		out->host = field;
		return 0;
	case HTTP_FIELD_EXPECT:
		return read_expect(field, out, fault);
	case HTTP_FIELD_TE:
		read_te(field, out);
		return 0;
	default:
		return 0;
	}
}

static int read_field(struct http_fields *fields, const struct http_field *field,
		      uint8_t version_minor, unsigned int *options, struct http1_semantics *out,
		      struct http1_fault *fault)
{
	switch (field->id) {
	case HTTP_FIELD_CONNECTION:
		return read_connection(fields, field, options, out, fault);
	case HTTP_FIELD_CONTENT_LENGTH:
		return read_length(field, out, fault);
	case HTTP_FIELD_TRANSFER_ENCODING:
		return read_coding(field, version_minor, out, fault);
	case HTTP_FIELD_UPGRADE:
		read_upgrade(field, out);
		return 0;
	default:
		return 0;
	}
}

int http1_semantics_read(struct http_fields *fields, bool request, uint8_t version_minor,
			 struct http1_semantics *out, struct http1_fault *fault)
{
	const struct http_field *coding = http_fields_find(fields, HTTP_FIELD_TRANSFER_ENCODING, 0);
	unsigned int options = 0;
	int err = 0;

	*out = (struct http1_semantics){ 0 };
	if (coding && http_fields_find(fields, HTTP_FIELD_CONTENT_LENGTH, 0)) {
		struct http_slice value = value_of(coding);

		return http1_fault_set(fault, HTTP1_FAULT_LENGTH_AND_CODING, &value);
	}
	for (uint32_t i = 0; !err && i < fields->count; i++) {
		const struct http_field *field = &fields->items[i];

		err = read_field(fields, field, version_minor, &options, out, fault);
		if (!err && request)
			err = read_request_field(field, out, fault);
	}
	return err;
}
