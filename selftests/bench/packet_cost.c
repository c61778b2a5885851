// SPDX-License-Identifier: Apache-2.0
/*
 * packet_cost.c - nanoseconds that xdp_ingress takes for one packet
 *
 *   build/bench/packet_cost [REPEATS [ROUNDS]]
 *
 * BPF_PROG_TEST_RUN over a program that first restores the packet (restore.bpf.c); each case
 * asserts by the counters that every repeat was treated as it should be. Figures are gross: they
 * include the harness, whose own cost is the line "harness alone". Rounds of all cases take turns,
 * so that a noisy moment hits all; the median of the rounds is what counts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "bench/restore.h"
#include "prog/fixture.h"
#include "restore.skel.h"

#define REPEATS_DEFAULT 400000u
#define ROUNDS_DEFAULT  9u
#define ROUNDS_MAX      99u
#define FLOWS_MANY      16384u
#define FLOWS_NEW       (1u << 20) /* more than any table holds */

enum counted { COUNT_NOTHING, COUNT_NOT_OURS, COUNT_FORWARDED, COUNT_NOT_INSERTED };

static const struct bench_case {
	const char *name;
	unsigned int goal_ns; /* 0: none */
	struct packet_spec spec;
	enum { TO_FRONTEND, TO_STRANGER } to;
	uint32_t flows;
	uint32_t new_flows_max; /* as in struct node_config */
	bool begin;             /* send the SYNs of all flows first */
	enum counted counted;
	enum { TO_LOCAL_POD, BY_SNAT, BY_TUNNEL } way;
} cases[] = {
	{ "not ours",
	  15,
	  { .tcp_flags = PACKET_ACK },
	  TO_STRANGER,
	  1,
	  0,
	  false,
	  COUNT_NOT_OURS,
	  TO_LOCAL_POD },
	{ "ARP",
	  7,
	  { .ether_type = 0x0806, .tcp_flags = PACKET_ACK },
	  TO_STRANGER,
	  1,
	  0,
	  false,
	  COUNT_NOTHING,
	  TO_LOCAL_POD },
	{ "established, 1 flow",
	  45,
	  { .tcp_flags = PACKET_ACK },
	  TO_FRONTEND,
	  1,
	  0,
	  true,
	  COUNT_FORWARDED,
	  TO_LOCAL_POD },
	{ "established, 16k flows",
	  100,
	  { .tcp_flags = PACKET_ACK },
	  TO_FRONTEND,
	  FLOWS_MANY,
	  0,
	  true,
	  COUNT_FORWARDED,
	  TO_LOCAL_POD },
	{ "SYN, not inserted",
	  60,
	  { .tcp_flags = PACKET_SYN },
	  TO_FRONTEND,
	  FLOWS_NEW,
	  1,
	  false,
	  COUNT_NOT_INSERTED,
	  TO_LOCAL_POD },
	{ "SYN, inserted",
	  500,
	  { .tcp_flags = PACKET_SYN },
	  TO_FRONTEND,
	  FLOWS_NEW,
	  0,
	  false,
	  COUNT_FORWARDED,
	  TO_LOCAL_POD },
	{ "DSR (IP in IP), established",
	  60,
	  { .tcp_flags = PACKET_ACK },
	  TO_FRONTEND,
	  1,
	  0,
	  true,
	  COUNT_FORWARDED,
	  BY_TUNNEL },
	{ "source NAT, established",
	  0,
	  { .tcp_flags = PACKET_ACK },
	  TO_FRONTEND,
	  1,
	  0,
	  true,
	  COUNT_FORWARDED,
	  BY_SNAT },
};

#define CASES_COUNT (sizeof(cases) / sizeof(cases[0]))

static struct fixture fixture;
static struct restore *harness;

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "packet_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void subject_set(int prog_fd)
{
	uint32_t key = 0;

	must(bpf_map_update_elem(bpf_map__fd(harness->maps.subject), &key, &prog_fd, BPF_ANY) == 0,
	     "choose the program");
}

/* The packet of a case as the template; returns it. */
static struct packet plan_set(const struct bench_case *c, int v6, uint8_t tcp_flags)
{
	struct packet_spec spec = c->spec;
	struct restore_plan *plan = &harness->bss->plan;
	struct packet packet;

	spec.src = ROLE(v6, CLIENT_IP);
	spec.dst = c->to == TO_FRONTEND ? ROLE(v6, FRONTEND_IP) : ROLE(v6, STRANGER_IP);
	spec.sport = PORT_CLIENT;
	spec.dport = PORT_L4;
	spec.tcp_flags = tcp_flags;
	spec.payload_bytes = 10;
	packet_build(&spec, &packet);
	memcpy(plan->words, packet.bytes, sizeof(plan->words));
	plan->packet_bytes = (uint32_t)packet.length;
	plan->is_v6 = (uint32_t)v6;
	plan->flows_mask = c->flows - 1;
	/* New ones go on where they stopped: a source that was here before is not new. */
	if (c->flows != FLOWS_NEW)
		plan->next_flow = 0;
	return packet;
}

static double run(const struct packet *packet, uint32_t repeats, uint32_t verdict)
{
	struct bpf_test_run_opts options = {
		.sz = sizeof(options),
		.data_in = packet->bytes,
		.data_size_in = (uint32_t)packet->length,
		.repeat = (int)repeats,
	};

	must(bpf_prog_test_run_opts(bpf_program__fd(harness->progs.restore), &options) == 0,
	     "test run");
	errno = EPROTO;
	must(options.retval == verdict, "verdict");
	return options.duration;
}

/* A namespace with a way to the other node that XDP can take. */
static void network_make(void)
{
	static const char *const commands[] = {
		"ip link set lo up",
		"sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1",
		"ip link add port0 type veth peer name port1",
		"ip link set port1 up",
		"ip link set port0 up",
		"ip addr add " NODE_IP "/24 dev port0",
		"ip addr add " NODE_IP6 "/64 dev port0 nodad",
		"ip route add default via 198.51.100.254",
		"ip -6 route add default via 2001:db8:2::254",
		"ip neigh add 198.51.100.254 lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
		"ip -6 neigh add 2001:db8:2::254 lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
		"ip neigh add 198.51.100.2 lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
		"ip -6 neigh add 2001:db8:2::2 lladdr 02:00:00:00:ee:01 dev port0 nud permanent",
	};

	must(unshare(CLONE_NEWNET) == 0, "a network namespace");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		errno = EPROTO;
		must(system(commands[i]) == 0, commands[i]);
	}
}

static void node_set(void)
{
	struct node_config config = {
		.addr4 = inet_addr(NODE_IP),
		.flags = NODE_F_SNAT4 | NODE_F_SNAT6,
		.source_port_min = 61000,
		.source_port_max = 65535,
		.gue_port = htons(6080),
	};
	uint32_t zero = 0, port0 = if_nametoindex("port0");

	inet_pton(AF_INET6, NODE_IP6, config.addr6);
	must(bpf_map_update_elem(fixture_map(&fixture, "node_config"), &zero, &config, BPF_ANY) ==
		     0,
	     "node_config");
	must(bpf_map_update_elem(fixture_map(&fixture, "tx_ports"), &port0, &port0, BPF_ANY) == 0,
	     "tx_ports");
}

/* Where the pod is from now on. */
static void way_set(int v6, int way)
{
	uint32_t id = v6 ? BACKEND_POD6 : BACKEND_POD;
	int fd = fixture_map(&fixture, "backends");
	struct backend backend;

	must(bpf_map_lookup_elem(fd, &id, &backend) == 0, "backends");
	backend.flags = way == TO_LOCAL_POD ? BACKEND_F_LOCAL : way == BY_SNAT ? 0 : BACKEND_F_DSR;
	if (v6) {
		inet_pton(AF_INET6, "2001:db8:2::2", backend.node_addr);
	} else {
		memset(backend.node_addr, 0, sizeof(backend.node_addr));
		memset(backend.node_addr + 10, 0xff, 2);
		inet_pton(AF_INET, "198.51.100.2", backend.node_addr + 12);
	}
	must(bpf_map_update_elem(fd, &id, &backend, BPF_ANY) == 0, "backends");
}

static uint64_t counted(enum counted what)
{
	switch (what) {
	case COUNT_NOT_OURS:
		return fixture_stat(&fixture, STAT_PACKETS_NOT_OURS);
	case COUNT_FORWARDED:
		return fixture_stat(&fixture, STAT_PACKETS_L4);
	case COUNT_NOT_INSERTED:
		return fixture_stat(&fixture, STAT_FLOWS_NOT_INSERTED);
	default:
		return 0;
	}
}

static double measure(const struct bench_case *c, int v6, uint32_t repeats)
{
	uint32_t verdict = c->way == TO_LOCAL_POD ? XDP_PASS : XDP_REDIRECT;
	struct packet packet;
	uint64_t before, more;
	double ns;

	/* Tables stay as full as the cases before left them. */
	fixture_new_flows_max(&fixture, 0);
	way_set(v6, c->way);
	if (c->begin) {
		packet = plan_set(c, v6, PACKET_SYN);
		run(&packet, c->flows, verdict);
	}
	fixture_new_flows_max(&fixture, c->new_flows_max);
	packet = plan_set(c, v6, c->spec.tcp_flags);
	run(&packet, c->flows < repeats ? c->flows : repeats, verdict); /* warm */
	before = counted(c->counted);
	ns = run(&packet, repeats, verdict);
	more = counted(c->counted) - before;
	errno = EPROTO;
	/* The insertion limit lets one a second through on each CPU. */
	must(c->counted == COUNT_NOTHING ||
		     (more <= repeats && more + (c->new_flows_max ? repeats / 1000 : 0) >= repeats),
	     c->name);
	return ns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure_harness(uint32_t repeats, uint32_t rounds)
{
	double alone[ROUNDS_MAX], empty[ROUNDS_MAX];
	struct packet packet = plan_set(&cases[0], 0, PACKET_ACK);
	struct bpf_test_run_opts options = {
		.sz = sizeof(options),
		.data_in = packet.bytes,
		.data_size_in = (uint32_t)packet.length,
		.repeat = (int)repeats,
	};

	subject_set(bpf_program__fd(harness->progs.nothing));
	for (uint32_t i = 0; i < rounds; i++) {
		must(bpf_prog_test_run_opts(bpf_program__fd(harness->progs.nothing), &options) == 0,
		     "test run");
		empty[i] = options.duration;
		alone[i] = run(&packet, repeats, XDP_PASS);
	}
	qsort(empty, rounds, sizeof(*empty), compare);
	qsort(alone, rounds, sizeof(*alone), compare);
	printf("  %-34s %6.0f ns\n", "empty program", empty[rounds / 2]);
	printf("  %-34s %6.0f ns\n", "harness alone", alone[rounds / 2]);
}

static void measure_cases(uint32_t repeats, uint32_t rounds)
{
	static double ns[CASES_COUNT][2][ROUNDS_MAX];

	subject_set(bpf_program__fd(fixture.skel->progs.xdp_ingress));
	for (uint32_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < CASES_COUNT; i++)
			for (int v6 = 0; v6 < 2; v6++)
				ns[i][v6][round] = measure(&cases[i], v6, repeats);
	for (int v6 = 0; v6 < 2; v6++) {
		for (size_t i = 0; i < CASES_COUNT; i++) {
			char goal[32] = "";

			qsort(ns[i][v6], rounds, sizeof(ns[i][v6][0]), compare);
			if (cases[i].goal_ns && !v6)
				snprintf(goal, sizeof(goal), "  goal %u", cases[i].goal_ns);
			printf("  IPv%d %-29s %6.0f ns  (least %.0f)%s\n", v6 ? 6 : 4,
			       cases[i].name, ns[i][v6][rounds / 2], ns[i][v6][0], goal);
		}
	}
}

int main(int argc, char **argv)
{
	uint32_t repeats = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : REPEATS_DEFAULT;
	uint32_t rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : ROUNDS_DEFAULT;

	errno = EINVAL;
	must(repeats > 0 && rounds > 0 && rounds <= ROUNDS_MAX, "arguments");
	setvbuf(stdout, NULL, _IOLBF, 0);
	network_make();
	harness = restore__open_and_load();
	must(harness != NULL, "load the harness (root is needed)");
	fixture_open(&fixture);
	node_set();
	printf("xdp_ingress, %u packets a run, median of %u runs, gross\n", repeats, rounds);
	measure_harness(repeats, rounds);
	measure_cases(repeats, rounds);
	fixture_close(&fixture);
	restore__destroy(harness);
	return 0;
}
