/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sluice_drops.h - why a packet was dropped, by name
 *
 * One list serves the data plane, the metrics (sluice_drops_total{reason="..."}), sluicectl and the
 * docs. Numbers are part of the contract: append only.
 */
#ifndef SLUICE_DROPS_H
#define SLUICE_DROPS_H

/* X(number, NAME, "metric name", "what it means to an operator") */
#define SLUICE_DROP_LIST(X)                                                                       \
	X(0, NONE, "none", "not a drop")                                                          \
	X(1, SHORT_L3, "short_l3", "IP header longer than the packet")                            \
	X(2, SHORT_L4, "short_l4", "TCP or UDP header longer than the packet")                    \
	X(3, BAD_LENGTH, "bad_length", "lengths in the headers contradict each other")            \
	X(4, NO_BACKEND, "no_backend", "the upstream of the frontend has no usable backend")      \
	X(5, UNKNOWN_PORT, "unknown_port", "no frontend has this port of a frontend address")     \
	X(6, FRAGMENT, "fragment", "fragment of an unknown flow")                                 \
	X(7, NO_LISTENER, "no_listener", "no helper worker listens; the client will try again")   \
	X(8, BAD_RING, "bad_ring", "a ring names no backend: a bug, please report")               \
	X(9, DENIED, "denied", "the source is in the denylist")                                   \
	X(10, SOURCE_RANGE, "source_range", "the source is in none of the Service's ranges")      \
	X(11, RATE_LIMIT, "rate_limit", "the source begins too many flows a second")              \
	X(12, SNAT_PORTS, "snat_ports", "no source port is free towards the backend")             \
	X(13, TTL, "ttl", "the packet's hops ran out; answered with ICMP")                        \
	X(14, TOO_BIG, "too_big", "does not fit on the way to the pod; answered with ICMP")       \
	X(15, NO_ROUTE, "no_route", "the node has no route to the pod's node, or back")           \
	X(16, FORWARDING_OFF, "forwarding_off", "forwarding is off on the node (sysctl)")         \
	X(17, NO_TRANSMIT, "no_transmit", "neither XDP nor the stack could send the packet")      \
	X(18, ICMP_UNMATCHED, "icmp_unmatched", "an ICMP error about no flow of the frontend")    \
	X(19, BAD_TUNNEL, "bad_tunnel", "a tunnelled packet for no pod of this node")             \
	X(20, BACKEND_GONE, "backend_gone", "TCP of a backend that has gone; answered with RST")  \
	X(21, NOT_HOLDER, "not_holder", "ARP for an address that another node answers for")       \
	X(22, FLOW_LIMIT, "flow_limit", "too many new flows, and this one needs an entry")        \
	X(23, TUNNEL_SOURCE, "tunnel_source", "a tunnel from an address that is no known node's") \
	X(24, ANSWER_LIMIT, "answer_limit", "too many answers of our own a second; not answered")

enum sluice_drop {
#define X(number, name, metric, text) DROP_##name = number,
	SLUICE_DROP_LIST(X)
#undef X
		DROP_MAX = 64, /* room, so that a new reason does not change the layout */
};

#endif /* SLUICE_DROPS_H */
