// SPDX-License-Identifier: Apache-2.0
/* What strangers send: floods that ask for answers, sources that are denied, aimed flows; IPv4
 * and IPv6. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "prog/fixture.h"

#define PORT_LIMITED 84 /* of FRONTEND_IP: a Service with a rate limit */

static struct fixture opened;

static uint32_t run(struct packet *packet)
{
	return fixture_run_xdp(&opened, packet);
}

static struct inet_addr address(const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return addr;
}

static void map_set(const char *name, const void *key, const void *value)
{
	assert_int_equal(bpf_map_update_elem(fixture_map(&opened, name), key, value, BPF_ANY), 0);
}

static void node_set(uint32_t flags, uint32_t answers_max, uint64_t flow_hash_key)
{
	struct inet_addr own4 = address(NODE_IP), own6 = address(NODE_IP6);
	struct node_config config = {
		.addr4 = inet_addr_v4(&own4),
		.flags = NODE_F_SNAT4 | NODE_F_SNAT6 | flags,
		.source_port_min = 61000,
		.source_port_max = 61999,
		.answers_max = answers_max,
		.flow_hash_key = flow_hash_key,
	};
	uint32_t zero = 0;

	memcpy(config.addr6, own6.bytes, sizeof(config.addr6));
	map_set("node_config", &zero, &config);
}

static void begin(uint32_t flags)
{
	fixture_reset(&opened);
	node_set(flags, 0, 0);
}

static struct packet_spec to_frontend(int v6, uint16_t port, uint8_t tos)
{
	return (struct packet_spec){ .src = ROLE(v6, CLIENT_IP),
				     .dst = ROLE(v6, FRONTEND_IP),
				     .sport = PORT_CLIENT,
				     .dport = port,
				     .tos = tos,
				     .tcp_flags = PACKET_SYN,
				     .payload_bytes = 32 };
}

static void deny(int v6, const char *addr)
{
	struct inet_addr bytes = address(addr);
	struct deny4_key key4 = { .prefix_bits = 32, .addr = inet_addr_v4(&bytes) };
	struct deny6_key key6 = { .prefix_bits = 128 };
	struct deny value = { .origin = DENY_COMMAND };

	memcpy(key6.addr, bytes.bytes, sizeof(key6.addr));
	map_set(v6 ? "denylist6" : "denylist4", v6 ? (void *)&key6 : &key4, &value);
}

static void deny_no_more(int v6, const char *addr)
{
	struct inet_addr bytes = address(addr);
	struct deny4_key key4 = { .prefix_bits = 32, .addr = inet_addr_v4(&bytes) };
	struct deny6_key key6 = { .prefix_bits = 128 };

	memcpy(key6.addr, bytes.bytes, sizeof(key6.addr));
	bpf_map_delete_elem(fixture_map(&opened, v6 ? "denylist6" : "denylist4"),
			    v6 ? (void *)&key6 : &key4);
}

/* ---- answers of our own ---------------------------------------------------------------------- */

static struct packet ping(int v6, uint16_t frag)
{
	struct packet_spec spec = { .src = ROLE(v6, CLIENT_IP),
				    .dst = ROLE(v6, FRONTEND_IP),
				    .proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				    .frag = frag,
				    .payload_word = v6 ? 0x8000 : 0x0800,
				    .payload_bytes = 64 };
	struct packet packet;

	packet_build(&spec, &packet);
	return packet;
}

static void ping__of_a_denied_source_is_not_answered(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet packet = ping(v6, 0);

		begin(v6 ? NODE_F_DENYLIST6 : NODE_F_DENYLIST4);
		deny(v6, ROLE(v6, CLIENT_IP));
		assert_int_equal(run(&packet), XDP_DROP);
		assert_int_equal(fixture_drop(&opened, DROP_DENIED), 1);
		deny_no_more(v6, ROLE(v6, CLIENT_IP));
	}
}

/* The stack, which has a route to the address, puts the parts together and answers. */
static void ping__in_parts_is_left_to_the_stack(void **state)
{
	struct packet packet, before;
	uint8_t *ip;

	(void)state;
	begin(0);
	packet = before = ping(0, 0x2000);
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, before.bytes, before.length);

	packet = ping(1, 0);
	ip = packet.bytes + packet.l3_off;
	memmove(ip + 48, ip + 40, packet.length - packet.l3_off - 40);
	memset(ip + 40, 0, 8);
	ip[40] = IPPROTO_ICMPV6;
	ip[43] = 1; /* more come */
	ip[6] = 44;
	ip[5] = (uint8_t)(ip[5] + 8);
	packet.length += 8;
	before = packet;
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, before.bytes, before.length);
	assert_int_equal(fixture_stat(&opened, STAT_ICMP_ECHOES), 0);
}

/* TCP of a backend that has gone is answered with a reset, but not without end. */
static void answer__of_our_own_are_limited(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		enum { FLOWS = 64 };
		struct packet packet;

		begin(0);
		for (uint16_t i = 0; i < FLOWS; i++) {
			struct packet_spec spec = to_frontend(v6, PORT_L4, 0);

			spec.sport = (uint16_t)(PORT_CLIENT + i);
			packet_build(&spec, &packet);
			assert_int_equal(run(&packet), XDP_PASS);
		}
		fixture_backend_set(&opened, v6 ? BACKEND_POD6 : BACKEND_POD, ROLE(v6, POD_IP),
				    UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0), BACKEND_DOWN, 1);
		node_set(0, 1, 0);
		for (uint16_t i = 0; i < FLOWS; i++) {
			struct packet_spec spec = to_frontend(v6, PORT_L4, 0);

			spec.sport = (uint16_t)(PORT_CLIENT + i);
			spec.tcp_flags = PACKET_ACK;
			packet_build(&spec, &packet);
			run(&packet);
		}
		assert_int_equal(fixture_drop(&opened, DROP_BACKEND_GONE), FLOWS);
		/* One a second and CPU, and a test takes few of either. */
		assert_in_range(fixture_drop(&opened, DROP_ANSWER_LIMIT), FLOWS / 2, FLOWS);
		assert_in_range(fixture_stat(&opened, STAT_RESETS_SENT) +
					fixture_drop(&opened, DROP_ANSWER_LIMIT),
				FLOWS, FLOWS);
	}
}

/* ---- flows ----------------------------------------------------------------------------------- */

/* SYN|ACK, ACK and RST of nothing known make flows as a SYN does. */
static void rate__counts_each_packet_that_makes_a_flow(void **state)
{
	static const uint8_t kinds[] = { PACKET_SYN | PACKET_ACK, PACKET_ACK, PACKET_RST };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t kind = 0; kind < sizeof(kinds); kind++) {
			struct frontend limited = { .frontend_id = 1 + (v6 ? UPSTREAM_V6 : 0),
						    .upstream_id =
							    UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0),
						    .kind = FRONTEND_L4,
						    .rate_per_s = 1 };
			int passed = 0;

			begin(0);
			fixture_frontend_set(&opened, v6, PORT_LIMITED, limited);
			for (uint16_t i = 0; i < 16; i++) {
				struct packet_spec spec = to_frontend(v6, PORT_LIMITED, 0);
				struct packet packet;

				spec.sport = (uint16_t)(PORT_CLIENT + i);
				spec.tcp_flags = kinds[kind];
				packet_build(&spec, &packet);
				passed += run(&packet) == XDP_PASS;
			}
			assert_in_range(passed, 0, 4);
			assert_int_equal(fixture_drop(&opened, DROP_RATE_LIMIT), 16 - passed);
		}
	}
}

/* Fills the ring so that half of the slots name each of two backends, in turns. */
static void ring_of_two(int v6)
{
	uint32_t upstream_id = UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0);
	struct bpf_map_create_opts options = { .sz = sizeof(options),
					       .map_flags = BPF_F_INNER_MAP };
	uint32_t slots = SLUICE_RING_SLOTS_MIN;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", 4, 4, slots + 1, &options);

	assert_true(fd >= 0);
	for (uint32_t i = 0; i <= slots; i++) {
		uint32_t first = v6 ? BACKEND_POD6 : BACKEND_POD;
		uint32_t second = v6 ? BACKEND_OTHER6 : BACKEND_OTHER;
		uint32_t value = i == 0 ? slots : i % 2 ? first : second;

		assert_int_equal(bpf_map_update_elem(fd, &i, &value, BPF_ANY), 0);
	}
	assert_int_equal(
		bpf_map_update_elem(fixture_map(&opened, "rings"), &upstream_id, &fd, BPF_ANY), 0);
	close(fd);
}

/* Which of 64 flows go to the first of two pods. */
static uint64_t choices(int v6, uint64_t key)
{
	uint64_t bits = 0;

	begin(0);
	node_set(0, 0, key);
	ring_of_two(v6);
	for (uint16_t i = 0; i < 64; i++) {
		struct packet_spec spec = to_frontend(v6, PORT_L4, 0);
		struct packet packet, wanted;

		spec.sport = (uint16_t)(PORT_CLIENT + i);
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), XDP_PASS);
		spec.dst = ROLE(v6, POD_IP);
		spec.dport = PORT_POD;
		packet_build(&spec, &wanted);
		if (memcmp(packet.bytes, wanted.bytes, wanted.length) == 0)
			bits |= 1ull << i;
	}
	return bits;
}

static void hash__depends_on_the_key_and_on_nothing_else(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint64_t one = choices(v6, 0x0123456789abcdefull);

		assert_true(one == choices(v6, 0x0123456789abcdefull));
		assert_true(one != choices(v6, 0x0123456789abcdeeull));
		assert_true(one != choices(v6, 0));
	}
}

static int open_fixture(void **state)
{
	fixture_open(&opened);
	*state = &opened;
	return 0;
}

static int close_fixture(void **state)
{
	fixture_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ping__of_a_denied_source_is_not_answered),
		cmocka_unit_test(ping__in_parts_is_left_to_the_stack),
		cmocka_unit_test(answer__of_our_own_are_limited),
		cmocka_unit_test(rate__counts_each_packet_that_makes_a_flow),
		cmocka_unit_test(hash__depends_on_the_key_and_on_nothing_else),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
