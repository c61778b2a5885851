// SPDX-License-Identifier: Apache-2.0
/*
 * Packets to pods of other nodes, ICMP and fragments: xdp_ingress in a network namespace with a
 * route, a neighbour and a port that XDP can send on.
 *
 * size: all rows share that network and what builds and reads their packets
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "prog/fixture.h"

#define REMOTE_NODE_IP  "198.51.100.2"
#define REMOTE_NODE_IP6 "2001:db8:2::2"
#define ROUTER_IP       "198.51.100.254"
#define ROUTER_IP6      "2001:db8:2::254"

#define PORT_SNAT_MIN 61000
#define PORT_SNAT_MAX 61999
#define PORT_GUE      6080

#define TC_ACT_REDIRECT 7

static const uint8_t mac_router[6] = { 2, 0, 0, 0, 0xee, 1 };
static const uint8_t mac_node[6] = { 2, 0, 0, 0, 0xee, 2 };

static struct fixture opened;

/* Without a shell: that of a small guest has an ip of its own. */
static void must_run(const char *command)
{
	char text[256], *words[24] = {}, *rest = text;
	size_t count = 0;
	int status = 1;
	pid_t pid;

	snprintf(text, sizeof(text), "%s", command);
	while (count < 23 && (words[count] = strsep(&rest, " ")))
		count++;
	pid = fork();
	if (pid == 0) {
		execvp(words[0], words);
		_exit(127);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
		return;
	fprintf(stderr, "test_remote: failed: %s\n", command);
	exit(1);
}

/* A namespace of our own, which ends with this process. */
static void network_make(void)
{
	static const char *const commands[] = {
		"ip link set lo up",
		"sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1",
		"ip link add port0 address 02:00:00:00:ee:02 type veth peer name port1",
		"ip link set port1 up",
		"ip link set port0 up mtu 1500",
		"ip addr add " NODE_IP "/24 dev port0",
		"ip addr add " NODE_IP6 "/64 dev port0 nodad",
		"ip route add default via " ROUTER_IP,
		"ip -6 route add default via " ROUTER_IP6,
		"ip route add unreachable 203.0.113.222",
		"ip -6 route add unreachable 2001:db8:dead::/64",
		"ip neigh add " ROUTER_IP " lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
		"ip -6 neigh add " ROUTER_IP6 " lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
		"ip neigh add " REMOTE_NODE_IP " lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
		"ip -6 neigh add " REMOTE_NODE_IP6
		" lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
	};

	if (unshare(CLONE_NEWNET)) {
		perror("test_remote: unshare (root is needed)");
		exit(1);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		must_run(commands[i]);
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(opened.skel->obj, name);
}

static struct inet_addr address(const char *text)
{
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(text, &addr), 0);
	return addr;
}

/* The node whose programs run now. */
static void node_set(const char *addr4, const char *addr6)
{
	struct inet_addr own4 = address(addr4), own6 = address(addr6);
	struct node_config config = {
		.addr4 = inet_addr_v4(&own4),
		.flags = NODE_F_SNAT4 | NODE_F_SNAT6 | NODE_F_TUNNELS,
		.source_port_min = PORT_SNAT_MIN,
		.source_port_max = PORT_SNAT_MAX,
		.gue_port = htons(PORT_GUE),
	};
	uint32_t key = 0;

	memcpy(config.addr6, own6.bytes, sizeof(config.addr6));
	assert_int_equal(bpf_map_update_elem(map_fd("node_config"), &key, &config, BPF_ANY), 0);
}

/* How the pod is reached: 0, BACKEND_F_LOCAL, BACKEND_F_DSR, or that with BACKEND_F_GUE. */
static void pod_set(int v6, uint8_t flags, const char *node)
{
	uint32_t id = v6 ? BACKEND_POD6 : BACKEND_POD;
	struct backend backend;
	struct inet_addr addr = address(node);

	assert_int_equal(bpf_map_lookup_elem(map_fd("backends"), &id, &backend), 0);
	backend.flags = flags;
	memcpy(backend.node_addr, addr.bytes, sizeof(backend.node_addr));
	assert_int_equal(bpf_map_update_elem(map_fd("backends"), &id, &backend, BPF_ANY), 0);
}

static uint32_t run(struct packet *packet)
{
	return fixture_run_xdp(&opened, packet);
}

static void macs_set(struct packet *packet)
{
	memcpy(packet->bytes, mac_router, 6);
	memcpy(packet->bytes + 6, mac_node, 6);
}

/* Of a packet that is sent: in TC the stack does it, behind the program. */
static void macs_set_by_xdp(struct packet *packet)
{
	if (!FIXTURE_IS_TC)
		macs_set(packet);
}

static struct packet_spec from_client(int v6, uint8_t proto)
{
	return (struct packet_spec){ .src = ROLE(v6, CLIENT_IP),
				     .dst = ROLE(v6, FRONTEND_IP),
				     .proto = proto,
				     .sport = PORT_CLIENT,
				     .dport = PORT_L4,
				     .tcp_flags = PACKET_SYN,
				     .tos = 0x28,
				     .payload_bytes = 40 };
}

static void assert_same(const struct packet *got, const struct packet *wanted)
{
	assert_int_equal(got->length, wanted->length);
	assert_memory_equal(got->bytes, wanted->bytes, wanted->length);
}

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Ones' complement sum over @length bytes; 0xffff over what includes its own checksum. */
static uint16_t sum_of(const uint8_t *at, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* All checksums of an IP packet that carries ICMP, computed from nothing. */
static void assert_icmp_sums(const uint8_t *ip, int v6)
{
	if (v6) {
		uint16_t bytes = read16(ip + 4);

		assert_int_equal(sum_of(ip + 40, bytes, sum_of(ip + 8, 32, bytes + 58)), 0xffff);
	} else {
		assert_int_equal(sum_of(ip, 20, 0), 0xffff);
		assert_int_equal(sum_of(ip + 20, (size_t)read16(ip + 2) - 20, 0), 0xffff);
	}
}

static void begin(int v6, uint8_t flags, const char *node)
{
	fixture_reset(&opened);
	node_set(NODE_IP, NODE_IP6);
	pod_set(v6, flags, node);
}

/* TCP flags of packets of which the last one finds an entry that needs no second look. */
static const uint8_t settling[] = { PACKET_SYN, PACKET_ACK, PACKET_ACK };

static void settle(int v6)
{
	for (size_t i = 0; i < sizeof(settling); i++) {
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet;

		spec.tcp_flags = settling[i];
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), XDP_REDIRECT);
	}
}

/* ---- source NAT ------------------------------------------------------------------------------ */

static uint16_t snat_there(int v6, uint8_t proto, uint8_t tcp_flags)
{
	struct packet_spec spec = from_client(v6, proto);
	struct packet packet, wanted;
	uint16_t port;

	spec.tcp_flags = tcp_flags;
	packet_build(&spec, &packet);
	assert_int_equal(run(&packet), XDP_REDIRECT);
	port = read16(packet.bytes + packet.l4_off);
	assert_in_range(port, PORT_SNAT_MIN, PORT_SNAT_MAX);
	spec.src = ROLE(v6, NODE_IP);
	spec.sport = port;
	spec.dst = ROLE(v6, POD_IP);
	spec.dport = PORT_POD;
	spec.ttl = 63;
	packet_build(&spec, &wanted);
	macs_set_by_xdp(&wanted);
	assert_same(&packet, &wanted);
	return port;
}

static void snat_back(int v6, uint8_t proto, uint16_t port)
{
	struct packet_spec spec = { .src = ROLE(v6, POD_IP),
				    .dst = ROLE(v6, NODE_IP),
				    .proto = proto,
				    .sport = PORT_POD,
				    .dport = port,
				    .tcp_flags = PACKET_SYN | PACKET_ACK,
				    .payload_bytes = 57 };
	struct packet packet, wanted;

	packet_build(&spec, &packet);
	assert_int_equal(run(&packet), XDP_REDIRECT);
	spec.src = ROLE(v6, FRONTEND_IP);
	spec.sport = PORT_L4;
	spec.dst = ROLE(v6, CLIENT_IP);
	spec.dport = PORT_CLIENT;
	spec.ttl = 63;
	packet_build(&spec, &wanted);
	macs_set_by_xdp(&wanted);
	assert_same(&packet, &wanted);
}

static void snat__a_packet_and_its_reply_get_other_ends(void **state)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (int i = 0; i < 2; i++) {
			uint16_t port;

			begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
			port = snat_there(v6, protos[i], PACKET_SYN);
			for (size_t j = 0; j < sizeof(settling); j++)
				assert_int_equal(snat_there(v6, protos[i], settling[j]), port);
			assert_int_equal(fixture_stat(&opened, STAT_PACKETS_SNAT), 4);
			snat_back(v6, protos[i], port);
			assert_int_equal(fixture_drops(&opened), 0);
		}
	}
}

static void snat__what_is_no_reply_of_a_flow_passes_untouched(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = { .src = ROLE(v6, POD_IP),
					    .dst = ROLE(v6, NODE_IP),
					    .sport = PORT_POD,
					    .dport = PORT_SNAT_MIN,
					    .tcp_flags = PACKET_ACK };
		struct packet packet, wanted;

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		packet_build(&spec, &packet);
		wanted = packet;
		assert_int_equal(run(&packet), XDP_PASS);
		assert_same(&packet, &wanted);
	}
}

static void snat__tc_ingress_undoes_what_xdp_does_not_see(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = { .src = ROLE(v6, POD_IP),
					    .dst = ROLE(v6, NODE_IP),
					    .sport = PORT_POD,
					    .tcp_flags = PACKET_ACK,
					    .payload_bytes = 57 };
		struct packet packet, wanted;

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		spec.dport = snat_there(v6, IPPROTO_TCP, PACKET_SYN);
		packet_build(&spec, &packet);
		assert_int_equal(
			fixture_run(bpf_program__fd(opened.skel->progs.tc_ingress), &packet),
			TC_ACT_REDIRECT);
		spec.src = ROLE(v6, FRONTEND_IP);
		spec.sport = PORT_L4;
		spec.dst = ROLE(v6, CLIENT_IP);
		spec.dport = PORT_CLIENT;
		spec.ttl = 63;
		packet_build(&spec, &wanted);
		assert_same(&packet, &wanted);
	}
}

/* In TC the stack sends whatever leaves, so that is what is said of it there. */
static void snat__without_a_neighbour_the_stack_sends(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet;

		begin(v6, BACKEND_F_DSR, v6 ? "2001:db8:2::77" : "198.51.100.77");
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), FIXTURE_IS_TC ? XDP_REDIRECT : XDP_PASS);
		assert_int_equal(fixture_stat(&opened, STAT_PACKETS_BY_STACK), !FIXTURE_IS_TC);
		assert_int_equal(fixture_drops(&opened), 0);
	}
}

#ifndef FIXTURE_TC /* it hands nothing to tc_ingress */

/* What tc_ingress sends begins with a frame that the stack does not take for one to a group. */
static void dsr__what_the_stack_sends_has_the_frame_that_it_came_in(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		size_t mark_bytes = 4, more_bytes = mark_bytes + (v6 ? 40 : 20);
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet, came;

		begin(v6, BACKEND_F_DSR, v6 ? "2001:db8:2::77" : "198.51.100.77");
		packet_build(&spec, &packet);
		came = packet;
		assert_int_equal(run(&packet), XDP_PASS);
		assert_int_equal(packet.length, came.length + more_bytes);
		assert_memory_equal(packet.bytes + mark_bytes, came.bytes, 14);
		assert_int_equal(fixture_stat(&opened, STAT_PACKETS_BY_STACK), 1);
	}
}

#endif

static void snat__no_route_is_a_drop_with_a_name(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet;

		begin(v6, BACKEND_F_DSR, v6 ? "2001:db8:dead::1" : "203.0.113.222");
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), XDP_DROP);
		assert_int_equal(fixture_drop(&opened, DROP_NO_ROUTE), 1);
	}
}

/* ---- fragments behind source NAT ------------------------------------------------------------- */

#define OTHER_CLIENT_IP  "192.0.2.77"
#define OTHER_CLIENT_IP6 "2001:db8:1::77"

/* A number of a datagram, as its IP header or its fragment header holds it. */
static uint32_t fragment_id(const struct packet *packet, int v6)
{
	const uint8_t *ip = packet->bytes + 14;

	return v6 ? (uint32_t)read16(ip + 44) << 16 | read16(ip + 46) : read16(ip + 4);
}

static void fragment_id_set(struct packet *packet, int v6, uint32_t id)
{
	uint8_t *ip = packet->bytes + 14;
	uint16_t sum;

	if (v6) {
		ip[44] = (uint8_t)(id >> 24);
		ip[45] = (uint8_t)(id >> 16);
		ip[46] = (uint8_t)(id >> 8);
		ip[47] = (uint8_t)id;
		return;
	}
	ip[4] = (uint8_t)(id >> 8);
	ip[5] = (uint8_t)id;
	memset(ip + 10, 0, 2);
	sum = (uint16_t)~sum_of(ip, 20, 0);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* Half of a UDP datagram of 144 bytes that @spec says the ends of, with an identification. */
static struct packet fragment_build(int v6, const struct packet_spec *spec, bool first, uint32_t id)
{
	struct packet_spec half = *spec;
	struct packet packet;
	uint8_t *ip = packet.bytes + 14;

	half.proto = IPPROTO_UDP;
	half.payload_bytes = 64;
	half.udp_length_error = 72;
	half.frag = v6 ? 0 : first ? 0x2000 : 9;
	packet_build(&half, &packet);
	if (v6) {
		memmove(ip + 48, ip + 40, packet.length - 54);
		memset(ip + 40, 0, 8);
		ip[5] = (uint8_t)(ip[5] + 8);
		ip[6] = 44;
		ip[40] = IPPROTO_UDP;
		ip[43] = first ? 1 : 72;
		packet.length += 8;
		packet.l4_off += 8;
	}
	if (!first)
		memset(packet.bytes + packet.l4_off, 0xa5, 72);
	fragment_id_set(&packet, v6, id);
	return packet;
}

/*
 * Sends one to the pod and returns its identification.
 * @port: out for the first, in for the later one
 */
static uint32_t fragment_there(int v6, const char *client, bool first, uint16_t *port)
{
	struct packet_spec spec = from_client(v6, IPPROTO_UDP);
	struct packet packet, wanted;
	uint32_t id;

	spec.src = client;
	packet = fragment_build(v6, &spec, first, 0x1234);
	assert_int_equal(run(&packet), XDP_REDIRECT);
	if (first)
		*port = read16(packet.bytes + packet.l4_off);
	id = fragment_id(&packet, v6);
	spec.src = ROLE(v6, NODE_IP);
	spec.sport = *port;
	spec.dst = ROLE(v6, POD_IP);
	spec.dport = PORT_POD;
	spec.ttl = 63;
	wanted = fragment_build(v6, &spec, first, id);
	macs_set_by_xdp(&wanted);
	assert_same(&packet, &wanted);
	return id;
}

static void fragment__two_clients_with_one_identification_do_not_mix(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		const char *one = ROLE(v6, CLIENT_IP), *two = ROLE(v6, OTHER_CLIENT_IP);
		uint16_t port_one, port_two;
		uint32_t id_one, id_two;

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		id_one = fragment_there(v6, one, true, &port_one);
		id_two = fragment_there(v6, two, true, &port_two);
		assert_int_not_equal(id_one, id_two);
		assert_int_equal(fragment_there(v6, one, false, &port_one), id_one);
		assert_int_equal(fragment_there(v6, two, false, &port_two), id_two);
		/* The next datagram of a client that counts from the start again. */
		assert_in_range(fragment_there(v6, one, true, &port_one), id_two + 1, id_two + 1);
		assert_int_equal(fixture_drops(&opened), 0);
	}
}

/* Replies of two pods to one client meet at the client. */
static void fragment__replies_of_two_flows_do_not_mix(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = { .src = ROLE(v6, POD_IP),
					    .dst = ROLE(v6, NODE_IP),
					    .sport = PORT_POD,
					    .payload_bytes = 64 };
		struct packet packet, wanted;
		uint32_t ids[2];

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		spec.dport = snat_there(v6, IPPROTO_UDP, 0);
		for (int later = 0; later < 2; later++) {
			packet = fragment_build(v6, &spec, !later, 0x1234);
			assert_int_equal(run(&packet), XDP_REDIRECT);
			ids[later] = fragment_id(&packet, v6);
		}
		assert_int_equal(ids[0], ids[1]);
		spec.src = ROLE(v6, FRONTEND_IP);
		spec.sport = PORT_L4;
		spec.dst = ROLE(v6, CLIENT_IP);
		spec.dport = PORT_CLIENT;
		spec.ttl = 63;
		wanted = fragment_build(v6, &spec, false, ids[1]);
		macs_set_by_xdp(&wanted);
		assert_same(&packet, &wanted);
		assert_int_equal(fixture_drops(&opened), 0);
	}
}

/* ---- tunnels --------------------------------------------------------------------------------- */

static const struct tunnel_row {
	const char *name;
	int v6, outer_v6;
	uint8_t flags;
	size_t more_bytes;
	uint8_t outer_proto;
} tunnels[] = {
	{ "IPv4 in IPv4", 0, 0, BACKEND_F_DSR, 20, 4 },
	{ "IPv6 in IPv6", 1, 1, BACKEND_F_DSR, 40, 41 },
	{ "IPv4 in IPv6", 0, 1, BACKEND_F_DSR, 40, 4 },
	{ "IPv6 in IPv4", 1, 0, BACKEND_F_DSR, 20, 41 },
	{ "GUE over IPv4", 0, 0, BACKEND_F_DSR | BACKEND_F_GUE, 28, 17 },
	{ "GUE over IPv6", 1, 1, BACKEND_F_DSR | BACKEND_F_GUE, 48, 17 },
	{ "IPv6 in GUE over IPv4", 1, 0, BACKEND_F_DSR | BACKEND_F_GUE, 28, 17 },
};

static void assert_outer(const struct packet *packet, const struct tunnel_row *row)
{
	const uint8_t *ip = packet->bytes + 14, *udp = ip + (row->outer_v6 ? 40 : 20);
	struct inet_addr src = address(ROLE(row->outer_v6, NODE_IP));
	struct inet_addr dst = address(ROLE(row->outer_v6, REMOTE_NODE_IP));

	assert_memory_equal(packet->bytes, mac_router, 6);
	assert_memory_equal(packet->bytes + 6, mac_node, 6);
	if (row->outer_v6) {
		assert_int_equal(read16(packet->bytes + 12), 0x86dd);
		assert_int_equal(read16(ip) >> 4, 0x628); /* the inner ToS is kept */
		assert_int_equal(read16(ip + 4), packet->length - 54);
		assert_int_equal(ip[6], row->outer_proto);
		assert_int_equal(ip[7], 64);
		assert_memory_equal(ip + 8, src.bytes, 16);
		assert_memory_equal(ip + 24, dst.bytes, 16);
	} else {
		assert_int_equal(read16(packet->bytes + 12), 0x0800);
		assert_int_equal(read16(ip), 0x4528);
		assert_int_equal(read16(ip + 2), packet->length - 14);
		assert_int_equal(read16(ip + 6), 0x4000);
		assert_int_equal(ip[8], 64);
		assert_int_equal(ip[9], row->outer_proto);
		assert_int_equal(sum_of(ip, 20, 0), 0xffff);
		assert_memory_equal(ip + 12, src.bytes + 12, 4);
		assert_memory_equal(ip + 16, dst.bytes + 12, 4);
	}
	if (row->outer_proto != 17)
		return;
	assert_int_equal(read16(udp + 2), PORT_GUE);
	assert_int_equal(read16(udp + 4), packet->length - (size_t)(udp - packet->bytes));
	assert_int_equal(read16(udp + 6), 0);
}

/* One packet of the client into the tunnel. */
static void dsr_there(const struct tunnel_row *row, uint8_t tcp_flags, struct packet *packet)
{
	struct packet_spec spec = from_client(row->v6, IPPROTO_TCP);
	struct packet wanted;

	spec.tcp_flags = tcp_flags;
	packet_build(&spec, packet);
	assert_int_equal(run(packet), XDP_REDIRECT);
	spec.ttl = 63;
	packet_build(&spec, &wanted);
	assert_int_equal(packet->length, wanted.length + row->more_bytes);
	assert_memory_equal(packet->bytes + 14 + row->more_bytes, wanted.bytes + 14,
			    wanted.length - 14);
	assert_outer(packet, row);
}

static void dsr__a_packet_is_wrapped_and_unwrapped_at_the_other_node(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		const struct tunnel_row *row = &tunnels[i];
		struct packet_spec spec = from_client(row->v6, IPPROTO_TCP);
		struct packet packet, wanted;

		print_message("%s\n", row->name);
		begin(row->v6, row->flags, ROLE(row->outer_v6, REMOTE_NODE_IP));
		for (size_t j = 0; j < sizeof(settling); j++)
			dsr_there(row, settling[j], &packet);
		assert_int_equal(fixture_stat(&opened, STAT_PACKETS_DSR), sizeof(settling));
		spec.ttl = 63;
		spec.tcp_flags = PACKET_ACK;

		/* The same programs as those of the other node. */
		fixture_reset(&opened);
		node_set(REMOTE_NODE_IP, REMOTE_NODE_IP6);
		fixture_filter_set(&opened, REMOTE_NODE_IP);
		fixture_filter_set(&opened, REMOTE_NODE_IP6);
		fixture_peer_set(&opened, ROLE(row->outer_v6, NODE_IP), true);
		assert_int_equal(run(&packet), XDP_PASS);
		fixture_peer_set(&opened, ROLE(row->outer_v6, NODE_IP), false);
		spec.dst = ROLE(row->v6, POD_IP);
		spec.dport = PORT_POD;
		packet_build(&spec, &wanted);
		macs_set(&wanted);
		assert_same(&packet, &wanted);
		assert_int_equal(fixture_stat(&opened, STAT_PACKETS_DECAPSULATED), 1);
	}
}

/* ---- ICMP of our own ------------------------------------------------------------------------- */

static void icmp__a_packet_whose_hops_run_out_is_answered(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (int dsr = 0; dsr < 2; dsr++) {
			struct packet_spec spec = from_client(v6, IPPROTO_TCP);
			struct inet_addr client = address(ROLE(v6, CLIENT_IP));
			struct packet packet, sent;
			const uint8_t *ip = packet.bytes + 14;
			size_t head = v6 ? 48 : 28;

			begin(v6, dsr ? BACKEND_F_DSR : 0, ROLE(v6, REMOTE_NODE_IP));
			settle(v6);
			spec.ttl = 1;
			spec.tcp_flags = PACKET_ACK;
			packet_build(&spec, &packet);
			sent = packet;
			assert_int_equal(run(&packet), VERDICT_BACK);
			assert_int_equal(ip[head - 8], v6 ? 3 : 11);
			assert_memory_equal(ip + (v6 ? 24 : 16), client.bytes + (v6 ? 0 : 12),
					    v6 ? 16 : 4);
			assert_memory_equal(ip + head, sent.bytes + 14, v6 ? 60 : 40);
			assert_icmp_sums(ip, v6);
			assert_int_equal(fixture_drop(&opened, DROP_TTL), 1);
		}
	}
}

static void icmp__a_packet_that_does_not_fit_a_tunnel_is_answered_with_what_fits(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet;
		const uint8_t *ip = packet.bytes + 14;

		begin(v6, BACKEND_F_DSR, ROLE(v6, REMOTE_NODE_IP));
		settle(v6);
		spec.tcp_flags = PACKET_ACK;
		spec.frag = v6 ? 0 : 0x4000;
		spec.payload_bytes = v6 ? 1440 : 1460;
		packet_build(&spec, &packet);
		assert_int_equal(run(&packet), VERDICT_BACK);
		assert_int_equal(read16(ip + (v6 ? 40 : 20)), v6 ? 0x0200 : 0x0304);
		assert_int_equal(read16(ip + (v6 ? 46 : 26)), v6 ? 1460 : 1480);
		assert_icmp_sums(ip, v6);
		assert_int_equal(fixture_drop(&opened, DROP_TOO_BIG), 1);
	}
}

static struct packet ping_build(int v6, const char *to)
{
	struct packet_spec spec = { .src = ROLE(v6, CLIENT_IP),
				    .dst = to,
				    .proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				    .payload_bytes = 64,
				    .payload_word = v6 ? 0x8000 : 0x0800 };
	struct packet packet;
	uint8_t *icmp;
	uint16_t sum;

	packet_build(&spec, &packet);
	icmp = packet.bytes + packet.l4_off;
	memset(icmp + 2, 0, 2);
	sum = v6 ? sum_of(icmp, 64, sum_of(packet.bytes + 14 + 8, 32, 64 + 58))
		 : sum_of(icmp, 64, 0);
	sum = (uint16_t)~sum;
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	return packet;
}

static void icmp__a_frontend_answers_a_ping_and_a_stranger_is_left_alone(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet packet = ping_build(v6, ROLE(v6, FRONTEND_IP)), before = packet;

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		assert_int_equal(run(&packet), VERDICT_BACK);
		assert_memory_equal(packet.bytes, before.bytes + 6, 6);
		assert_memory_equal(packet.bytes + 6, before.bytes, 6);
		assert_int_equal(packet.bytes[packet.l4_off], v6 ? 129 : 0);
		assert_memory_equal(packet.bytes + packet.l4_off + 4,
				    before.bytes + packet.l4_off + 4, 60);
		assert_icmp_sums(packet.bytes + 14, v6);
		packet = before = ping_build(v6, ROLE(v6, STRANGER_IP));
		assert_int_equal(run(&packet), XDP_PASS);
		assert_same(&packet, &before);
		packet = before = ping_build(v6, ROLE(v6, NODE_IP));
		assert_int_equal(run(&packet), XDP_PASS);
		assert_same(&packet, &before);
	}
}

/* ---- errors of others ------------------------------------------------------------------------ */

/* An error of @router to @to that quotes @quoted, which did not fit into @mtu_bytes. */
static struct packet error_quoting(int v6, const char *router, const char *to, const void *quoted,
				   size_t bytes, uint16_t mtu_bytes)
{
	struct packet_spec outer = { .src = router,
				     .dst = to,
				     .proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
				     .payload_bytes = (uint16_t)(8 + bytes) };
	struct packet packet;
	uint8_t *icmp;
	uint16_t sum;

	packet_build(&outer, &packet);
	icmp = packet.bytes + packet.l4_off;
	memset(icmp, 0, 8);
	icmp[0] = v6 ? 2 : 3;
	icmp[1] = v6 ? 0 : 4;
	icmp[6] = (uint8_t)(mtu_bytes >> 8);
	icmp[7] = (uint8_t)mtu_bytes;
	memcpy(icmp + 8, quoted, bytes);
	sum = sum_of(icmp, outer.payload_bytes,
		     v6 ? sum_of(packet.bytes + 14 + 8, 32, outer.payload_bytes + 58u) : 0);
	sum = (uint16_t)~sum;
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	return packet;
}

/* An error of @router to @to about a TCP packet that @spec describes. */
static struct packet error_build(int v6, const char *router, const char *to,
				 const struct packet_spec *spec)
{
	struct packet quoted;

	packet_build(spec, &quoted);
	return error_quoting(v6, router, to, quoted.bytes + 14, v6 ? 60 : 40, 1400);
}

static struct packet_spec tcp_spec(const char *src, uint16_t sport, const char *dst, uint16_t dport)
{
	return (struct packet_spec){
		.src = src, .dst = dst, .sport = sport, .dport = dport, .tcp_flags = PACKET_ACK
	};
}

static void icmp__an_error_from_the_client_s_side_reaches_the_pod(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet, wanted;

		begin(v6, BACKEND_F_LOCAL, ROLE(v6, NODE_IP));
		packet_build(&spec, &packet);
		run(&packet);
		spec = tcp_spec(ROLE(v6, FRONTEND_IP), PORT_L4, ROLE(v6, CLIENT_IP), PORT_CLIENT);
		packet = error_build(v6, ROLE(v6, ROUTER_IP), ROLE(v6, FRONTEND_IP), &spec);
		spec = tcp_spec(ROLE(v6, POD_IP), PORT_POD, ROLE(v6, CLIENT_IP), PORT_CLIENT);
		wanted = error_build(v6, ROLE(v6, ROUTER_IP), ROLE(v6, POD_IP), &spec);
		assert_int_equal(run(&packet), XDP_PASS);
		assert_same(&packet, &wanted);
	}
}

static void icmp__with_source_nat_errors_are_translated_both_ways(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec;
		struct packet packet, wanted;
		uint16_t port;

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		port = snat_there(v6, IPPROTO_TCP, PACKET_SYN);

		spec = tcp_spec(ROLE(v6, FRONTEND_IP), PORT_L4, ROLE(v6, CLIENT_IP), PORT_CLIENT);
		packet = error_build(v6, ROLE(v6, ROUTER_IP), ROLE(v6, FRONTEND_IP), &spec);
		spec = tcp_spec(ROLE(v6, POD_IP), PORT_POD, ROLE(v6, NODE_IP), port);
		wanted = error_build(v6, ROLE(v6, NODE_IP), ROLE(v6, POD_IP), &spec);
		assert_int_equal(run(&packet), XDP_REDIRECT);
		assert_memory_equal(packet.bytes + packet.l4_off, wanted.bytes + packet.l4_off,
				    wanted.length - packet.l4_off);
		assert_icmp_sums(packet.bytes + 14, v6);

		spec = tcp_spec(ROLE(v6, NODE_IP), port, ROLE(v6, POD_IP), PORT_POD);
		packet = error_build(v6, ROLE(v6, ROUTER_IP), ROLE(v6, NODE_IP), &spec);
		spec = tcp_spec(ROLE(v6, CLIENT_IP), PORT_CLIENT, ROLE(v6, FRONTEND_IP), PORT_L4);
		wanted = error_build(v6, ROLE(v6, FRONTEND_IP), ROLE(v6, CLIENT_IP), &spec);
		assert_int_equal(run(&packet), XDP_REDIRECT);
		assert_memory_equal(packet.bytes + packet.l4_off, wanted.bytes + packet.l4_off,
				    wanted.length - packet.l4_off);
		assert_icmp_sums(packet.bytes + 14, v6);
	}
}

/* Another kind of error. */
static void error_retype(struct packet *packet, uint8_t type)
{
	uint8_t *icmp = packet->bytes + packet->l4_off;
	uint32_t sum = (uint16_t)~read16(icmp + 2) + (uint16_t)~read16(icmp);

	icmp[0] = type;
	sum += read16(icmp);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	icmp[2] = (uint8_t)(~sum >> 8);
	icmp[3] = (uint8_t)~sum;
}

/* One hop less. */
static void hop_take(struct packet *packet, int v6)
{
	uint8_t *ip = packet->bytes + 14;
	uint16_t sum;

	if (v6) {
		ip[7]--;
		return;
	}
	ip[8]--;
	memset(ip + 10, 0, 2);
	sum = (uint16_t)~sum_of(ip, 20, 0);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

static void icmp__tc_ingress_translates_errors_that_xdp_does_not_see(void **state)
{
	static const uint8_t types[2][4] = { { 3, 11, 12, 3 }, { 2, 3, 4, 1 } };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t i = 0; i < sizeof(types[v6]); i++) {
			int fd = bpf_program__fd(opened.skel->progs.tc_ingress);
			struct packet packet, wanted;
			struct packet_spec spec;
			uint16_t port;

			begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
			port = snat_there(v6, IPPROTO_TCP, PACKET_SYN);
			spec = tcp_spec(ROLE(v6, NODE_IP), port, ROLE(v6, POD_IP), PORT_POD);
			packet = error_build(v6, ROLE(v6, ROUTER_IP), ROLE(v6, NODE_IP), &spec);
			spec = tcp_spec(ROLE(v6, CLIENT_IP), PORT_CLIENT, ROLE(v6, FRONTEND_IP),
					PORT_L4);
			wanted = error_build(v6, ROLE(v6, FRONTEND_IP), ROLE(v6, CLIENT_IP), &spec);
			error_retype(&packet, types[v6][i]);
			error_retype(&wanted, types[v6][i]);
			hop_take(&wanted, v6);
			assert_int_equal(fixture_run(fd, &packet), TC_ACT_REDIRECT);
			assert_same(&packet, &wanted);
			assert_int_equal(fixture_stat(&opened, STAT_ICMP_TRANSLATED), 1);
			assert_int_equal(fixture_drops(&opened), 0);
		}
	}
}

static void icmp__tc_ingress_leaves_errors_about_others_alone(void **state)
{
	int fd = bpf_program__fd(opened.skel->progs.tc_ingress);

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet packet, before;
		struct packet_spec spec;
		uint16_t port;

		begin(v6, 0, ROLE(v6, REMOTE_NODE_IP));
		port = snat_there(v6, IPPROTO_TCP, PACKET_SYN);
		spec = tcp_spec(ROLE(v6, NODE_IP), (uint16_t)(port + 1), ROLE(v6, POD_IP),
				PORT_POD);
		packet = error_build(v6, ROLE(v6, ROUTER_IP), ROLE(v6, NODE_IP), &spec);
		before = packet;
		assert_int_equal(fixture_run(fd, &packet), (uint32_t)-1);
		assert_same(&packet, &before);
		packet = before = ping_build(v6, ROLE(v6, NODE_IP));
		assert_int_equal(fixture_run(fd, &packet), (uint32_t)-1);
		assert_same(&packet, &before);
		assert_int_equal(fixture_drops(&opened), 0);
	}
}

/* ---- errors about tunnels -------------------------------------------------------------------- */

/* What an answer of a program differs in from what packet_build() makes of it. */
static void own_answer(struct packet *packet, int v6)
{
	uint8_t *ip = packet->bytes + 14;
	uint16_t sum;

	macs_set(packet);
	if (v6)
		return;
	ip[1] = 0xc0;
	memset(ip + 4, 0, 2);
	memset(ip + 10, 0, 2);
	sum = (uint16_t)~sum_of(ip, 20, 0);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* The first @bytes (0: all) of a tunnelled packet in an error of a router between the nodes. */
static struct packet tunnel_error_build(const struct tunnel_row *row, const struct packet *sent,
					size_t bytes, uint16_t mtu_bytes)
{
	return error_quoting(row->outer_v6, ROLE(row->outer_v6, ROUTER_IP),
			     ROLE(row->outer_v6, NODE_IP), sent->bytes + 14,
			     bytes ? bytes : sent->length - 14, mtu_bytes);
}

static void tunnel_begin(const struct tunnel_row *row, struct packet *sent)
{
	print_message("%s\n", row->name);
	begin(row->v6, row->flags, ROLE(row->outer_v6, REMOTE_NODE_IP));
	fixture_filter_set(&opened, NODE_IP);
	fixture_filter_set(&opened, NODE_IP6);
	for (size_t j = 0; j < sizeof(settling); j++)
		dsr_there(row, settling[j], sent);
}

static void icmp__a_tunnel_that_did_not_fit_on_its_way_is_told_to_the_client(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		const struct tunnel_row *row = &tunnels[i];
		size_t least = row->more_bytes + (row->v6 ? 48 : 28);
		size_t quoted[] = { 0, least, least + 20 };

		for (size_t j = 0; j < sizeof(quoted) / sizeof(quoted[0]); j++) {
			struct packet sent, packet, wanted;
			size_t inner;

			tunnel_begin(row, &sent);
			packet = tunnel_error_build(row, &sent, quoted[j], 1400);
			inner = (quoted[j] ? quoted[j] : sent.length - 14) - row->more_bytes;
			wanted = error_quoting(
				row->v6, ROLE(row->v6, FRONTEND_IP), ROLE(row->v6, CLIENT_IP),
				sent.bytes + 14 + row->more_bytes, inner < 96 ? inner : 96,
				(uint16_t)(1400 - row->more_bytes));
			own_answer(&wanted, row->v6);
			assert_int_equal(run(&packet), XDP_REDIRECT);
			assert_same(&packet, &wanted);
			assert_int_equal(fixture_stat(&opened, STAT_ICMP_TRANSLATED), 1);
			assert_int_equal(fixture_stat(&opened, STAT_TUNNEL_ERRORS_UNREAD), 0);
			assert_int_equal(fixture_drops(&opened), 0);
		}
	}
}

/* No host sends less than 1280 bytes of IPv6 at a time: to be told less helps nobody. */
static void icmp__ipv6_in_a_tunnel_is_told_no_less_than_its_least_mtu(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct packet sent, packet;

		if (!tunnels[i].v6)
			continue;
		tunnel_begin(&tunnels[i], &sent);
		packet = tunnel_error_build(&tunnels[i], &sent, 0, 1290);
		assert_int_equal(run(&packet), XDP_REDIRECT);
		assert_int_equal(read16(packet.bytes + 14 + 46), 1280);
		assert_icmp_sums(packet.bytes + 14, 1);
	}
}

static void assert_passes_untouched(struct packet *packet)
{
	struct packet before = *packet;

	assert_int_equal(run(packet), XDP_PASS);
	assert_same(packet, &before);
	assert_int_equal(fixture_stat(&opened, STAT_ICMP_TRANSLATED), 0);
	assert_int_equal(fixture_drops(&opened), 0);
}

static void icmp__an_error_that_quotes_too_little_of_a_tunnel_is_counted_and_passed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		const struct tunnel_row *row = &tunnels[i];
		size_t outer = row->outer_v6 ? 40 : 20;
		size_t quoted[] = { outer + 8, row->more_bytes + (row->v6 ? 47 : 27) };
		struct packet sent, packet;

		for (size_t j = 0; j < sizeof(quoted) / sizeof(quoted[0]); j++) {
			tunnel_begin(row, &sent);
			packet = tunnel_error_build(row, &sent, quoted[j], 1400);
			assert_passes_untouched(&packet);
			assert_int_equal(fixture_stat(&opened, STAT_TUNNEL_ERRORS_UNREAD), 1);
		}
		/* A router of old says that it does not fit, and not what would. */
		tunnel_begin(row, &sent);
		packet = tunnel_error_build(row, &sent, 0, 0);
		assert_passes_untouched(&packet);
		assert_int_equal(fixture_stat(&opened, STAT_TUNNEL_ERRORS_UNREAD), 1);
	}
}

static void icmp__an_error_about_another_s_tunnel_is_left_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		const struct tunnel_row *row = &tunnels[i];
		size_t outer_dst = 14 + (row->outer_v6 ? 24 + 15 : 16 + 3);
		size_t inner_dst = 14 + row->more_bytes + (row->v6 ? 24 + 15 : 16 + 3);
		size_t changes[] = { outer_dst, inner_dst };

		for (size_t j = 0; j < sizeof(changes) / sizeof(changes[0]); j++) {
			struct packet sent, packet;

			tunnel_begin(row, &sent);
			sent.bytes[changes[j]] ^= 0x40;
			packet = tunnel_error_build(row, &sent, 0, 1400);
			assert_passes_untouched(&packet);
			assert_int_equal(fixture_stat(&opened, STAT_TUNNEL_ERRORS_UNREAD), 0);
		}
	}
}

/* ---- flows whose backend has gone ------------------------------------------------------------ */

static void flow__tcp_of_a_backend_that_is_gone_is_reset(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct packet_spec spec = from_client(v6, IPPROTO_TCP);
		struct packet packet, sent;
		const uint8_t *tcp;

		begin(v6, BACKEND_F_LOCAL, ROLE(v6, NODE_IP));
		packet_build(&spec, &packet);
		run(&packet);
		fixture_backend_set(&opened, v6 ? BACKEND_POD6 : BACKEND_POD, ROLE(v6, POD_IP),
				    UPSTREAM_L4 + (v6 ? UPSTREAM_V6 : 0), BACKEND_DOWN, 1);
		spec.tcp_flags = PACKET_ACK;
		packet_build(&spec, &packet);
		sent = packet;
		assert_int_equal(run(&packet), VERDICT_BACK);
		tcp = packet.bytes + packet.l4_off;
		assert_int_equal(packet.length, 14 + (v6 ? 60 : 40));
		assert_int_equal(read16(tcp), PORT_L4);
		assert_int_equal(read16(tcp + 2), PORT_CLIENT);
		assert_int_equal(tcp[13], PACKET_RST);
		assert_memory_equal(tcp + 4, sent.bytes + sent.l4_off + 8, 4);
		if (!v6)
			assert_int_equal(sum_of(packet.bytes + 14, 20, 0), 0xffff);
		assert_int_equal(
			sum_of(tcp, 20,
			       sum_of(packet.bytes + 14 + (v6 ? 8 : 12), v6 ? 32 : 8, 20 + 6)),
			0xffff);
		assert_int_equal(fixture_drop(&opened, DROP_BACKEND_GONE), 1);
	}
}

static int open_fixture(void **state)
{
	static const char *const ports[] = { "lo", "port0" };

	network_make();
	fixture_open(&opened);
	for (size_t i = 0; i < 2; i++) {
		uint32_t ifindex = if_nametoindex(ports[i]);

		if (bpf_map_update_elem(map_fd("tx_ports"), &ifindex, &ifindex, BPF_ANY))
			return -1;
	}
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
		cmocka_unit_test(snat__a_packet_and_its_reply_get_other_ends),
		cmocka_unit_test(snat__what_is_no_reply_of_a_flow_passes_untouched),
		cmocka_unit_test(snat__tc_ingress_undoes_what_xdp_does_not_see),
		cmocka_unit_test(snat__without_a_neighbour_the_stack_sends),
#ifndef FIXTURE_TC
		cmocka_unit_test(dsr__what_the_stack_sends_has_the_frame_that_it_came_in),
#endif
		cmocka_unit_test(snat__no_route_is_a_drop_with_a_name),
		cmocka_unit_test(fragment__two_clients_with_one_identification_do_not_mix),
		cmocka_unit_test(fragment__replies_of_two_flows_do_not_mix),
		cmocka_unit_test(dsr__a_packet_is_wrapped_and_unwrapped_at_the_other_node),
		cmocka_unit_test(icmp__a_packet_whose_hops_run_out_is_answered),
		cmocka_unit_test(
			icmp__a_packet_that_does_not_fit_a_tunnel_is_answered_with_what_fits),
		cmocka_unit_test(icmp__a_frontend_answers_a_ping_and_a_stranger_is_left_alone),
		cmocka_unit_test(icmp__an_error_from_the_client_s_side_reaches_the_pod),
		cmocka_unit_test(icmp__with_source_nat_errors_are_translated_both_ways),
		cmocka_unit_test(icmp__tc_ingress_translates_errors_that_xdp_does_not_see),
		cmocka_unit_test(icmp__tc_ingress_leaves_errors_about_others_alone),
		cmocka_unit_test(icmp__a_tunnel_that_did_not_fit_on_its_way_is_told_to_the_client),
		cmocka_unit_test(icmp__ipv6_in_a_tunnel_is_told_no_less_than_its_least_mtu),
		cmocka_unit_test(
			icmp__an_error_that_quotes_too_little_of_a_tunnel_is_counted_and_passed),
		cmocka_unit_test(icmp__an_error_about_another_s_tunnel_is_left_alone),
		cmocka_unit_test(flow__tcp_of_a_backend_that_is_gone_is_reset),
	};

	return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
