// SPDX-License-Identifier: Apache-2.0
#include "proxy/maps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

static int map_one(int fd, const char *name, size_t stride, int protection, const void **out,
		   uint32_t *count)
{
	void *map;
	int err;

	*count = entries(fd, stride);
	if (!*count) {
		log_error("proxy: map %s (descriptor %d): its size is not to be learnt", name, fd);
		return -EINVAL;
	}
	map = mmap(NULL, *count * stride, protection, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err = -errno;
		log_error("proxy: map %s (descriptor %d, %u entries): %s", name, fd, *count,
			  strerror(-err));
		return err;
	}
	*out = map;
	return 0;
}

int maps_open(const struct maps_fds *fds, struct maps *out)
{
	struct maps maps = { 0 };
	const void *map = NULL;
	int err;

	err = map_one(fds->upstreams, "upstreams", sizeof(struct upstream), PROT_READ, &map,
		      &maps.upstreams_max);
	if (err)
		goto out;
	maps.upstreams = map;
	err = map_one(fds->backends, "backends", sizeof(struct backend), PROT_READ, &map,
		      &maps.backends_max);
	if (err)
		goto out;
	maps.backends = map;
	err = map_one(fds->members, "members", sizeof(uint64_t), PROT_READ, &map,
		      &maps.members_max);
	if (err)
		goto out;
	maps.members = map;
	err = map_one(fds->worker_stats, "worker_stats", sizeof(struct worker_stats),
		      PROT_READ | PROT_WRITE, &map, &maps.worker_stats_max);
	if (err)
		goto out;
	maps.worker_stats = (struct worker_stats *)(uintptr_t)map;
	*out = maps;
	memset(&maps, 0, sizeof(maps)); /* ownership moved to *out */
out:
	maps_close(&maps);
	return err;
}

static void unmap(const void *map, size_t bytes)
{
	if (map)
		munmap((void *)(uintptr_t)map, bytes);
}

void maps_close(struct maps *maps)
{
	unmap(maps->upstreams, maps->upstreams_max * sizeof(struct upstream));
	unmap(maps->backends, maps->backends_max * sizeof(struct backend));
	unmap(maps->members, maps->members_max * sizeof(uint64_t));
	unmap(maps->worker_stats, maps->worker_stats_max * sizeof(struct worker_stats));
	memset(maps, 0, sizeof(*maps));
}

bool maps_backend(const struct maps *maps, uint32_t upstream_id, uint32_t id,
		  struct backend_view *out)
{
	const struct backend *backend;
	struct backend_view view;

	if (id == 0 || id >= maps->backends_max)
		return false;
	backend = &maps->backends[id];
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

bool maps_backend_alive(const struct maps *maps, uint32_t id, uint32_t generation)
{
	const struct backend *backend;
	uint8_t state;

	if (id == 0 || id >= maps->backends_max)
		return false;
	backend = &maps->backends[id];
	state = __atomic_load_n(&backend->state, __ATOMIC_RELAXED);
	return (state == BACKEND_ACTIVE || state == BACKEND_DRAINING) &&
	       __atomic_load_n(&backend->generation, __ATOMIC_RELAXED) == generation;
}
