// SPDX-License-Identifier: Apache-2.0
#include "dataplane/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dispatcher.skel.h"

#define OBJECT_PATH_ENV "LIBXDP_OBJECT_PATH"
#define OBJECT_FILE     "xdp-dispatcher.o" /* libxdp's name for it */

static void file_path(const struct dispatcher_offer *offer, char path[128])
{
	snprintf(path, 128, "%s/" OBJECT_FILE, offer->folder);
}

static int file_write(const struct dispatcher_offer *offer)
{
	char path[128];
	size_t elf_bytes;
	const void *elf = dispatcher_bpf__elf_bytes(&elf_bytes);
	ssize_t written;
	int fd, err = 0;

	file_path(offer, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	written = write(fd, elf, elf_bytes);
	if (written != (ssize_t)elf_bytes)
		err = written < 0 ? -errno : -ENOSPC;
	close(fd);
	return err;
}

static void remove_all(const struct dispatcher_offer *offer)
{
	char path[128];

	file_path(offer, path);
	unlink(path);
	rmdir(offer->folder);
}

/* Some containers lack the first, or have it read-only; all have the last. */
static int folder_make(struct dispatcher_offer *offer)
{
	static const char *const parents[] = { "/run", "/tmp", "/dev/shm" };
	int err = -ENOENT;

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		snprintf(offer->folder, sizeof(offer->folder), "%s/sluice-XXXXXX", parents[i]);
		if (!mkdtemp(offer->folder)) {
			err = -errno;
			continue;
		}
		err = file_write(offer);
		if (!err)
			return 0;
		remove_all(offer);
	}
	return err;
}

void dispatcher_offer(struct dispatcher_offer *offer)
{
	int err;

	offer->made = false;
	if (getenv(OBJECT_PATH_ENV))
		return;
	err = folder_make(offer);
	if (err) {
		log_info("dataplane: no file for the XDP dispatcher in /run, /tmp or /dev/shm: %s; "
			 "libxdp's own is used, which newer kernels refuse for Sluice",
			 strerror(-err));
		return;
	}
	setenv(OBJECT_PATH_ENV, offer->folder, 1);
	offer->made = true;
}

void dispatcher_withdraw(const struct dispatcher_offer *offer)
{
	if (!offer->made)
		return;
	unsetenv(OBJECT_PATH_ENV);
	remove_all(offer);
}
