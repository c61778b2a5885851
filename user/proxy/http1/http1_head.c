// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1/http1_head.h"

#include <errno.h>
#include <string.h>

#include "proxy/http/http_chars.h"

int http1_fault_set(struct http1_fault *fault, enum http1_fault_reason reason,
		    const struct http_slice *where)
{
	fault->reason = reason;
	fault->where = where ? *where : (struct http_slice){ 0 };
	return -EBADMSG;
}

int http1_line_find(struct http1_cursor *cursor, const char *buf, size_t bytes,
		    struct http_slice *line, struct http1_fault *fault)
{
	size_t end = http_find_control(buf, cursor->scan_at, bytes);
	enum http1_fault_reason reason;

	cursor->scan_at = (uint32_t)end;
	if (end == bytes || (buf[end] == '\r' && end + 1 == bytes))
		return -EAGAIN;
	*line = (struct http_slice){ buf + cursor->line_at, (uint32_t)end - cursor->line_at };
	if (buf[end] == '\r' && buf[end + 1] == '\n')
		return 0;
	if (buf[end] == '\r')
		reason = HTTP1_FAULT_BARE_CR;
	else if (buf[end] == '\n')
		reason = HTTP1_FAULT_BARE_LF;
	else
		reason = HTTP1_FAULT_CONTROL_CHARACTER;
	return http1_fault_set(fault, reason, line);
}

int http1_line_find_joined(struct http1_cursor *cursor, const char *buf, size_t bytes,
			   struct http_slice *line, struct http1_fault *fault)
{
	for (;;) {
		int err = http1_line_find(cursor, buf, bytes, line, fault);
		uint32_t end = cursor->scan_at;

		if (err || line->bytes == 0)
			return err;
		if (end + 2 >= bytes)
			return -EAGAIN;
		if (!http_char_is(buf[end + 2], HTTP_CHAR_SPACE))
			return 0;
		cursor->scan_at = end + 2;
	}
}

void http1_line_unfold(struct http_slice *line)
{
	char *text = (char *)(uintptr_t)line->data;
	const char *fold = memchr(text, '\r', line->bytes);
	size_t used, at;

	if (!fold)
		return;
	used = at = (size_t)(fold - text);
	while (at < line->bytes) {
		if (text[at] != '\r') {
			text[used++] = text[at++];
			continue;
		}
		while (used && http_char_is(text[used - 1], HTTP_CHAR_SPACE))
			used--;
		at += 2;
		at += http_run(text, at, line->bytes, HTTP_CHAR_SPACE);
		text[used++] = ' ';
	}
	text[used] = '\r';
	text[used + 1] = '\n';
	line->bytes = (uint32_t)used;
}

/* Why a line has no colon after its name. */
static enum http1_fault_reason name_fault(const struct http_slice *line, size_t name_bytes)
{
	size_t space = http_run(line->data, name_bytes, line->bytes, HTTP_CHAR_SPACE);

	if (name_bytes == line->bytes)
		return HTTP1_FAULT_FIELD_COLON;
	if (name_bytes && space && name_bytes + space < line->bytes &&
	    line->data[name_bytes + space] == ':')
		return HTTP1_FAULT_FIELD_SPACE;
	return HTTP1_FAULT_FIELD_NAME;
}

int http1_field_parse(const struct http_slice *line, bool lenient, struct http_field *field,
		      struct http1_fault *fault)
{
	size_t name_bytes = 0;
	bool underscore = false;
	size_t colon, value, end;

	while (name_bytes < line->bytes && http_char_is(line->data[name_bytes], HTTP_CHAR_TOKEN)) {
		underscore |= line->data[name_bytes] == '_';
		name_bytes++;
	}
	colon = name_bytes;
	if (lenient)
		colon += http_run(line->data, colon, line->bytes, HTTP_CHAR_SPACE);
	if (name_bytes == 0 || colon == line->bytes || line->data[colon] != ':')
		return http1_fault_set(fault, name_fault(line, name_bytes), line);
	value = colon + 1;
	value += http_run(line->data, value, line->bytes, HTTP_CHAR_SPACE);
	end = line->bytes;
	while (end > value && http_char_is(line->data[end - 1], HTTP_CHAR_SPACE))
		end--;
	field->name = line->data;
	field->name_bytes = (uint16_t)name_bytes;
	field->value = line->data + value;
	field->value_bytes = (uint32_t)(end - value);
	field->id = (uint8_t)http_field_id(line->data, name_bytes);
	field->flags = underscore ? HTTP_FIELD_F_UNDERSCORE : 0;
	if (value == name_bytes + 2 && line->data[value - 1] == ' ' && end == line->bytes)
		field->flags |= HTTP_FIELD_F_VERBATIM;
	return 0;
}

int http1_field_add(const struct http_slice *line, bool lenient, struct http_fields *fields,
		    struct http1_fault *fault)
{
	int err;

	if (http_char_is(line->data[0], HTTP_CHAR_SPACE))
		return http1_fault_set(
			fault, fields->count ? HTTP1_FAULT_FIELD_FOLD : HTTP1_FAULT_FIELD_SPACE,
			line);
	if (fields->count == fields->capacity)
		return http1_fault_set(fault, HTTP1_FAULT_FIELDS_MANY, line);
	err = http1_field_parse(line, lenient, &fields->items[fields->count], fault);
	if (!err)
		fields->count++;
	return err;
}

int http1_length_parse(const char *text, size_t bytes, uint64_t *out)
{
	uint64_t value = 0;

	if (bytes == 0)
		return -EINVAL;
	for (size_t i = 0; i < bytes; i++) {
		if (!http_char_is(text[i], HTTP_CHAR_DIGIT))
			return -EINVAL;
		if (value > (INT64_MAX - 9) / 10)
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*out = value;
	return 0;
}

void http1_fields_rebase(struct http_fields *fields, const char *from, const char *to)
{
	for (uint32_t i = 0; i < fields->count; i++) {
		struct http_field *field = &fields->items[i];

		field->name = http1_rebase(field->name, from, to);
		field->value = http1_rebase(field->value, from, to);
	}
}
