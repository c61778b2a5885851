// SPDX-License-Identifier: Apache-2.0
/* Names of counters, as metrics and sluicectl show them. */
#include "dataplane/dataplane.h"

static const char *const stat_names[STAT_MAX] = {
	[STAT_PACKETS_NOT_OURS] = "packets_not_ours",
	[STAT_PACKETS_L4] = "packets_l4",
	[STAT_PACKETS_HTTP] = "packets_http",
	[STAT_PACKETS_REPLY] = "packets_reply",
	[STAT_FLOWS_CREATED] = "flows_created",
	[STAT_FLOWS_NOT_INSERTED] = "flows_not_inserted",
	[STAT_FLOWS_REPICKED] = "flows_repicked",
	[STAT_STEERED] = "steered",
	[STAT_FLOWS_COLLIDED] = "flows_collided",
	[STAT_PACKETS_SNAT] = "packets_snat",
	[STAT_PACKETS_DSR] = "packets_dsr",
	[STAT_PACKETS_DECAPSULATED] = "packets_decapsulated",
	[STAT_PACKETS_FRAGMENT] = "packets_fragment",
	[STAT_PACKETS_BY_STACK] = "packets_by_stack",
	[STAT_ICMP_ECHOES] = "icmp_echoes",
	[STAT_ICMP_TRANSLATED] = "icmp_translated",
	[STAT_ICMP_SENT] = "icmp_sent",
	[STAT_RESETS_SENT] = "resets_sent",
	[STAT_AFFINITY_HITS] = "affinity_hits",
	[STAT_ANNOUNCE_REPLIES] = "announce_replies",
};

static const struct {
	const char *name, *text;
} drops[DROP_MAX] = {
#define X(number, symbol, metric, meaning) [number] = { metric, meaning },
	SLUICE_DROP_LIST(X)
#undef X
};

const char *dataplane_stat_name(unsigned int stat)
{
	return stat < STAT_MAX ? stat_names[stat] : NULL;
}

const char *dataplane_drop_name(unsigned int drop)
{
	return drop < DROP_MAX ? drops[drop].name : NULL;
}

const char *dataplane_drop_text(unsigned int drop)
{
	return drop < DROP_MAX ? drops[drop].text : NULL;
}
