// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/tls/client_hello.h"
#include "unit/lib/guard.h"

#define ROOM 40000u

struct bytes {
	uint8_t data[ROOM];
	size_t count;
};

static void put(struct bytes *to, const void *data, size_t bytes)
{
	assert_true(to->count + bytes <= ROOM);
	memcpy(to->data + to->count, data, bytes);
	to->count += bytes;
}

static void put_number(struct bytes *to, size_t number, size_t octets)
{
	for (size_t i = octets; i-- > 0;) {
		uint8_t octet = (uint8_t)(number >> (8 * i));

		put(to, &octet, 1);
	}
}

static void put_extension(struct bytes *to, unsigned int type, const void *data, size_t bytes)
{
	put_number(to, type, 2);
	put_number(to, bytes, 2);
	put(to, data, bytes);
}

/* A server_name extension whose fields can be wrong. */
static void put_name(struct bytes *to, const char *name, size_t list_more, unsigned int type)
{
	struct bytes body = { .count = 0 };
	size_t bytes = strlen(name);

	put_number(&body, 3 + bytes + list_more, 2);
	put_number(&body, type, 1);
	put_number(&body, bytes, 2);
	put(&body, name, bytes);
	put_extension(to, 0, body.data, body.count);
}

/* The handshake message around extensions; NULL: without any. */
static void make_message(const struct bytes *extensions, struct bytes *out)
{
	static const uint8_t random[32], session[32];
	size_t bytes = 2 + 32 + 1 + 32 + 2 + 4 + 1 + 1 + (extensions ? 2 + extensions->count : 0);

	out->count = 0;
	put_number(out, 1, 1);
	put_number(out, bytes, 3);
	put_number(out, 0x0303, 2);
	put(out, random, sizeof(random));
	put_number(out, sizeof(session), 1);
	put(out, session, sizeof(session));
	put_number(out, 4, 2);
	put_number(out, 0x13011302, 4);
	put_number(out, 1, 1);
	put_number(out, 0, 1);
	if (extensions) {
		put_number(out, extensions->count, 2);
		put(out, extensions->data, extensions->count);
	}
}

/* The message in records of at most @most bytes. */
static void make_records(const struct bytes *message, size_t most, struct bytes *out)
{
	out->count = 0;
	for (size_t at = 0; at < message->count;) {
		size_t part = message->count - at < most ? message->count - at : most;

		put_number(out, 22, 1);
		put_number(out, 0x0301, 2);
		put_number(out, part, 2);
		put(out, message->data + at, part);
		at += part;
	}
}

static void make_named(const char *name, size_t padding, struct bytes *message)
{
	static uint8_t zeros[20000];
	struct bytes extensions = { .count = 0 };

	put_extension(&extensions, 43, "\x02\x03\x04", 3);
	if (padding)
		put_extension(&extensions, 51, zeros, padding); /* a key share of that size */
	if (name)
		put_name(&extensions, name, 0, 0);
	put_extension(&extensions, 16, "\x00\x03\x02h2", 5);
	make_message(&extensions, message);
}

static int parse(const struct bytes *raw, struct client_hello *out)
{
	return client_hello_parse(raw->data, raw->count, out);
}

static void assert_name(const struct client_hello *hello, const char *name)
{
	assert_int_equal(hello->server_name_bytes, strlen(name));
	assert_memory_equal(hello->server_name, name, strlen(name));
}

static void client_hello__needs_every_byte_and_reads_none_beyond(void **state)
{
	struct bytes message, raw;
	struct client_hello hello;
	struct guard guard;

	(void)state;
	guard_open(&guard);
	make_named("www.a.test", 0, &message);
	make_records(&message, 16384, &raw);
	for (size_t bytes = 0; bytes <= raw.count; bytes++) {
		const char *text = (const char *)raw.data;
		int wanted = bytes < raw.count ? -EAGAIN : 0;

		assert_int_equal(
			client_hello_parse(guard_at_end(&guard, text, bytes), bytes, &hello),
			wanted);
	}
	assert_name(&hello, "www.a.test");
	guard_close(&guard);
}

static void client_hello__may_be_cut_into_records_anywhere(void **state)
{
	struct bytes message, raw;
	struct client_hello hello;

	(void)state;
	make_named("www.a.test", 0, &message);
	for (size_t most = 1; most <= message.count; most++) {
		make_records(&message, most, &raw);
		memset(&hello, 0, sizeof(hello));
		assert_int_equal(parse(&raw, &hello), 0);
		assert_name(&hello, "www.a.test");
		for (size_t bytes = 0; bytes < raw.count; bytes += 7)
			assert_int_equal(client_hello_parse(raw.data, bytes, &hello), -EAGAIN);
	}
}

static void client_hello__of_post_quantum_size_is_read(void **state)
{
	static const size_t sizes[] = { 1216, 1500, 4000, 16000 };
	struct bytes message, raw;
	struct client_hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_named("pq.test", sizes[i], &message);
		make_records(&message, 1400, &raw);
		assert_int_equal(parse(&raw, &hello), 0);
		assert_name(&hello, "pq.test");
	}
	make_named("pq.test", 16400, &message);
	make_records(&message, 16384, &raw);
	assert_int_equal(parse(&raw, &hello), -EBADMSG);
	/* Told from its length alone. */
	assert_int_equal(client_hello_parse(raw.data, 9, &hello), -EBADMSG);
}

static void client_hello__without_a_name(void **state)
{
	struct bytes message, raw;
	struct client_hello hello;

	(void)state;
	make_named(NULL, 0, &message);
	make_records(&message, 16384, &raw);
	assert_int_equal(parse(&raw, &hello), 0);
	assert_int_equal(hello.server_name_bytes, 0);
	make_message(NULL, &message);
	make_records(&message, 16384, &raw);
	assert_int_equal(parse(&raw, &hello), 0);
	assert_int_equal(hello.server_name_bytes, 0);
}

static void client_hello__bytes_behind_it_are_not_looked_at(void **state)
{
	struct bytes message, raw;
	struct client_hello hello;

	(void)state;
	make_named("a.test", 0, &message);
	make_records(&message, 16384, &raw);
	put(&raw, "garbage", 7);
	assert_int_equal(parse(&raw, &hello), 0);
	assert_name(&hello, "a.test");
}

static void two_names(struct bytes *extensions)
{
	put_name(extensions, "a.test", 0, 0);
	put_name(extensions, "b.test", 0, 0);
}

static void list_of_two(struct bytes *extensions)
{
	put_extension(extensions, 0, "\x00\x0a\x00\x00\x02xy\x00\x00\x02xy", 12);
}

static void empty_name(struct bytes *extensions)
{
	put_name(extensions, "", 0, 0);
}

static void empty_extension(struct bytes *extensions)
{
	put_extension(extensions, 0, "", 0);
}

static void other_kind_of_name(struct bytes *extensions)
{
	put_name(extensions, "a.test", 0, 1);
}

static void list_too_long(struct bytes *extensions)
{
	put_name(extensions, "a.test", 1, 0);
}

static void name_over_255(struct bytes *extensions)
{
	char name[300];

	memset(name, 'a', 256);
	name[256] = '\0';
	put_name(extensions, name, 0, 0);
}

static void extension_cut(struct bytes *extensions)
{
	put_name(extensions, "a.test", 0, 0);
	put_number(extensions, 5, 2);
}

static void extension_too_long(struct bytes *extensions)
{
	put_number(extensions, 5, 2);
	put_number(extensions, 9, 2);
	put_number(extensions, 0, 4);
}

static void client_hello__malformed_extensions_are_refused(void **state)
{
	static const struct {
		const char *name;
		void (*make)(struct bytes *extensions);
	} cases[] = {
		{ "two names", two_names },
		{ "a list of two names", list_of_two },
		{ "an empty name", empty_name },
		{ "an empty extension", empty_extension },
		{ "another kind of name", other_kind_of_name },
		{ "a list longer than its extension", list_too_long },
		{ "a name over 255", name_over_255 },
		{ "half an extension at the end", extension_cut },
		{ "an extension longer than all", extension_too_long },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes extensions = { .count = 0 }, message, raw;
		struct client_hello hello;

		cases[i].make(&extensions);
		make_message(&extensions, &message);
		make_records(&message, 16384, &raw);
		if (parse(&raw, &hello) != -EBADMSG)
			fail_msg("%s", cases[i].name);
	}
}

static void client_hello__no_tls_is_told_by_its_first_bytes(void **state)
{
	static const struct {
		const char *name, *data;
		size_t bytes;
		int wanted;
	} cases[] = {
		{ "nothing", "", 0, -EAGAIN },
		{ "one byte of TLS", "\x16", 1, -EAGAIN },
		{ "HTTP", "G", 1, -EBADMSG },
		{ "SSLv2", "\x80\x2e\x01", 3, -EBADMSG },
		{ "another content", "\x17\x03\x03", 3, -EBADMSG },
		{ "another major version", "\x16\x02", 2, -EBADMSG },
		{ "an empty record", "\x16\x03\x01\x00\x00", 5, -EBADMSG },
		{ "a record over 16,384", "\x16\x03\x01\x40\x01", 5, -EBADMSG },
		{ "another message", "\x16\x03\x01\x00\x10\x02", 6, -EBADMSG },
		{ "an alert within", "\x16\x03\x01\x00\x01\x01\x15\x03", 8, -EBADMSG },
		{ "a message without a body", "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, -EBADMSG },
	};
	struct client_hello hello;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (client_hello_parse(cases[i].data, cases[i].bytes, &hello) != cases[i].wanted)
			fail_msg("%s", cases[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_hello__needs_every_byte_and_reads_none_beyond),
		cmocka_unit_test(client_hello__may_be_cut_into_records_anywhere),
		cmocka_unit_test(client_hello__of_post_quantum_size_is_read),
		cmocka_unit_test(client_hello__without_a_name),
		cmocka_unit_test(client_hello__bytes_behind_it_are_not_looked_at),
		cmocka_unit_test(client_hello__malformed_extensions_are_refused),
		cmocka_unit_test(client_hello__no_tls_is_told_by_its_first_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
