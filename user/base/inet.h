/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inet.h - one 16-byte address for both families, IPv4 as ::ffff:a.b.c.d
 */
#ifndef SLUICE_BASE_INET_H
#define SLUICE_BASE_INET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct inet_addr {
	uint8_t bytes[16]; /* network order */
};

#define INET_ADDR_TEXT_MAX 46 /* as INET6_ADDRSTRLEN */

/**
 * inet_addr_parse - textual IPv4 or IPv6 address, no zone, no brackets
 * Return: 0; -EINVAL, *out untouched. An IPv4-mapped IPv6 text is refused: one address, one
 * spelling.
 */
int inet_addr_parse(const char *text, struct inet_addr *out);

/* Writes the usual text (a.b.c.d or RFC 5952) and returns @text. */
const char *inet_addr_format(const struct inet_addr *addr, char text[INET_ADDR_TEXT_MAX]);

bool inet_addr_is_v4(const struct inet_addr *addr);
bool inet_addr_is_any(const struct inet_addr *addr);                         /* 0.0.0.0 or :: */
int inet_addr_compare(const struct inet_addr *a, const struct inet_addr *b); /* memcmp order */

/* The IPv4 address in network order; only for addresses that are IPv4. */
uint32_t inet_addr_v4(const struct inet_addr *addr);
struct inet_addr inet_addr_from_v4(uint32_t addr_be);

/* A network: addresses whose first bits are those of .addr. */
struct inet_network {
	struct inet_addr addr; /* bits after the prefix are 0 */
	uint8_t prefix_bits;   /* of its own family: 0 to 32, or to 128 */
};

#define INET_NETWORK_TEXT_MAX (INET_ADDR_TEXT_MAX + 4)

/**
 * inet_network_parse - "10.0.0.0/8", "2001:db8::/32", or a single address
 * Bits after the prefix are cleared. Return: 0; -EINVAL, *out untouched.
 */
int inet_network_parse(const char *text, struct inet_network *out);
const char *inet_network_format(const struct inet_network *range, char text[INET_NETWORK_TEXT_MAX]);

/* By address, the shorter prefix first. */
int inet_network_compare(const struct inet_network *a, const struct inet_network *b);

/**
 * inet_addr_sockaddr - address and port for connect() and bind()
 * @port_be: network order
 * Return: bytes used of *out (struct sockaddr_in or sockaddr_in6).
 */
socklen_t inet_addr_sockaddr(const struct inet_addr *addr, uint16_t port_be,
			     struct sockaddr_storage *out);

/**
 * inet_addr_from_sockaddr - address and port (network order) of an AF_INET or AF_INET6 socket name
 * Return: 0; -EAFNOSUPPORT.
 */
int inet_addr_from_sockaddr(const struct sockaddr *name, struct inet_addr *addr, uint16_t *port_be);

#endif /* SLUICE_BASE_INET_H */
