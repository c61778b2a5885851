// SPDX-License-Identifier: Apache-2.0
#include "model/fields.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One object may hold thousands of faults; a person reads the first few. */
#define PROBLEMS_MAX 64u

/* Takes a UTF-8 sequence that was cut off back. Return: the bytes that are left, at least 1. */
static size_t trim_sequence(const char *text, size_t used)
{
	while (used > 1 && ((unsigned char)text[used - 1] & 0xc0) == 0x80)
		used--;
	return used > 1 && (unsigned char)text[used - 1] >= 0xc0 ? used - 1 : used;
}

const char *quote_text(const char *text, char out[QUOTED_MAX])
{
	const size_t most = QUOTED_MAX - sizeof("\\x00...'"); /* what may follow a full text */
	size_t used = 0;

	out[used++] = '\'';
	for (; *text && used < most; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			used += (size_t)snprintf(out + used, sizeof("\\x00"), "\\x%02x", c);
		else
			out[used++] = (char)c;
	}
	if (*text) {
		if (((unsigned char)*text & 0xc0) == 0x80)
			used = trim_sequence(out, used);
		memcpy(out + used, "...", 3);
		used += 3;
	}
	out[used++] = '\'';
	out[used] = '\0';
	return out;
}

/* Writes the chain from the top; returns the bytes used, at most FIELD_TEXT_MAX - 1. */
static size_t write_field(const struct field *at, char out[FIELD_TEXT_MAX])
{
	size_t used;
	int added;

	if (!at) {
		out[0] = '\0';
		return 0;
	}
	used = write_field(at->parent, out);
	if (at->is_key)
		added = snprintf(out + used, FIELD_TEXT_MAX - used, "[%s]", at->name);
	else if (at->name)
		added = snprintf(out + used, FIELD_TEXT_MAX - used, "%s%s", used ? "." : "",
				 at->name);
	else
		added = snprintf(out + used, FIELD_TEXT_MAX - used, "[%zu]", at->index);
	used += added > 0 ? (size_t)added : 0;
	return used < FIELD_TEXT_MAX ? used : FIELD_TEXT_MAX - 1;
}

static void remember(struct decode *d, const struct field *at, const char *format, va_list args)
{
	write_field(at, d->field);
	vsnprintf(d->message, sizeof(d->message), format, args);
}

int decode_fault(struct decode *d, const struct field *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	remember(d, at, format, args);
	va_end(args);
	return -EINVAL;
}

int decode_note_fault(struct decode *d)
{
	struct object *object = d->object;
	size_t count = object->problems_count;
	struct object_problem *grown;

	if (count >= PROBLEMS_MAX)
		return 0;
	if (count == PROBLEMS_MAX - 1) {
		d->field[0] = '\0';
		snprintf(d->message, sizeof(d->message), "more faults than the %u listed",
			 PROBLEMS_MAX - 1);
	}
	grown = realloc(object->problems, (count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	object->problems = grown;
	grown[count].field = strdup(d->field);
	grown[count].message = strdup(d->message);
	object->problems_count++;
	return grown[count].field && grown[count].message ? 0 : -ENOMEM;
}

int decode_note(struct decode *d, const struct field *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	remember(d, at, format, args);
	va_end(args);
	return decode_note_fault(d);
}

static const char *type_name(const cJSON *json)
{
	if (cJSON_IsString(json))
		return "a string";
	if (cJSON_IsNumber(json))
		return "a number";
	if (cJSON_IsBool(json))
		return "a boolean";
	if (cJSON_IsArray(json))
		return "a list";
	if (cJSON_IsObject(json))
		return "a map";
	return "null";
}

static int wrong_type(struct decode *d, const struct field *at, const char *expected,
		      const cJSON *json)
{
	return decode_fault(d, at, "expected %s, found %s", expected, type_name(json));
}

/* NULL if absent or null. */
static const cJSON *get(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNull(item) ? NULL : item;
}

int decode_item_text(struct decode *d, const struct field *at, const cJSON *json, const char **out)
{
	if (cJSON_IsNull(json)) {
		*out = "";
		return 0;
	}
	if (!cJSON_IsString(json))
		return wrong_type(d, at, "a string", json);
	*out = json->valuestring;
	return 0;
}

int decode_text(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		const char **out)
{
	struct field field = field_child(at, name);
	const cJSON *item = get(json, name);

	return item ? decode_item_text(d, &field, item, out) : 0;
}

int decode_string(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		  char **out)
{
	const char *text = NULL;
	char *copy;
	int err = decode_text(d, at, json, name, &text);

	if (err || !text)
		return err;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*out);
	*out = copy;
	return 0;
}

int decode_bool(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		bool *out)
{
	struct field field = field_child(at, name);
	const cJSON *item = get(json, name);

	if (!item)
		return 0;
	if (!cJSON_IsBool(item))
		return wrong_type(d, &field, "a boolean", item);
	*out = cJSON_IsTrue(item);
	return 0;
}

int decode_integer(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		   int64_t least, int64_t most, int64_t *out)
{
	struct field field = field_child(at, name);
	const cJSON *item = get(json, name);
	double value;

	if (!item)
		return 0;
	if (!cJSON_IsNumber(item))
		return wrong_type(d, &field, "a number", item);
	value = item->valuedouble;
	/* Written so that NaN is refused, and before the cast: beyond int64 it is undefined. */
	if (!(value >= (double)least && value <= (double)most))
		return decode_fault(d, &field, "%.15g is not in %lld to %lld", value,
				    (long long)least, (long long)most);
	if (value != (double)(int64_t)value)
		return decode_fault(d, &field, "%.15g is not a whole number", value);
	*out = (int64_t)value;
	return 0;
}

int decode_port(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		uint16_t *out)
{
	int64_t value = *out;
	int err = decode_integer(d, at, json, name, 1, UINT16_MAX, &value);

	if (!err)
		*out = (uint16_t)value;
	return err;
}

int decode_protocol(struct decode *d, const struct field *at, const cJSON *json, uint8_t *out)
{
	struct field field = field_child(at, "protocol");
	char quoted[QUOTED_MAX];
	const char *text = "TCP";
	int err = decode_text(d, at, json, "protocol", &text);

	if (err)
		return err;
	if (strcmp(text, "TCP") == 0 || strcmp(text, "") == 0)
		*out = IPPROTO_TCP;
	else if (strcmp(text, "UDP") == 0)
		*out = IPPROTO_UDP;
	else if (strcmp(text, "SCTP") == 0)
		*out = IPPROTO_SCTP;
	else
		return decode_fault(d, &field, "%s is none of TCP, UDP, SCTP",
				    quote_text(text, quoted));
	return 0;
}

int decode_map(struct decode *d, const struct field *at, const cJSON *json, const char *name,
	       const cJSON **out)
{
	struct field field = field_child(at, name);
	const cJSON *item = get(json, name);

	if (!item)
		return 0;
	if (!cJSON_IsObject(item))
		return wrong_type(d, &field, "a map", item);
	*out = item;
	return 0;
}

int decode_array(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		 const cJSON **out)
{
	struct field field = field_child(at, name);
	const cJSON *item = get(json, name);

	if (!item)
		return 0;
	if (!cJSON_IsArray(item))
		return wrong_type(d, &field, "a list", item);
	*out = item;
	return 0;
}

int decode_expect_object(struct decode *d, const struct field *at, const cJSON *json)
{
	return cJSON_IsObject(json) ? 0 : wrong_type(d, at, "a map", json);
}
