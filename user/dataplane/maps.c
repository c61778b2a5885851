// SPDX-License-Identifier: Apache-2.0
#include "dataplane/maps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sluice_drops.h"
#include "base/log.h"
#include "sluice_schema.h"

const struct map_layout map_layouts[MAPS_COUNT] = {
	[MAP_FRONTENDS4] = { "frontends4", BPF_MAP_TYPE_HASH, sizeof(struct frontend4_key),
			     sizeof(struct frontend), SLUICE_FRONTENDS_MAX, 0, false },
	[MAP_FRONTENDS6] = { "frontends6", BPF_MAP_TYPE_HASH, sizeof(struct frontend6_key),
			     sizeof(struct frontend), SLUICE_FRONTENDS_MAX, 0, false },
	[MAP_ADDRESS_FILTER] = { "address_filter", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64),
				 SLUICE_FILTER_WORDS, BPF_F_MMAPABLE, false },
	[MAP_UPSTREAMS] = { "upstreams", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct upstream),
			    SLUICE_UPSTREAMS_MAX, BPF_F_MMAPABLE, false },
	[MAP_UPSTREAM_NAMES] = { "upstream_names", BPF_MAP_TYPE_HASH, sizeof(__u32),
				 sizeof(struct upstream_name), SLUICE_UPSTREAMS_MAX,
				 BPF_F_NO_PREALLOC, false },
	[MAP_BACKENDS] = { "backends", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct backend),
			   SLUICE_BACKENDS_MAX, BPF_F_MMAPABLE, false },
	[MAP_MEMBERS] = { "members", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u32),
			  SLUICE_MEMBERS_MAX, BPF_F_MMAPABLE, false },
	[MAP_RINGS] = { "rings", BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), sizeof(__u32),
			SLUICE_UPSTREAMS_MAX, 0, false },
	[MAP_FLOWS4] = { "flows4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow4_key),
			 sizeof(struct flow), SLUICE_FLOWS_MAX, 0, true },
	[MAP_FLOWS6] = { "flows6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow6_key),
			 sizeof(struct flow), SLUICE_FLOWS_MAX, 0, true },
	[MAP_NAT4] = { "nat4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow4_key), sizeof(struct nat4),
		       SLUICE_FLOWS_MAX, 0, true },
	[MAP_NAT6] = { "nat6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct flow6_key), sizeof(struct nat6),
		       SLUICE_FLOWS_MAX, 0, true },
	[MAP_FRAGMENTS4] = { "fragments4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct fragment4_key),
			     sizeof(struct fragment), SLUICE_FRAGMENTS_MAX, 0, false },
	[MAP_FRAGMENTS6] = { "fragments6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct fragment6_key),
			     sizeof(struct fragment), SLUICE_FRAGMENTS_MAX, 0, false },
	[MAP_FRAGMENT_IDS] = { "fragment_ids", BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			       sizeof(struct fragment_ids), 1, 0, false },
	[MAP_SOURCE_RANGES4] = { "source_ranges4", BPF_MAP_TYPE_LPM_TRIE,
				 sizeof(struct source_range4_key), sizeof(__u32),
				 SLUICE_SOURCE_RANGES_MAX, BPF_F_NO_PREALLOC, false },
	[MAP_SOURCE_RANGES6] = { "source_ranges6", BPF_MAP_TYPE_LPM_TRIE,
				 sizeof(struct source_range6_key), sizeof(__u32),
				 SLUICE_SOURCE_RANGES_MAX, BPF_F_NO_PREALLOC, false },
	[MAP_DENYLIST4] = { "denylist4", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct deny4_key),
			    sizeof(struct deny), SLUICE_DENYLIST_MAX, BPF_F_NO_PREALLOC, false },
	[MAP_DENYLIST6] = { "denylist6", BPF_MAP_TYPE_LPM_TRIE, sizeof(struct deny6_key),
			    sizeof(struct deny), SLUICE_DENYLIST_MAX, BPF_F_NO_PREALLOC, false },
	[MAP_AFFINITY4] = { "affinity4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source4_key),
			    sizeof(struct affinity), SLUICE_AFFINITY_MAX, 0, false },
	[MAP_AFFINITY6] = { "affinity6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source6_key),
			    sizeof(struct affinity), SLUICE_AFFINITY_MAX, 0, false },
	[MAP_RATES4] = { "rates4", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source4_key),
			 sizeof(struct rate), SLUICE_RATES_MAX, 0, false },
	[MAP_RATES6] = { "rates6", BPF_MAP_TYPE_LRU_HASH, sizeof(struct source6_key),
			 sizeof(struct rate), SLUICE_RATES_MAX, 0, false },
	[MAP_NODE_CONFIG] = { "node_config", BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			      sizeof(struct node_config), 1, BPF_F_MMAPABLE, false },
	[MAP_ANNOUNCED] = { "announced", BPF_MAP_TYPE_HASH, sizeof(struct announce_key),
			    sizeof(struct announcement), SLUICE_ANNOUNCED_MAX, BPF_F_NO_PREALLOC,
			    false },
	[MAP_TX_PORTS] = { "tx_ports", BPF_MAP_TYPE_DEVMAP_HASH, sizeof(__u32), sizeof(__u32),
			   SLUICE_TX_PORTS_MAX, BPF_F_RDONLY_PROG, false },
	[MAP_NEXT_HOPS] = { "next_hops", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
			    sizeof(struct next_hop), SLUICE_NEXT_HOPS, 0, false },
	[MAP_CPU_STATE] = { "cpu_state", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
			    sizeof(struct cpu_state), 1, 0, false },
	[MAP_FLOW_SCRATCH] = { "flow_scratch", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
			       sizeof(struct flow_scratch), 1, 0, false },
	[MAP_TUNNEL_PEERS] = { "tunnel_peers", BPF_MAP_TYPE_HASH, sizeof(struct tunnel_peer_key),
			       sizeof(__u32), SLUICE_TUNNEL_PEERS_MAX, BPF_F_NO_PREALLOC, false },
	[MAP_EVENTS] = { "events", BPF_MAP_TYPE_RINGBUF, 0, 0, SLUICE_EVENTS_BYTES, 0, false },
	[MAP_EVENT_MARKS] = { "event_marks", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64),
			      DROP_MAX, 0, false },
	[MAP_LISTENERS] = { "listeners", BPF_MAP_TYPE_SOCKMAP, sizeof(__u32), sizeof(__u64),
			    SLUICE_LISTENERS_MAX, 0, false },
	[MAP_STEERING] = { "steering", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct steering),
			   1, BPF_F_MMAPABLE, false },
	[MAP_STATS] = { "stats", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(__u64), STAT_MAX,
			0, false },
	[MAP_DROPS] = { "drops", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(__u64), DROP_MAX,
			0, false },
	[MAP_FRONTEND_STATS] = { "frontend_stats", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
				 sizeof(struct traffic), SLUICE_FRONTENDS_MAX, 0, false },
	[MAP_BACKEND_STATS] = { "backend_stats", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
				sizeof(struct traffic), SLUICE_BACKENDS_MAX, 0, false },
	[MAP_WORKER_STATS] = { "worker_stats", BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			       sizeof(struct worker_stats), SLUICE_WORKERS_MAX, BPF_F_MMAPABLE,
			       false },
	[MAP_DAEMON_STATE] = { "daemon_state", BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			       sizeof(struct daemon_state), 1, BPF_F_MMAPABLE, false },
	[MAP_SOCKS] = { "socks", BPF_MAP_TYPE_SOCKHASH, sizeof(__u64), sizeof(__u64),
			SLUICE_SOCKS_MAX, 0, false },
	[MAP_SINKS] = { "sinks", BPF_MAP_TYPE_SOCKHASH, sizeof(__u64), sizeof(__u64),
			SLUICE_SOCKS_MAX, 0, false },
	[MAP_SLOTS] = { "slots", BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct splice_slot),
			SLUICE_SLOTS_MAX, BPF_F_MMAPABLE, false },
	[MAP_SPLICE_RINGS] = { "splice_rings", BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32),
			       sizeof(__u32), SLUICE_WORKERS_MAX, 0, false },
	[MAP_HEAD_SCRATCH] = { "head_scratch", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
			       sizeof(struct head_scratch), 1, 0, false },
};

int pin_path(char path[PIN_PATH_MAX], const char *bpffs, const char *name)
{
	int n = snprintf(path, PIN_PATH_MAX, "%s/%s%s%s", bpffs, SLUICE_PIN_FOLDER, name ? "/" : "",
			 name ? name : "");

	return n < PIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int maps_check(int fd, enum map_id id, char *error, size_t error_bytes)
{
	const struct map_layout *want = &map_layouts[id];
	struct bpf_map_info info = {};
	__u32 info_bytes = sizeof(info);
	const char *what = NULL;
	__u32 has = 0, wanted = 0;

	if (bpf_obj_get_info_by_fd(fd, &info, &info_bytes)) {
		snprintf(error, error_bytes, "map %s: %s", want->name, strerror(errno));
		return -errno;
	}
	if (info.type != want->type)
		what = "type", has = info.type, wanted = want->type;
	else if (info.key_size != want->key_bytes)
		what = "key size", has = info.key_size, wanted = want->key_bytes;
	else if (info.value_size != want->value_bytes)
		what = "value size", has = info.value_size, wanted = want->value_bytes;
	else if (info.map_flags != want->flags)
		what = "flags", has = info.map_flags, wanted = want->flags;
	else if (info.max_entries != want->entries_max && !want->sized_by_option)
		what = "size", has = info.max_entries, wanted = want->entries_max;
	if (!what)
		return 0;
	snprintf(error, error_bytes,
		 "pinned map %s has another layout (%s %u, expected %u): it belongs to another "
		 "version of sluiced; run `sluiced --cleanup` to remove it, then start again",
		 want->name, what, has, wanted);
	return -EPROTO;
}

int maps_open_pinned(const char *bpffs, enum map_id id, int *fd_out, char *error,
		     size_t error_bytes)
{
	char path[PIN_PATH_MAX];
	int fd, err;

	err = pin_path(path, bpffs, map_layouts[id].name);
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd < 0) {
		err = -errno;
		snprintf(error, error_bytes, "%s: %s", path, strerror(-err));
		return err;
	}
	err = maps_check(fd, id, error, error_bytes);
	if (err) {
		close(fd);
		return err;
	}
	*fd_out = fd;
	return 0;
}

void maps_warn_of_size(const int maps[MAPS_COUNT], uint32_t flows_max)
{
	for (unsigned int id = 0; id < MAPS_COUNT; id++) {
		struct bpf_map_info info = {};
		__u32 info_bytes = sizeof(info);

		if (!map_layouts[id].sized_by_option || !flows_max ||
		    bpf_obj_get_info_by_fd(maps[id], &info, &info_bytes) ||
		    info.max_entries == flows_max)
			continue;
		log_warn("dataplane: map %s keeps its %u entries: the size of a map that is in use "
			 "cannot change",
			 map_layouts[id].name, info.max_entries);
	}
}
