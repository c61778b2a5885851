// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The one definition of every map; the table in headers/sluice_schema.h says what each is for. */
#include "maps.bpf.h"

struct frontends4_map frontends4 SEC(".maps");
struct frontends6_map frontends6 SEC(".maps");
struct address_filter_map address_filter SEC(".maps");
struct upstreams_map upstreams SEC(".maps");
struct upstream_names_map upstream_names SEC(".maps");
struct backends_map backends SEC(".maps");
struct members_map members SEC(".maps");
struct rings_map rings SEC(".maps");
struct flows4_map flows4 SEC(".maps");
struct flows6_map flows6 SEC(".maps");
struct nat4_map nat4 SEC(".maps");
struct nat6_map nat6 SEC(".maps");
struct fragments4_map fragments4 SEC(".maps");
struct fragments6_map fragments6 SEC(".maps");
struct fragment_ids_map fragment_ids SEC(".maps");
struct source_ranges4_map source_ranges4 SEC(".maps");
struct source_ranges6_map source_ranges6 SEC(".maps");
struct denylist4_map denylist4 SEC(".maps");
struct denylist6_map denylist6 SEC(".maps");
struct affinity4_map affinity4 SEC(".maps");
struct affinity6_map affinity6 SEC(".maps");
struct rates4_map rates4 SEC(".maps");
struct rates6_map rates6 SEC(".maps");
struct node_config_map node_config SEC(".maps");
struct announced_map announced SEC(".maps");
struct tx_ports_map tx_ports SEC(".maps");
struct next_hops_map next_hops SEC(".maps");
struct cpu_state_map cpu_state SEC(".maps");
struct flow_scratch_map flow_scratch SEC(".maps");
struct tunnel_peers_map tunnel_peers SEC(".maps");
struct events_map events SEC(".maps");
struct event_marks_map event_marks SEC(".maps");
struct listeners_map listeners SEC(".maps");
struct steering_map steering SEC(".maps");
struct stats_map stats SEC(".maps");
struct drops_map drops SEC(".maps");
struct frontend_stats_map frontend_stats SEC(".maps");
struct backend_stats_map backend_stats SEC(".maps");
struct worker_stats_map worker_stats SEC(".maps");
struct daemon_state_map daemon_state SEC(".maps");
struct socks_map socks SEC(".maps");
struct sinks_map sinks SEC(".maps");
struct slots_map slots SEC(".maps");
struct splice_rings_map splice_rings SEC(".maps");
struct head_scratch_map head_scratch SEC(".maps");

char _license[] SEC("license") = "Dual BSD/GPL";
