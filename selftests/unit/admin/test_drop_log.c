// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/drop_log.h"
#include "sluice_drops.h"

/* Ethernet, IPv4 of 20 bytes, ports 40000 and 7000. */
static const uint8_t head4[] = {
	2, 0, 0, 0,  0, 1, 2, 0,   0, 0, 0, 2,   8,  0,   0x45, 0,    0,    40,   0,
	1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 7, 198, 51, 100, 1,    0x9c, 0x40, 0x1b, 0x58,
};

static char *written(const struct drop_log *log, uint64_t from)
{
	struct json_text out = {};
	char *text;
	size_t bytes;

	drop_log_write(log, from, &out);
	assert_int_equal(json_text_finish(&out, &text, &bytes), 0);
	return text;
}

static struct drop_event event_of(const uint8_t *head, size_t bytes)
{
	struct drop_event event = {
		.kind = EVENT_DROP,
		.reason = DROP_UNKNOWN_PORT,
		.packet_bytes = 54,
		.head_bytes = (uint32_t)bytes,
		.l3_off_bytes = 14,
	};

	memcpy(event.head, head, bytes);
	return event;
}

static void drop_log__says_who_sent_what_to_whom(void **state)
{
	static struct drop_log log;
	struct drop_event event = event_of(head4, sizeof(head4));
	char *text;

	(void)state;
	drop_log_add(&log, &event);
	text = written(&log, 0);
	assert_non_null(strstr(text, "\"reason\":\"unknown_port\""));
	assert_non_null(strstr(text, "\"source_address\":\"192.0.2.7\",\"source_port\":40000"));
	assert_non_null(
		strstr(text, "\"destination_address\":\"198.51.100.1\",\"destination_port\":7000"));
	assert_non_null(strstr(text, "\"next\":1"));
	free(text);
}

static void drop_log__a_head_cut_anywhere_is_read_no_further(void **state)
{
	static struct drop_log log;

	(void)state;
	for (size_t bytes = 0; bytes <= sizeof(head4); bytes++) {
		struct drop_event event = event_of(head4, bytes);
		char *text;

		drop_log_add(&log, &event);
		text = written(&log, log.next - 1);
		assert_int_equal(strstr(text, "source_address") != NULL, bytes >= 34);
		free(text);
	}
}

static void drop_log__offsets_of_a_liar_are_read_no_further(void **state)
{
	static struct drop_log log;
	struct drop_event event = event_of(head4, sizeof(head4));
	char *text;

	(void)state;
	event.head_bytes = UINT32_MAX;
	event.l3_off_bytes = UINT32_MAX - 3;
	event.reason = UINT32_MAX;
	drop_log_add(&log, &event);
	text = written(&log, 0);
	assert_null(strstr(text, "source_address"));
	assert_non_null(strstr(text, "\"reason\":\"unknown\""));
	free(text);
}

static void drop_log__keeps_the_last_ones_and_their_numbers(void **state)
{
	static struct drop_log log;
	struct drop_event event = event_of(head4, sizeof(head4));
	char *text;

	(void)state;
	for (unsigned int i = 0; i < DROP_LOG_MAX + 10; i++)
		drop_log_add(&log, &event);
	text = written(&log, 0);
	assert_null(strstr(text, "\"number\":9,"));
	assert_non_null(strstr(text, "\"number\":10,"));
	assert_non_null(strstr(text, "\"number\":265,"));
	assert_non_null(strstr(text, "\"next\":266"));
	free(text);
	text = written(&log, 266);
	assert_non_null(strstr(text, "\"events\":[]"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_log__says_who_sent_what_to_whom),
		cmocka_unit_test(drop_log__a_head_cut_anywhere_is_read_no_further),
		cmocka_unit_test(drop_log__offsets_of_a_liar_are_read_no_further),
		cmocka_unit_test(drop_log__keeps_the_last_ones_and_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
