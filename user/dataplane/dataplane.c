// SPDX-License-Identifier: Apache-2.0
#include "dataplane/dataplane.h"

#include <errno.h>
#include <malloc.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "base/log.h"
#include "dataplane/adopt.h"
#include "dataplane/error.h"
#include "dataplane/object.h"
#include "dataplane/programs.h"
#include "dataplane/state.h"

/* ---- pin folder ------------------------------------------------------------------------------ */

static int bpffs_check(const char *bpffs, char *error)
{
	struct statfs fs;

	if (statfs(bpffs, &fs) && errno != ENOENT && errno != ENOTDIR)
		return error_set(error, errno == EACCES ? -EPERM : -errno, "%s: %s", bpffs,
				 strerror(errno));
	if (statfs(bpffs, &fs) || (unsigned long)fs.f_type != BPF_FS_MAGIC)
		return error_set(error, -ENOENT,
				 "%s: no BPF file system is mounted there; mount one "
				 "(mount -t bpf bpf %s) or name another with --bpffs",
				 bpffs, bpffs);
	return 0;
}

static int folder_make(const char *path, char *error)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return error_set(error, errno == EACCES ? -EPERM : -errno, "make folder %s: %s",
				 path, strerror(errno));
	return 0;
}

static int folders_make(const char *bpffs, char *error)
{
	char path[PIN_PATH_MAX];
	int err;

	err = pin_path(path, bpffs, "links");
	if (err)
		return error_set(error, err, "--bpffs %s: path too long", bpffs);
	/* Each parent in turn: every '/' after the mount point ends one. */
	for (char *slash = strchr(path + strlen(bpffs) + 1, '/'); slash && !err;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		err = folder_make(path, error);
		*slash = '/';
	}
	return err ? err : folder_make(path, error);
}

/* ---- interfaces ------------------------------------------------------------------------------ */

static void interface_add(struct dataplane *dp, const char *name, bool replies_only)
{
	struct interface *interface = &dp->interfaces[dp->interfaces_count++];

	interface->ifindex = if_nametoindex(name);
	interface->replies_only = replies_only;
	snprintf(interface->name, sizeof(interface->name), "%s", name);
	if (!interface->ifindex)
		log_warn("dataplane: interface %s does not exist; it is served when it appears",
			 name);
}

/* Some may appear later; if none exists, a name is wrong. */
static int interfaces_find(struct dataplane *dp, const struct dataplane_options *options,
			   char *error)
{
	size_t count = options->interfaces_count + options->return_interfaces_count;
	bool any = !options->interfaces_count;

	if (count > SLUICE_INTERFACES_MAX)
		return error_set(error, -EINVAL, "%zu interfaces named, at most %u are served",
				 count, SLUICE_INTERFACES_MAX);
	dp->interfaces = calloc(count + 1, sizeof(*dp->interfaces));
	if (!dp->interfaces)
		return error_set(error, -ENOMEM, "no memory");
	for (size_t i = 0; i < options->interfaces_count; i++)
		any = any || if_nametoindex(options->interfaces[i]);
	if (!any)
		return error_set(error, -ENODEV,
				 "--interface %s: there is no such interface here "
				 "(`ip link` lists them)",
				 options->interfaces[0]);
	for (size_t i = 0; i < options->interfaces_count; i++)
		interface_add(dp, options->interfaces[i], false);
	for (size_t i = 0; i < options->return_interfaces_count; i++)
		interface_add(dp, options->return_interfaces[i], true);
	return 0;
}

/* Interfaces that only a previous sluiced served. */
static void interfaces_leave(struct dataplane *dp, const struct attach_context *context)
{
	const struct daemon_state *state = mapped_array_at(&dp->daemon_state, 0);

	for (uint32_t i = 0; i < state->interfaces_count && i < SLUICE_INTERFACES_MAX; i++) {
		const struct interface_state *old = &state->interfaces[i];
		bool kept = false;
		int err;

		for (size_t j = 0; j < dp->interfaces_count; j++) {
			if (dp->interfaces[j].ifindex == old->ifindex)
				kept = true;
		}
		if (kept)
			continue;
		err = detach_xdp(context, old->ifindex);
		if (!err)
			err = detach_tc(context, old->ifindex);
		if (err)
			log_warn("dataplane: interface %.16s: detach: %s; it is still served",
				 old->name, strerror(-err));
	}
}

static int attach_all(struct dataplane *dp, char *error)
{
	struct attach_context context = attach_context_of(dp);
	int err = attach_sk_lookup(&context, error);

	/* Replies before requests. */
	for (size_t i = 0; !err && i < dp->interfaces_count; i++)
		if (dp->interfaces[i].ifindex && !dp->interfaces[i].replies_only)
			err = attach_tc_egress(&context, &dp->interfaces[i], error);
	for (size_t i = 0; !err && i < dp->interfaces_count; i++)
		if (dp->interfaces[i].ifindex)
			err = interface_attach(dp, &dp->interfaces[i], error);
	if (!err) {
		interfaces_leave(dp, &context);
		dataplane_describe_interfaces(dp, mapped_array_at(&dp->daemon_state, 0));
	}
	return err;
}

/* ---- open and close -------------------------------------------------------------------------- */

static int array_open(struct dataplane *dp, struct mapped_array *array, enum map_id id)
{
	const struct map_layout *layout = &map_layouts[id];

	return mapped_array_open(array, dp->maps[id], layout->value_bytes, layout->entries_max,
				 true);
}

static int arrays_open(struct dataplane *dp, char *error)
{
	int err = array_open(dp, &dp->upstreams, MAP_UPSTREAMS);

	if (!err)
		err = array_open(dp, &dp->backends, MAP_BACKENDS);
	if (!err)
		err = array_open(dp, &dp->members, MAP_MEMBERS);
	if (!err)
		err = array_open(dp, &dp->filter, MAP_ADDRESS_FILTER);
	if (!err)
		err = array_open(dp, &dp->steering, MAP_STEERING);
	if (!err)
		err = array_open(dp, &dp->daemon_state, MAP_DAEMON_STATE);
	if (!err)
		err = array_open(dp, &dp->node_config, MAP_NODE_CONFIG);
	if (!err &&
	    (!mapped_array_at(&dp->daemon_state, 0) || !mapped_array_at(&dp->node_config, 0)))
		err = -errno;
	if (!err)
		err = addresses_init(&dp->addresses);
	if (!err)
		err = extents_init(&dp->member_extents, SLUICE_MEMBERS_MAX);
	if (err)
		error_set(error, err, "map the BPF arrays into memory: %s", strerror(-err));
	return err;
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Where the descriptor of each program of the object is kept. */
static const struct program_place {
	const char *name;
	size_t offset; /* into struct dataplane */
	bool optional; /* a kernel may refuse it without harm */
} program_places[] = {
	{ "xdp_ingress", offsetof(struct dataplane, xdp_prog), false },
	{ "tc_egress", offsetof(struct dataplane, tc_prog), false },
	{ "sk_lookup_steer", offsetof(struct dataplane, sk_lookup_prog), false },
	{ "tc_ingress", offsetof(struct dataplane, tc_ingress_prog), false },
	{ "tc_ingress_ip", offsetof(struct dataplane, tc_ingress_ip_prog), false },
	{ SPLICE_PROGRAM, offsetof(struct dataplane, sk_skb_prog), true },
};

#define PROGRAMS_COUNT (sizeof(program_places) / sizeof(program_places[0]))

static int *place_of(struct dataplane *dp, size_t i)
{
	return (int *)((char *)dp + program_places[i].offset);
}

/*
 * Programs of this build that a former sluiced has pinned, over the maps that are pinned: nothing
 * is to be loaded. Return: true; false with nothing open, also if some of it is missing or
 * differs.
 */
static bool programs_adopt(struct dataplane *dp)
{
	char ignored[DATAPLANE_ERROR_MAX];
	bool whole = true;

	for (unsigned int id = 0; id < MAPS_COUNT && whole; id++)
		whole = !maps_open_pinned(dp->bpffs, id, &dp->maps[id], ignored, sizeof(ignored));
	for (size_t i = 0; i < PROGRAMS_COUNT && whole; i++) {
		int *fd = place_of(dp, i);

		*fd = programs_open(dp->bpffs, program_places[i].name);
		whole = *fd >= 0 || program_places[i].optional;
	}
	whole = whole && program_uses_map(dp->xdp_prog, dp->maps[MAP_FRONTENDS4]);
	if (whole)
		return true;
	for (unsigned int id = 0; id < MAPS_COUNT; id++)
		fd_close(&dp->maps[id]);
	for (size_t i = 0; i < PROGRAMS_COUNT; i++)
		fd_close(place_of(dp, i));
	return false;
}

/* The one without which the others count as missing comes last. */
static void programs_keep(struct dataplane *dp)
{
	int err = 0;

	for (size_t i = PROGRAMS_COUNT; i-- > 0 && !err;)
		if (*place_of(dp, i) >= 0)
			err = programs_pin(dp->bpffs, program_places[i].name, *place_of(dp, i));
	if (err)
		log_warn("dataplane: pin the programs: %s; the next start loads them again",
			 strerror(-err));
}

static int programs_load(struct dataplane *dp, uint32_t flows_max, char *error)
{
	struct bpf_object *object;
	int err;

	if (programs_adopt(dp)) {
		dp->adopted = true;
		maps_warn_of_size(dp->maps, flows_max);
		log_info("dataplane: programs of this build are loaded already: adopted");
		return 0;
	}
	err = object_load(dp->bpffs, flows_max, dp->maps, &object, &dp->adopted, error);
	if (err)
		return err;
	for (size_t i = 0; i < PROGRAMS_COUNT; i++)
		*place_of(dp, i) = object_program(object, program_places[i].name);
	/* Our descriptors keep maps and programs; the rest of the memory is not needed. */
	bpf_object__close(object);
	for (size_t i = 0; i < PROGRAMS_COUNT; i++)
		if (*place_of(dp, i) < 0 && !program_places[i].optional)
			return error_set(error, -EPROTO, "the BPF object lacks the program %s",
					 program_places[i].name);
	programs_keep(dp);
	return 0;
}

static struct dataplane *dataplane_new(const char *bpffs)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));

	if (!dp)
		return NULL;
	dp->xdp_prog = dp->tc_prog = dp->sk_lookup_prog = dp->tc_ingress_prog = -1;
	dp->sk_skb_prog = dp->tc_l4_prog = dp->tc_ingress_ip_prog = -1;
	for (unsigned int id = 0; id < MAPS_COUNT; id++)
		dp->maps[id] = -1;
	dp->bpffs = strdup(bpffs);
	if (!dp->bpffs) {
		free(dp);
		return NULL;
	}
	return dp;
}

int dataplane_open(const struct dataplane_options *options, struct dataplane **out,
		   char error[DATAPLANE_ERROR_MAX])
{
	struct dataplane *dp = dataplane_new(options->bpffs);
	bool loaded = false;
	int err;

	if (!dp)
		return error_set(error, -ENOMEM, "no memory");
	dp->xdp = options->xdp;
	object_log_setup();
	/* The folder for libxdp's own pins; it reads the variable at its first use. */
	setenv("LIBXDP_BPFFS", options->bpffs, 1);
	err = bpffs_check(dp->bpffs, error);
	if (!err)
		err = interfaces_find(dp, options, error);
	if (!err)
		err = folders_make(dp->bpffs, error);
	if (!err)
		err = programs_load(dp, options->flows_max, error);
	loaded = !err;
	if (!err)
		err = arrays_open(dp, error);
	if (!err) {
		err = adopt_notes(dp);
		if (err)
			error_set(error, err, "read adopted maps: %s", strerror(-err));
	}
	if (!err)
		err = attach_all(dp, error);
	if (!err) {
		err = dataplane_update_ports(dp);
		if (err)
			error_set(error, err, "map tx_ports: %s", strerror(-err));
	}
	if (err)
		goto out;
	programs_sweep(dp->bpffs);
	/* Loading read megabytes of the kernel's type information; malloc keeps the freed memory.
	 */
	malloc_trim(0);
	*out = dp;
	dp = NULL;
out:
	/* cppcheck-suppress nullPointer -- dp is NULL without an error only */
	if (err && loaded && !dp->adopted) {
		char ignored[DATAPLANE_ERROR_MAX];

		/* Nothing was served before: leave nothing behind. */
		dataplane_remove(options->bpffs, ignored);
	}
	dataplane_close(dp);
	return err;
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	mapped_array_close(&dp->upstreams);
	mapped_array_close(&dp->backends);
	mapped_array_close(&dp->members);
	mapped_array_close(&dp->filter);
	mapped_array_close(&dp->steering);
	mapped_array_close(&dp->daemon_state);
	mapped_array_close(&dp->node_config);
	addresses_free(&dp->addresses);
	extents_free(&dp->member_extents);
	pending_free(&dp->pending);
	for (unsigned int id = 0; id < MAPS_COUNT; id++)
		fd_close(&dp->maps[id]);
	fd_close(&dp->xdp_prog);
	fd_close(&dp->tc_prog);
	fd_close(&dp->sk_lookup_prog);
	fd_close(&dp->sk_skb_prog);
	fd_close(&dp->tc_ingress_prog);
	fd_close(&dp->tc_ingress_ip_prog);
	fd_close(&dp->tc_l4_prog);
	drains_free(&dp->drains);
	peers_free(&dp->peers);
	sweep_free(dp->sweep);
	ranges_free(&dp->ranges);
	denylist_free(&dp->denylist);
	free(dp->stale_rings);
	events_close(dp->events);
	free(dp->interfaces);
	free(dp->bpffs);
	free(dp);
}

void dataplane_worker_maps(const struct dataplane *dp, struct dataplane_worker_maps *out)
{
	out->upstreams = dp->maps[MAP_UPSTREAMS];
	out->backends = dp->maps[MAP_BACKENDS];
	out->members = dp->maps[MAP_MEMBERS];
	out->worker_stats = dp->maps[MAP_WORKER_STATS];
	out->socks = dp->maps[MAP_SOCKS];
	out->sinks = dp->maps[MAP_SINKS];
	out->slots = dp->maps[MAP_SLOTS];
}

struct daemon_state *dataplane_daemon_state(struct dataplane *dp)
{
	return mapped_array_at(&dp->daemon_state, 0);
}

void dataplane_describe_interfaces(const struct dataplane *dp, struct daemon_state *state)
{
	for (size_t i = 0; i < dp->interfaces_count; i++) {
		const struct interface *interface = &dp->interfaces[i];

		state->interfaces[i] = (struct interface_state){
			.ifindex = interface->ifindex,
			.xdp_mode = (uint8_t)interface->xdp_mode,
			.tc_mode = (uint8_t)interface->tc_mode,
			.dispatcher = interface->dispatcher,
		};
		memcpy(state->interfaces[i].name, interface->name, SLUICE_IFNAME_MAX);
	}
	state->interfaces_count = (uint32_t)dp->interfaces_count;
}
