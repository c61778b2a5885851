// SPDX-License-Identifier: Apache-2.0
#include "dataplane/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/error.h"
#include "dataplane/programs.h"

/* Values of enum bpf_attach_type that the headers of libbpf 1.1 do not have (Linux 6.6). */
#define ATTACH_TYPE_TCX_INGRESS 46
#define ATTACH_TYPE_TCX_EGRESS  47

/* Our place among clsact filters, before Linux 6.6. */
#define CLSACT_PRIORITY 49777
#define CLSACT_HANDLE   1

/* Where a TC program goes; the name is that of its pinned link. */
static const struct tc_point {
	const char *name;
	int tcx_type;
	enum bpf_tc_attach_point clsact;
} egress = { "tc_egress", ATTACH_TYPE_TCX_EGRESS, BPF_TC_EGRESS },
  ingress = { "tc_ingress", ATTACH_TYPE_TCX_INGRESS, BPF_TC_INGRESS };

static int link_path(char path[PIN_PATH_MAX], const char *bpffs, const char *prefix,
		     uint32_t ifindex)
{
	char name[64];

	if (ifindex)
		/* bpffs reserves names with dots. */
		snprintf(name, sizeof(name), "links/%s_%u", prefix, ifindex);
	else
		snprintf(name, sizeof(name), "links/%s", prefix);
	return pin_path(path, bpffs, name);
}

/* True if the link is still on @target: a removed interface or namespace leaves a dead link. */
static bool link_is_on(int link_fd, uint32_t target)
{
	struct bpf_link_info info = {};
	__u32 bytes = sizeof(info);

	if (bpf_obj_get_info_by_fd(link_fd, &info, &bytes))
		return false;
	/* ifindex of XDP and TCX links and netns_ino of namespace links lie at the same place. */
	return info.netns.netns_ino == target;
}

/**
 * link_replace - give a pinned link our new program
 * Return: 0; -ENOENT there is no live link, and the pin is free; -errno.
 */
static int link_replace(const char *path, int prog_fd, uint32_t target)
{
	int fd = bpf_obj_get(path);
	int err;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -errno;
	err = -ENOLINK;
	if (link_is_on(fd, target))
		err = bpf_link_update(fd, prog_fd, NULL) ? -errno : 0;
	close(fd);
	if (err == -ENOLINK)
		return unlink(path) ? -errno : -ENOENT;
	return err;
}

static int link_new(const char *path, int prog_fd, int target_fd, int attach_type)
{
	int fd = bpf_link_create(prog_fd, target_fd, (enum bpf_attach_type)attach_type, NULL);
	int err;

	if (fd < 0)
		return -errno;
	err = bpf_obj_pin(fd, path) ? -errno : 0;
	close(fd);
	return err;
}

static int attach_clsact(const struct tc_point *point, int prog_fd, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point->clsact);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY,
		    .prog_fd = prog_fd, .flags = BPF_TC_F_REPLACE);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return err;
	return bpf_tc_attach(&hook, &options);
}

static int attach_point(const struct attach_context *context, const struct tc_point *point,
			int prog_fd, struct interface *interface, char *error)
{
	char path[PIN_PATH_MAX];
	int err;

	err = link_path(path, context->bpffs, point->name, interface->ifindex);
	if (err)
		return error_set(error, err, "path too long below %s", context->bpffs);
	err = link_replace(path, prog_fd, interface->ifindex);
	if (err == -ENOENT)
		err = link_new(path, prog_fd, (int)interface->ifindex, point->tcx_type);
	interface->tc_mode = ATTACH_TCX;
	if (err == -EINVAL || err == -EOPNOTSUPP) {
		err = attach_clsact(point, prog_fd, interface->ifindex);
		interface->tc_mode = ATTACH_CLSACT;
	}
	if (err) {
		interface->tc_mode = ATTACH_NONE;
		return error_set(error, err, "interface %s: attach %s: %s", interface->name,
				 point->name, strerror(-err));
	}
	return 0;
}

int attach_tc_egress(const struct attach_context *context, struct interface *interface, char *error)
{
	return attach_point(context, &egress, context->tc_prog, interface, error);
}

int attach_tc_ingress(const struct attach_context *context, struct interface *interface,
		      int prog_fd, char *error)
{
	return attach_point(context, &ingress, prog_fd, interface, error);
}

static int detach_clsact(const struct attach_context *context, const struct tc_point *point,
			 uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point->clsact);
	LIBBPF_OPTS(bpf_tc_opts, found, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);
	int fd, err;

	if (bpf_tc_query(&hook, &found))
		return 0;
	fd = bpf_prog_get_fd_by_id(found.prog_id);
	err = fd < 0 ? -errno : 0;
	if (err == -EPERM) { /* no CAP_SYS_ADMIN */
		fd = programs_find(context->bpffs, found.prog_id);
		err = fd < 0 ? fd : 0;
	}
	if (err)
		return err == -ENOENT ? 0 : err; /* gone, or none of ours */
	err = program_uses_map(fd, context->maps[MAP_NAT4]) ? bpf_tc_detach(&hook, &options) : 0;
	close(fd);
	return err;
}

static int detach_point(const struct attach_context *context, const struct tc_point *point,
			uint32_t ifindex)
{
	char path[PIN_PATH_MAX];
	int err;

	err = link_path(path, context->bpffs, point->name, ifindex);
	if (err)
		return err;
	if (unlink(path) == 0)
		return 0;
	return errno == ENOENT ? detach_clsact(context, point, ifindex) : -errno;
}

int detach_tc(const struct attach_context *context, uint32_t ifindex)
{
	int err = detach_point(context, &egress, ifindex);

	return err ? err : detach_point(context, &ingress, ifindex);
}

int attach_sk_lookup(const struct attach_context *context, char *error)
{
	char path[PIN_PATH_MAX];
	struct stat netns;
	int fd, err;

	err = link_path(path, context->bpffs, "sk_lookup", 0);
	if (err)
		return error_set(error, err, "path too long below %s", context->bpffs);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &netns)) {
		err = -errno;
		error_set(error, err, "/proc/self/ns/net: %s", strerror(-err));
		goto out;
	}
	err = link_replace(path, context->sk_lookup_prog, (uint32_t)netns.st_ino);
	if (err == -ENOENT)
		err = link_new(path, context->sk_lookup_prog, fd, BPF_SK_LOOKUP);
	if (err)
		error_set(error, err, "attach sk_lookup: %s", strerror(-err));
out:
	if (fd >= 0)
		close(fd);
	return err;
}
