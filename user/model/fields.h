/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields.h - typed access to the fields of a JSON object, with faults that name the field
 *
 * Inside model/ only. Reads like the API server's own decoder: null is absent, unknown fields are
 * ignored, a wrong type is a fault.
 */
#ifndef SLUICE_MODEL_FIELDS_H
#define SLUICE_MODEL_FIELDS_H

#include <cjson/cJSON.h>

#include "model/model.h"

#define FIELD_TEXT_MAX   192
#define MESSAGE_TEXT_MAX 288
#define QUOTED_MAX       128

/* Where we are in the object: a chain on the stack, written out only when something is wrong. */
struct field {
	const struct field *parent; /* borrowed; NULL at the top */
	const char *name;           /* borrowed; NULL: an item of the parent's array */
	size_t index;
	bool is_key; /* a key of the parent's map: written parent[name] */
};

/* The state of one object's decoding. */
struct decode {
	struct object *object; /* borrowed; takes the problems */
	char field[FIELD_TEXT_MAX];
	char message[MESSAGE_TEXT_MAX];
};

static inline struct field field_child(const struct field *parent, const char *name)
{
	return (struct field){ .parent = parent, .name = name };
}

static inline struct field field_item(const struct field *parent, size_t index)
{
	return (struct field){ .parent = parent, .index = index };
}

static inline struct field field_key(const struct field *parent, const char *name)
{
	return (struct field){ .parent = parent, .name = name, .is_key = true };
}

/* @text in single quotes, control characters escaped, long text cut. Returns @out. */
const char *quote_text(const char *text, char out[QUOTED_MAX]);

/**
 * decode_fault - remember what is wrong; the nearest part that can be left out takes it from there
 * @at: the field at fault
 * Return: -EINVAL, always.
 */
int decode_fault(struct decode *d, const struct field *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The remembered fault becomes a problem of the object. Return: 0; -ENOMEM. */
int decode_note_fault(struct decode *d);

/* As decode_fault() and decode_note_fault() in one. Return: 0; -ENOMEM. */
int decode_note(struct decode *d, const struct field *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Each reads @name of @json, which is the object found at @at. Absent or null leaves *out as it
 * was. Return: 0; -EINVAL with the fault remembered; -ENOMEM where a copy is made.
 */
int decode_text(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		const char **out); /* borrowed from @json */
int decode_string(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		  char **out); /* owned by the caller; what stood there is freed */
int decode_bool(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		bool *out);
int decode_integer(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		   int64_t least, int64_t most, int64_t *out);
int decode_port(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		uint16_t *out); /* 1 to 65535 */
int decode_protocol(struct decode *d, const struct field *at, const cJSON *json, uint8_t *out);
int decode_map(struct decode *d, const struct field *at, const cJSON *json, const char *name,
	       const cJSON **out); /* borrowed */
int decode_array(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		 const cJSON **out); /* borrowed */

/* Checks that an item of an array is an object. Return: 0; -EINVAL. */
int decode_expect_object(struct decode *d, const struct field *at, const cJSON *json);

/* Checks that @json is a string and yields it. Null counts as "". Return: 0; -EINVAL. */
int decode_item_text(struct decode *d, const struct field *at, const cJSON *json, const char **out);

/**
 * decode_key_values - a map of strings
 * Values of another type are left out and noted. Return: 0; -EINVAL not a map; -ENOMEM.
 */
int decode_key_values(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		      struct key_value **out, size_t *count_out);

/**
 * decode_addresses - an array of address texts; those that are none are left out and noted
 * Appended to *addresses. Return: 0; -EINVAL not an array; -ENOMEM.
 */
int decode_addresses(struct decode *d, const struct field *at, const cJSON *json, const char *name,
		     struct inet_addr **addresses, size_t *count);

/* Appends a copy of *addr. Return: 0; -ENOMEM. */
int addresses_append(struct inet_addr **addresses, size_t *count, const struct inet_addr *addr);

/* status.loadBalancer.ingress of Ingress and Service: read leniently, it is not ours to judge. */
int decode_status(struct decode *d, const cJSON *json, struct address_entry **out,
		  size_t *count_out);

#endif /* SLUICE_MODEL_FIELDS_H */
