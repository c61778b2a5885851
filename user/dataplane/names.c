// SPDX-License-Identifier: Apache-2.0
/* Names of counters, as metrics and sluicectl show them. */
#include "dataplane/dataplane.h"

static const struct {
	const char *name, *text;
} stats[STAT_MAX] = {
	[STAT_PACKETS_NOT_OURS] = { "packets_not_ours", "Packets for no frontend." },
	[STAT_PACKETS_L4] = { "packets_l4", "Packets of L4 frontends." },
	[STAT_PACKETS_HTTP] = { "packets_http", "Packets of HTTP frontends." },
	[STAT_PACKETS_REPLY] = { "packets_reply", "Packets of pods back to clients." },
	[STAT_FLOWS_CREATED] = { "flows_created", "L4 flows begun." },
	[STAT_FLOWS_NOT_INSERTED] = { "flows_not_inserted",
				      "L4 flows forwarded by hash without an entry." },
	[STAT_FLOWS_REPICKED] = { "flows_repicked", "L4 flows that got another backend." },
	[STAT_FLOWS_SWEPT] = { "flows_swept",
			       "Entries of L4 flows that were over, taken out of the tables." },
	[STAT_STEERED] = { "steered", "HTTP connections steered to a worker." },
	[STAT_FLOWS_COLLIDED] = { "flows_collided",
				  "L4 flows that got another source port: the client port was "
				  "in use." },
	[STAT_PACKETS_SNAT] = { "packets_snat",
				"Packets sent to pods of other nodes with the address of "
				"this one." },
	[STAT_PACKETS_DSR] = { "packets_dsr", "Packets sent to pods of other nodes encapsulated." },
	[STAT_PACKETS_DECAPSULATED] = { "packets_decapsulated",
					"Packets of other nodes decapsulated for pods of "
					"this one." },
	[STAT_PACKETS_FRAGMENT] = { "packets_fragment",
				    "Later fragments that followed their first." },
	[STAT_PACKETS_BY_STACK] = { "packets_by_stack",
				    "Packets for other nodes that the stack sent, because "
				    "XDP could not." },
	[STAT_ICMP_ECHOES] = { "icmp_echoes", "Pings of frontend addresses that were answered." },
	[STAT_ICMP_TRANSLATED] = { "icmp_translated",
				   "ICMP errors translated for their receiver." },
	[STAT_ICMP_SENT] = { "icmp_sent", "ICMP errors made here: time exceeded, too big." },
	[STAT_RESETS_SENT] = { "resets_sent", "TCP resets sent for flows whose backend is gone." },
	[STAT_TUNNEL_ERRORS_UNREAD] = { "tunnel_errors_unread",
					"ICMP errors about a tunnel that quote too little to "
					"inform the client." },
	[STAT_ANNOUNCE_REPLIES] = { "announce_replies",
				    "Questions for an announced address that were answered." },
	[STAT_AFFINITY_HITS] = { "affinity_hits",
				 "New flows that went to their client's previous backend." },
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
	return stat < STAT_MAX ? stats[stat].name : NULL;
}

const char *dataplane_stat_text(unsigned int stat)
{
	return stat < STAT_MAX ? stats[stat].text : NULL;
}

const char *dataplane_drop_name(unsigned int drop)
{
	return drop < DROP_MAX ? drops[drop].name : NULL;
}

const char *dataplane_drop_text(unsigned int drop)
{
	return drop < DROP_MAX ? drops[drop].text : NULL;
}
