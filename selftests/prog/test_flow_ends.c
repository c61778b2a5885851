// SPDX-License-Identifier: Apache-2.0
/*
 * When a flow is over, and that its source port is free then; IPv4 and IPv6.
 *
 * Time passes by making the entries older. No packet is sent on: this host has no route to the
 * pods, so a packet with a source port ends as no_route, and one without as snat_ports.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "prog/fixture.h"
#include "sluice_flow.h"

#define PORT_MIN 61000 /* of source ports */
#define SECOND   1000000000ull
#define KEYS_MAX 65536 /* of the flows that a test makes */

static struct fixture opened;

static struct inet_addr address(const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return addr;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Pods are reached as @flags of a backend say, with @ports source ports. */
static void begin(int v6, uint8_t flags, uint16_t ports)
{
	struct inet_addr own4 = address(NODE_IP), own6 = address(NODE_IP6);
	struct node_config config = {
		.addr4 = inet_addr_v4(&own4),
		.flags = NODE_F_SNAT4 | NODE_F_SNAT6,
		.source_port_min = PORT_MIN,
		.source_port_max = (uint16_t)(PORT_MIN + ports - 1),
	};
	uint32_t zero = 0, id = v6 ? BACKEND_POD6 : BACKEND_POD;
	struct backend backend;

	fixture_reset(&opened);
	fixture_filter_set(&opened, ROLE(v6, NODE_IP));
	memcpy(config.addr6, own6.bytes, sizeof(config.addr6));
	assert_int_equal(
		bpf_map_update_elem(fixture_map(&opened, "node_config"), &zero, &config, BPF_ANY),
		0);
	assert_int_equal(bpf_map_lookup_elem(fixture_map(&opened, "backends"), &id, &backend), 0);
	backend.flags = flags;
	assert_int_equal(
		bpf_map_update_elem(fixture_map(&opened, "backends"), &id, &backend, BPF_ANY), 0);
}

static void client_sends(int v6, uint8_t proto, uint16_t sport, uint8_t tcp_flags)
{
	struct packet_spec spec = { .src = ROLE(v6, CLIENT_IP),
				    .dst = ROLE(v6, FRONTEND_IP),
				    .proto = proto,
				    .sport = sport,
				    .dport = PORT_L4,
				    .tcp_flags = tcp_flags };
	struct packet packet;

	packet_build(&spec, &packet);
	fixture_run_xdp(&opened, &packet);
}

/* A reply of the pod to the node's @port. */
static void pod_sends(int v6, uint8_t proto, uint16_t port, uint8_t tcp_flags)
{
	struct packet_spec spec = { .src = ROLE(v6, POD_IP),
				    .dst = ROLE(v6, NODE_IP),
				    .proto = proto,
				    .sport = PORT_POD,
				    .dport = port,
				    .tcp_flags = tcp_flags };
	struct packet packet;

	packet_build(&spec, &packet);
	fixture_run_xdp(&opened, &packet);
}

/* All keys of a map are read first: an update puts its entry before the others of its bucket, so an
 * update within the walk can make it endless. Return: how many; at most KEYS_MAX. */
static size_t read_keys(int fd, uint8_t keys[][sizeof(struct flow6_key)])
{
	size_t count = 0;

	while (count < KEYS_MAX &&
	       bpf_map_get_next_key(fd, count ? keys[count - 1] : NULL, keys[count]) == 0)
		count++;
	assert_true(count < KEYS_MAX);
	return count;
}

/* @seconds pass for all flows of a family. */
static void age(int v6, uint64_t seconds)
{
	static const char *const names[] = { "flows4", "nat4", "flows6", "nat6" };
	static uint8_t keys[KEYS_MAX][sizeof(struct flow6_key)];

	for (int i = 0; i < 2; i++) {
		int fd = fixture_map(&opened, names[2 * v6 + i]);
		uint8_t value[sizeof(struct nat6)];
		size_t count = read_keys(fd, keys);
		uint64_t seen_ns;

		/* Both begin with .last_seen_ns. */
		for (size_t n = 0; n < count; n++) {
			assert_int_equal(bpf_map_lookup_elem(fd, keys[n], value), 0);
			memcpy(&seen_ns, value, sizeof(seen_ns));
			seen_ns -= seconds * SECOND;
			memcpy(value, &seen_ns, sizeof(seen_ns));
			assert_int_equal(bpf_map_update_elem(fd, keys[n], value, BPF_EXIST), 0);
		}
	}
}

/* Does a client that comes now get a port? */
static bool a_client_is_served(int v6, uint16_t sport)
{
	uint64_t before = fixture_drop(&opened, DROP_SNAT_PORTS);

	client_sends(v6, IPPROTO_TCP, sport, PACKET_SYN);
	return fixture_drop(&opened, DROP_SNAT_PORTS) == before;
}

/* ---- the one port there is ------------------------------------------------------------------- */

enum { CLIENT = 0, POD = 1 };

static const struct life {
	const char *name;
	uint8_t proto;
	struct {
		int by;
		uint8_t tcp_flags;
	} packets[6];
	size_t packets_count;
	uint64_t held_s, free_s;
} lives[] = {
	{ "a SYN that nobody answers", IPPROTO_TCP, { { CLIENT, PACKET_SYN } }, 1, 58, 61 },
	{ "a SYN whose answer is not acknowledged",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN }, { POD, PACKET_SYN | PACKET_ACK } },
	  2,
	  58,
	  61 },
	{ "an ACK that nobody answers",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN }, { CLIENT, PACKET_ACK } },
	  2,
	  58,
	  61 },
	{ "a connection that the pod refuses",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN }, { POD, PACKET_RST | PACKET_ACK } },
	  2,
	  8,
	  11 },
	{ "an established connection",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN }, { POD, PACKET_SYN | PACKET_ACK }, { CLIENT, PACKET_ACK } },
	  3,
	  7438,
	  7441 },
	{ "one that the client has closed",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN },
	    { POD, PACKET_SYN | PACKET_ACK },
	    { CLIENT, PACKET_ACK },
	    { CLIENT, PACKET_FIN | PACKET_ACK } },
	  4,
	  238,
	  241 },
	{ "one that the pod has closed",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN },
	    { POD, PACKET_SYN | PACKET_ACK },
	    { CLIENT, PACKET_ACK },
	    { POD, PACKET_FIN | PACKET_ACK } },
	  4,
	  238,
	  241 },
	{ "one that both have closed: TIME_WAIT",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN },
	    { POD, PACKET_SYN | PACKET_ACK },
	    { CLIENT, PACKET_ACK },
	    { POD, PACKET_FIN | PACKET_ACK },
	    { CLIENT, PACKET_FIN | PACKET_ACK },
	    { POD, PACKET_ACK } },
	  6,
	  118,
	  121 },
	{ "one that goes on after a reset that was not the client's",
	  IPPROTO_TCP,
	  { { CLIENT, PACKET_SYN },
	    { POD, PACKET_SYN | PACKET_ACK },
	    { CLIENT, PACKET_ACK },
	    { CLIENT, PACKET_RST },
	    { POD, PACKET_ACK } },
	  5,
	  7438,
	  7441 },
	{ "a datagram that nobody answers", IPPROTO_UDP, { { CLIENT, 0 } }, 1, 58, 61 },
	{ "a datagram that is answered", IPPROTO_UDP, { { CLIENT, 0 }, { POD, 0 } }, 2, 178, 181 },
};

static void flow__holds_its_source_port_until_it_is_over(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
			const struct life *life = &lives[i];

			print_message("IPv%d: %s\n", v6 ? 6 : 4, life->name);
			begin(v6, 0, 1);
			for (size_t j = 0; j < life->packets_count; j++) {
				if (life->packets[j].by == CLIENT)
					client_sends(v6, life->proto, PORT_CLIENT,
						     life->packets[j].tcp_flags);
				else
					pod_sends(v6, life->proto, PORT_MIN,
						  life->packets[j].tcp_flags);
			}
			assert_int_equal(fixture_drop(&opened, DROP_SNAT_PORTS), 0);
			age(v6, life->held_s);
			/* Ports are taken by protocol. */
			if (life->proto == IPPROTO_UDP) {
				client_sends(v6, IPPROTO_UDP, PORT_CLIENT + 1, 0);
				assert_int_equal(fixture_drop(&opened, DROP_SNAT_PORTS), 1);
				age(v6, life->free_s - life->held_s);
				client_sends(v6, IPPROTO_UDP, PORT_CLIENT + 1, 0);
				assert_int_equal(fixture_drop(&opened, DROP_SNAT_PORTS), 1);
				continue;
			}
			assert_false(a_client_is_served(v6, PORT_CLIENT + 1));
			age(v6, life->free_s - life->held_s);
			assert_true(a_client_is_served(v6, PORT_CLIENT + 1));
		}
	}
}

/* Packets of one direction keep both entries of a flow young. */
static void flow__is_kept_by_packets_of_either_side(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (int by = CLIENT; by <= POD; by++) {
			begin(v6, 0, 1);
			client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_SYN);
			pod_sends(v6, IPPROTO_TCP, PORT_MIN, PACKET_SYN | PACKET_ACK);
			client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_ACK);
			age(v6, 7000);
			if (by == POD)
				pod_sends(v6, IPPROTO_TCP, PORT_MIN, PACKET_ACK);
			else
				client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_ACK);
			age(v6, 7000);
			assert_false(a_client_is_served(v6, PORT_CLIENT + 1));
		}
	}
}

/* ---- many ports ------------------------------------------------------------------------------ */

static void port__those_of_a_flood_of_syns_are_free_again_a_minute_later(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		begin(v6, 0, 100);
		for (uint16_t i = 0; i < 2000; i++)
			client_sends(v6, IPPROTO_TCP, (uint16_t)(10000 + i), PACKET_SYN);
		assert_true(fixture_drop(&opened, DROP_SNAT_PORTS) > 1800);
		age(v6, 61);
		for (uint16_t i = 0; i < 50; i++)
			assert_true(a_client_is_served(v6, (uint16_t)(20000 + i)));
	}
}

/* A reverse entry for a port of the range, as an established connection has it. */
static void port_fill(int v6, uint16_t port, bool taken)
{
	struct inet_addr pod = address(ROLE(v6, POD_IP)), node = address(ROLE(v6, NODE_IP));
	struct flow4_key key4 = { .saddr = inet_addr_v4(&pod),
				  .daddr = inet_addr_v4(&node),
				  .sport = htons(PORT_POD),
				  .dport = htons(port),
				  .proto = IPPROTO_TCP };
	struct flow6_key key6 = { .sport = htons(PORT_POD),
				  .dport = htons(port),
				  .proto = IPPROTO_TCP };
	struct nat4 nat4 = { .last_seen_ns = now_ns(),
			     .client_port = htons(port),
			     .state = FLOW_ESTABLISHED,
			     .flags = FLOW_F_REPLIED };
	struct nat6 nat6 = { .last_seen_ns = now_ns(),
			     .client_port = htons(port),
			     .state = FLOW_ESTABLISHED,
			     .flags = FLOW_F_REPLIED };
	int fd = fixture_map(&opened, v6 ? "nat6" : "nat4");
	const void *key = v6 ? (void *)&key6 : &key4, *nat = v6 ? (void *)&nat6 : &nat4;

	memcpy(key6.saddr, pod.bytes, sizeof(key6.saddr));
	memcpy(key6.daddr, node.bytes, sizeof(key6.daddr));
	if (taken)
		assert_int_equal(bpf_map_update_elem(fd, key, nat, BPF_ANY), 0);
	else
		bpf_map_delete_elem(fd, key);
}

static uint16_t source_port_of(int v6, uint16_t sport)
{
	struct inet_addr client = address(ROLE(v6, CLIENT_IP)),
			 frontend = address(ROLE(v6, FRONTEND_IP));
	struct flow4_key key4 = { .saddr = inet_addr_v4(&client),
				  .daddr = inet_addr_v4(&frontend),
				  .sport = htons(sport),
				  .dport = htons(PORT_L4),
				  .proto = IPPROTO_TCP };
	struct flow6_key key6 = { .sport = htons(sport),
				  .dport = htons(PORT_L4),
				  .proto = IPPROTO_TCP };
	struct flow flow;

	memcpy(key6.saddr, client.bytes, sizeof(key6.saddr));
	memcpy(key6.daddr, frontend.bytes, sizeof(key6.daddr));
	assert_int_equal(bpf_map_lookup_elem(fixture_map(&opened, v6 ? "flows6" : "flows4"),
					     v6 ? (void *)&key6 : &key4, &flow),
			 0);
	return ntohs(flow.source_port);
}

static void port__one_is_found_in_a_range_of_which_95_of_100_are_taken(void **state)
{
	enum { PORTS = 2000, FREE = PORTS / 20 };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		begin(v6, 0, PORTS);
		/* Those that are free lie side by side, as far from most as can be. */
		for (uint16_t i = FREE; i < PORTS; i++)
			port_fill(v6, (uint16_t)(PORT_MIN + i), true);
		for (uint16_t i = 0; i < 1000; i++) {
			assert_true(a_client_is_served(v6, (uint16_t)(10000 + i)));
			port_fill(v6, source_port_of(v6, (uint16_t)(10000 + i)), false);
		}
	}
}

static void port__a_flow_gets_one_when_its_pod_is_reached_by_source_nat_at_last(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t id = v6 ? BACKEND_POD6 : BACKEND_POD;
		struct backend backend;

		begin(v6, BACKEND_F_DSR, 100);
		client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_SYN);
		client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_ACK);
		assert_int_equal(source_port_of(v6, PORT_CLIENT), 0);
		assert_int_equal(
			bpf_map_lookup_elem(fixture_map(&opened, "backends"), &id, &backend), 0);
		backend.flags = 0;
		assert_int_equal(bpf_map_update_elem(fixture_map(&opened, "backends"), &id,
						     &backend, BPF_ANY),
				 0);
		client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_ACK);
		assert_in_range(source_port_of(v6, PORT_CLIENT), PORT_MIN, PORT_MIN + 99);
	}
}

/* ---- what is no reply any more --------------------------------------------------------------- */

/* Does tc_egress take a packet of the pod to the client for a reply? */
static bool pod_speaks_for_the_frontend(int v6)
{
	struct packet_spec spec = { .src = ROLE(v6, POD_IP),
				    .dst = ROLE(v6, CLIENT_IP),
				    .sport = PORT_POD,
				    .dport = PORT_CLIENT,
				    .tcp_flags = PACKET_ACK };
	struct packet packet, before;

	packet_build(&spec, &packet);
	before = packet;
	fixture_run(bpf_program__fd(opened.skel->progs.tc_egress), &packet);
	return memcmp(packet.bytes, before.bytes, before.length) != 0;
}

static void establish_local(int v6)
{
	begin(v6, BACKEND_F_LOCAL, 100);
	client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_SYN);
	client_sends(v6, IPPROTO_TCP, PORT_CLIENT, PACKET_ACK);
	assert_true(pod_speaks_for_the_frontend(v6));
}

static void reply__of_a_flow_that_is_over_is_the_pod_s_own(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		establish_local(v6);
		age(v6, 7400);
		assert_true(pod_speaks_for_the_frontend(v6));
		age(v6, 7441);
		assert_false(pod_speaks_for_the_frontend(v6));
	}
}

static void reply__of_another_pod_with_the_same_address_is_its_own(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t id = v6 ? BACKEND_POD6 : BACKEND_POD;

		establish_local(v6);
		fixture_backend_set(&opened, id, ROLE(v6, POD_IP), UPSTREAM_L4, BACKEND_DOWN, 1);
		assert_false(pod_speaks_for_the_frontend(v6));
		establish_local(v6);
		fixture_backend_set(&opened, id, ROLE(v6, POD_IP), UPSTREAM_L4, BACKEND_ACTIVE, 2);
		assert_false(pod_speaks_for_the_frontend(v6));
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
		cmocka_unit_test(flow__holds_its_source_port_until_it_is_over),
		cmocka_unit_test(flow__is_kept_by_packets_of_either_side),
		cmocka_unit_test(port__those_of_a_flood_of_syns_are_free_again_a_minute_later),
		cmocka_unit_test(port__one_is_found_in_a_range_of_which_95_of_100_are_taken),
		cmocka_unit_test(
			port__a_flow_gets_one_when_its_pod_is_reached_by_source_nat_at_last),
		cmocka_unit_test(reply__of_a_flow_that_is_over_is_the_pod_s_own),
		cmocka_unit_test(reply__of_another_pod_with_the_same_address_is_its_own),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
