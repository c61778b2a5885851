// SPDX-License-Identifier: Apache-2.0
/* The reading side: needs only the pins. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/mapped_array.h"
#include "dataplane/error.h"
#include "dataplane/state.h"
#include "dataplane/walk.h"

struct dataplane_view {
	int maps[MAPS_COUNT]; /* owned */
	struct mapped_array daemon_state, worker_stats, steering;
	struct mapped_array *backends; /* owned; NULL: read by system calls */
};

static int view_map(struct mapped_array *array, int fd, enum map_id id)
{
	const struct map_layout *layout = &map_layouts[id];
	int err = mapped_array_open(array, fd, layout->value_bytes, layout->entries_max, false);

	for (uint32_t i = 0; !err && i < layout->entries_max; i++)
		err = mapped_array_at(array, i) ? 0 : -errno;
	return err;
}

static int view_map_all(struct dataplane_view *view)
{
	int err = view_map(&view->daemon_state, view->maps[MAP_DAEMON_STATE], MAP_DAEMON_STATE);

	if (!err)
		err = view_map(&view->worker_stats, view->maps[MAP_WORKER_STATS], MAP_WORKER_STATS);
	if (!err)
		err = view_map(&view->steering, view->maps[MAP_STEERING], MAP_STEERING);
	return err;
}

static struct dataplane_view *view_new(void)
{
	struct dataplane_view *view = calloc(1, sizeof(*view));

	for (unsigned int id = 0; view && id < MAPS_COUNT; id++)
		view->maps[id] = -1;
	return view;
}

static int open_error(const char *bpffs, int err, char *error)
{
	if (err == -ENOENT)
		return error_set(error, err,
				 "nothing is pinned under %s/%s: sluiced does not run here (or has "
				 "been cleaned up); start it, or name its --bpffs",
				 bpffs, SLUICE_PIN_FOLDER);
	if (err == -EPERM || err == -EACCES)
		return error_set(error, -EPERM,
				 "no permission to read the maps under %s/%s: run as root", bpffs,
				 SLUICE_PIN_FOLDER);
	return err;
}

int dataplane_view_open(const char *bpffs, struct dataplane_view **out,
			char error[DATAPLANE_ERROR_MAX])
{
	struct dataplane_view *view = view_new();
	int err = 0;

	if (!view)
		return error_set(error, -ENOMEM, "no memory");
	for (unsigned int id = 0; !err && id < MAPS_COUNT; id++)
		err = maps_open_pinned(bpffs, id, &view->maps[id], error, DATAPLANE_ERROR_MAX);
	if (err) {
		err = open_error(bpffs, err, error);
		goto out;
	}
	err = view_map_all(view);
	if (err) {
		error_set(error, err, "map the maps of %s into memory: %s", bpffs, strerror(-err));
		goto out;
	}
	*out = view;
	view = NULL;
out:
	dataplane_view_close(view);
	return err;
}

int dataplane_view_of(struct dataplane *dp, struct dataplane_view **out)
{
	struct dataplane_view *view = view_new();
	int err = 0;

	if (!view)
		return -ENOMEM;
	for (unsigned int id = 0; !err && id < MAPS_COUNT; id++) {
		view->maps[id] = fcntl(dp->maps[id], F_DUPFD_CLOEXEC, 0);
		err = view->maps[id] < 0 ? -errno : 0;
	}
	if (!err)
		err = view_map_all(view);
	if (!err) {
		view->backends = calloc(1, sizeof(*view->backends));
		err = view->backends ? 0 : -ENOMEM;
	}
	if (!err) /* mapped as far as it is read; sluiced reads it often */
		err = mapped_array_open(view->backends, view->maps[MAP_BACKENDS],
					sizeof(struct backend), SLUICE_BACKENDS_MAX, false);
	if (err) {
		dataplane_view_close(view);
		return err;
	}
	*out = view;
	return 0;
}

void dataplane_view_close(struct dataplane_view *view)
{
	if (!view)
		return;
	mapped_array_close(&view->daemon_state);
	mapped_array_close(&view->worker_stats);
	mapped_array_close(&view->steering);
	if (view->backends)
		mapped_array_close(view->backends);
	free(view->backends);
	for (unsigned int id = 0; id < MAPS_COUNT; id++) {
		if (view->maps[id] >= 0)
			close(view->maps[id]);
	}
	free(view);
}

const struct daemon_state *dataplane_view_daemon(const struct dataplane_view *view)
{
	return (const struct daemon_state *)view->daemon_state.base;
}

const struct worker_stats *dataplane_view_worker(const struct dataplane_view *view, uint32_t worker)
{
	if (worker >= SLUICE_WORKERS_MAX)
		return NULL;
	return (const struct worker_stats *)view->worker_stats.base + worker;
}

const struct steering *dataplane_view_steering(const struct dataplane_view *view)
{
	return (const struct steering *)view->steering.base;
}

/* ---- counters -------------------------------------------------------------------------------- */

/* Adds up, over CPUs, the @words counters of one entry of a per-CPU map. */
static int sum_entry(int fd, uint32_t key, uint64_t *out, size_t words)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values;
	int err = 0;

	if (cpus < 0)
		return cpus;
	values = calloc((size_t)cpus * words, sizeof(*values));
	if (!values)
		return -ENOMEM;
	memset(out, 0, words * sizeof(*out));
	if (bpf_map_lookup_elem(fd, &key, values))
		err = -errno;
	for (size_t i = 0; !err && i < (size_t)cpus * words; i++)
		out[i % words] += values[i];
	free(values);
	return err;
}

int dataplane_view_stats(const struct dataplane_view *view, uint64_t out[STAT_MAX])
{
	int err = 0;

	for (uint32_t i = 0; !err && i < STAT_MAX; i++)
		err = sum_entry(view->maps[MAP_STATS], i, &out[i], 1);
	return err;
}

int dataplane_view_drops(const struct dataplane_view *view, uint64_t out[DROP_MAX])
{
	int err = 0;

	for (uint32_t i = 0; !err && i < DROP_MAX; i++)
		err = sum_entry(view->maps[MAP_DROPS], i, &out[i], 1);
	return err;
}

static int sum_traffic(int fd, uint32_t key, struct traffic *out)
{
	uint64_t sums[sizeof(*out) / sizeof(uint64_t)];
	int err = sum_entry(fd, key, sums, sizeof(sums) / sizeof(sums[0]));

	if (!err)
		memcpy(out, sums, sizeof(*out));
	return err;
}

int dataplane_view_frontend_traffic(const struct dataplane_view *view, uint32_t frontend_id,
				    struct traffic *out)
{
	return sum_traffic(view->maps[MAP_FRONTEND_STATS], frontend_id, out);
}

int dataplane_view_backend_traffic(const struct dataplane_view *view, uint32_t backend_id,
				   struct traffic *out)
{
	return sum_traffic(view->maps[MAP_BACKEND_STATS], backend_id, out);
}

/* Entries of a per-CPU array that one call reads: about 100 us with eight CPUs. */
#define BATCH_ENTRIES 512u

/* One entry of a per-CPU array: @words counters, for each CPU. */
static void add_up(uint64_t *sums, const uint64_t *values, size_t words, size_t row_words)
{
	for (size_t i = 0; i < row_words; i += words)
		for (size_t word = 0; word < words; word++)
			sums[word] += values[i + word];
}

int dataplane_view_backends_traffic(const struct dataplane_view *view, uint32_t count,
				    struct traffic *out)
{
	const size_t words = sizeof(*out) / sizeof(uint64_t);
	const int cpus = libbpf_num_possible_cpus();
	const size_t row_words = cpus < 0 ? 0 : (size_t)cpus * words;
	uint64_t *values = NULL, *sums = (uint64_t *)(void *)out;
	uint32_t *keys = NULL;
	uint32_t done = 0, place = 0;
	int err = cpus < 0 ? cpus : 0;

	if (!err) {
		values = calloc(BATCH_ENTRIES * row_words, sizeof(*values));
		keys = calloc(BATCH_ENTRIES, sizeof(*keys));
		err = values && keys ? 0 : -ENOMEM;
	}
	memset(out, 0, count * sizeof(*out));
	while (!err && done < count) {
		uint32_t part = count - done < BATCH_ENTRIES ? count - done : BATCH_ENTRIES;

		if (bpf_map_lookup_batch(view->maps[MAP_BACKEND_STATS], done ? &place : NULL,
					 &place, keys, values, &part, NULL) &&
		    errno != ENOENT)
			err = -errno;
		for (uint32_t i = 0; !err && i < part; i++)
			add_up(sums + (done + i) * words, values + (size_t)i * row_words, words,
			       row_words);
		if (!part)
			break;
		done += part;
	}
	free(values);
	free(keys);
	return err;
}

/* ---- entries --------------------------------------------------------------------------------- */

int dataplane_view_frontends(const struct dataplane_view *view,
			     int (*fn)(void *ctx, const struct frontend_view *), void *ctx)
{
	return walk_frontends(view->maps, fn, ctx);
}

int dataplane_view_upstreams(const struct dataplane_view *view,
			     int (*fn)(void *ctx, const struct upstream_view *), void *ctx)
{
	return walk_upstreams(view->maps, fn, ctx);
}

int dataplane_view_backends(const struct dataplane_view *view,
			    int (*fn)(void *ctx, const struct backend_view *), void *ctx)
{
	int stop = 0;

	if (!view->backends)
		return walk_backends(view->maps, fn, ctx);
	for (uint32_t id = 0; id < view->backends->entries_max && !stop; id++) {
		const struct backend *backend = mapped_array_at(view->backends, id);
		struct backend_view entry = { .id = id };

		if (!backend)
			return -errno;
		if (__atomic_load_n(&backend->state, __ATOMIC_RELAXED) == BACKEND_FREE)
			continue;
		memcpy(&entry.value, backend, sizeof(entry.value));
		stop = fn(ctx, &entry);
	}
	return stop;
}

int dataplane_view_denylist(const struct dataplane_view *view,
			    int (*fn)(void *ctx, const struct deny_view *), void *ctx)
{
	struct denylist list = {};
	int result = denylist_adopt(&list, view->maps);

	for (size_t i = 0; i < list.count && !result; i++) {
		struct deny_view entry = { .network = list.items[i].network,
					   .value = list.items[i].value };

		result = fn(ctx, &entry);
	}
	denylist_free(&list);
	return result;
}

int dataplane_view_flows(const struct dataplane_view *view,
			 int (*fn)(void *ctx, const struct flow_view *), void *ctx)
{
	return walk_flows(view->maps, fn, ctx);
}
