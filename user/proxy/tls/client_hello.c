// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/client_hello.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RECORD_HEAD_BYTES    5u
#define RECORD_BYTES_MAX     16384u
#define CONTENT_HANDSHAKE    22
#define VERSION_MAJOR        3
#define TYPE_CLIENT_HELLO    1
#define RANDOM_BYTES         32u
#define SESSION_ID_BYTES_MAX 32u
#define EXTENSION_NAME       0
#define NAME_IS_HOST         0

/* Goes through the message, over the heads of the records that it is cut into. */
struct cursor {
	const uint8_t *data;
	size_t bytes, at;
	size_t record_left;
	int err; /* first failure; later calls do nothing and read zeros */
};

static void fail(struct cursor *c, int err)
{
	if (!c->err)
		c->err = err;
}

static void begin_record(struct cursor *c)
{
	const uint8_t *head = c->data + c->at;
	size_t have = c->bytes - c->at;

	/* What cannot become right is told at once, not when the rest has come. */
	if ((have > 0 && head[0] != CONTENT_HANDSHAKE) || (have > 1 && head[1] != VERSION_MAJOR)) {
		fail(c, -EBADMSG);
		return;
	}
	if (have < RECORD_HEAD_BYTES) {
		fail(c, -EAGAIN);
		return;
	}
	c->record_left = (size_t)head[3] << 8 | head[4];
	if (c->record_left == 0 || c->record_left > RECORD_BYTES_MAX)
		fail(c, -EBADMSG);
	c->at += RECORD_HEAD_BYTES;
}

/* Next bytes of the message; @out NULL: passed over. */
static void take(struct cursor *c, void *out, size_t bytes)
{
	uint8_t *to = out;

	while (bytes > 0) {
		size_t part;

		if (!c->err && !c->record_left)
			begin_record(c);
		if (!c->err && c->at == c->bytes)
			fail(c, -EAGAIN);
		if (c->err) {
			if (to)
				memset(to, 0, bytes);
			return;
		}
		part = bytes < c->record_left ? bytes : c->record_left;
		if (part > c->bytes - c->at)
			part = c->bytes - c->at;
		if (to) {
			memcpy(to, c->data + c->at, part);
			to += part;
		}
		c->at += part;
		c->record_left -= part;
		bytes -= part;
	}
}

static size_t take_number(struct cursor *c, size_t octets)
{
	uint8_t raw[4] = { 0 };
	size_t number = 0;

	take(c, raw, octets);
	for (size_t i = 0; i < octets; i++)
		number = number << 8 | raw[i];
	return number;
}

/* Takes @bytes of *left, of a vector that must hold them. */
static bool within(struct cursor *c, size_t *left, size_t bytes)
{
	if (c->err)
		return false;
	if (bytes > *left) {
		fail(c, -EBADMSG);
		return false;
	}
	*left -= bytes;
	return true;
}

/* A vector with a length of @octets before it is passed over. */
static void skip_vector(struct cursor *c, size_t *left, size_t octets, size_t least, size_t most)
{
	size_t bytes;

	if (!within(c, left, octets))
		return;
	bytes = take_number(c, octets);
	if (bytes < least || bytes > most)
		fail(c, -EBADMSG);
	if (within(c, left, bytes))
		take(c, NULL, bytes);
}

/* A list of exactly one name, of the one kind there is. */
static void take_name(struct cursor *c, size_t left, struct client_hello *out)
{
	size_t bytes;

	if (!within(c, &left, 2))
		return;
	if (take_number(c, 2) != left || !within(c, &left, 3) ||
	    take_number(c, 1) != NAME_IS_HOST) {
		fail(c, -EBADMSG);
		return;
	}
	bytes = take_number(c, 2);
	if (bytes != left || bytes == 0 || bytes > CLIENT_HELLO_NAME_MAX) {
		fail(c, -EBADMSG);
		return;
	}
	take(c, out->server_name, bytes);
	out->server_name_bytes = bytes;
}

static void take_extensions(struct cursor *c, size_t left, struct client_hello *out)
{
	bool named = false;

	while (!c->err && left > 0) {
		size_t type, bytes;

		if (!within(c, &left, 4))
			return;
		type = take_number(c, 2);
		bytes = take_number(c, 2);
		if (!within(c, &left, bytes))
			return;
		if (type != EXTENSION_NAME) {
			take(c, NULL, bytes);
			continue;
		}
		if (named)
			fail(c, -EBADMSG);
		named = true;
		take_name(c, bytes, out);
	}
}

int client_hello_parse(const void *data, size_t bytes, struct client_hello *out)
{
	struct cursor c = { .data = data, .bytes = bytes };
	struct client_hello hello = { .server_name_bytes = 0 };
	size_t left, extensions_bytes;

	if (take_number(&c, 1) != TYPE_CLIENT_HELLO)
		fail(&c, -EBADMSG);
	left = take_number(&c, 3);
	if (left > CLIENT_HELLO_BYTES_MAX)
		fail(&c, -EBADMSG);
	if (within(&c, &left, 2) && take_number(&c, 2) >> 8 != VERSION_MAJOR)
		fail(&c, -EBADMSG);
	if (within(&c, &left, RANDOM_BYTES))
		take(&c, NULL, RANDOM_BYTES);
	skip_vector(&c, &left, 1, 0, SESSION_ID_BYTES_MAX);
	skip_vector(&c, &left, 2, 2, UINT16_MAX); /* cipher suites */
	skip_vector(&c, &left, 1, 1, UINT8_MAX);  /* compression */
	if (left > 0 && within(&c, &left, 2)) {
		extensions_bytes = take_number(&c, 2);
		if (extensions_bytes != left)
			fail(&c, -EBADMSG);
		take_extensions(&c, extensions_bytes, &hello);
	}
	if (!c.err)
		*out = hello;
	return c.err;
}
