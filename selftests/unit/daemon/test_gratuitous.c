// SPDX-License-Identifier: Apache-2.0
/* gratuitous.c and holders.c: frames byte by byte, and who ranks highest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/node/gratuitous.h"
#include "kube/holders.h"

static const uint8_t mac[6] = { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 };

static struct inet_addr address(const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return addr;
}

static void gratuitous_frame__arp_names_the_address_twice(void **state)
{
	static const uint8_t request[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06,
		0x00, 0x01, 0x08, 0x00, 6,    4,    0x00, 0x01, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
		192,  0,    2,    10,   0,    0,    0,    0,    0,    0,    192,  0,    2,    10,
	};
	uint8_t reply[sizeof(request)], frame[GRATUITOUS_FRAME_MAX];
	struct inet_addr addr = address("192.0.2.10");

	(void)state;
	assert_int_equal(gratuitous_frame(&addr, mac, GRATUITOUS_REQUEST, frame), sizeof(request));
	assert_memory_equal(frame, request, sizeof(request));
	memcpy(reply, request, sizeof(request));
	reply[21] = 2;
	memset(reply + 32, 0xff, 6);
	assert_int_equal(gratuitous_frame(&addr, mac, GRATUITOUS_REPLY, frame), sizeof(reply));
	assert_memory_equal(frame, reply, sizeof(reply));
}

static void gratuitous_frame__advertisement_overrides(void **state)
{
	static const uint8_t before_addresses[] = {
		0x33, 0x33, 0,    0,    0, 1, 0x02, 0x11, 0x22, 0x33, 0x44,
		0x55, 0x86, 0xdd, 0x60, 0, 0, 0,    0,    32,   58,   255,
	};
	struct inet_addr addr = address("2001:db8::80");
	uint8_t frame[GRATUITOUS_FRAME_MAX];
	uint32_t sum = 32 + 58;

	(void)state;
	assert_int_equal(gratuitous_frame(&addr, mac, GRATUITOUS_REQUEST, frame), 86);
	assert_memory_equal(frame, before_addresses, sizeof(before_addresses));
	assert_memory_equal(frame + 22, addr.bytes, 16);
	assert_int_equal(frame[54], 136);
	assert_int_equal(frame[58], 0x20); /* override, not solicited */
	assert_memory_equal(frame + 62, addr.bytes, 16);
	assert_int_equal(frame[78], 2);
	assert_memory_equal(frame + 80, mac, 6);
	for (size_t i = 22; i < 86; i += 2) /* addresses and ICMPv6, its checksum included */
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

/* Which of n nodes has an address. */
static int holder_of(const struct inet_addr *addr, int nodes)
{
	uint64_t best = 0;
	int holder = -1;

	for (int node = 0; node < nodes; node++) {
		char name[32];
		uint64_t rank;

		snprintf(name, sizeof(name), "node-%d", node);
		rank = holders_rank(name, addr);
		if (holder < 0 || rank > best) {
			best = rank;
			holder = node;
		}
	}
	return holder;
}

static void holders_rank__shares_are_even_and_one_node_more_takes_only_its_own(void **state)
{
	unsigned int share[5] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		struct inet_addr addr = inet_addr_from_v4(htonl(0xc6336400u + i));
		int before = holder_of(&addr, 4), after = holder_of(&addr, 5);

		share[after]++;
		if (after != 4)
			assert_int_equal(before, after);
	}
	for (int node = 0; node < 5; node++)
		assert_in_range(share[node], 850, 1150);
}

static void holders_rank__is_the_same_in_every_version(void **state)
{
	struct inet_addr v4 = address("192.0.2.10"), v6 = address("2001:db8::80");

	(void)state;
	assert_true(holders_rank("node-a", &v4) == 0x4dfbac0eaa1910b0u);
	assert_true(holders_rank("node-a", &v6) == 0x1aa289b9178930d7u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gratuitous_frame__arp_names_the_address_twice),
		cmocka_unit_test(gratuitous_frame__advertisement_overrides),
		cmocka_unit_test(
			holders_rank__shares_are_even_and_one_node_more_takes_only_its_own),
		cmocka_unit_test(holders_rank__is_the_same_in_every_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
