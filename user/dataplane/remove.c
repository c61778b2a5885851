// SPDX-License-Identifier: Apache-2.0
/* dataplane_remove(): removes every trace of sluiced. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dataplane/attach.h"
#include "dataplane/dataplane.h"
#include "dataplane/error.h"
#include "dataplane/object.h"
#include "dataplane/programs.h"
#include "dataplane/routes.h"

/* Programs on any interface of this network namespace that use the pinned maps. */
static int detach_everywhere(const struct attach_context *context, char *error)
{
	struct if_nameindex *interfaces = if_nameindex();
	int err = 0;

	if (!interfaces)
		return error_set(error, -errno, "list interfaces: %s", strerror(errno));
	for (const struct if_nameindex *i = interfaces; i->if_index; i++) {
		int failed = 0;

		if (context->maps[MAP_FRONTENDS4] >= 0)
			failed = detach_xdp(context, i->if_index);
		if (!failed && context->maps[MAP_NAT4] >= 0)
			failed = detach_tc(context, i->if_index);
		if (failed)
			err = error_set(error, failed, "interface %s: detach: %s", i->if_name,
					strerror(-failed));
	}
	if_freenameindex(interfaces);
	return err;
}

/* Unlinks every file of a folder and the folder. Return: 0, also if it is not there; -errno. */
static int folder_remove(const char *path, char *error)
{
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0
				       : error_set(error, -errno, "%s: %s", path, strerror(errno));
	while (!err && (entry = readdir(dir))) {
		char file[PIN_PATH_MAX + 256];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (unlink(file) && errno != ENOENT)
			err = error_set(error, -errno, "remove %s: %s", file, strerror(errno));
	}
	closedir(dir);
	if (!err && rmdir(path))
		err = error_set(error, -errno, "remove %s: %s", path, strerror(errno));
	return err;
}

static int route_drop(void *ctx, const struct inet_addr *addr)
{
	(void)ctx;
	return route_remove(addr);
}

static int pins_remove(const char *bpffs, char *error)
{
	char path[PIN_PATH_MAX];
	int err;

	err = pin_path(path, bpffs, "links");
	if (!err)
		err = folder_remove(path, error);
	if (!err)
		err = pin_path(path, bpffs, PROGRAMS_FOLDER);
	if (!err)
		err = folder_remove(path, error);
	if (!err)
		err = pin_path(path, bpffs, NULL);
	if (!err)
		err = folder_remove(path, error);
	if (!err) {
		/* The folder above, if no other schema's pins are in it. */
		*strrchr(path, '/') = '\0';
		if (rmdir(path) && errno != ENOENT && errno != ENOTEMPTY)
			err = error_set(error, -errno, "remove %s: %s", path, strerror(errno));
	}
	/* libxdp makes this folder for its lock, and leaves it. In use by others: it stays. */
	snprintf(path, sizeof(path), "%s/xdp", bpffs);
	rmdir(path);
	return err;
}

int dataplane_remove(const char *bpffs, char error[DATAPLANE_ERROR_MAX])
{
	static const enum map_id needed[] = { MAP_FRONTENDS4, MAP_NAT4 };
	int maps[MAPS_COUNT];
	struct attach_context context = { .bpffs = bpffs, .maps = maps };
	char path[PIN_PATH_MAX];
	int err;

	object_log_setup();
	setenv("LIBXDP_BPFFS", bpffs, 1);
	for (unsigned int id = 0; id < MAPS_COUNT; id++)
		maps[id] = -1;
	/* Whatever their layout: these two identify our programs. */
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		err = pin_path(path, bpffs, map_layouts[needed[i]].name);
		if (err)
			return error_set(error, err, "--bpffs %s: path too long", bpffs);
		maps[needed[i]] = bpf_obj_get(path);
		if (maps[needed[i]] < 0 && errno != ENOENT)
			return error_set(error, errno == EACCES ? -EPERM : -errno, "%s: %s", path,
					 strerror(errno));
	}
	err = detach_everywhere(&context, error);
	if (!err)
		err = pins_remove(bpffs, error);
	if (!err) {
		err = routes_each(route_drop, NULL);
		if (err)
			error_set(error, err, "remove local routes: %s", strerror(-err));
	}
	for (unsigned int id = 0; id < MAPS_COUNT; id++) {
		if (maps[id] >= 0)
			close(maps[id]);
	}
	return err;
}
