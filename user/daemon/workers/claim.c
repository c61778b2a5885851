// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "handoff/control.h"

int claim_open_folder(const char *pin_folder)
{
	const char *slash = strrchr(pin_folder, '/');
	size_t bytes = slash ? (size_t)(slash - pin_folder) : 0;
	char path[4096];
	int fd;

	if (bytes == 0 || bytes >= sizeof(path))
		return -EINVAL;
	memcpy(path, pin_folder, bytes);
	path[bytes] = '\0';
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int claim_folder(const char *pin_folder, struct stat *out)
{
	int fd = claim_open_folder(pin_folder);
	int err;

	if (fd < 0)
		return fd;
	err = fstat(fd, out) ? -errno : 0;
	close(fd);
	return err;
}

int claim_send(int control, const char *pin_folder)
{
	int fds[CONTROL_CLAIM_FDS] = { STDOUT_FILENO, STDERR_FILENO };
	int folder = claim_open_folder(pin_folder);
	int err;

	if (folder < 0)
		return folder;
	fds[CONTROL_CLAIM_FOLDER] = folder;
	err = control_send(control, CONTROL_CLAIM, NULL, 0, fds, CONTROL_CLAIM_FDS);
	close(folder);
	return err;
}
