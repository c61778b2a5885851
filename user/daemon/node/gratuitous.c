// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/gratuitous.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct arp4 {
	uint16_t hardware, protocol;
	uint8_t hardware_bytes, protocol_bytes;
	uint16_t operation;
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

struct advert {
	struct nd_neighbor_advert head;
	struct nd_opt_hdr option;
	uint8_t mac[6];
} __attribute__((packed));

static size_t put_arp(const struct inet_addr *addr, const uint8_t mac[6], enum gratuitous_form form,
		      uint8_t *frame)
{
	struct ethhdr eth = { .h_proto = htons(ETH_P_ARP) };
	struct arp4 arp = {
		.hardware = htons(ARPHRD_ETHER),
		.protocol = htons(ETH_P_IP),
		.hardware_bytes = 6,
		.protocol_bytes = 4,
		.operation = htons(form == GRATUITOUS_REPLY ? ARPOP_REPLY : ARPOP_REQUEST),
	};

	memset(eth.h_dest, 0xff, sizeof(eth.h_dest));
	memcpy(eth.h_source, mac, sizeof(eth.h_source));
	memcpy(arp.sender_mac, mac, sizeof(arp.sender_mac));
	memcpy(arp.sender, addr->bytes + 12, sizeof(arp.sender));
	memcpy(arp.target, addr->bytes + 12, sizeof(arp.target));
	if (form == GRATUITOUS_REPLY)
		memset(arp.target_mac, 0xff, sizeof(arp.target_mac));
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &arp, sizeof(arp));
	return sizeof(eth) + sizeof(arp);
}

static uint32_t sum_of(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < count; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return sum;
}

static size_t put_advert(const struct inet_addr *addr, const uint8_t mac[6], uint8_t *frame)
{
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 }; /* RFC 2464, 7 */
	struct ethhdr eth = { .h_proto = htons(ETH_P_IPV6) };
	struct ip6_hdr ip = { 0 };
	struct advert advert = { 0 };
	uint32_t sum;

	memcpy(eth.h_dest, all_nodes_mac, sizeof(eth.h_dest));
	memcpy(eth.h_source, mac, sizeof(eth.h_source));
	ip.ip6_flow = htonl(6u << 28);
	ip.ip6_plen = htons(sizeof(advert));
	ip.ip6_nxt = IPPROTO_ICMPV6;
	ip.ip6_hlim = 255;
	memcpy(&ip.ip6_src, addr->bytes, 16);
	ip.ip6_dst.s6_addr[0] = 0xff;
	ip.ip6_dst.s6_addr[1] = 0x02;
	ip.ip6_dst.s6_addr[15] = 1;
	advert.head.nd_na_type = ND_NEIGHBOR_ADVERT;
	advert.head.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&advert.head.nd_na_target, addr->bytes, 16);
	advert.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
	advert.option.nd_opt_len = 1;
	memcpy(advert.mac, mac, sizeof(advert.mac));
	sum = sum_of(&ip.ip6_src, 32) + sizeof(advert) + IPPROTO_ICMPV6 +
	      sum_of(&advert, sizeof(advert));
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	advert.head.nd_na_cksum = htons((uint16_t)~sum);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &ip, sizeof(ip));
	memcpy(frame + sizeof(eth) + sizeof(ip), &advert, sizeof(advert));
	return sizeof(eth) + sizeof(ip) + sizeof(advert);
}

size_t gratuitous_frame(const struct inet_addr *addr, const uint8_t mac[6],
			enum gratuitous_form form, uint8_t frame[GRATUITOUS_FRAME_MAX])
{
	_Static_assert(sizeof(struct ethhdr) + sizeof(struct ip6_hdr) + sizeof(struct advert) ==
			       GRATUITOUS_FRAME_MAX,
		       "the longest frame");
	return inet_addr_is_v4(addr) ? put_arp(addr, mac, form, frame)
				     : put_advert(addr, mac, frame);
}

int gratuitous_open(void)
{
	/* Protocol 0: nothing is ever received by it. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int gratuitous_send(int fd, const struct inet_addr *addr, uint32_t ifindex, const uint8_t mac[6])
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)ifindex,
		.sll_halen = 6,
	};
	int forms = inet_addr_is_v4(addr) ? 2 : 1;

	for (int form = 0; form < forms; form++) {
		uint8_t frame[GRATUITOUS_FRAME_MAX];
		size_t bytes = gratuitous_frame(addr, mac, (enum gratuitous_form)form, frame);

		memcpy(to.sll_addr, frame, 6);
		if (sendto(fd, frame, bytes, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			return -errno;
	}
	return 0;
}

int gratuitous_join(const struct inet_addr *addr, uint32_t ifindex)
{
	struct ipv6_mreq group = { .ipv6mr_interface = ifindex };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	group.ipv6mr_multiaddr =
		(struct in6_addr){ .s6_addr = { 0xff, 0x02, [11] = 1, [12] = 0xff, addr->bytes[13],
						addr->bytes[14], addr->bytes[15] } };
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof(group))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}
