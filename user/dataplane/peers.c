// SPDX-License-Identifier: Apache-2.0
#include "dataplane/peers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "sluice_schema.h"

static int compare(const void *a, const void *b)
{
	return inet_addr_compare(a, b);
}

static size_t sort_once(struct inet_addr *addrs, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(addrs, count, sizeof(*addrs), compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || inet_addr_compare(&addrs[kept - 1], &addrs[i]) != 0)
			addrs[kept++] = addrs[i];
	return kept;
}

static bool has(const struct peers *peers, const struct inet_addr *addr)
{
	return peers->count &&
	       bsearch(addr, peers->addrs, peers->count, sizeof(*peers->addrs), compare);
}

static struct tunnel_peer_key key_of(const struct inet_addr *addr)
{
	struct tunnel_peer_key key;

	memcpy(key.addr, addr->bytes, sizeof(key.addr));
	return key;
}

int peers_adopt(struct peers *peers, int fd)
{
	struct tunnel_peer_key key, *previous = NULL;
	struct inet_addr *grown;

	while (bpf_map_get_next_key(fd, previous, &key) == 0) {
		grown = reallocarray(peers->addrs, peers->count + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		peers->addrs = grown;
		memcpy(grown[peers->count++].bytes, key.addr, sizeof(key.addr));
		previous = &key;
	}
	if (errno != ENOENT)
		return -errno;
	peers->count = sort_once(peers->addrs, peers->count);
	return 0;
}

int peers_set(struct peers *peers, int fd, const struct inet_addr *addrs, size_t count)
{
	struct peers now = { .addrs = calloc(count + 1, sizeof(*addrs)) };
	int err = 0;

	if (!now.addrs)
		return -ENOMEM;
	if (count)
		memcpy(now.addrs, addrs, count * sizeof(*addrs));
	now.count = sort_once(now.addrs, count);
	for (size_t i = 0; i < peers->count; i++) {
		struct tunnel_peer_key key = key_of(&peers->addrs[i]);

		if (!has(&now, &peers->addrs[i]) && bpf_map_delete_elem(fd, &key) &&
		    errno != ENOENT)
			err = -errno;
	}
	for (size_t i = 0; i < now.count && !err; i++) {
		struct tunnel_peer_key key = key_of(&now.addrs[i]);
		__u32 one = 1;

		if (!has(peers, &now.addrs[i]) && bpf_map_update_elem(fd, &key, &one, BPF_ANY))
			err = errno == E2BIG ? -ENOSPC : -errno;
	}
	if (err) {
		/* What the map holds is not known: the next call writes all of them. */
		free(now.addrs);
		peers->count = 0;
		return err;
	}
	free(peers->addrs);
	*peers = now;
	return 0;
}

void peers_free(struct peers *peers)
{
	free(peers->addrs);
	*peers = (struct peers){};
}
