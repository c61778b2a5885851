// SPDX-License-Identifier: Apache-2.0
/* dataplane_set_listeners(): chooses the sockets that get new HTTP connections. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/mapped_array.h"
#include "dataplane/state.h"

/* Slots [0, half) and [half, 2 * half): the current set has one half, the next set the other. */
#define HALF_SLOTS (SLUICE_LISTENERS_MAX / 2)

int dataplane_set_listeners(struct dataplane *dp, const int *fds, uint32_t workers)
{
	int map = dp->maps[MAP_LISTENERS];
	struct steering next = { .workers = workers };
	uint64_t *steering = mapped_array_at(&dp->steering, 0);
	uint32_t first_slot_now;
	uint64_t word;
	int err = 0;

	if (workers > SLUICE_WORKERS_MAX || workers * 2 > HALF_SLOTS)
		return -EINVAL;
	if (!steering)
		return -errno;
	first_slot_now = ((const struct steering *)steering)->first_slot;
	next.first_slot = first_slot_now < HALF_SLOTS ? HALF_SLOTS : 0;
	for (uint32_t i = 0; i < HALF_SLOTS; i++) {
		uint32_t slot = next.first_slot + i;
		int fd = i < workers * 2 ? fds[i] : -1;
		uint64_t value = (uint64_t)fd;

		if (fd < 0)
			bpf_map_delete_elem(map, &slot); /* an empty slot has the same effect */
		else if (bpf_map_update_elem(map, &slot, &value, BPF_ANY))
			err = -errno;
		if (err)
			return err;
	}
	memcpy(&word, &next, sizeof(word));
	__atomic_store_n(steering, word, __ATOMIC_RELEASE);
	return 0;
}
