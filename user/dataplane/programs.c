// SPDX-License-Identifier: Apache-2.0
#include "dataplane/programs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/log.h"
#include "dataplane/maps.h"
#include "dataplane/object.h"

#define HASH_DIGITS 16

static int folder_path(char path[PIN_PATH_MAX], const char *bpffs)
{
	return pin_path(path, bpffs, PROGRAMS_FOLDER);
}

static int program_path(char path[PIN_PATH_MAX], const char *bpffs, const char *name)
{
	char leaf[96];

	snprintf(leaf, sizeof(leaf), PROGRAMS_FOLDER "/%0*llx_%s", HASH_DIGITS,
		 (unsigned long long)object_hash(), name);
	return pin_path(path, bpffs, leaf);
}

int programs_open(const char *bpffs, const char *name)
{
	char path[PIN_PATH_MAX];
	int err = program_path(path, bpffs, name);
	int fd;

	if (err)
		return err;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

int programs_pin(const char *bpffs, const char *name, int prog_fd)
{
	char path[PIN_PATH_MAX];
	int err;

	err = folder_path(path, bpffs);
	if (err)
		return err;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	err = program_path(path, bpffs, name);
	if (err)
		return err;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(prog_fd, path) ? -errno : 0;
}

/* Calls @fn for each file of the folder until it returns non-zero. Return: that; 0; -errno. */
static int each(const char *bpffs, int (*fn)(void *ctx, const char *path, const char *name),
		void *ctx)
{
	char folder[PIN_PATH_MAX];
	struct dirent *entry;
	int result;
	DIR *dir;

	result = folder_path(folder, bpffs);
	if (result)
		return result;
	dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!result && (entry = readdir(dir))) {
		char path[PIN_PATH_MAX + 256];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		result = fn(ctx, path, entry->d_name);
	}
	closedir(dir);
	return result;
}

struct search {
	uint32_t id;
	int fd; /* out */
};

static int compare_id(void *ctx, const char *path, const char *name)
{
	struct search *search = ctx;
	struct bpf_prog_info info = {};
	__u32 bytes = sizeof(info);
	int fd = bpf_obj_get(path);

	(void)name;
	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &bytes) || info.id != search->id) {
		close(fd);
		return 0;
	}
	search->fd = fd;
	return 1;
}

int programs_find(const char *bpffs, uint32_t id)
{
	struct search search = { .id = id, .fd = -1 };
	int found = each(bpffs, compare_id, &search);

	if (found < 0)
		return found;
	return found ? search.fd : -ENOENT;
}

static int remove_other(void *ctx, const char *path, const char *name)
{
	const char *hash = ctx;

	if (strncmp(name, hash, HASH_DIGITS) != 0 && unlink(path) && errno != ENOENT)
		log_warn("dataplane: unpin %s: %s; keeping it until the next start", path,
			 strerror(errno));
	return 0;
}

void programs_sweep(const char *bpffs)
{
	char hash[HASH_DIGITS + 1];

	snprintf(hash, sizeof(hash), "%0*llx", HASH_DIGITS, (unsigned long long)object_hash());
	each(bpffs, remove_other, hash);
}
