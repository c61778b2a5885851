// SPDX-License-Identifier: Apache-2.0
/* The addresses for which the programs answer ARP and neighbour solicitations (--announce l2). */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/state.h"

int dataplane_each_virtual(struct dataplane *dp, int (*fn)(void *ctx, const struct inet_addr *addr),
			   void *ctx)
{
	const struct strmap_entry *entry;
	size_t position = 0;
	int err = 0;

	while (!err && (entry = strmap_next(&dp->addresses.by_text, &position))) {
		const struct address *address = entry->value;
		struct inet_addr addr;

		if (!address->on_node && inet_addr_parse(entry->key, &addr) == 0)
			err = fn(ctx, &addr);
	}
	return err;
}

size_t dataplane_ethernets(const struct dataplane *dp, struct ethernet out[SLUICE_INTERFACES_MAX])
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t count = 0;

	for (size_t i = 0; i < dp->interfaces_count && fd >= 0; i++) {
		struct ifreq request = { 0 };

		if (!dp->interfaces[i].ifindex)
			continue;
		memcpy(request.ifr_name, dp->interfaces[i].name, IFNAMSIZ);
		if (ioctl(fd, SIOCGIFHWADDR, &request) ||
		    request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
			continue;
		out[count].ifindex = dp->interfaces[i].ifindex;
		memcpy(out[count++].mac, request.ifr_hwaddr.sa_data, sizeof(out->mac));
	}
	if (fd >= 0)
		close(fd);
	return count;
}

int dataplane_announce(struct dataplane *dp, const struct inet_addr *addr, uint64_t until_ns,
		       const struct ethernet *ethernets, size_t count)
{
	struct announcement value = { .until_ns = until_ns };
	struct announce_key key = { 0 };

	memcpy(key.addr, addr->bytes, sizeof(key.addr));
	for (size_t i = 0; i < count; i++) {
		key.ifindex = ethernets[i].ifindex;
		memcpy(value.mac, ethernets[i].mac, sizeof(value.mac));
		if (bpf_map_update_elem(dp->maps[MAP_ANNOUNCED], &key, &value, BPF_ANY))
			return -errno;
	}
	return 0;
}

int dataplane_announce_prune(struct dataplane *dp,
			     bool (*keep)(void *ctx, const struct inet_addr *addr,
					  uint32_t ifindex),
			     void *ctx)
{
	struct announce_key key, next;
	struct inet_addr addr;
	bool more = bpf_map_get_next_key(dp->maps[MAP_ANNOUNCED], NULL, &next) == 0;

	while (more) {
		key = next;
		more = bpf_map_get_next_key(dp->maps[MAP_ANNOUNCED], &key, &next) == 0;
		memcpy(addr.bytes, key.addr, sizeof(addr.bytes));
		if (keep && keep(ctx, &addr, key.ifindex))
			continue;
		if (bpf_map_delete_elem(dp->maps[MAP_ANNOUNCED], &key) && errno != ENOENT)
			return -errno;
	}
	return 0;
}
