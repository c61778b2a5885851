// SPDX-License-Identifier: Apache-2.0
/* Who may begin a flow, which pod and source port it gets, and fragments; IPv4 and IPv6. */
#include <arpa/inet.h>
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

#define PORT_OTHER    83 /* a second frontend of the same upstream */
#define PORT_SNAT_MIN 61000
#define PORT_SNAT_MAX 61999
#define RANGES_ID     77u

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

/* Forgets everything, then the frontend of PORT_L4 as given, but for ids. */
static void begin(int v6, struct frontend frontend)
{
	struct node_config config = { .source_port_min = PORT_SNAT_MIN,
				      .source_port_max = PORT_SNAT_MAX };
	uint32_t key = 0, base = v6 ? UPSTREAM_V6 : 0;

	fixture_reset(&opened);
	map_set("node_config", &key, &config);
	frontend.frontend_id = 1 + base;
	frontend.upstream_id = UPSTREAM_L4 + base;
	frontend.kind = FRONTEND_L4;
	fixture_frontend_set(&opened, v6, PORT_L4, frontend);
	frontend.frontend_id = 9 + base;
	fixture_frontend_set(&opened, v6, PORT_OTHER, frontend);
}

static struct packet_spec from_client(int v6, uint16_t sport, uint8_t tcp_flags)
{
	return (struct packet_spec){ .src = ROLE(v6, CLIENT_IP),
				     .dst = ROLE(v6, FRONTEND_IP),
				     .sport = sport,
				     .dport = PORT_L4,
				     .tcp_flags = tcp_flags };
}

static uint32_t client_sends(int v6, uint16_t sport, uint8_t tcp_flags)
{
	struct packet_spec spec = from_client(v6, sport, tcp_flags);
	struct packet packet;

	packet_build(&spec, &packet);
	return run(&packet);
}

/* Packets enough that the flow has an entry which needs no second look. */
static void settle(int v6, uint16_t sport)
{
	client_sends(v6, sport, PACKET_SYN);
	client_sends(v6, sport, PACKET_ACK);
	assert_int_equal(client_sends(v6, sport, PACKET_ACK), XDP_PASS);
}

/* ---- who may come ---------------------------------------------------------------------------- */

static void denylist_put(int v6, const char *network, uint32_t bits, bool in)
{
	struct inet_addr addr = address(network);
	struct deny4_key key4 = { .prefix_bits = bits, .addr = inet_addr_v4(&addr) };
	struct deny6_key key6 = { .prefix_bits = bits };
	const char *name = v6 ? "denylist6" : "denylist4";
	struct deny value = { .origin = DENY_MANIFEST };
	struct node_config config = { .flags = v6 ? NODE_F_DENYLIST6 : NODE_F_DENYLIST4 };
	const void *key = v6 ? (void *)&key6 : &key4;
	uint32_t zero = 0;

	memcpy(key6.addr, addr.bytes, sizeof(key6.addr));
	if (in)
		map_set(name, key, &value);
	else
		bpf_map_delete_elem(fixture_map(&opened, name), key);
	map_set("node_config", &zero, &config);
}

static void protect__a_denied_source_is_dropped_also_in_a_flow_that_is_known(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const char *network = v6 ? "2001:db8:1::" : "192.0.2.0";
		uint32_t bits = v6 ? 48 : 24;

		begin(v6, (struct frontend){});
		settle(v6, PORT_CLIENT);
		denylist_put(v6, network, bits, true);
		assert_int_equal(client_sends(v6, PORT_CLIENT, PACKET_ACK), XDP_DROP);
		assert_int_equal(fixture_drop(&opened, DROP_DENIED), 1);
		denylist_put(v6, network, bits, false);
		assert_int_equal(client_sends(v6, PORT_CLIENT, PACKET_ACK), XDP_PASS);
	}
}

#ifndef FIXTURE_TC /* it has no short way: a frontend is looked up for each packet */

/* The epoch is what tells a flow that is known that its frontend is no more what it was. */
static void flow__a_known_one_sees_that_its_frontend_has_changed(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct node_config config = { .frontends_epoch = 0 };
		uint32_t base = v6 ? UPSTREAM_V6 : 0, key = 0;
		struct frontend other = { .frontend_id = 9 + base,
					  .upstream_id = UPSTREAM_EMPTY + base,
					  .kind = FRONTEND_L4 };

		begin(v6, (struct frontend){});
		settle(v6, PORT_CLIENT);
		fixture_frontend_set(&opened, v6, PORT_L4, other);
		assert_int_equal(client_sends(v6, PORT_CLIENT, PACKET_ACK), XDP_PASS);
		assert_int_equal(fixture_drops(&opened), 0);
		config.frontends_epoch = 1;
		map_set("node_config", &key, &config);
		client_sends(v6, PORT_CLIENT, PACKET_ACK);
		assert_int_equal(fixture_drop(&opened, DROP_BACKEND_GONE), 1);
		begin(v6, (struct frontend){});
		settle(v6, PORT_CLIENT);
	}
}

#endif

static void protect__only_sources_in_the_ranges_begin_a_flow(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct inet_addr addr = address(v6 ? "2001:db8:1::" : "192.0.2.0");
		struct source_range4_key key4 = { 32 + 28, RANGES_ID, inet_addr_v4(&addr) };
		struct source_range6_key key6 = { .prefix_bits = 32 + 124, .ranges_id = RANGES_ID };
		uint32_t one = 1;

		memcpy(key6.addr, addr.bytes, sizeof(key6.addr));
		key6.addr[15] = 0x10;
		begin(v6, (struct frontend){ .flags = FRONTEND_F_SOURCE_RANGES,
					     .ranges_id = RANGES_ID });
		assert_int_equal(client_sends(v6, PORT_CLIENT, PACKET_SYN), XDP_DROP);
		assert_int_equal(fixture_drop(&opened, DROP_SOURCE_RANGE), 1);
		map_set(v6 ? "source_ranges6" : "source_ranges4", v6 ? (void *)&key6 : &key4, &one);
		assert_int_equal(client_sends(v6, PORT_CLIENT, PACKET_SYN), XDP_PASS);
	}
}

static void protect__a_source_begins_no_more_flows_than_its_rate(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		int passed = 0;

		begin(v6, (struct frontend){ .rate_per_s = 1 });
		for (uint16_t i = 0; i < 5; i++)
			passed += client_sends(v6, (uint16_t)(PORT_CLIENT + i), PACKET_SYN) ==
				  XDP_PASS;
		assert_in_range(passed, 1, 4);
		assert_int_equal(fixture_drop(&opened, DROP_RATE_LIMIT), 5 - passed);
		/* What is begun goes on. */
		assert_int_equal(client_sends(v6, PORT_CLIENT, PACKET_ACK), XDP_PASS);
	}
}

static void flow__above_the_limit_packets_go_by_hash_and_are_counted(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		begin(v6, (struct frontend){});
		fixture_new_flows_max(&opened, 1);
		for (uint16_t i = 0; i < 64; i++)
			assert_int_equal(client_sends(v6, (uint16_t)(PORT_CLIENT + i), PACKET_SYN),
					 XDP_PASS);
		/* One a second and CPU, and a test takes few of either. */
		assert_in_range(fixture_stat(&opened, STAT_FLOWS_NOT_INSERTED), 32, 64);
		assert_int_equal(fixture_stat(&opened, STAT_PACKETS_L4), 64);
	}
}

/* ---- affinity -------------------------------------------------------------------------------- */

static void affinity__flows_of_a_source_stay_with_its_backend(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, PORT_CLIENT, PACKET_SYN);
		struct packet packet, wanted;

		begin(v6, (struct frontend){ .flags = FRONTEND_F_AFFINITY, .affinity_s = 60 });
		client_sends(v6, PORT_CLIENT, PACKET_SYN);
		fixture_ring_set(&opened, UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0),
				 v6 ? BACKEND_OTHER6 : BACKEND_OTHER);
		spec.sport = PORT_CLIENT + 1;
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), XDP_PASS);
		spec.dst = ROLE(v6, POD_IP);
		spec.dport = PORT_POD;
		packet_build(&spec, &wanted);
		assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
		assert_int_equal(fixture_stat(&opened, STAT_AFFINITY_HITS), 1);
		/* A backend that is gone keeps nobody. */
		fixture_backend_set(&opened, v6 ? BACKEND_POD6 : BACKEND_POD, ROLE(v6, POD_IP),
				    UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0), BACKEND_DOWN, 1);
		spec = from_client(v6, PORT_CLIENT + 2, PACKET_SYN);
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), XDP_PASS);
		spec.dst = ROLE(v6, OTHER_POD_IP);
		spec.dport = PORT_POD;
		packet_build(&spec, &wanted);
		assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	}
}

/* ---- two frontends, one pod, one client port ------------------------------------------------- */

/* Sends a reply of the pod to @to_port; returns the source port that the client sees. */
static uint16_t reply_sport(int v6, uint16_t to_port, uint16_t client_port)
{
	struct packet_spec spec = { .src = ROLE(v6, POD_IP),
				    .dst = ROLE(v6, CLIENT_IP),
				    .sport = PORT_POD,
				    .dport = to_port,
				    .tcp_flags = PACKET_ACK,
				    .payload_bytes = 30 };
	struct packet packet, wanted;
	uint16_t sport;

	packet_build(&spec, &packet);
	fixture_run(bpf_program__fd(opened.skel->progs.tc_egress), &packet);
	sport = (uint16_t)(packet.bytes[packet.l4_off] << 8 | packet.bytes[packet.l4_off + 1]);
	spec.src = ROLE(v6, FRONTEND_IP);
	spec.sport = sport;
	spec.dport = client_port;
	packet_build(&spec, &wanted);
	assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	return sport;
}

static void flow__two_frontends_of_a_pod_keep_flows_of_one_client_port_apart(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, PORT_CLIENT, PACKET_SYN);
		struct packet packet;
		uint16_t other;

		begin(v6, (struct frontend){});
		client_sends(v6, PORT_CLIENT, PACKET_SYN);
		spec.dport = PORT_OTHER;
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), XDP_PASS);
		other = (uint16_t)(packet.bytes[packet.l4_off] << 8 |
				   packet.bytes[packet.l4_off + 1]);
		assert_in_range(other, PORT_SNAT_MIN, PORT_SNAT_MAX);
		assert_int_equal(fixture_stat(&opened, STAT_FLOWS_COLLIDED), 1);
		assert_int_equal(reply_sport(v6, PORT_CLIENT, PORT_CLIENT), PORT_L4);
		assert_int_equal(reply_sport(v6, other, PORT_CLIENT), PORT_OTHER);
	}
}

/* ---- fragments ------------------------------------------------------------------------------- */

/* The first fragment of a UDP datagram, or a later one without its header; IPv4. */
static struct packet fragment_build(const char *dst, uint16_t dport, bool first)
{
	struct packet_spec spec = { .src = CLIENT_IP,
				    .dst = dst,
				    .proto = IPPROTO_UDP,
				    .sport = PORT_CLIENT,
				    .dport = dport,
				    .payload_bytes = 64,
				    .frag = first ? 0x2000 : 9,
				    .udp_length_error = 1000 };
	struct packet packet;

	packet_build(&spec, &packet);
	if (!first)
		memset(packet.bytes + packet.l4_off, 0xa5, 72);
	return packet;
}

static void fragment__later_ones_follow_the_first(void **state)
{
	struct packet packet, wanted;

	(void)state;
	begin(0, (struct frontend){});
	packet = fragment_build(FRONTEND_IP, PORT_L4, false);
	assert_int_equal(run(&packet), XDP_DROP);
	assert_int_equal(fixture_drop(&opened, DROP_FRAGMENT), 1);

	packet = fragment_build(FRONTEND_IP, PORT_L4, true);
	wanted = fragment_build(POD_IP, PORT_POD, true);
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, wanted.bytes, packet.l4_off + 6);
	assert_memory_equal(packet.bytes + packet.l4_off + 8, wanted.bytes + packet.l4_off + 8, 64);

	packet = fragment_build(FRONTEND_IP, PORT_L4, false);
	wanted = fragment_build(POD_IP, PORT_POD, false);
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	assert_int_equal(fixture_stat(&opened, STAT_PACKETS_FRAGMENT), 1);
}

/* As fragment_build(), for IPv6: a fragment header before this piece of the datagram. */
static struct packet fragment6_build(const char *dst, uint16_t dport, bool first)
{
	static const uint8_t header[8] = { IPPROTO_UDP, 0, 0, 1, 0xab, 0xcd, 0xef, 1 };
	struct packet_spec spec = { .src = CLIENT_IP6,
				    .dst = dst,
				    .proto = IPPROTO_UDP,
				    .sport = PORT_CLIENT,
				    .dport = dport,
				    .payload_bytes = 64,
				    .udp_length_error = 1000 };
	struct packet packet;
	uint8_t *ip;

	packet_build(&spec, &packet);
	ip = packet.bytes + packet.l3_off;
	memmove(ip + 48, ip + 40, packet.length - packet.l3_off - 40);
	memcpy(ip + 40, header, sizeof(header));
	ip[6] = 44;
	ip[5] = (uint8_t)(ip[5] + 8);
	packet.length += 8;
	packet.l4_off += 8;
	if (!first) {
		ip[43] = 72; /* the offset, and the last one */
		memset(packet.bytes + packet.l4_off, 0xa5, 72);
	}
	return packet;
}

static void fragment__later_ones_follow_the_first_in_ipv6(void **state)
{
	struct packet packet, wanted;

	(void)state;
	begin(1, (struct frontend){});
	packet = fragment6_build(FRONTEND_IP6, PORT_L4, false);
	assert_int_equal(run(&packet), XDP_DROP);
	assert_int_equal(fixture_drop(&opened, DROP_FRAGMENT), 1);

	packet = fragment6_build(FRONTEND_IP6, PORT_L4, true);
	wanted = fragment6_build(POD_IP6, PORT_POD, true);
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, wanted.bytes, packet.l4_off + 6);
	assert_memory_equal(packet.bytes + packet.l4_off + 8, wanted.bytes + packet.l4_off + 8, 64);

	packet = fragment6_build(FRONTEND_IP6, PORT_L4, false);
	wanted = fragment6_build(POD_IP6, PORT_POD, false);
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, wanted.bytes, wanted.length);
	assert_int_equal(fixture_stat(&opened, STAT_PACKETS_FRAGMENT), 1);
}

static void fragment__those_of_a_stranger_pass_untouched(void **state)
{
	struct packet packet = fragment_build(STRANGER_IP, PORT_L4, false), before = packet;

	(void)state;
	begin(0, (struct frontend){});
	assert_int_equal(run(&packet), XDP_PASS);
	assert_memory_equal(packet.bytes, before.bytes, before.length);
}

/* ---- records of drops ------------------------------------------------------------------------ */

static int take_event(void *ctx, void *data, size_t bytes)
{
	struct drop_event *events = ctx;

	assert_int_equal(bytes, sizeof(*events));
	if (events[0].kind)
		events++;
	memcpy(events, data, sizeof(*events));
	return 0;
}

static void event__the_first_drop_of_a_reason_leaves_a_record(void **state)
{
	struct drop_event events[2] = {};
	struct ring_buffer *ring;
	struct packet_spec spec = from_client(0, PORT_CLIENT, PACKET_SYN);
	struct packet packet, sent;
	uint64_t zero = 0;
	uint32_t reason = DROP_UNKNOWN_PORT;

	(void)state;
	begin(0, (struct frontend){});
	ring = ring_buffer__new(fixture_map(&opened, "events"), take_event, events, NULL);
	assert_non_null(ring);
	ring_buffer__consume(ring); /* what other tests left */
	memset(events, 0, sizeof(events));
	map_set("event_marks", &reason, &zero);
	spec.dport = PORT_UNKNOWN;
	packet_build(&spec, &packet);
	sent = packet;
	assert_int_equal(run(&packet), XDP_DROP);
	assert_true(ring_buffer__consume(ring) >= 1);
	assert_int_equal(events[0].kind, EVENT_DROP);
	assert_int_equal(events[0].reason, DROP_UNKNOWN_PORT);
	assert_int_equal(events[0].packet_bytes, sent.length);
	assert_int_equal(events[0].l3_off_bytes, 14);
	assert_memory_equal(events[0].head, sent.bytes, 34);
	ring_buffer__free(ring);
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
		cmocka_unit_test(protect__a_denied_source_is_dropped_also_in_a_flow_that_is_known),
#ifndef FIXTURE_TC
		cmocka_unit_test(flow__a_known_one_sees_that_its_frontend_has_changed),
#endif
		cmocka_unit_test(protect__only_sources_in_the_ranges_begin_a_flow),
		cmocka_unit_test(protect__a_source_begins_no_more_flows_than_its_rate),
		cmocka_unit_test(flow__above_the_limit_packets_go_by_hash_and_are_counted),
		cmocka_unit_test(affinity__flows_of_a_source_stay_with_its_backend),
		cmocka_unit_test(flow__two_frontends_of_a_pod_keep_flows_of_one_client_port_apart),
		cmocka_unit_test(fragment__later_ones_follow_the_first),
		cmocka_unit_test(fragment__later_ones_follow_the_first_in_ipv6),
		cmocka_unit_test(fragment__those_of_a_stranger_pass_untouched),
		cmocka_unit_test(event__the_first_drop_of_a_reason_leaves_a_record),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
