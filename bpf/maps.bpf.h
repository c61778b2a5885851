/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.bpf.h - the maps of headers/sluice_schema.h, as every program sees them
 *
 * Defined once, in maps.bpf.c; the linker holds each program to the same definition.
 */
#ifndef SLUICE_MAPS_BPF_H
#define SLUICE_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "sluice_drops.h"
#include "sluice_schema.h"

struct frontends4_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_FRONTENDS_MAX);
	__type(key, struct frontend4_key);
	__type(value, struct frontend);
};

struct frontends6_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_FRONTENDS_MAX);
	__type(key, struct frontend6_key);
	__type(value, struct frontend);
};

struct address_filter_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_FILTER_WORDS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
};

struct upstreams_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_UPSTREAMS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct upstream);
};

struct upstream_names_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_UPSTREAMS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct upstream_name);
};

struct backends_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_BACKENDS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct backend);
};

struct members_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_MEMBERS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
};

/* Prototype of the inner maps: their size may differ, see SLUICE_RING_SLOTS_*. */
struct ring_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_RING_SLOTS_MIN + 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, __u32);
};

struct rings_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLUICE_UPSTREAMS_MAX);
	__type(key, __u32);
	__array(values, struct ring_map);
};

struct flows4_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_FLOWS_MAX);
	__type(key, struct flow4_key);
	__type(value, struct flow);
};

struct flows6_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_FLOWS_MAX);
	__type(key, struct flow6_key);
	__type(value, struct flow);
};

struct nat4_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_FLOWS_MAX);
	__type(key, struct flow4_key);
	__type(value, struct nat4);
};

struct nat6_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_FLOWS_MAX);
	__type(key, struct flow6_key);
	__type(value, struct nat6);
};

struct fragments4_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_FRAGMENTS_MAX);
	__type(key, struct fragment4_key);
	__type(value, struct fragment);
};

struct fragments6_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_FRAGMENTS_MAX);
	__type(key, struct fragment6_key);
	__type(value, struct fragment);
};

struct fragment_ids_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fragment_ids);
};

struct source_ranges4_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SLUICE_SOURCE_RANGES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct source_range4_key);
	__type(value, __u32);
};

struct source_ranges6_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SLUICE_SOURCE_RANGES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct source_range6_key);
	__type(value, __u32);
};

struct denylist4_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SLUICE_DENYLIST_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct deny4_key);
	__type(value, struct deny);
};

struct denylist6_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SLUICE_DENYLIST_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct deny6_key);
	__type(value, struct deny);
};

struct affinity4_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_AFFINITY_MAX);
	__type(key, struct source4_key);
	__type(value, struct affinity);
};

struct affinity6_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_AFFINITY_MAX);
	__type(key, struct source6_key);
	__type(value, struct affinity);
};

struct rates4_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_RATES_MAX);
	__type(key, struct source4_key);
	__type(value, struct rate);
};

struct rates6_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SLUICE_RATES_MAX);
	__type(key, struct source6_key);
	__type(value, struct rate);
};

struct node_config_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct node_config);
};

struct announced_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_ANNOUNCED_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct announce_key);
	__type(value, struct announcement);
};

struct tx_ports_map {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, SLUICE_TX_PORTS_MAX);
	__type(key, __u32);
	__type(value, __u32);
};

struct next_hops_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_NEXT_HOPS);
	__type(key, __u32);
	__type(value, struct next_hop);
};

struct cpu_state_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
};

struct flow_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_scratch);
};

struct tunnel_peers_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SLUICE_TUNNEL_PEERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tunnel_peer_key);
	__type(value, __u32);
};

struct events_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SLUICE_EVENTS_BYTES);
};

struct event_marks_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DROP_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct listeners_map {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, SLUICE_LISTENERS_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct steering_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct steering);
};

struct stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STAT_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct drops_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DROP_MAX);
	__type(key, __u32);
	__type(value, __u64);
};

struct frontend_stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_FRONTENDS_MAX);
	__type(key, __u32);
	__type(value, struct traffic);
};

struct backend_stats_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLUICE_BACKENDS_MAX);
	__type(key, __u32);
	__type(value, struct traffic);
};

struct worker_stats_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_WORKERS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct worker_stats);
};

struct daemon_state_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct daemon_state);
};

struct socks_map {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, SLUICE_SOCKS_MAX);
	__type(key, __u64);
	__type(value, __u64);
};

struct sinks_map {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, SLUICE_SOCKS_MAX);
	__type(key, __u64);
	__type(value, __u64);
};

struct slots_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLUICE_SLOTS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct splice_slot);
};

/* Prototype of the inner maps. */
struct splice_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SLUICE_RINGS_BYTES);
};

struct splice_rings_map {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SLUICE_WORKERS_MAX);
	__type(key, __u32);
	__array(values, struct splice_ring);
};

struct head_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct head_scratch);
};

extern struct frontends4_map frontends4 SEC(".maps");
extern struct frontends6_map frontends6 SEC(".maps");
extern struct address_filter_map address_filter SEC(".maps");
extern struct upstreams_map upstreams SEC(".maps");
extern struct upstream_names_map upstream_names SEC(".maps");
extern struct backends_map backends SEC(".maps");
extern struct members_map members SEC(".maps");
extern struct rings_map rings SEC(".maps");
extern struct flows4_map flows4 SEC(".maps");
extern struct flows6_map flows6 SEC(".maps");
extern struct nat4_map nat4 SEC(".maps");
extern struct nat6_map nat6 SEC(".maps");
extern struct fragments4_map fragments4 SEC(".maps");
extern struct fragments6_map fragments6 SEC(".maps");
extern struct fragment_ids_map fragment_ids SEC(".maps");
extern struct source_ranges4_map source_ranges4 SEC(".maps");
extern struct source_ranges6_map source_ranges6 SEC(".maps");
extern struct denylist4_map denylist4 SEC(".maps");
extern struct denylist6_map denylist6 SEC(".maps");
extern struct affinity4_map affinity4 SEC(".maps");
extern struct affinity6_map affinity6 SEC(".maps");
extern struct rates4_map rates4 SEC(".maps");
extern struct rates6_map rates6 SEC(".maps");
extern struct node_config_map node_config SEC(".maps");
extern struct announced_map announced SEC(".maps");
extern struct tx_ports_map tx_ports SEC(".maps");
extern struct next_hops_map next_hops SEC(".maps");
extern struct cpu_state_map cpu_state SEC(".maps");
extern struct flow_scratch_map flow_scratch SEC(".maps");
extern struct tunnel_peers_map tunnel_peers SEC(".maps");
extern struct events_map events SEC(".maps");
extern struct event_marks_map event_marks SEC(".maps");
extern struct listeners_map listeners SEC(".maps");
extern struct steering_map steering SEC(".maps");
extern struct stats_map stats SEC(".maps");
extern struct drops_map drops SEC(".maps");
extern struct frontend_stats_map frontend_stats SEC(".maps");
extern struct backend_stats_map backend_stats SEC(".maps");
extern struct worker_stats_map worker_stats SEC(".maps");
extern struct daemon_state_map daemon_state SEC(".maps");
extern struct socks_map socks SEC(".maps");
extern struct sinks_map sinks SEC(".maps");
extern struct slots_map slots SEC(".maps");
extern struct splice_rings_map splice_rings SEC(".maps");
extern struct head_scratch_map head_scratch SEC(".maps");

#endif /* SLUICE_MAPS_BPF_H */
