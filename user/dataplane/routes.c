// SPDX-License-Identifier: Apache-2.0
#include "dataplane/routes.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define REPLY_BYTES 32768

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[64];
};

static int netlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static void attribute_add(struct route_request *request, uint16_t type, const void *data,
			  size_t bytes)
{
	struct rtattr *attribute =
		(void *)((uint8_t *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(bytes);
	memcpy(RTA_DATA(attribute), data, bytes);
	request->header.nlmsg_len =
		NLMSG_ALIGN(request->header.nlmsg_len) + (uint32_t)RTA_LENGTH(bytes);
}

/* Sends one request and reads its acknowledgement. Return: 0; -errno. */
static int request_do(struct route_request *request)
{
	uint8_t reply[1024] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *header = (void *)reply;
	const struct nlmsgerr *ack;
	ssize_t bytes;
	int fd, err;

	fd = netlink_open();
	if (fd < 0)
		return fd;
	if (send(fd, request, request->header.nlmsg_len, 0) < 0) {
		err = -errno;
		goto out;
	}
	bytes = recv(fd, reply, sizeof(reply), 0);
	if (bytes < 0) {
		err = -errno;
		goto out;
	}
	err = -EPROTO;
	if (NLMSG_OK(header, (size_t)bytes) && header->nlmsg_type == NLMSG_ERROR) {
		ack = NLMSG_DATA(header);
		err = ack->error;
	}
out:
	close(fd);
	return err;
}

static int route_change(uint16_t type, uint16_t flags, const struct inet_addr *addr)
{
	bool v4 = inet_addr_is_v4(addr);
	struct route_request request = {
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			.nlmsg_type = type,
			.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
		},
		.route = {
			.rtm_family = v4 ? AF_INET : AF_INET6,
			.rtm_dst_len = v4 ? 32 : 128,
			.rtm_table = RT_TABLE_LOCAL,
			.rtm_protocol = ROUTE_PROTOCOL,
			.rtm_scope = v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
			.rtm_type = RTN_LOCAL,
		},
	};
	uint32_t lo = if_nametoindex("lo");

	attribute_add(&request, RTA_DST, v4 ? addr->bytes + 12 : addr->bytes, v4 ? 4 : 16);
	attribute_add(&request, RTA_OIF, &lo, sizeof(lo));
	return request_do(&request);
}

int route_add(const struct inet_addr *addr)
{
	int err = route_change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, addr);

	return err == -EEXIST ? 0 : err;
}

int route_remove(const struct inet_addr *addr)
{
	int err = route_change(RTM_DELROUTE, 0, addr);

	return err == -ESRCH ? 0 : err;
}

/* The address of a route of ours, if @header is one. */
static bool route_is_ours(const struct nlmsghdr *header, struct inet_addr *addr)
{
	const struct rtmsg *route = NLMSG_DATA(header);
	const struct rtattr *attribute = RTM_RTA(route);
	size_t bytes = RTM_PAYLOAD(header);

	if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_protocol != ROUTE_PROTOCOL ||
	    route->rtm_type != RTN_LOCAL)
		return false;
	for (; RTA_OK(attribute, bytes); attribute = RTA_NEXT(attribute, bytes)) {
		uint32_t v4;

		if (attribute->rta_type != RTA_DST)
			continue;
		if (route->rtm_family == AF_INET && RTA_PAYLOAD(attribute) == sizeof(v4)) {
			memcpy(&v4, RTA_DATA(attribute), sizeof(v4));
			*addr = inet_addr_from_v4(v4);
			return true;
		}
		if (route->rtm_family == AF_INET6 && RTA_PAYLOAD(attribute) == sizeof(*addr)) {
			memcpy(addr, RTA_DATA(attribute), sizeof(*addr));
			return true;
		}
	}
	return false;
}

struct route_list {
	struct inet_addr *addrs; /* owned */
	size_t count, capacity;
};

static int list_add(struct route_list *list, const struct inet_addr *addr)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 16;
		struct inet_addr *grown = reallocarray(list->addrs, capacity, sizeof(*addr));

		if (!grown)
			return -ENOMEM;
		list->addrs = grown;
		list->capacity = capacity;
	}
	list->addrs[list->count++] = *addr;
	return 0;
}

/* Return: 1 at the end of the dump, 0 if there is more, -errno. */
static int dump_read(int fd, uint8_t *reply, struct route_list *list)
{
	ssize_t received = recv(fd, reply, REPLY_BYTES, 0);
	const struct nlmsghdr *header = (void *)reply;
	size_t bytes = (size_t)received;

	if (received < 0)
		return -errno;
	for (; NLMSG_OK(header, bytes); header = NLMSG_NEXT(header, bytes)) {
		struct inet_addr addr;
		int err;

		if (header->nlmsg_type == NLMSG_DONE)
			return 1;
		if (header->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
		err = route_is_ours(header, &addr) ? list_add(list, &addr) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int family_dump(uint8_t family, struct route_list *list)
{
	struct route_request request = {
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.route = { .rtm_family = family, .rtm_table = RT_TABLE_LOCAL },
	};
	uint8_t *reply = malloc(REPLY_BYTES);
	int fd, err;

	if (!reply)
		return -ENOMEM;
	fd = netlink_open();
	if (fd < 0) {
		free(reply);
		return fd;
	}
	err = send(fd, &request, request.header.nlmsg_len, 0) < 0 ? -errno : 0;
	while (!err)
		err = dump_read(fd, reply, list);
	close(fd);
	free(reply);
	return err > 0 ? 0 : err;
}

int routes_each(int (*fn)(void *ctx, const struct inet_addr *addr), void *ctx)
{
	struct route_list list = {};
	int err;

	err = family_dump(AF_INET, &list);
	if (!err)
		err = family_dump(AF_INET6, &list);
	for (size_t i = 0; !err && i < list.count; i++)
		err = fn(ctx, &list.addrs[i]);
	free(list.addrs);
	return err;
}
