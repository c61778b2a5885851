// SPDX-License-Identifier: Apache-2.0
#include "daemon/node/addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* A device that comes up gets its addresses one by one: one reading for all of them. */
#define SETTLE_MS 20

struct addresses {
	const char *const *interfaces; /* borrowed */
	size_t interfaces_count;
	unsigned int indexes[SLUICE_INTERFACES_MAX]; /* of the interfaces; 0: not there */
	struct address_list of_interfaces, of_node;
	struct inet_addr primary[2]; /* IPv4, IPv6; zero: none */
	int netlink;                 /* owned */
	struct loop_watch *watch;
	struct loop_timer *timer;
	void (*changed)(void *ctx);
	void *ctx;
};

static int compare(const void *a, const void *b)
{
	return inet_addr_compare(a, b);
}

static int add(struct address_list *list, const struct inet_addr *addr)
{
	struct inet_addr *grown;

	grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[list->count++] = *addr;
	list->items = grown;
	return 0;
}

static void sort_unique(struct address_list *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || compare(&list->items[kept - 1], &list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static bool is_link_local(const struct inet_addr *addr)
{
	return addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80; /* RFC 4291, 2.4 */
}

/* Place in the list of the interface; their number if it is none of them. */
static size_t place_of(const struct addresses *a, const char *interface)
{
	size_t i = 0;

	while (i < a->interfaces_count && strcmp(a->interfaces[i], interface) != 0)
		i++;
	return i;
}

/* The kernel lists the addresses of a device in the order of their rank. */
static bool read_primary(struct addresses *a, const struct ifaddrs *all)
{
	struct inet_addr primary[2] = {}, addr;
	size_t best[2] = { a->interfaces_count, a->interfaces_count };
	uint16_t port_be;
	bool differs;

	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		size_t place = place_of(a, i->ifa_name);
		bool v6;

		if (!i->ifa_addr || inet_addr_from_sockaddr(i->ifa_addr, &addr, &port_be) ||
		    is_link_local(&addr))
			continue;
		v6 = !inet_addr_is_v4(&addr);
		if (place >= best[v6])
			continue;
		best[v6] = place;
		primary[v6] = addr;
	}
	differs = memcmp(primary, a->primary, sizeof(primary)) != 0;
	memcpy(a->primary, primary, sizeof(primary));
	return differs;
}

bool addresses_primary(const struct addresses *a, bool v6, struct inet_addr *out)
{
	static const struct inet_addr unset;

	*out = a->primary[v6];
	return inet_addr_compare(out, &unset) != 0;
}

/* Replaces @old by @new if they differ. Return: true if they did. */
static bool replace(struct address_list *old, struct address_list *new)
{
	bool same;

	sort_unique(new);
	same = old->count == new->count &&
	       (old->count == 0 ||
		memcmp(old->items, new->items, old->count * sizeof(*old->items)) == 0);
	if (same) {
		free(new->items);
		return false;
	}
	free(old->items);
	*old = *new;
	return true;
}

/* Return: true if an interface came, went or is another one of the same name. */
static bool read_indexes(struct addresses *a)
{
	bool differs = false;

	for (size_t i = 0; i < a->interfaces_count; i++) {
		unsigned int index = if_nametoindex(a->interfaces[i]);

		differs = differs || index != a->indexes[i];
		a->indexes[i] = index;
	}
	return differs;
}

/* Return: 1 if something changed, 0 if nothing did, -errno. */
static int read_addresses(struct addresses *a)
{
	struct address_list of_interfaces = {}, of_node = {};
	struct ifaddrs *all;
	bool differs;
	int err = 0;

	if (getifaddrs(&all))
		return -errno;
	for (struct ifaddrs *i = all; i && !err; i = i->ifa_next) {
		struct inet_addr addr;
		uint16_t port_be;

		if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK) ||
		    inet_addr_from_sockaddr(i->ifa_addr, &addr, &port_be))
			continue;
		err = add(&of_node, &addr);
		if (!err && place_of(a, i->ifa_name) < a->interfaces_count && !is_link_local(&addr))
			err = add(&of_interfaces, &addr);
	}
	differs = read_primary(a, all);
	freeifaddrs(all);
	if (err) {
		free(of_interfaces.items);
		free(of_node.items);
		return err;
	}
	differs = replace(&a->of_interfaces, &of_interfaces) || differs;
	differs = replace(&a->of_node, &of_node) || differs;
	return read_indexes(a) || differs;
}

static void timer_fired(void *ctx)
{
	struct addresses *a = ctx;
	int changed = read_addresses(a);

	if (changed < 0)
		log_warn("addresses: read: %s; those known before stay", strerror(-changed));
	else if (changed)
		a->changed(a->ctx);
}

/* After a change everything is read again: events only say that something changed. */
static void netlink_ready(void *ctx, int fd, uint32_t events)
{
	struct addresses *a = ctx;
	char buffer[8192];
	ssize_t got;

	(void)events;
	do {
		got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	} while (got > 0 || (got < 0 && (errno == EINTR || errno == ENOBUFS)));
	loop_timer_arm(a->timer, SETTLE_MS);
}

static int open_netlink(void)
{
	struct sockaddr_nl name = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd, err;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&name, sizeof(name))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int addresses_start(struct loop *loop, const char *const *interfaces, size_t interfaces_count,
		    void (*changed)(void *ctx), void *ctx, struct addresses **out)
{
	struct addresses *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->interfaces = interfaces;
	a->interfaces_count = interfaces_count;
	a->changed = changed;
	a->ctx = ctx;
	err = a->netlink = open_netlink(); /* before the first reading: no change is missed */
	if (err < 0)
		goto out;
	err = loop_watch_add(loop, a->netlink, EPOLLIN, netlink_ready, a, &a->watch);
	if (err)
		goto out;
	err = loop_timer_new(loop, timer_fired, a, &a->timer);
	if (err)
		goto out;
	err = read_addresses(a);
	if (err < 0)
		goto out;
	err = 0;
	*out = a;
	a = NULL;
out:
	addresses_stop(a);
	return err;
}

void addresses_stop(struct addresses *a)
{
	if (!a)
		return;
	loop_watch_remove(a->watch);
	loop_timer_free(a->timer);
	if (a->netlink >= 0)
		close(a->netlink);
	free(a->of_interfaces.items);
	free(a->of_node.items);
	free(a);
}

const struct address_list *addresses_of_interfaces(const struct addresses *a)
{
	return &a->of_interfaces;
}

const struct address_list *addresses_of_node(const struct addresses *a)
{
	return &a->of_node;
}

/* ---- default routes -------------------------------------------------------------------------- */

static size_t add_name(char names[SLUICE_INTERFACES_MAX][SLUICE_IFNAME_MAX], size_t count,
		       const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return count;
	if (count == SLUICE_INTERFACES_MAX)
		return count;
	snprintf(names[count], SLUICE_IFNAME_MAX, "%s", name);
	return count + 1;
}

/* Lines: Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
static size_t read_routes4(char names[SLUICE_INTERFACES_MAX][SLUICE_IFNAME_MAX], size_t count)
{
	FILE *file = fopen("/proc/net/route", "re");
	char line[512];

	if (!file)
		return count;
	while (fgets(line, sizeof(line), file)) {
		unsigned int destination, flags, mask;
		char name[SLUICE_IFNAME_MAX];

		if (sscanf(line, "%15s %x %*x %x %*d %*d %*d %x", name, &destination, &flags,
			   &mask) != 4)
			continue; /* the heading */
		if (destination == 0 && mask == 0 && (flags & RTF_UP) && !(flags & RTF_REJECT))
			count = add_name(names, count, name);
	}
	fclose(file);
	return count;
}

/* Lines: destination length source length next-hop metric refcount use flags name */
static size_t read_routes6(char names[SLUICE_INTERFACES_MAX][SLUICE_IFNAME_MAX], size_t count)
{
	FILE *file = fopen("/proc/net/ipv6_route", "re");
	char line[512];

	if (!file)
		return count;
	while (fgets(line, sizeof(line), file)) {
		char destination[33], name[SLUICE_IFNAME_MAX];
		unsigned int length, flags;

		if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %x %15s", destination, &length,
			   &flags, name) != 4)
			continue;
		if (length == 0 && strspn(destination, "0") == 32 && (flags & RTF_UP) &&
		    !(flags & RTF_REJECT) && strcmp(name, "lo") != 0)
			count = add_name(names, count, name);
	}
	fclose(file);
	return count;
}

size_t addresses_default_interfaces(char names[SLUICE_INTERFACES_MAX][SLUICE_IFNAME_MAX])
{
	return read_routes6(names, read_routes4(names, 0));
}
