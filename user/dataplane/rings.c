// SPDX-License-Identifier: Apache-2.0
#include "dataplane/rings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "sluice_schema.h"
#include "dataplane/maglev.h"

static int member_compare(const void *a, const void *b)
{
	const struct maglev_member *x = a, *y = b;
	int order = inet_addr_compare(&x->addr, &y->addr);

	return order ? order : (int)x->port - (int)y->port;
}

/* Identities of the members, in the order that maglev_fill() wants. */
static int members_read(struct mapped_array *backends, const uint32_t *ids, size_t count,
			struct maglev_member *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct backend *backend = mapped_array_at(backends, ids[i]);

		if (!backend)
			return -EINVAL;
		out[i].id = ids[i];
		out[i].port = ntohs(backend->port);
		out[i].weight = backend->weight;
		memcpy(out[i].addr.bytes, backend->addr, sizeof(out[i].addr.bytes));
	}
	qsort(out, count, sizeof(*out), member_compare);
	return 0;
}

/* A filled inner map. Return: its descriptor; -errno. */
static int ring_new(const struct maglev_member *members, size_t count)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	uint32_t slots_count = maglev_slots(count), entries = slots_count + 1;
	uint32_t *slots = calloc(entries, sizeof(*slots));
	uint32_t *keys = calloc(entries, sizeof(*keys));
	int fd = -1, err = -ENOMEM;

	if (!slots || !keys)
		goto out;
	slots[0] = slots_count;
	err = maglev_fill(slots + 1, slots_count, members, count);
	if (err)
		goto out;
	for (uint32_t i = 0; i < entries; i++)
		keys[i] = i;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", sizeof(*keys), sizeof(*slots), entries,
			    &options);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	if (bpf_map_update_batch(fd, keys, slots, &entries, NULL))
		err = -errno;
out:
	free(slots);
	free(keys);
	if (err && fd >= 0) {
		close(fd);
		fd = -1;
	}
	return err ? err : fd;
}

int ring_swap(int rings_fd, struct mapped_array *backends, uint32_t upstream_id,
	      const uint32_t *ids, size_t count)
{
	struct maglev_member *members = calloc(count ? count : 1, sizeof(*members));
	int fd, err;

	if (!members)
		return -ENOMEM;
	err = members_read(backends, ids, count, members);
	if (err)
		goto out;
	fd = ring_new(members, count);
	if (fd < 0) {
		err = fd;
		goto out;
	}
	if (bpf_map_update_elem(rings_fd, &upstream_id, &fd, BPF_ANY))
		err = -errno;
	close(fd);
out:
	free(members);
	return err;
}

int ring_remove(int rings_fd, uint32_t upstream_id)
{
	if (bpf_map_delete_elem(rings_fd, &upstream_id) && errno != ENOENT)
		return -errno;
	return 0;
}
