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
struct listeners_map listeners SEC(".maps");
struct steering_map steering SEC(".maps");
struct stats_map stats SEC(".maps");
struct drops_map drops SEC(".maps");
struct frontend_stats_map frontend_stats SEC(".maps");
struct backend_stats_map backend_stats SEC(".maps");
struct worker_stats_map worker_stats SEC(".maps");
struct daemon_state_map daemon_state SEC(".maps");

char _license[] SEC("license") = "Dual BSD/GPL";
