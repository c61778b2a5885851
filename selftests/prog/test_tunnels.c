// SPDX-License-Identifier: Apache-2.0
/* Whose tunnels are opened, what they lead to, and what becomes of a mark on them; IPv4 and IPv6. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "prog/fixture.h"

#define PEER_IP  "198.51.100.2" /* another node */
#define PEER_IP6 "2001:db8:2::2"
#define PORT_GUE 6080

#define PORT_PLAIN 84 /* of FRONTEND_IP: a Service that uses no tunnels */

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

static void node_set(uint32_t flags)
{
	struct inet_addr own4 = address(NODE_IP), own6 = address(NODE_IP6);
	struct node_config config = {
		.addr4 = inet_addr_v4(&own4),
		.flags = NODE_F_SNAT4 | NODE_F_SNAT6 | flags,
		.source_port_min = 61000,
		.source_port_max = 61999,
		.gue_port = htons(PORT_GUE),
	};
	uint32_t zero = 0;

	memcpy(config.addr6, own6.bytes, sizeof(config.addr6));
	map_set("node_config", &zero, &config);
}

static void begin(uint32_t flags)
{
	fixture_reset(&opened);
	node_set(flags);
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t base = v6 ? UPSTREAM_V6 : 0;
		struct frontend plain = { .frontend_id = 9 + base,
					  .upstream_id = UPSTREAM_L4 + base,
					  .kind = FRONTEND_L4 };

		fixture_filter_set(&opened, ROLE(v6, NODE_IP));
		fixture_peer_set(&opened, ROLE(v6, PEER_IP), true);
		fixture_frontend_set(&opened, v6, PORT_PLAIN, plain);
	}
}

/* ---- tunnels --------------------------------------------------------------------------------- */

static uint16_t sum_of(const uint8_t *at, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Puts @inner into a tunnel from @src to this node, with @tos, of the family of @outer_v6. */
static struct packet wrap(const struct packet *inner, int v6, int outer_v6, bool gue,
			  const char *src, uint8_t tos)
{
	size_t inner_bytes = inner->length - inner->l3_off, ip_bytes = outer_v6 ? 40 : 20;
	size_t head_bytes = ip_bytes + (gue ? 8 : 0), bytes = head_bytes + inner_bytes;
	struct inet_addr from = address(src), to = address(ROLE(outer_v6, NODE_IP));
	uint8_t proto = gue ? IPPROTO_UDP : v6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
	struct packet packet = { .length = 14 + bytes };
	uint8_t *ip = packet.bytes + 14;
	uint16_t sum;

	memcpy(packet.bytes, inner->bytes, 12);
	packet.bytes[12] = outer_v6 ? 0x86 : 0x08;
	packet.bytes[13] = outer_v6 ? 0xdd : 0;
	if (outer_v6) {
		ip[0] = (uint8_t)(0x60 | tos >> 4);
		ip[1] = (uint8_t)(tos << 4);
		ip[4] = (uint8_t)((bytes - 40) >> 8);
		ip[5] = (uint8_t)(bytes - 40);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, from.bytes, 16);
		memcpy(ip + 24, to.bytes, 16);
	} else {
		ip[0] = 0x45;
		ip[1] = tos;
		ip[2] = (uint8_t)(bytes >> 8);
		ip[3] = (uint8_t)bytes;
		ip[8] = 64;
		ip[9] = proto;
		memcpy(ip + 12, from.bytes + 12, 4);
		memcpy(ip + 16, to.bytes + 12, 4);
		sum = (uint16_t)~sum_of(ip, 20, 0);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
	}
	if (gue) {
		ip[ip_bytes + 2] = PORT_GUE >> 8;
		ip[ip_bytes + 3] = PORT_GUE & 0xff;
		ip[ip_bytes + 4] = (uint8_t)((bytes - ip_bytes) >> 8);
		ip[ip_bytes + 5] = (uint8_t)(bytes - ip_bytes);
	}
	memcpy(ip + head_bytes, inner->bytes + inner->l3_off, inner_bytes);
	return packet;
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

static const struct way {
	const char *name;
	int v6, outer_v6;
	bool gue;
} ways[] = {
	{ "IPv4 in IPv4", 0, 0, false }, { "IPv6 in IPv6", 1, 1, false },
	{ "IPv4 in IPv6", 0, 1, false }, { "IPv6 in IPv4", 1, 0, false },
	{ "GUE over IPv4", 0, 0, true }, { "GUE over IPv6", 1, 1, true },
};

static struct packet tunnelled(const struct way *way, const struct packet_spec *spec,
			       const char *src, uint8_t tos)
{
	struct packet inner;

	packet_build(spec, &inner);
	return wrap(&inner, way->v6, way->outer_v6, way->gue, src, tos);
}

#define for_each_way(way) \
	for (const struct way *way = ways; way < ways + sizeof(ways) / sizeof(ways[0]); way++)

static void tunnel__of_a_known_node_is_opened(void **state)
{
	(void)state;
	for_each_way(way)
	{
		struct packet_spec spec = to_frontend(way->v6, PORT_L4, 0);
		struct packet packet, wanted;

		begin(NODE_F_TUNNELS);
		packet = tunnelled(way, &spec, ROLE(way->outer_v6, PEER_IP), 0);
		assert_int_equal(run(&packet), XDP_PASS);
		spec.dst = ROLE(way->v6, POD_IP);
		spec.dport = PORT_POD;
		packet_build(&spec, &wanted);
		assert_int_equal(packet.length, wanted.length);
		assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	}
}

static void tunnel__of_any_other_address_is_dropped_by_name(void **state)
{
	(void)state;
	for_each_way(way)
	{
		struct packet_spec spec = to_frontend(way->v6, PORT_L4, 0);
		struct packet packet;

		begin(NODE_F_TUNNELS);
		packet = tunnelled(way, &spec, ROLE(way->outer_v6, STRANGER_IP), 0);
		assert_int_equal(run(&packet), XDP_DROP);
		assert_int_equal(fixture_drop(&opened, DROP_TUNNEL_SOURCE), 1);
		assert_int_equal(fixture_stat(&opened, STAT_PACKETS_DECAPSULATED), 0);
	}
}

static void tunnel__is_none_of_ours_where_no_service_uses_one(void **state)
{
	(void)state;
	for_each_way(way)
	{
		struct packet_spec spec = to_frontend(way->v6, PORT_L4, 0);
		struct packet packet, before;

		begin(0);
		packet = before = tunnelled(way, &spec, ROLE(way->outer_v6, PEER_IP), 0);
		assert_int_equal(run(&packet), XDP_PASS);
		assert_int_equal(packet.length, before.length);
		assert_memory_equal(packet.bytes, before.bytes, before.length);
		assert_int_equal(fixture_drops(&opened), 0);
	}
}

/* Neither ports of the node, nor HTTP, nor a Service without tunnels, nor a ping. */
static void tunnel__leads_to_services_that_use_it_and_nowhere_else(void **state)
{
	(void)state;
	for_each_way(way)
	{
		struct packet_spec specs[] = {
			to_frontend(way->v6, PORT_HTTP, 0),    to_frontend(way->v6, PORT_PLAIN, 0),
			to_frontend(way->v6, PORT_UNKNOWN, 0), to_frontend(way->v6, 22, 0),
			to_frontend(way->v6, PORT_L4, 0),
		};

		specs[3].dst = ROLE(way->v6, NODE_IP);
		specs[4].proto = way->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		specs[4].payload_word = way->v6 ? 0x8000 : 0x0800; /* an echo request */
		for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
			struct packet packet;

			begin(NODE_F_TUNNELS);
			packet = tunnelled(way, &specs[i], ROLE(way->outer_v6, PEER_IP), 0);
			assert_int_equal(run(&packet), XDP_DROP);
			assert_int_equal(fixture_drop(&opened, DROP_BAD_TUNNEL), 1);
		}
	}
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

static void tunnel__is_dropped_if_either_source_is_denied(void **state)
{
	(void)state;
	for_each_way(way)
	{
		for (int outer = 0; outer < 2; outer++) {
			int v6 = outer ? way->outer_v6 : way->v6;
			const char *source = outer ? ROLE(v6, PEER_IP) : ROLE(v6, CLIENT_IP);
			struct packet_spec spec = to_frontend(way->v6, PORT_L4, 0);
			struct packet packet;

			begin(NODE_F_TUNNELS | NODE_F_DENYLIST4 | NODE_F_DENYLIST6);
			deny(v6, source);
			packet = tunnelled(way, &spec, ROLE(way->outer_v6, PEER_IP), 0);
			assert_int_equal(run(&packet), XDP_DROP);
			assert_int_equal(fixture_drop(&opened, DROP_DENIED), 1);
			deny_no_more(v6, source);
		}
	}
}

/* RFC 6040, 4.2: columns of the outer header that differ from its inner one. */
static const struct {
	uint8_t inner, outer;
	int wanted; /* -1: dropped */
} marks[] = { { 0, 0, 0 }, { 0, 3, -1 }, { 1, 0, 1 }, { 1, 3, 3 },
	      { 2, 0, 2 }, { 2, 3, 3 },  { 3, 0, 3 }, { 3, 3, 3 } };

static void tunnel__keeps_the_mark_that_a_router_has_made(void **state)
{
	(void)state;
	for_each_way(way)
	{
		for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
			struct packet_spec spec =
				to_frontend(way->v6, PORT_L4, (uint8_t)(0xb8 | marks[i].inner));
			struct packet packet, wanted;

			begin(NODE_F_TUNNELS);
			packet = tunnelled(way, &spec, ROLE(way->outer_v6, PEER_IP),
					   (uint8_t)(0xb8 | marks[i].outer));
			if (marks[i].wanted < 0) {
				assert_int_equal(run(&packet), XDP_DROP);
				assert_int_equal(fixture_drop(&opened, DROP_BAD_TUNNEL), 1);
				continue;
			}
			assert_int_equal(run(&packet), XDP_PASS);
			spec.tos = (uint8_t)(0xb8 | marks[i].wanted);
			spec.dst = ROLE(way->v6, POD_IP);
			spec.dport = PORT_POD;
			packet_build(&spec, &wanted);
			assert_int_equal(packet.length, wanted.length);
			assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
		}
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
		cmocka_unit_test(tunnel__of_a_known_node_is_opened),
		cmocka_unit_test(tunnel__of_any_other_address_is_dropped_by_name),
		cmocka_unit_test(tunnel__is_none_of_ours_where_no_service_uses_one),
		cmocka_unit_test(tunnel__leads_to_services_that_use_it_and_nowhere_else),
		cmocka_unit_test(tunnel__is_dropped_if_either_source_is_denied),
		cmocka_unit_test(tunnel__keeps_the_mark_that_a_router_has_made),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
