// SPDX-License-Identifier: Apache-2.0
/* Every map of the loaded object is the one that headers/sluice_schema.h states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "sluice.skel.h"
#include "sluice_drops.h"
#include "sluice_schema.h"

#define MMAPABLE BPF_F_MMAPABLE

static const struct {
	const char *name;
	uint32_t type, key_bytes, value_bytes, max_entries, flags;
} maps[] = {
	{ "frontends4", BPF_MAP_TYPE_HASH, sizeof(struct frontend4_key), sizeof(struct frontend),
	  SLUICE_FRONTENDS_MAX, 0 },
	{ "frontends6", BPF_MAP_TYPE_HASH, sizeof(struct frontend6_key), sizeof(struct frontend),
	  SLUICE_FRONTENDS_MAX, 0 },
	{ "address_filter", BPF_MAP_TYPE_ARRAY, 4, 8, SLUICE_FILTER_WORDS, MMAPABLE },
	{ "upstreams", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct upstream), SLUICE_UPSTREAMS_MAX,
	  MMAPABLE },
	{ "upstream_names", BPF_MAP_TYPE_HASH, 4, sizeof(struct upstream_name),
	  SLUICE_UPSTREAMS_MAX, BPF_F_NO_PREALLOC },
	{ "backends", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct backend), SLUICE_BACKENDS_MAX,
	  MMAPABLE },
	{ "members", BPF_MAP_TYPE_ARRAY, 4, 4, SLUICE_MEMBERS_MAX, MMAPABLE },
	{ "rings", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, SLUICE_UPSTREAMS_MAX, 0 },
	{ "flows4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow4_key), sizeof(struct flow),
	  SLUICE_FLOWS_MAX, 0 },
	{ "flows6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow6_key), sizeof(struct flow),
	  SLUICE_FLOWS_MAX, 0 },
	{ "nat4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow4_key), sizeof(struct nat4),
	  SLUICE_FLOWS_MAX, 0 },
	{ "nat6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow6_key), sizeof(struct nat6),
	  SLUICE_FLOWS_MAX, 0 },
	{ "fragments4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct fragment4_key),
	  sizeof(struct fragment), SLUICE_FRAGMENTS_MAX, 0 },
	{ "fragments6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct fragment6_key),
	  sizeof(struct fragment), SLUICE_FRAGMENTS_MAX, 0 },
	{ "fragment_ids", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct fragment_ids), 1, 0 },
	{ "source_ranges4", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct source_range4_key), 4,
	  SLUICE_SOURCE_RANGES_MAX, BPF_F_NO_PREALLOC },
	{ "source_ranges6", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct source_range6_key), 4,
	  SLUICE_SOURCE_RANGES_MAX, BPF_F_NO_PREALLOC },
	{ "denylist4", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct deny4_key), sizeof(struct deny),
	  SLUICE_DENYLIST_MAX, BPF_F_NO_PREALLOC },
	{ "denylist6", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct deny6_key), sizeof(struct deny),
	  SLUICE_DENYLIST_MAX, BPF_F_NO_PREALLOC },
	{ "affinity4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source4_key), sizeof(struct affinity),
	  SLUICE_AFFINITY_MAX, 0 },
	{ "affinity6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source6_key), sizeof(struct affinity),
	  SLUICE_AFFINITY_MAX, 0 },
	{ "rates4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source4_key), sizeof(struct rate),
	  SLUICE_RATES_MAX, 0 },
	{ "rates6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source6_key), sizeof(struct rate),
	  SLUICE_RATES_MAX, 0 },
	{ "node_config", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct node_config), 1, MMAPABLE },
	{ "announced", BPF_MAP_TYPE_HASH, sizeof(struct announce_key), sizeof(struct announcement),
	  SLUICE_ANNOUNCED_MAX, BPF_F_NO_PREALLOC },
	{ "tx_ports", BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, SLUICE_TX_PORTS_MAX, BPF_F_RDONLY_PROG },
	{ "next_hops", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct next_hop), SLUICE_NEXT_HOPS, 0 },
	{ "cpu_state", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct cpu_state), 1, 0 },
	{ "flow_scratch", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct flow_scratch), 1, 0 },
	{ "tunnel_peers", BPF_MAP_TYPE_HASH, sizeof(struct tunnel_peer_key), 4,
	  SLUICE_TUNNEL_PEERS_MAX, BPF_F_NO_PREALLOC },
	{ "events", BPF_MAP_TYPE_RINGBUF, 0, 0, SLUICE_EVENTS_BYTES, 0 },
	{ "event_marks", BPF_MAP_TYPE_ARRAY, 4, 8, DROP_MAX, 0 },
	{ "listeners", BPF_MAP_TYPE_SOCKMAP, 4, 8, SLUICE_LISTENERS_MAX, 0 },
	{ "steering", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct steering), 1, MMAPABLE },
	{ "stats", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, STAT_MAX, 0 },
	{ "drops", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, DROP_MAX, 0 },
	{ "frontend_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct traffic),
	  SLUICE_FRONTENDS_MAX, 0 },
	{ "backend_stats", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct traffic),
	  SLUICE_BACKENDS_MAX, 0 },
	{ "worker_stats", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct worker_stats), SLUICE_WORKERS_MAX,
	  MMAPABLE },
	{ "daemon_state", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct daemon_state), 1, MMAPABLE },
	{ "socks", BPF_MAP_TYPE_SOCKHASH, 8, 8, SLUICE_SOCKS_MAX, 0 },
	{ "sinks", BPF_MAP_TYPE_SOCKHASH, 8, 8, SLUICE_SOCKS_MAX, 0 },
	{ "slots", BPF_MAP_TYPE_ARRAY, 4, sizeof(struct splice_slot), SLUICE_SLOTS_MAX, MMAPABLE },
	{ "splice_rings", BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, SLUICE_WORKERS_MAX, 0 },
	{ "head_scratch", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(struct head_scratch), 1, 0 },
};

#define MAPS_COUNT (sizeof(maps) / sizeof(maps[0]))

static void maps__are_those_of_the_header(void **state)
{
	const struct sluice_bpf *skel = *state;

	for (size_t i = 0; i < MAPS_COUNT; i++) {
		struct bpf_map_info info = {};
		uint32_t bytes = sizeof(info);
		int fd = bpf_object__find_map_fd_by_name(skel->obj, maps[i].name);

		print_message("map %s\n", maps[i].name);
		assert_true(fd >= 0);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &bytes), 0);
		assert_int_equal(info.type, maps[i].type);
		assert_int_equal(info.key_size, maps[i].key_bytes);
		assert_int_equal(info.value_size, maps[i].value_bytes);
		assert_int_equal(info.max_entries, maps[i].max_entries);
		assert_int_equal(info.map_flags, maps[i].flags);
	}
}

static void maps__the_object_has_no_other(void **state)
{
	const struct sluice_bpf *skel = *state;
	const struct bpf_map *map;

	bpf_object__for_each_map (map, skel->obj) {
		const char *name = bpf_map__name(map);
		size_t i = 0;

		if (bpf_map__is_internal(map))
			continue;
		while (i < MAPS_COUNT && strcmp(maps[i].name, name) != 0)
			i++;
		if (i == MAPS_COUNT)
			fail_msg("map %s is not in the header's table", name);
	}
}

static int open_object(void **state)
{
	*state = sluice_bpf__open_and_load();
	return *state ? 0 : -1;
}

static int close_object(void **state)
{
	sluice_bpf__destroy(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps__are_those_of_the_header),
		cmocka_unit_test(maps__the_object_has_no_other),
	};

	return cmocka_run_group_tests(tests, open_object, close_object);
}
