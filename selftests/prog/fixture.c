// SPDX-License-Identifier: Apache-2.0
#include "prog/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "prog/poison.h"

#define RING_SLOTS SLUICE_RING_SLOTS_MIN

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fixture: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct inet_addr address(const char *text)
{
	struct inet_addr addr;

	must(inet_addr_parse(text, &addr) == 0, text);
	return addr;
}

static int map_of(struct fixture *fixture, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(fixture->skel->obj, name);

	must(fd >= 0, name);
	return fd;
}

static void filter_set(struct fixture *fixture, const struct inet_addr *addr)
{
	int fd = map_of(fixture, "address_filter");
	uint32_t words[4], bit, key;
	uint64_t value;

	memcpy(words, addr->bytes, sizeof(words));
	bit = sluice_filter_bit(words);
	key = bit / 64;
	must(bpf_map_lookup_elem(fd, &key, &value) == 0, "read the filter");
	value |= 1ull << (bit % 64);
	must(bpf_map_update_elem(fd, &key, &value, BPF_ANY) == 0, "write the filter");
}

static void frontend_set(struct fixture *fixture, const char *text, uint16_t port, uint8_t proto,
			 struct frontend frontend)
{
	struct inet_addr addr = address(text);
	struct frontend4_key key4 = { .port = htons(port), .proto = proto };
	struct frontend6_key key6 = { .port = htons(port), .proto = proto };

	if (!inet_addr_is_any(&addr))
		filter_set(fixture, &addr);
	if (inet_addr_is_v4(&addr)) {
		key4.addr = inet_addr_v4(&addr);
		must(bpf_map_update_elem(map_of(fixture, "frontends4"), &key4, &frontend,
					 BPF_ANY) == 0,
		     "frontends4");
	} else {
		memcpy(key6.addr, addr.bytes, sizeof(key6.addr));
		must(bpf_map_update_elem(map_of(fixture, "frontends6"), &key6, &frontend,
					 BPF_ANY) == 0,
		     "frontends6");
	}
}

void fixture_backend_set(struct fixture *fixture, uint32_t id, const char *addr,
			 uint32_t upstream_id, uint8_t state, uint32_t generation)
{
	struct inet_addr bytes = address(addr);
	struct backend backend = {
		.port = htons(PORT_POD),
		.state = state,
		.flags = BACKEND_F_LOCAL,
		.upstream_id = upstream_id,
		.generation = generation,
	};

	memcpy(backend.addr, bytes.bytes, sizeof(backend.addr));
	must(bpf_map_update_elem(map_of(fixture, "backends"), &id, &backend, BPF_ANY) == 0,
	     "backends");
}

void fixture_ring_set(struct fixture *fixture, uint32_t upstream_id, uint32_t backend_id)
{
	struct bpf_map_create_opts options = { .sz = sizeof(options),
					       .map_flags = BPF_F_INNER_MAP };
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", 4, 4, RING_SLOTS + 1, &options);

	must(fd >= 0, "create a ring");
	for (uint32_t i = 0; i <= RING_SLOTS; i++) {
		uint32_t value = i == 0 ? RING_SLOTS : backend_id;

		must(bpf_map_update_elem(fd, &i, &value, BPF_ANY) == 0, "fill a ring");
	}
	must(bpf_map_update_elem(map_of(fixture, "rings"), &upstream_id, &fd, BPF_ANY) == 0,
	     "place a ring");
	close(fd);
}

static void fill_family(struct fixture *fixture, int v6)
{
	const char *frontend = ROLE(v6, FRONTEND_IP), *node = ROLE(v6, NODE_IP);
	uint32_t base = v6 ? UPSTREAM_V6 : 0;
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < sizeof(protos); i++) {
		uint8_t proto = protos[i];

		frontend_set(fixture, frontend, PORT_L4, proto,
			     (struct frontend){ 1 + base, UPSTREAM_L4 + base, FRONTEND_F_TUNNELS,
						FRONTEND_L4, 0, 0, 0, 0 });
		frontend_set(fixture, frontend, PORT_EMPTY, proto,
			     (struct frontend){ 2 + base, UPSTREAM_EMPTY + base, 0, FRONTEND_L4, 0,
						0, 0, 0 });
		frontend_set(fixture, frontend, PORT_BAD_RING, proto,
			     (struct frontend){ 3 + base, UPSTREAM_BAD_RING + base, 0, FRONTEND_L4,
						0, 0, 0, 0 });
	}
	frontend_set(fixture, frontend, PORT_HTTP, IPPROTO_TCP,
		     (struct frontend){ 4 + base, 0, 0, FRONTEND_HTTP, 0, 0, 0, 0 });
	frontend_set(fixture, node, PORT_HTTP, IPPROTO_TCP,
		     (struct frontend){ 5 + base, 0, 0, FRONTEND_HTTP, 0, 0, 0, 0 });
	frontend_set(fixture, frontend, 0, 0,
		     (struct frontend){ 6 + base, 0, 0, FRONTEND_ADDRESS, 0, 0, 0, 0 });
	frontend_set(fixture, node, 0, 0,
		     (struct frontend){ 7 + base, 0, FRONTEND_F_PASS_OTHER_PORTS, FRONTEND_ADDRESS,
					0, 0, 0, 0 });
	frontend_set(fixture, v6 ? "::" : "0.0.0.0", 8000, IPPROTO_TCP,
		     (struct frontend){ 8 + base, 0, 0, FRONTEND_HTTP, 0, 0, 0, 0 });
	fixture_ring_set(fixture, UPSTREAM_BAD_RING + base, 0);
}

static void map_clear(struct fixture *fixture, const char *name, size_t key_bytes)
{
	uint8_t keys[2][64];
	int fd = map_of(fixture, name);
	bool more;

	must(key_bytes <= sizeof(keys[0]), name);
	/* Each next key is asked for before the last one goes: from the beginning, the way to the
	 * first one left would grow with each that is gone. */
	more = bpf_map_get_next_key(fd, NULL, keys[0]) == 0;
	while (more) {
		more = bpf_map_get_next_key(fd, keys[0], keys[1]) == 0;
		must(bpf_map_delete_elem(fd, keys[0]) == 0, name);
		memcpy(keys[0], keys[1], sizeof(keys[0]));
	}
}

static void counters_clear(struct fixture *fixture, const char *name, uint32_t count)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *zeroes = calloc((size_t)cpus, sizeof(*zeroes));

	must(zeroes != NULL, "memory");
	for (uint32_t i = 0; i < count; i++)
		must(bpf_map_update_elem(map_of(fixture, name), &i, zeroes, BPF_ANY) == 0, name);
	free(zeroes);
}

int fixture_map(struct fixture *fixture, const char *name)
{
	return map_of(fixture, name);
}

void fixture_frontend_set(struct fixture *fixture, int v6, uint16_t port, struct frontend frontend)
{
	frontend_set(fixture, ROLE(v6, FRONTEND_IP), port, IPPROTO_TCP, frontend);
	frontend_set(fixture, ROLE(v6, FRONTEND_IP), port, IPPROTO_UDP, frontend);
}

void fixture_filter_set(struct fixture *fixture, const char *addr)
{
	struct inet_addr bytes = address(addr);

	filter_set(fixture, &bytes);
}

void fixture_peer_set(struct fixture *fixture, const char *addr, bool known)
{
	struct inet_addr bytes = address(addr);
	struct tunnel_peer_key key;
	uint32_t one = 1;
	int fd = map_of(fixture, "tunnel_peers");

	memcpy(key.addr, bytes.bytes, sizeof(key.addr));
	if (known)
		must(bpf_map_update_elem(fd, &key, &one, BPF_ANY) == 0, "tunnel_peers");
	else
		bpf_map_delete_elem(fd, &key);
}

void fixture_new_flows_max(struct fixture *fixture, uint32_t new_flows_max)
{
	struct node_config config;
	uint32_t key = 0;
	int fd = map_of(fixture, "node_config");

	must(bpf_map_lookup_elem(fd, &key, &config) == 0, "read node_config");
	config.new_flows_max = new_flows_max;
	must(bpf_map_update_elem(fd, &key, &config, BPF_ANY) == 0, "write node_config");
}

void fixture_reset(struct fixture *fixture)
{
	fixture_new_flows_max(fixture, 0);
	map_clear(fixture, "flows4", sizeof(struct flow4_key));
	map_clear(fixture, "flows6", sizeof(struct flow6_key));
	map_clear(fixture, "nat4", sizeof(struct flow4_key));
	map_clear(fixture, "nat6", sizeof(struct flow6_key));
	counters_clear(fixture, "stats", STAT_MAX);
	counters_clear(fixture, "drops", DROP_MAX);
	fixture_backend_set(fixture, BACKEND_POD, POD_IP, UPSTREAM_L4, BACKEND_ACTIVE, 1);
	fixture_backend_set(fixture, BACKEND_POD6, POD_IP6, UPSTREAM_L4 + UPSTREAM_V6,
			    BACKEND_ACTIVE, 1);
	fixture_backend_set(fixture, BACKEND_OTHER, OTHER_POD_IP, UPSTREAM_L4, BACKEND_ACTIVE, 1);
	fixture_backend_set(fixture, BACKEND_OTHER6, OTHER_POD_IP6, UPSTREAM_L4 + UPSTREAM_V6,
			    BACKEND_ACTIVE, 1);
	fixture_ring_set(fixture, UPSTREAM_L4, BACKEND_POD);
	fixture_ring_set(fixture, UPSTREAM_L4 + UPSTREAM_V6, BACKEND_POD6);
}

static void poison_open(struct fixture *fixture)
{
	int prog_fd = bpf_program__fd(fixture->skel->progs.xdp_ingress);
	uint32_t key = 0;

	fixture->poison = poison__open_and_load();
	must(fixture->poison != NULL, "load the program that poisons");
	must(bpf_map_update_elem(bpf_map__fd(fixture->poison->maps.subject), &key, &prog_fd,
				 BPF_ANY) == 0,
	     "choose the program");
}

#ifdef FIXTURE_TC
static void tc_open(struct fixture *fixture)
{
	struct bpf_map *map;

	fixture->tc = sluice_tc_bpf__open();
	must(fixture->tc != NULL, "open the BPF object of TC");
	bpf_object__for_each_map (map, fixture->tc->obj) {
		if (!bpf_map__is_internal(map))
			must(bpf_map__reuse_fd(map, map_of(fixture, bpf_map__name(map))) == 0,
			     bpf_map__name(map));
	}
	must(sluice_tc_bpf__load(fixture->tc) == 0, "load the BPF object of TC");
}
#endif

void fixture_open(struct fixture *fixture)
{
	fixture->skel = sluice_bpf__open_and_load();
	must(fixture->skel != NULL, "load the BPF object (root is needed)");
#ifdef FIXTURE_TC
	tc_open(fixture);
#endif
	poison_open(fixture);
	fill_family(fixture, 0);
	fill_family(fixture, 1);
	fixture_reset(fixture);
}

void fixture_close(struct fixture *fixture)
{
	poison__destroy(fixture->poison);
	fixture->poison = NULL;
#ifdef FIXTURE_TC
	sluice_tc_bpf__destroy(fixture->tc);
	fixture->tc = NULL;
#endif
	sluice_bpf__destroy(fixture->skel);
	fixture->skel = NULL;
}

uint32_t fixture_run(int prog_fd, struct packet *packet)
{
	uint8_t out[PACKET_BYTES_MAX];
	struct bpf_test_run_opts options = {
		.sz = sizeof(options),
		.data_in = packet->bytes,
		.data_size_in = (uint32_t)packet->length,
		.data_out = out,
		.data_size_out = sizeof(out),
		.repeat = 1,
	};

	must(bpf_prog_test_run_opts(prog_fd, &options) == 0, "test run");
	memcpy(packet->bytes, out, options.data_size_out);
	packet->length = options.data_size_out;
	return options.retval;
}

#ifdef FIXTURE_TC
uint32_t fixture_run_xdp(struct fixture *fixture, struct packet *packet)
{
	switch ((int)fixture_run(bpf_program__fd(fixture->tc->progs.tc_l4), packet)) {
	case -1: /* TC_ACT_UNSPEC */
		return XDP_PASS;
	case 2: /* TC_ACT_SHOT */
		return XDP_DROP;
	case 7: /* TC_ACT_REDIRECT */
		return XDP_REDIRECT;
	default:
		return XDP_ABORTED;
	}
}
#else
uint32_t fixture_run_xdp(struct fixture *fixture, struct packet *packet)
{
	struct packet poisoned = { .length = POISON_BYTES + packet->length };
	uint32_t verdict;

	errno = EMSGSIZE;
	must(poisoned.length <= sizeof(poisoned.bytes), "packet");
	memset(poisoned.bytes, POISON, POISON_BYTES);
	memcpy(poisoned.bytes + POISON_BYTES, packet->bytes, packet->length);
	verdict = fixture_run(bpf_program__fd(fixture->poison->progs.poison), &poisoned);
	memcpy(packet->bytes, poisoned.bytes, poisoned.length);
	packet->length = poisoned.length;
	return verdict;
}
#endif

static uint64_t counter(struct fixture *fixture, const char *name, uint32_t key)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = calloc((size_t)cpus, sizeof(*values));
	uint64_t sum = 0;

	must(values != NULL, "memory");
	must(bpf_map_lookup_elem(map_of(fixture, name), &key, values) == 0, name);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	free(values);
	return sum;
}

uint64_t fixture_stat(struct fixture *fixture, enum sluice_stat stat)
{
	return counter(fixture, "stats", stat);
}

uint64_t fixture_drop(struct fixture *fixture, enum sluice_drop reason)
{
	return counter(fixture, "drops", reason);
}

uint64_t fixture_drops(struct fixture *fixture)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DROP_MAX; i++)
		sum += fixture_drop(fixture, i);
	return sum;
}
