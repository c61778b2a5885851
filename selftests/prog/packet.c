// SPDX-License-Identifier: Apache-2.0
#include "prog/packet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071, byte by byte. */
static uint32_t sum_bytes(const uint8_t *data, size_t length, uint32_t sum)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	return sum;
}

static uint16_t sum_finish(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static struct inet_addr address(const char *text)
{
	struct inet_addr addr;

	if (inet_addr_parse(text, &addr)) {
		fprintf(stderr, "packet: %s is no address\n", text);
		abort();
	}
	return addr;
}

static size_t build_ethernet(const struct packet_spec *spec, bool v4, uint8_t *at)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint16_t type = v4 ? 0x0800 : 0x86dd;
	size_t length = sizeof(macs);

	memcpy(at, macs, sizeof(macs));
	for (int i = spec->vlan_tags; i > 0; i--) {
		put16(at + length, i == 2 ? 0x88a8 : 0x8100);
		put16(at + length + 2, (uint16_t)(100 + i));
		length += 4;
	}
	put16(at + length, spec->ether_type ? spec->ether_type : type);
	return length + 2;
}

static size_t build_ip4(const struct packet_spec *spec, size_t l4_bytes, uint8_t *ip)
{
	struct inet_addr src = address(spec->src), dst = address(spec->dst);
	size_t header_bytes = 20 + spec->ip_options;

	ip[0] = (uint8_t)(0x40 | header_bytes / 4);
	ip[1] = spec->tos;
	put16(ip + 2, (uint16_t)(header_bytes + l4_bytes + (size_t)spec->ip_length_error));
	put16(ip + 4, 0x1234);
	put16(ip + 6, spec->frag);
	ip[8] = spec->ttl ? spec->ttl : 64;
	ip[9] = spec->proto ? spec->proto : IPPROTO_TCP;
	memcpy(ip + 12, src.bytes + 12, 4);
	memcpy(ip + 16, dst.bytes + 12, 4);
	memset(ip + 20, 1, spec->ip_options); /* no operation */
	put16(ip + 10, sum_finish(sum_bytes(ip, header_bytes, 0)));
	return header_bytes;
}

static size_t build_ip6(const struct packet_spec *spec, size_t l4_bytes, uint8_t *ip)
{
	struct inet_addr src = address(spec->src), dst = address(spec->dst);
	uint8_t proto = spec->proto ? spec->proto : IPPROTO_TCP;
	size_t header_bytes = 40 + spec->ip_options;

	ip[0] = (uint8_t)(0x60 | spec->tos >> 4);
	ip[1] = (uint8_t)(spec->tos << 4);
	put16(ip + 4, (uint16_t)(spec->ip_options + l4_bytes + (size_t)spec->ip_length_error));
	ip[6] = spec->ip_options ? IPPROTO_DSTOPTS : proto;
	ip[7] = spec->ttl ? spec->ttl : 64;
	memcpy(ip + 8, src.bytes, 16);
	memcpy(ip + 24, dst.bytes, 16);
	if (spec->ip_options) { /* one PadN option fills the header */
		ip[40] = proto;
		ip[41] = (uint8_t)(spec->ip_options / 8 - 1);
		ip[42] = 1;
		ip[43] = (uint8_t)(spec->ip_options - 4);
	}
	return header_bytes;
}

static size_t l4_header_bytes(const struct packet_spec *spec)
{
	switch (spec->proto) {
	case 0:
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
		return 8;
	default:
		return 0;
	}
}

/* Header and payload; returns the offset of the checksum, 0 if there is none. */
static size_t build_l4(const struct packet_spec *spec, size_t header_bytes, uint8_t *l4)
{
	for (size_t i = 0; i < spec->payload_bytes; i++)
		l4[header_bytes + i] = (uint8_t)(i * 7 + 1);
	if (spec->payload_word)
		put16(l4 + header_bytes, spec->payload_word);
	if (header_bytes == 0)
		return 0;
	put16(l4, spec->sport);
	put16(l4 + 2, spec->dport);
	if (header_bytes == 8) {
		put16(l4 + 4, (uint16_t)(8 + spec->payload_bytes + spec->udp_length_error));
		return 6;
	}
	memcpy(l4 + 4, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	l4[12] = (uint8_t)((5 + spec->doff_error) << 4);
	l4[13] = spec->tcp_flags;
	put16(l4 + 14, 1000);
	return 16;
}

static uint16_t l4_checksum(const struct packet_spec *spec, const uint8_t *l4, size_t l4_bytes)
{
	struct inet_addr src = address(spec->src), dst = address(spec->dst);
	uint8_t proto = spec->proto ? spec->proto : IPPROTO_TCP;
	size_t skip = inet_addr_is_v4(&src) ? 12 : 0;
	uint32_t sum = proto + (uint32_t)l4_bytes;
	uint16_t check;

	sum = sum_bytes(src.bytes + skip, 16 - skip, sum);
	sum = sum_bytes(dst.bytes + skip, 16 - skip, sum);
	check = sum_finish(sum_bytes(l4, l4_bytes, sum));
	return check == 0 && proto == IPPROTO_UDP ? 0xffff : check;
}

void packet_build(const struct packet_spec *spec, struct packet *out)
{
	struct inet_addr src = address(spec->src);
	bool v4 = inet_addr_is_v4(&src);
	size_t header_bytes = l4_header_bytes(spec);
	size_t l4_bytes = header_bytes + spec->payload_bytes;
	size_t check_off;

	memset(out, 0, sizeof(*out));
	out->l3_off = build_ethernet(spec, v4, out->bytes);
	out->l4_off = out->l3_off + (v4 ? build_ip4(spec, l4_bytes, out->bytes + out->l3_off)
					: build_ip6(spec, l4_bytes, out->bytes + out->l3_off));
	check_off = build_l4(spec, header_bytes, out->bytes + out->l4_off);
	if (check_off) {
		out->check_off = out->l4_off + check_off;
		if (!spec->no_checksum)
			put16(out->bytes + out->check_off,
			      l4_checksum(spec, out->bytes + out->l4_off, l4_bytes));
	}
	out->length = out->l4_off + l4_bytes + spec->padding_bytes - spec->cut_bytes;
}
