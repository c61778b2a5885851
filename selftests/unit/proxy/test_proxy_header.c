// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/proxy_header.h"
#include "unit/lib/guard.h"

#define V2_START      "\r\n\r\n\0\r\nQUIT\n"
#define TEXT(literal) literal, sizeof(literal) - 1

struct good {
	const char *name, *data;
	size_t bytes;
	const char *source, *destination; /* NULL: not known */
	uint16_t source_port, destination_port;
};

#define V4_ENDS "\xc0\x00\x02\x01\xc0\x00\x02\x02\xdd\xd5\x01\xbb"
#define V6_ENDS                                                                                \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
	"\xdd\xd5\x01\xbb"

static const struct good good[] = {
	{ "v1 TCP4", TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 56789 443\r\n"), "192.0.2.1", "192.0.2.2",
	  56789, 443 },
	{ "v1 TCP6", TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), "2001:db8::1",
	  "2001:db8::2", 1, 65535 },
	{ "v1 TCP6 of the greatest length",
	  TEXT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  65535, 65535 },
	{ "v1 UNKNOWN", TEXT("PROXY UNKNOWN\r\n"), NULL, NULL, 0, 0 },
	{ "v1 UNKNOWN with anything", TEXT("PROXY UNKNOWN ffff::1 x 1\r\n"), NULL, NULL, 0, 0 },
	{ "v2 TCP4", TEXT(V2_START "\x21\x11\x00\x0c" V4_ENDS), "192.0.2.1", "192.0.2.2", 56789,
	  443 },
	{ "v2 TCP6", TEXT(V2_START "\x21\x21\x00\x24" V6_ENDS), "2001:db8::1", "2001:db8::2", 56789,
	  443 },
	{ "v2 with TLVs", TEXT(V2_START "\x21\x11\x00\x13" V4_ENDS "\x02\x00\x04host"), "192.0.2.1",
	  "192.0.2.2", 56789, 443 },
	{ "v2 LOCAL", TEXT(V2_START "\x20\x00\x00\x00"), NULL, NULL, 0, 0 },
	{ "v2 LOCAL with addresses", TEXT(V2_START "\x20\x11\x00\x0c" V4_ENDS), NULL, NULL, 0, 0 },
	{ "v2 without a family", TEXT(V2_START "\x21\x00\x00\x03xyz"), NULL, NULL, 0, 0 },
	{ "v2 of UDP", TEXT(V2_START "\x21\x12\x00\x0c" V4_ENDS), NULL, NULL, 0, 0 },
	{ "v2 of a Unix socket", TEXT(V2_START "\x21\x31\x00\x02xx"), NULL, NULL, 0, 0 },
};

static const struct {
	const char *name, *data;
	size_t bytes;
} bad[] = {
	{ "HTTP", TEXT("G") },
	{ "v1 in small letters", TEXT("proxy") },
	{ "v1 another word", TEXT("PROXZ") },
	{ "v1 unknown protocol", TEXT("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n") },
	{ "v1 UNKNOWNX", TEXT("PROXY UNKNOWNX\r\n") },
	{ "v1 IPv6 as TCP4", TEXT("PROXY TCP4 ::1 ::2 1 2\r\n") },
	{ "v1 IPv4 as TCP6", TEXT("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n") },
	{ "v1 mixed", TEXT("PROXY TCP6 ::1 1.2.3.4 1 2\r\n") },
	{ "v1 an octet too much", TEXT("PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n") },
	{ "v1 three octets", TEXT("PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n") },
	{ "v1 a port too high", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n") },
	{ "v1 a signed port", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n") },
	{ "v1 a port with a zero before", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n") },
	{ "v1 two spaces", TEXT("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n") },
	{ "v1 a space at the end", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n") },
	{ "v1 a field too much", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n") },
	{ "v1 a field too few", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n") },
	{ "v1 nothing", TEXT("PROXY \r\n") },
	{ "v1 bare LF", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n") },
	{ "v1 bare CR", TEXT("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx") },
	{ "v1 NUL", TEXT("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n") },
	{ "v1 over 107",
	  TEXT("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") },
	{ "v2 version 1", TEXT(V2_START "\x11\x11\x00\x0c" V4_ENDS) },
	{ "v2 command 2", TEXT(V2_START "\x22\x11\x00\x0c" V4_ENDS) },
	{ "v2 family 4", TEXT(V2_START "\x21\x41\x00\x0c" V4_ENDS) },
	{ "v2 transport 3", TEXT(V2_START "\x21\x13\x00\x0c" V4_ENDS) },
	{ "v2 too short for IPv4", TEXT(V2_START "\x21\x11\x00\x0b" V4_ENDS) },
	{ "v2 too short for IPv6", TEXT(V2_START "\x21\x21\x00\x23" V6_ENDS) },
	{ "v2 over 4,096", TEXT(V2_START "\x21\x11\x0f\xf1" V4_ENDS) },
	{ "v2 a broken signature", TEXT("\r\n\r\n\0\r\nQUIX") },
};

static void proxy_header__reads_what_is_right_and_not_a_byte_more(void **state)
{
	struct guard guard;

	(void)state;
	guard_open(&guard);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct good *row = &good[i];
		struct proxy_header header;
		char text[INET_ADDR_TEXT_MAX];

		for (size_t bytes = 0; bytes < row->bytes; bytes++)
			if (proxy_header_parse(guard_at_end(&guard, row->data, bytes), bytes,
					       &header) != -EAGAIN)
				fail_msg("%s, cut at %zu", row->name, bytes);
		if (proxy_header_parse(guard_at_end(&guard, row->data, row->bytes), row->bytes,
				       &header))
			fail_msg("%s", row->name);
		assert_int_equal(header.bytes, row->bytes);
		assert_int_equal(header.known, row->source != NULL);
		if (!row->source)
			continue;
		assert_string_equal(inet_addr_format(&header.ends.source, text), row->source);
		assert_string_equal(inet_addr_format(&header.ends.destination, text),
				    row->destination);
		assert_int_equal(header.ends.source_port, row->source_port);
		assert_int_equal(header.ends.destination_port, row->destination_port);
	}
	guard_close(&guard);
}

static void proxy_header__what_follows_is_not_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct proxy_header header;
		char more[300];

		memcpy(more, good[i].data, good[i].bytes);
		memcpy(more + good[i].bytes, "GET / HTTP/1.1\r\n", 16);
		assert_int_equal(proxy_header_parse(more, good[i].bytes + 16, &header), 0);
		assert_int_equal(header.bytes, good[i].bytes);
	}
}

static void proxy_header__refuses_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct proxy_header header;

		if (proxy_header_parse(bad[i].data, bad[i].bytes, &header) != -EBADMSG)
			fail_msg("%s", bad[i].name);
		/* Never taken for right while it comes. */
		for (size_t bytes = 0; bytes < bad[i].bytes; bytes++)
			if (proxy_header_parse(bad[i].data, bytes, &header) == 0)
				fail_msg("%s, cut at %zu", bad[i].name, bytes);
	}
}

static void proxy_header__reads_what_it_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct proxy_header header, again;

		proxy_header_parse(good[i].data, good[i].bytes, &header);
		if (!header.known)
			continue;
		for (unsigned int version = 1; version <= 2; version++) {
			char out[PROXY_HEADER_WRITE_MAX];
			size_t bytes = proxy_header_write(version, &header.ends, out);

			assert_int_equal(proxy_header_parse(out, bytes, &again), 0);
			assert_int_equal(again.bytes, bytes);
			assert_true(again.known);
			assert_memory_equal(&again.ends, &header.ends, sizeof(header.ends));
		}
	}
}

static void proxy_header__two_families_are_written_as_unknown(void **state)
{
	(void)state;
	for (unsigned int version = 1; version <= 2; version++) {
		struct proxy_ends ends = { .source_port = 1 };
		char out[PROXY_HEADER_WRITE_MAX];
		struct proxy_header header;
		size_t bytes;

		assert_int_equal(inet_addr_parse("192.0.2.1", &ends.source), 0);
		assert_int_equal(inet_addr_parse("2001:db8::1", &ends.destination), 0);
		bytes = proxy_header_write(version, &ends, out);
		assert_int_equal(proxy_header_parse(out, bytes, &header), 0);
		assert_false(header.known);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxy_header__reads_what_is_right_and_not_a_byte_more),
		cmocka_unit_test(proxy_header__what_follows_is_not_its_own),
		cmocka_unit_test(proxy_header__refuses_the_rest),
		cmocka_unit_test(proxy_header__reads_what_it_writes),
		cmocka_unit_test(proxy_header__two_families_are_written_as_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
