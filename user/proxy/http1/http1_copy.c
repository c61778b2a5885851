// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_copy.h"

#include "proxy/http/http_chars.h"

#define KNOWN_NAME_MAX 32 /* longer than every name that has an id */

/* The field that a CGI-like backend would take the name for: '_' and '-' are one to it. */
static enum http_field_id id_with_dashes(const struct http_field *field)
{
	char name[KNOWN_NAME_MAX];

	if (field->name_bytes > sizeof(name))
		return HTTP_FIELD_OTHER;
	for (size_t i = 0; i < field->name_bytes; i++)
		name[i] = field->name[i] == '_' ? '-' : field->name[i];
	return http_field_id(name, field->name_bytes);
}

static bool is_replaced(const struct http_field *field, const struct http1_copy_rules *rules)
{
	for (uint32_t i = 0; i < rules->extra_count; i++) {
		const struct http_slice *name = &rules->extra[i].name;
		uint32_t same = 0;

		/* Cookies of the backend and ours stand side by side. */
		if (field->name_bytes != name->bytes || field->id == HTTP_FIELD_SET_COOKIE)
			continue;
		while (same < name->bytes &&
		       http_lower(field->name[same]) == http_lower(name->data[same]))
			same++;
		if (same == name->bytes)
			return true;
	}
	return false;
}

static bool passes(const struct http_field *field, const struct http1_copy_rules *rules)
{
	if (rules->left[field->id] || (field->flags & HTTP_FIELD_F_HOP))
		return false;
	if (field->id == HTTP_FIELD_TRAILER && !rules->keep_trailer)
		return false;
	if ((field->flags & HTTP_FIELD_F_UNDERSCORE) &&
	    (!rules->underscores || rules->left[id_with_dashes(field)]))
		return false;
	if (field->id == HTTP_FIELD_OTHER && rules->of_request &&
	    http_field_is_proxy(field->name, field->name_bytes))
		return false;
	if (field->id == HTTP_FIELD_OTHER && rules->of_stranger &&
	    http_field_is_hearsay(field->name, field->name_bytes))
		return false;
	return !rules->extra_count || !is_replaced(field, rules);
}

void http1_copy_fields(struct http1_output *out, const struct http_fields *fields,
		       const struct http1_copy_rules *rules)
{
	const char *start = NULL; /* of a stretch of whole lines in the buffer they came in */
	const char *end = NULL;

	for (uint32_t i = 0; i < fields->count; i++) {
		const struct http_field *field = &fields->items[i];

		if (!passes(field, rules))
			continue;
		if (!(field->flags & HTTP_FIELD_F_VERBATIM)) {
			http1_output_text(out, start, (size_t)(end - start));
			start = end = NULL;
			http1_output_field(out, field);
			continue;
		}
		if (field->name != end) {
			http1_output_text(out, start, (size_t)(end - start));
			start = field->name;
		}
		end = field->value + field->value_bytes + 2;
	}
	http1_output_text(out, start, (size_t)(end - start));
}

void http1_copy_extra(struct http1_output *out, const struct http1_extra_field *extra,
		      uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		http1_output_slice(out, extra[i].name);
		HTTP1_OUTPUT(out, ": ");
		http1_output_slice(out, extra[i].value);
		HTTP1_OUTPUT(out, "\r\n");
	}
}
