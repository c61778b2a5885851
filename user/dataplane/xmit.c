// SPDX-License-Identifier: Apache-2.0
#include "dataplane/xmit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>

/* Of linux/netdev.h, which Debian 12 does not have yet. */
#define NETDEV_FAMILY           "netdev"
#define NETDEV_FAMILY_VERSION   1
#define NETDEV_CMD_DEV_GET      1
#define NETDEV_A_DEV_IFINDEX    1
#define NETDEV_A_DEV_XDP_FEATS  3
#define NETDEV_XDP_ACT_NDO_XMIT (1u << 2)

#define ANSWER_TIMEOUT_S 1

/* One request and its answer, with room for the few attributes that are used. */
struct message {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	char attributes[4096];
};

static void put(struct message *message, uint16_t type, const void *data, size_t bytes)
{
	struct nlattr attribute = { .nla_len = (uint16_t)(NLA_HDRLEN + bytes), .nla_type = type };
	char *at = (char *)message + NLMSG_ALIGN(message->head.nlmsg_len);

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + NLA_HDRLEN, data, bytes);
	message->head.nlmsg_len =
		(uint32_t)(NLMSG_ALIGN(message->head.nlmsg_len) + NLA_ALIGN(attribute.nla_len));
}

static void begin(struct message *message, uint16_t family, uint8_t command, uint8_t version)
{
	memset(message, 0, sizeof(*message));
	message->head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	message->head.nlmsg_type = family;
	message->head.nlmsg_flags = NLM_F_REQUEST;
	message->generic.cmd = command;
	message->generic.version = version;
}

/* Return: 0; -ENOENT there is no such attribute. */
static int get(const struct message *message, uint16_t type, void *out, size_t bytes)
{
	size_t at = NLMSG_LENGTH(GENL_HDRLEN), end = message->head.nlmsg_len;
	struct nlattr attribute;

	for (; at + NLA_HDRLEN <= end; at += NLA_ALIGN(attribute.nla_len)) {
		memcpy(&attribute, (const char *)message + at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > end)
			break;
		if ((attribute.nla_type & NLA_TYPE_MASK) != type ||
		    attribute.nla_len < NLA_HDRLEN + bytes)
			continue;
		memcpy(out, (const char *)message + at + NLA_HDRLEN, bytes);
		return 0;
	}
	return -ENOENT;
}

/* @message: the request, then the answer. Return: 0; -errno, that of the kernel's refusal too. */
static int ask(int fd, struct message *message)
{
	ssize_t got;

	if (send(fd, message, message->head.nlmsg_len, 0) < 0)
		return -errno;
	got = recv(fd, message, sizeof(*message), 0);
	if (got < 0)
		return -errno;
	if ((size_t)got < sizeof(message->head) || message->head.nlmsg_len > (size_t)got)
		return -EPROTO;
	if (message->head.nlmsg_type == NLMSG_ERROR) {
		struct nlmsgerr error;

		memcpy(&error, NLMSG_DATA(&message->head), sizeof(error));
		return error.error ? error.error : -EPROTO;
	}
	return 0;
}

/* Return: 0 and the bits; -ENOENT the kernel does not report them; -errno. */
static int ask_features(uint32_t ifindex, uint64_t *out)
{
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	struct message message;
	uint16_t family = 0;
	int err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	begin(&message, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	put(&message, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY, sizeof(NETDEV_FAMILY));
	err = ask(fd, &message);
	if (!err)
		err = get(&message, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (!err) {
		begin(&message, family, NETDEV_CMD_DEV_GET, NETDEV_FAMILY_VERSION);
		put(&message, NETDEV_A_DEV_IFINDEX, &ifindex, sizeof(ifindex));
		err = ask(fd, &message);
	}
	if (!err)
		err = get(&message, NETDEV_A_DEV_XDP_FEATS, out, sizeof(*out));
	close(fd);
	return err;
}

static bool is_veth(const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (char *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool veth = true; /* not known: use the way that always works */

	if (fd < 0)
		return true;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCETHTOOL, &request) == 0)
		veth = strcmp(info.driver, "veth") == 0;
	close(fd);
	return veth;
}

int xmit_is_possible(uint32_t ifindex, const char *name)
{
	uint64_t features = 0;
	int err = ask_features(ifindex, &features);

	if (!err)
		return (features & NETDEV_XDP_ACT_NDO_XMIT) != 0;
	return err == -ENOENT || err == -EOPNOTSUPP ? !is_veth(name) : err;
}
