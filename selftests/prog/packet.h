/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h - packets for tests, built from a description, checksums computed from nothing
 *
 * What a program should have made of a packet is built the same way from the description of the
 * result, so that a test compares bytes and shares no arithmetic with the program.
 */
#ifndef SELFTESTS_PROG_PACKET_H
#define SELFTESTS_PROG_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

#define PACKET_BYTES_MAX 4096

/* Who is who: documentation addresses (RFC 5737, RFC 3849), by role. */
#define CLIENT_IP     "192.0.2.10"
#define CLIENT_IP6    "2001:db8:1::10"
#define FRONTEND_IP   "198.51.100.80"
#define FRONTEND_IP6  "2001:db8:2::80"
#define NODE_IP       "198.51.100.1"
#define NODE_IP6      "2001:db8:2::1"
#define POD_IP        "203.0.113.5"
#define POD_IP6       "2001:db8:3::5"
#define OTHER_POD_IP  "203.0.113.6"
#define OTHER_POD_IP6 "2001:db8:3::6"
#define STRANGER_IP   "203.0.113.99"
#define STRANGER_IP6  "2001:db8:9::99"

struct packet_spec {
	const char *src, *dst; /* text; both of one family */
	uint8_t proto;         /* IPPROTO_*; 0: TCP */
	uint16_t sport, dport; /* host order */
	uint8_t tcp_flags;     /* PACKET_* */
	uint8_t tos, ttl;      /* ttl 0: 64 */
	uint8_t vlan_tags;     /* 1: 802.1Q, 2: 802.1ad outside it */
	uint8_t ip_options;    /* bytes of IPv4 options, or of an IPv6 destination options header */
	uint16_t frag;         /* IPv4: flags and offset as on the wire, host order */
	uint16_t payload_bytes;
	bool no_checksum;       /* UDP: 0 on the wire */
	uint16_t ether_type;    /* host order; 0: by the family */
	uint16_t cut_bytes;     /* taken off the end after everything is computed */
	uint16_t padding_bytes; /* of the frame, behind the IP packet */
	int16_t ip_length_error, udp_length_error; /* added to the true length */
	int8_t doff_error;                         /* added to the TCP data offset, in words */
	uint16_t payload_word; /* first two bytes of the payload, to steer a checksum */
};

#define PACKET_FIN 0x01
#define PACKET_SYN 0x02
#define PACKET_RST 0x04
#define PACKET_ACK 0x10

struct packet {
	uint8_t bytes[PACKET_BYTES_MAX];
	size_t length;
	size_t l3_off, l4_off, check_off; /* for tests that look at a field */
};

void packet_build(const struct packet_spec *spec, struct packet *out);

/* The value of a family's role: CLIENT_IP or CLIENT_IP6. */
#define ROLE(family_is_v6, role) ((family_is_v6) ? role##6 : role)

#endif /* SELFTESTS_PROG_PACKET_H */
