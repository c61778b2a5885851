// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "base/inet.h"
#include "base/loop.h"
#include "base/strmap.h"

static void inet__v4_round_trip(void **state)
{
	char text[INET_ADDR_TEXT_MAX];
	struct inet_addr addr;

	(void)state;
	assert_int_equal(inet_addr_parse("192.0.2.7", &addr), 0);
	assert_true(inet_addr_is_v4(&addr));
	assert_string_equal(inet_addr_format(&addr, text), "192.0.2.7");
}

static void inet__v6_is_written_as_rfc5952(void **state)
{
	char text[INET_ADDR_TEXT_MAX];
	struct inet_addr addr;

	(void)state;
	assert_int_equal(inet_addr_parse("2001:DB8:0:0::1", &addr), 0);
	assert_false(inet_addr_is_v4(&addr));
	assert_string_equal(inet_addr_format(&addr, text), "2001:db8::1");
}

static void inet__nonsense_is_refused(void **state)
{
	static const char *const bad[] = { "",      "1.2.3",        "1.2.3.256", "::ffff:1.2.3.4",
					   "[::1]", "fe80::1%eth0", "1.2.3.4 " };
	struct inet_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(inet_addr_parse(bad[i], &addr), 0);
}

static void strmap__holds_what_was_put(void **state)
{
	struct strmap map = {};
	static int values[2000];
	char key[16];
	void *old;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(strmap_put(&map, key, &values[i], &old), 0);
		assert_null(old);
	}
	for (int i = 0; i < 2000; i += 2) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_ptr_equal(strmap_remove(&map, key), &values[i]);
	}
	assert_int_equal(map.count, 1000);
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_ptr_equal(strmap_get(&map, key), i % 2 ? &values[i] : NULL);
	}
	strmap_clear(&map);
}

static void strmap__survives_endless_put_and_remove(void **state)
{
	struct strmap map = {};
	char key[16];
	int value;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(strmap_put(&map, key, &value, NULL), 0);
		assert_ptr_equal(strmap_remove(&map, key), &value);
	}
	assert_true(map.capacity <= 64);
	strmap_clear(&map);
}

struct loop_case {
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer *timer;
	int reads, fires;
};

static void on_read(void *ctx, int fd, uint32_t events)
{
	struct loop_case *c = ctx;
	char byte;

	(void)events;
	assert_int_equal(read(fd, &byte, 1), 1);
	c->reads++;
	loop_watch_remove(c->watch);
	loop_timer_arm(c->timer, 1);
}

static void on_timer(void *ctx)
{
	struct loop_case *c = ctx;

	c->fires++;
	loop_timer_free(c->timer);
	loop_stop(c->loop);
}

static void loop__watch_and_timer_may_end_in_their_callbacks(void **state)
{
	struct loop_case c = {};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(loop_new(&c.loop), 0);
	assert_int_equal(loop_watch_add(c.loop, ends[0], EPOLLIN, on_read, &c, &c.watch), 0);
	assert_int_equal(loop_timer_new(c.loop, on_timer, &c, &c.timer), 0);
	assert_int_equal(write(ends[1], "ab", 2), 2);
	assert_int_equal(loop_run(c.loop), 0);
	assert_int_equal(c.reads, 1);
	assert_int_equal(c.fires, 1);
	loop_free(c.loop);
	close(ends[0]);
	close(ends[1]);
}

static void inet_network__is_read_and_written(void **state)
{
	static const struct {
		const char *text, *wanted; /* NULL: refused */
	} cases[] = {
		{ "10.1.2.3/8", "10.0.0.0/8" },
		{ "10.1.2.3", "10.1.2.3/32" },
		{ "10.255.255.255/9", "10.128.0.0/9" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "2001:db8::1/33", "2001:db8::/33" },
		{ "2001:db8::1", "2001:db8::1/128" },
		{ "::/0", "::/0" },
		{ "10.0.0.0/33", NULL },
		{ "10.0.0.0/", NULL },
		{ "10.0.0.0/08", NULL },
		{ "10.0.0.0/8x", NULL },
		{ "2001:db8::/129", NULL },
		{ "", NULL },
		{ "/8", NULL },
		{ "ten/8", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[INET_NETWORK_TEXT_MAX] = "";
		struct inet_network network;

		if (!inet_network_parse(cases[i].text, &network))
			inet_network_format(&network, text);
		assert_string_equal(text, cases[i].wanted ? cases[i].wanted : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inet_network__is_read_and_written),
		cmocka_unit_test(inet__v4_round_trip),
		cmocka_unit_test(inet__v6_is_written_as_rfc5952),
		cmocka_unit_test(inet__nonsense_is_refused),
		cmocka_unit_test(strmap__holds_what_was_put),
		cmocka_unit_test(strmap__survives_endless_put_and_remove),
		cmocka_unit_test(loop__watch_and_timer_may_end_in_their_callbacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
