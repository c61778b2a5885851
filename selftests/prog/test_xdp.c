// SPDX-License-Identifier: Apache-2.0
/* xdp_ingress and tc_egress on single packets: verdict, bytes and counters, IPv4 and IPv6. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "prog/fixture.h"

enum subject { NOBODY, FRONTEND, NODE, STRANGER };

/* A packet of the client, and what has to become of it. */
static const struct row {
	const char *name;
	enum subject to;
	struct packet_spec spec; /* src, dst and sport are filled in */
	uint32_t verdict;
	bool rewritten; /* to the pod; else the bytes stay as they are */
	enum sluice_drop drop;
} rows[] = {
	{ "a stranger's TCP", STRANGER, { .dport = PORT_L4 }, XDP_PASS, false, DROP_NONE },
	{ "a stranger's UDP",
	  STRANGER,
	  { .proto = IPPROTO_UDP, .dport = PORT_L4 },
	  XDP_PASS,
	  false,
	  DROP_NONE },
	{ "a stranger's ICMP",
	  STRANGER,
	  { .proto = IPPROTO_ICMP, .payload_bytes = 8 },
	  XDP_PASS,
	  false,
	  DROP_NONE },
	{ "a stranger's packet cut short",
	  STRANGER,
	  { .dport = PORT_L4, .cut_bytes = 10 },
	  XDP_PASS,
	  false,
	  DROP_NONE },
	{ "http to a frontend",
	  FRONTEND,
	  { .dport = PORT_HTTP, .tcp_flags = PACKET_SYN },
	  XDP_PASS,
	  false,
	  DROP_NONE },
	{ "http to the node",
	  NODE,
	  { .dport = PORT_HTTP, .tcp_flags = PACKET_SYN },
	  XDP_PASS,
	  false,
	  DROP_NONE },
	{ "another port of the node", NODE, { .dport = PORT_UNKNOWN }, XDP_PASS, false, DROP_NONE },
	{ "another port of a frontend",
	  FRONTEND,
	  { .dport = PORT_UNKNOWN },
	  XDP_DROP,
	  false,
	  DROP_UNKNOWN_PORT },
	{ "TCP SYN",
	  FRONTEND,
	  { .dport = PORT_L4, .tcp_flags = PACKET_SYN },
	  XDP_PASS,
	  true,
	  DROP_NONE },
	{ "TCP data",
	  FRONTEND,
	  { .dport = PORT_L4, .tcp_flags = PACKET_ACK, .payload_bytes = 101, .tos = 0x28 },
	  XDP_PASS,
	  true,
	  DROP_NONE },
	{ "UDP",
	  FRONTEND,
	  { .proto = IPPROTO_UDP, .dport = PORT_L4, .payload_bytes = 33 },
	  XDP_PASS,
	  true,
	  DROP_NONE },
	{ "TCP behind options",
	  FRONTEND,
	  { .dport = PORT_L4, .tcp_flags = PACKET_SYN, .ip_options = 8 },
	  XDP_PASS,
	  true,
	  DROP_NONE },
	{ "TCP in a VLAN",
	  FRONTEND,
	  { .dport = PORT_L4, .tcp_flags = PACKET_SYN, .vlan_tags = 1 },
	  XDP_PASS,
	  true,
	  DROP_NONE },
	{ "TCP in two VLANs",
	  FRONTEND,
	  { .dport = PORT_L4, .tcp_flags = PACKET_SYN, .vlan_tags = 2 },
	  XDP_PASS,
	  true,
	  DROP_NONE },
	{ "no backend",
	  FRONTEND,
	  { .dport = PORT_EMPTY, .tcp_flags = PACKET_SYN },
	  XDP_DROP,
	  false,
	  DROP_NO_BACKEND },
	{ "a ring of nothing",
	  FRONTEND,
	  { .dport = PORT_BAD_RING, .tcp_flags = PACKET_SYN },
	  XDP_DROP,
	  false,
	  DROP_BAD_RING },
};

static const char *address_of(enum subject subject, int v6)
{
	if (subject == FRONTEND)
		return ROLE(v6, FRONTEND_IP);
	return subject == NODE ? ROLE(v6, NODE_IP) : ROLE(v6, STRANGER_IP);
}

static struct packet_spec spec_of(const struct row *row, int v6)
{
	struct packet_spec spec = row->spec;

	spec.src = ROLE(v6, CLIENT_IP);
	spec.dst = address_of(row->to, v6);
	spec.sport = PORT_CLIENT;
	return spec;
}

static void assert_same(const struct packet *got, const struct packet *wanted)
{
	assert_int_equal(got->length, wanted->length);
	assert_memory_equal(got->bytes, wanted->bytes, wanted->length);
}

/* Packets enough that the flow has an entry which needs no second look. */
static void settle(struct fixture *fixture, const struct packet_spec *spec)
{
	static const uint8_t flags[] = { PACKET_SYN, PACKET_ACK, PACKET_ACK };

	for (size_t i = 0; i < sizeof(flags); i++) {
		struct packet_spec plain = {
			.src = spec->src,
			.dst = spec->dst,
			.proto = spec->proto,
			.sport = spec->sport,
			.dport = spec->dport,
			.tcp_flags = flags[i],
		};
		struct packet packet;

		packet_build(&plain, &packet);
		fixture_run_xdp(fixture, &packet);
	}
}

static void check_row(struct fixture *fixture, const struct row *row, int v6, bool settled)
{
	struct packet_spec spec = spec_of(row, v6);
	uint64_t drops, drops_so, forwarded;
	struct packet packet, wanted;

	print_message("%s, IPv%d%s\n", row->name, v6 ? 6 : 4, settled ? ", a known flow" : "");
	fixture_reset(fixture);
	if (settled)
		settle(fixture, &spec);
	drops = fixture_drops(fixture);
	drops_so = fixture_drop(fixture, row->drop);
	forwarded = fixture_stat(fixture, STAT_PACKETS_L4);
	packet_build(&spec, &packet);
	if (row->rewritten) {
		spec.dst = ROLE(v6, POD_IP);
		spec.dport = PORT_POD;
	}
	packet_build(&spec, &wanted);
	assert_int_equal(fixture_run_xdp(fixture, &packet), row->verdict);
	assert_same(&packet, &wanted);
	assert_int_equal(fixture_drops(fixture) - drops, row->drop ? 1 : 0);
	if (row->drop)
		assert_int_equal(fixture_drop(fixture, row->drop) - drops_so, 1);
	assert_int_equal(fixture_stat(fixture, STAT_PACKETS_L4) - forwarded,
			 row->rewritten ? 1 : 0);
}

static void xdp__does_to_each_packet_what_the_table_says(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			check_row(*state, &rows[i], v6, false);
			check_row(*state, &rows[i], v6, true);
		}
	}
}

/* Sends one TCP packet of the client's flow; returns the pod that it went to. */
static const char *pod_of(struct fixture *fixture, int v6, uint8_t tcp_flags)
{
	static const char *const pods[2][2] = { { POD_IP, OTHER_POD_IP },
						{ POD_IP6, OTHER_POD_IP6 } };
	struct packet_spec spec = {
		.src = ROLE(v6, CLIENT_IP),
		.dst = ROLE(v6, FRONTEND_IP),
		.sport = PORT_CLIENT,
		.dport = PORT_L4,
		.tcp_flags = tcp_flags,
	};
	struct packet packet, wanted;

	packet_build(&spec, &packet);
	assert_int_equal(fixture_run_xdp(fixture, &packet), XDP_PASS);
	spec.dport = PORT_POD;
	for (int i = 0; i < 2; i++) {
		spec.dst = pods[v6][i];
		packet_build(&spec, &wanted);
		if (memcmp(packet.bytes, wanted.bytes, wanted.length) == 0)
			return spec.dst;
	}
	return "neither pod";
}

static void swing_ring(struct fixture *fixture, int v6)
{
	fixture_ring_set(fixture, UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0),
			 v6 ? BACKEND_OTHER6 : BACKEND_OTHER);
}

static void xdp__a_flow_keeps_its_backend_when_the_ring_changes(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		fixture_reset(*state);
		assert_string_equal(pod_of(*state, v6, PACKET_SYN), ROLE(v6, POD_IP));
		swing_ring(*state, v6);
		assert_string_equal(pod_of(*state, v6, PACKET_ACK), ROLE(v6, POD_IP));
	}
}

static void xdp__a_syn_never_trusts_an_old_flow(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		fixture_reset(*state);
		pod_of(*state, v6, PACKET_SYN);
		swing_ring(*state, v6);
		assert_string_equal(pod_of(*state, v6, PACKET_SYN), ROLE(v6, OTHER_POD_IP));
	}
}

static void backend_change(struct fixture *fixture, int v6, uint8_t backend_state,
			   uint32_t generation)
{
	fixture_reset(fixture);
	pod_of(fixture, v6, PACKET_SYN);
	swing_ring(fixture, v6);
	fixture_backend_set(fixture, v6 ? BACKEND_POD6 : BACKEND_POD, ROLE(v6, POD_IP),
			    UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0), backend_state, generation);
}

static void xdp__a_flow_stays_on_a_draining_backend(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		backend_change(*state, v6, BACKEND_DRAINING, 1);
		assert_string_equal(pod_of(*state, v6, PACKET_ACK), ROLE(v6, POD_IP));
	}
}

static void reply_is_undone(struct fixture *fixture, int v6, uint8_t proto)
{
	struct packet_spec spec = {
		.src = ROLE(v6, CLIENT_IP),
		.dst = ROLE(v6, FRONTEND_IP),
		.proto = proto,
		.sport = PORT_CLIENT,
		.dport = PORT_L4,
		.tcp_flags = PACKET_SYN,
		.payload_bytes = 40,
	};
	struct packet packet, wanted;

	packet_build(&spec, &packet);
	fixture_run_xdp(fixture, &packet);
	spec = (struct packet_spec){ .src = ROLE(v6, POD_IP),
				     .dst = ROLE(v6, CLIENT_IP),
				     .proto = proto,
				     .sport = PORT_POD,
				     .dport = PORT_CLIENT,
				     .tcp_flags = PACKET_SYN | PACKET_ACK,
				     .payload_bytes = 57 };
	packet_build(&spec, &packet);
	fixture_run(bpf_program__fd(fixture->skel->progs.tc_egress), &packet);
	spec.src = ROLE(v6, FRONTEND_IP);
	spec.sport = PORT_L4;
	packet_build(&spec, &wanted);
	assert_same(&packet, &wanted);
}

static void tc__a_reply_gets_the_address_of_the_frontend(void **state)
{
	fixture_reset(*state);
	for (int v6 = 0; v6 < 2; v6++) {
		reply_is_undone(*state, v6, IPPROTO_TCP);
		reply_is_undone(*state, v6, IPPROTO_UDP);
	}
	assert_int_equal(fixture_stat(*state, STAT_PACKETS_REPLY), 4);
}

static void tc__what_is_no_reply_stays_as_it_is(void **state)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = { .src = ROLE(v6, POD_IP),
					    .dst = ROLE(v6, STRANGER_IP),
					    .sport = PORT_POD,
					    .dport = PORT_CLIENT,
					    .payload_bytes = 10 };
		struct fixture *fixture = *state;
		struct packet packet, wanted;

		fixture_reset(fixture);
		packet_build(&spec, &packet);
		wanted = packet;
		fixture_run(bpf_program__fd(fixture->skel->progs.tc_egress), &packet);
		assert_same(&packet, &wanted);
	}
}

static struct fixture opened;

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
		cmocka_unit_test(xdp__does_to_each_packet_what_the_table_says),
		cmocka_unit_test(xdp__a_flow_keeps_its_backend_when_the_ring_changes),
		cmocka_unit_test(xdp__a_syn_never_trusts_an_old_flow),
		cmocka_unit_test(xdp__a_flow_stays_on_a_draining_backend),
		cmocka_unit_test(tc__a_reply_gets_the_address_of_the_frontend),
		cmocka_unit_test(tc__what_is_no_reply_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
