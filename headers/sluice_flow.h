/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice_flow.h - the life of a flow: its states, what moves it on, and when it is over
 *
 * The one answer for the programs that forward, those that undo a reply, the search for a free
 * source port, and the sweeper of sluiced.
 *
 *	            packet of the client          FIN of one side       FIN of the other
 *	  NEW -----------------------> ESTABLISHED --------------> HALF_* --------------> CLOSING
 *	   |                                |                        |                       |
 *	   +--------------------------------+-- RST of either side --+-----------------------+--> RESET
 *
 * A flow of another protocol than TCP is ESTABLISHED from its first packet on. A packet of the
 * pod that is no RST takes a flow back from RESET: whoever guesses a 4-tuple can send one RST.
 */
#ifndef SLUICE_FLOW_H
#define SLUICE_FLOW_H

#include "sluice_schema.h"

#define SLUICE_TCP     6
#define SLUICE_TCP_FIN 0x01
#define SLUICE_TCP_SYN 0x02
#define SLUICE_TCP_RST 0x04

#define SLUICE_FLOW_S(s)           (1000000000ull * (s))
#define SLUICE_FLOW_NEW_NS         SLUICE_FLOW_S(60) /* as net.ipv4.tcp_synack_retries lasts: 63 s */
#define SLUICE_FLOW_ESTABLISHED_NS SLUICE_FLOW_S(7440) /* 2 h 4 min: RFC 5382, REQ-5 */
#define SLUICE_FLOW_HALF_CLOSED_NS SLUICE_FLOW_S(240)  /* 4 min: RFC 5382, REQ-5 */
#define SLUICE_FLOW_CLOSING_NS     SLUICE_FLOW_S(120)  /* nf_conntrack_tcp_timeout_time_wait */
#define SLUICE_FLOW_RESET_NS       SLUICE_FLOW_S(10)   /* nf_conntrack_tcp_timeout_close */
#define SLUICE_FLOW_UDP_REPLIED_NS SLUICE_FLOW_S(180)  /* RFC 4787, REQ-5: 2 min at least */

/* How long a flow may be idle. @flags: enum sluice_flow_flag. */
static inline __u64 sluice_flow_idle_max_ns(__u8 proto, __u8 state, __u8 flags)
{
	/* Where replies do not come by, a flow holds nothing that another one could need. */
	if (!(flags & (FLOW_F_REPLIED | FLOW_F_ONE_WAY)) && state != FLOW_RESET)
		return SLUICE_FLOW_NEW_NS;
	if (proto != SLUICE_TCP)
		return SLUICE_FLOW_UDP_REPLIED_NS;
	switch (state) {
	case FLOW_NEW:
		return SLUICE_FLOW_NEW_NS;
	case FLOW_CLOSING:
		return SLUICE_FLOW_CLOSING_NS;
	case FLOW_HALF_CLIENT:
	case FLOW_HALF_POD:
		return SLUICE_FLOW_HALF_CLOSED_NS;
	case FLOW_RESET:
		return SLUICE_FLOW_RESET_NS;
	default:
		return SLUICE_FLOW_ESTABLISHED_NS;
	}
}

/* Is a flow over? Another CPU may have seen it later than @now_ns. */
static inline int sluice_flow_is_over(__u8 proto, __u8 state, __u8 flags, __u64 last_seen_ns,
				      __u64 now_ns)
{
	__s64 idle_ns = (__s64)(now_ns - last_seen_ns);

	return idle_ns > 0 && (__u64)idle_ns >= sluice_flow_idle_max_ns(proto, state, flags);
}

/* Has the end of a flow been seen? */
static inline int sluice_flow_has_ended(__u8 state)
{
	return state >= FLOW_CLOSING;
}

/* The state after a packet with these TCP flags. @from_pod: 1: of the pod, 0: of the client. */
static inline __u8 sluice_flow_next(__u8 state, __u8 proto, __u32 tcp_flags, int from_pod)
{
	__u8 half = from_pod ? FLOW_HALF_POD : FLOW_HALF_CLIENT;
	__u8 other = from_pod ? FLOW_HALF_CLIENT : FLOW_HALF_POD;

	if (proto != SLUICE_TCP)
		return FLOW_ESTABLISHED;
	if (tcp_flags & SLUICE_TCP_RST)
		return FLOW_RESET;
	if (tcp_flags & SLUICE_TCP_FIN)
		return state == other || state == FLOW_CLOSING ? FLOW_CLOSING : half;
	if (state == FLOW_RESET && from_pod)
		return FLOW_ESTABLISHED;
	return state == FLOW_NEW && !from_pod && !(tcp_flags & SLUICE_TCP_SYN) ? FLOW_ESTABLISHED
									       : state;
}

#endif /* SLUICE_FLOW_H */
