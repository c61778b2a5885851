// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/loop/relay.h"

#define PIECES_MAX 1000u /* of one octet, in a turn */
#define LONG_BYTES 65536u

static size_t piece_bytes, pieces;

static int endless_peek(struct source *source, struct payload *out)
{
	static const char data[LONG_BYTES];

	(void)source;
	*out = (struct payload){ .data = data, .bytes = piece_bytes };
	return 0;
}

static void endless_consume(struct source *source, size_t bytes)
{
	(void)source;
	(void)bytes;
	pieces++;
}

static ssize_t take_all(struct sink *sink, const struct payload *payload)
{
	(void)sink;
	return (ssize_t)payload->bytes;
}

static void run(size_t bytes)
{
	static const struct source_ops source_ops = { .peek = endless_peek,
						      .consume = endless_consume };
	static const struct sink_ops sink_ops = { .write = take_all };
	struct source source = { .ops = &source_ops };
	struct sink sink = { .ops = &sink_ops };
	struct relay relay = { 0 };

	piece_bytes = bytes;
	pieces = 0;
	assert_int_equal(relay_run(&relay, &source, &sink), RELAY_YIELD);
	assert_int_equal(relay.moved_bytes, pieces * bytes);
}

static void relay_run__small_pieces_use_up_a_turn(void **state)
{
	(void)state;
	run(1);
	assert_in_range(pieces, 1, PIECES_MAX);
}

static void relay_run__long_pieces_are_moved_some_at_a_time(void **state)
{
	(void)state;
	run(LONG_BYTES);
	assert_in_range(pieces, 4, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay_run__small_pieces_use_up_a_turn),
		cmocka_unit_test(relay_run__long_pieces_are_moved_some_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
