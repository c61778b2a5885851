// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <cjson/cJSON.h>

#include "kube/split.h"
#include "unit/lib/fixture.h"

struct pieces {
	size_t count, bytes;
	int result; /* what the callback returns */
};

static int count_piece(void *ctx, char *piece, size_t bytes)
{
	struct pieces *pieces = ctx;
	cJSON *json = cJSON_ParseWithLength(piece, bytes);

	assert_int_equal(piece[bytes], '\0');
	assert_non_null(json);
	cJSON_Delete(json);
	pieces->count++;
	pieces->bytes += bytes;
	return pieces->result;
}

static void split_lines__recorded_watches_in_pieces_of_any_size(void **state)
{
	static const struct {
		const char *name;
		size_t lines;
	} rows[] = {
		{ "kube-api/watch/ingresses.jsonl", 5 },
		{ "kube-api/watch/endpointslices.controller-made.jsonl", 9 },
		{ "kube-api/watch-list/services.jsonl", 7 },
		{ "kube-api/watch-list/ingresses.empty.jsonl", 1 },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		size_t bytes;
		char *text = fixture_read(rows[row].name, &bytes);

		for (size_t step = 1; step < 200; step += step < 20 ? 1 : 37) {
			struct split_lines lines = { 0 };
			struct pieces pieces = { 0 };

			for (size_t at = 0; at < bytes; at += step)
				assert_int_equal(
					split_lines_feed(&lines, text + at,
							 at + step < bytes ? step : bytes - at,
							 count_piece, &pieces),
					0);
			assert_int_equal(pieces.count, rows[row].lines);
			split_lines_reset(&lines);
		}
		free(text);
	}
}

static void split_lines__half_a_line_is_none(void **state)
{
	struct split_lines lines = { 0 };
	struct pieces pieces = { 0 };

	(void)state;
	assert_int_equal(split_lines_feed(&lines, "{}\n\n\n{\"a\"", 9, count_piece, &pieces), 0);
	assert_int_equal(pieces.count, 1);
	assert_int_equal(split_lines_feed(&lines, ":1}\n", 4, count_piece, &pieces), 0);
	assert_int_equal(pieces.count, 2);
	split_lines_reset(&lines);
}

static void split_lines__too_long_line_is_left_out_alone(void **state)
{
	size_t bytes = SPLIT_PIECE_BYTES_MAX + 2;
	char *text = malloc(bytes);
	struct split_lines lines = { 0 };
	struct pieces pieces = { 0 };

	(void)state;
	memset(text, 'x', bytes);
	text[bytes - 1] = '\n';
	for (size_t at = 0; at < bytes; at += 16384)
		assert_int_equal(split_lines_feed(&lines, text + at,
						  bytes - at < 16384 ? bytes - at : 16384,
						  count_piece, &pieces),
				 0);
	assert_int_equal(lines.too_long, 1);
	assert_int_equal(split_lines_feed(&lines, "{}\n", 3, count_piece, &pieces), 0);
	assert_int_equal(pieces.count, 1);
	split_lines_reset(&lines);
	free(text);
}

static void split_lines__error_of_the_callback_ends_the_feeding(void **state)
{
	struct split_lines lines = { 0 };
	struct pieces pieces = { .result = -EPROTO };

	(void)state;
	assert_int_equal(split_lines_feed(&lines, "{}\n{}\n", 6, count_piece, &pieces), -EPROTO);
	assert_int_equal(pieces.count, 1);
	split_lines_reset(&lines);
}

static void split_list__recorded_lists_in_pieces_of_any_size(void **state)
{
	static const struct {
		const char *name;
		size_t items;
	} rows[] = {
		{ "kube-api/list/ingresses.json", 5 },
		{ "kube-api/list/endpointslices.json", 6 },
		{ "kube-api/list/services.json", 6 },
		{ "kube-api/list/secrets.json", 3 },
		{ "kube-api/list/ingressclasses.json", 3 },
		{ "kube-api/list/ingresses.empty.json", 0 },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		size_t bytes;
		char *text = fixture_read(rows[row].name, &bytes);

		for (size_t step = 1; step < 200; step += step < 20 ? 1 : 37) {
			struct split_list list = { 0 };
			struct pieces pieces = { 0 };
			cJSON *frame;

			for (size_t at = 0; at < bytes; at += step)
				assert_int_equal(
					split_list_feed(&list, text + at,
							at + step < bytes ? step : bytes - at,
							count_piece, &pieces),
					0);
			assert_int_equal(pieces.count, rows[row].items);
			frame = cJSON_Parse(split_list_frame(&list));
			assert_non_null(frame);
			assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(frame, "metadata"),
							    "resourceVersion"));
			assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(frame, "items")),
					 0);
			cJSON_Delete(frame);
			split_list_reset(&list);
		}
		free(text);
	}
}

static void split_list__shapes(void **state)
{
	static const struct {
		const char *name, *text;
		size_t items;
		bool complete;
	} rows[] = {
		{ "null items", "{\"items\":null,\"metadata\":{}}", 0, true },
		{ "no items", "{\"metadata\":{\"items\":[{}]}}", 0, true },
		{ "items first", "{\"items\":[{\"a\":[1,{}]},{}],\"metadata\":{}}", 2, true },
		{ "brackets in strings", "{\"items\":[{\"a\":\"]}\\\"[{\"}]}", 1, true },
		{ "a value that is called items", "{\"x\":\"items\",\"y\":[{}]}", 0, true },
		{ "items of nothing", "{\"items\":[null,1,\"x\",{}]}", 1, true },
		{ "cut in an item", "{\"items\":[{\"a\":1", 0, false },
		{ "cut after an item", "{\"items\":[{\"a\":1}", 1, false },
		{ "cut in a string", "{\"metadata\":{\"a\":\"", 0, false },
		{ "empty", "", 0, false },
	};

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct split_list list = { 0 };
		struct pieces pieces = { 0 };

		print_message("%s\n", rows[row].name);
		assert_int_equal(split_list_feed(&list, rows[row].text, strlen(rows[row].text),
						 count_piece, &pieces),
				 0);
		assert_int_equal(pieces.count, rows[row].items);
		assert_int_equal(split_list_frame(&list) != NULL, rows[row].complete);
		split_list_reset(&list);
	}
}

static void split_list__closing_more_than_was_opened_is_an_error(void **state)
{
	struct split_list list = { 0 };
	struct pieces pieces = { 0 };

	(void)state;
	assert_int_equal(split_list_feed(&list, "{}}", 3, count_piece, &pieces), -EINVAL);
	split_list_reset(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_lines__recorded_watches_in_pieces_of_any_size),
		cmocka_unit_test(split_lines__half_a_line_is_none),
		cmocka_unit_test(split_lines__too_long_line_is_left_out_alone),
		cmocka_unit_test(split_lines__error_of_the_callback_ends_the_feeding),
		cmocka_unit_test(split_list__recorded_lists_in_pieces_of_any_size),
		cmocka_unit_test(split_list__shapes),
		cmocka_unit_test(split_list__closing_more_than_was_opened_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
