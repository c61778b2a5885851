// SPDX-License-Identifier: Apache-2.0
#include "base/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

struct inet_addr inet_addr_from_v4(uint32_t addr_be)
{
	struct inet_addr addr;

	memcpy(addr.bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(addr.bytes + sizeof(mapped_prefix), &addr_be, sizeof(addr_be));
	return addr;
}

bool inet_addr_is_v4(const struct inet_addr *addr)
{
	return memcmp(addr->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

uint32_t inet_addr_v4(const struct inet_addr *addr)
{
	uint32_t addr_be;

	memcpy(&addr_be, addr->bytes + sizeof(mapped_prefix), sizeof(addr_be));
	return addr_be;
}

bool inet_addr_is_any(const struct inet_addr *addr)
{
	static const uint8_t zero[16];

	if (inet_addr_is_v4(addr))
		return inet_addr_v4(addr) == 0;
	return memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

int inet_addr_compare(const struct inet_addr *a, const struct inet_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int inet_addr_parse(const char *text, struct inet_addr *out)
{
	struct inet_addr addr;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*out = inet_addr_from_v4(v4.s_addr);
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr.bytes) != 1 || inet_addr_is_v4(&addr))
		return -EINVAL;
	*out = addr;
	return 0;
}

const char *inet_addr_format(const struct inet_addr *addr, char text[INET_ADDR_TEXT_MAX])
{
	if (inet_addr_is_v4(addr))
		inet_ntop(AF_INET, addr->bytes + sizeof(mapped_prefix), text, INET_ADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, addr->bytes, text, INET_ADDR_TEXT_MAX);
	return text;
}

socklen_t inet_addr_sockaddr(const struct inet_addr *addr, uint16_t port_be,
			     struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (inet_addr_is_v4(addr)) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = port_be;
		in->sin_addr.s_addr = inet_addr_v4(addr);
		return sizeof(*in);
	}

	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = port_be;
	memcpy(&in6->sin6_addr, addr->bytes, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

int inet_addr_from_sockaddr(const struct sockaddr *name, struct inet_addr *addr, uint16_t *port_be)
{
	if (name->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)name;

		*addr = inet_addr_from_v4(in->sin_addr.s_addr);
		*port_be = in->sin_port;
		return 0;
	}
	if (name->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)name;

		memcpy(addr->bytes, &in6->sin6_addr, sizeof(addr->bytes));
		*port_be = in6->sin6_port;
		return 0;
	}
	return -EAFNOSUPPORT;
}

int inet_network_parse(const char *text, struct inet_network *out)
{
	const char *slash = strchr(text, '/');
	size_t bytes = slash ? (size_t)(slash - text) : strlen(text);
	char addr_text[INET_ADDR_TEXT_MAX];
	struct inet_network range;
	unsigned int bits, most, mapped;

	if (bytes >= sizeof(addr_text))
		return -EINVAL;
	memcpy(addr_text, text, bytes);
	addr_text[bytes] = '\0';
	if (inet_addr_parse(addr_text, &range.addr))
		return -EINVAL;
	mapped = inet_addr_is_v4(&range.addr) ? 96 : 0;
	bits = most = 128 - mapped;
	if (slash) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (!digits || digits > 3 || slash[1 + digits] || (digits > 1 && slash[1] == '0'))
			return -EINVAL;
		bits = (unsigned int)strtoul(slash + 1, NULL, 10);
	}
	if (bits > most)
		return -EINVAL;
	for (unsigned int bit = mapped + bits; bit < 128; bit++)
		range.addr.bytes[bit / 8] &= (uint8_t)(0xffu ^ 0x80u >> bit % 8);
	range.prefix_bits = (uint8_t)bits;
	*out = range;
	return 0;
}

const char *inet_network_format(const struct inet_network *range, char text[INET_NETWORK_TEXT_MAX])
{
	char addr[INET_ADDR_TEXT_MAX];

	snprintf(text, INET_NETWORK_TEXT_MAX, "%s/%u", inet_addr_format(&range->addr, addr),
		 range->prefix_bits);
	return text;
}

int inet_network_compare(const struct inet_network *a, const struct inet_network *b)
{
	int order = inet_addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->prefix_bits - (int)b->prefix_bits;
}
