/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gratuitous.h - unsolicited frames that announce the new place of an address
 */
#ifndef SLUICE_DAEMON_GRATUITOUS_H
#define SLUICE_DAEMON_GRATUITOUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

#define GRATUITOUS_FRAME_MAX 86 /* Ethernet, IPv6, a neighbour advertisement */

enum gratuitous_form {
	GRATUITOUS_REQUEST, /* ARP: RFC 5227, 3; what most systems heed */
	GRATUITOUS_REPLY,   /* ARP: some accept only this one */
};

/**
 * gratuitous_frame - the whole frame: ARP for IPv4, else an unsolicited neighbour advertisement
 * @form: of ARP; IPv6 has one
 * Return: its length. Source: RFC 826, RFC 5227, RFC 4861 section 7.2.6.
 */
size_t gratuitous_frame(const struct inet_addr *addr, const uint8_t mac[6],
			enum gratuitous_form form, uint8_t frame[GRATUITOUS_FRAME_MAX]);

/* A socket to send frames by. Return: the descriptor; -EPERM without CAP_NET_RAW; -errno. */
int gratuitous_open(void);

/* All forms for one address out of one interface. Return: 0; -errno. */
int gratuitous_send(int fd, const struct inet_addr *addr, uint32_t ifindex, const uint8_t mac[6]);

/**
 * gratuitous_join - have the interface take in questions for an IPv6 address
 * Its solicited-node group (RFC 4291, 2.7.1) is joined as long as the descriptor is open.
 * Return: the descriptor; -errno.
 */
int gratuitous_join(const struct inet_addr *addr, uint32_t ifindex);

#endif /* SLUICE_DAEMON_GRATUITOUS_H */
