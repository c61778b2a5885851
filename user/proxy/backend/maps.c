// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* Entries of the map behind @fd: a BPF map says so in fdinfo, a memfd by its size. */
static uint32_t entries(int fd, size_t stride)
{
	unsigned int max_entries = 0;
	char line[128];
	char path[64];
	struct stat st;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (sscanf(line, "max_entries: %u", &max_entries) == 1)
			break;
	if (info)
		fclose(info);
	if (!max_entries && !fstat(fd, &st) && S_ISREG(st.st_mode))
		max_entries = (unsigned int)((size_t)st.st_size / stride);
	return max_entries;
}

static int open_one(int fd, const char *name, size_t value_bytes, bool writable,
		    struct mapped_array *out, uint32_t *count)
{
	int err;

	*count = entries(fd, value_bytes);
	if (!*count) {
		log_error("proxy: map %s (descriptor %d): its size is not to be learnt", name, fd);
		return -EINVAL;
	}
	err = mapped_array_open(out, fd, (uint32_t)value_bytes, *count, writable);
	if (!err && !mapped_array_at(out, 0)) {
		err = -errno; /* what fails for the first entry fails for all */
		mapped_array_close(out);
	}
	if (err)
		log_error("proxy: map %s (descriptor %d, %u entries): %s", name, fd, *count,
			  strerror(-err));
	return err;
}

int maps_open(const struct maps_fds *fds, struct maps *out)
{
	struct maps maps = { 0 };
	int err;

	err = open_one(fds->upstreams, "upstreams", sizeof(struct upstream), false, &maps.upstreams,
		       &maps.upstreams_max);
	if (!err)
		err = open_one(fds->backends, "backends", sizeof(struct backend), false,
			       &maps.backends, &maps.backends_max);
	if (!err)
		err = open_one(fds->members, "members", sizeof(uint64_t), false, &maps.members,
			       &maps.members_max);
	if (!err)
		err = open_one(fds->worker_stats, "worker_stats", sizeof(struct worker_stats), true,
			       &maps.worker_stats, &maps.worker_stats_max);
	if (err)
		maps_close(&maps);
	else
		*out = maps;
	return err;
}

int maps_seal(struct maps *maps)
{
	int err = dup3(STDIN_FILENO, maps->worker_stats.fd, O_CLOEXEC) < 0 ? -errno : 0;

	if (err)
		log_error("proxy: give up the descriptor of worker_stats: %s", strerror(-err));
	return err;
}

void maps_close(struct maps *maps)
{
	mapped_array_close(&maps->upstreams);
	mapped_array_close(&maps->backends);
	mapped_array_close(&maps->members);
	mapped_array_close(&maps->worker_stats);
	memset(maps, 0, sizeof(*maps));
}

bool maps_backend(struct maps *maps, uint32_t upstream_id, uint32_t id, struct backend_view *out)
{
	const struct backend *backend;
	struct backend_view view;

	backend = id ? mapped_array_at(&maps->backends, id) : NULL;
	if (!backend)
		return false;
	view.generation = __atomic_load_n(&backend->generation, __ATOMIC_ACQUIRE);
	view.id = id;
	view.state = __atomic_load_n(&backend->state, __ATOMIC_RELAXED);
	view.port_be = __atomic_load_n(&backend->port, __ATOMIC_RELAXED);
	memcpy(view.addr.bytes, backend->addr, sizeof(view.addr.bytes));
	if (__atomic_load_n(&backend->upstream_id, __ATOMIC_RELAXED) != upstream_id)
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&backend->generation, __ATOMIC_RELAXED) != view.generation)
		return false;
	*out = view;
	return true;
}

bool maps_backend_alive(struct maps *maps, uint32_t id, uint32_t generation)
{
	const struct backend *backend;
	uint8_t state;

	backend = id ? mapped_array_at(&maps->backends, id) : NULL;
	if (!backend)
		return false;
	state = __atomic_load_n(&backend->state, __ATOMIC_RELAXED);
	return (state == BACKEND_ACTIVE || state == BACKEND_DRAINING) &&
	       __atomic_load_n(&backend->generation, __ATOMIC_RELAXED) == generation;
}
