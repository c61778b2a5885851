// SPDX-License-Identifier: Apache-2.0
#include "files/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/files.h"

static void sign(const struct stat *st, struct whole_signature *out)
{
	/* The padding is compared too. */
	memset(out, 0, sizeof(*out));
	out->dev = st->st_dev;
	out->ino = st->st_ino;
	out->bytes = st->st_size;
	out->modified = st->st_mtim;
	out->changed = st->st_ctim;
}

static int read_all(int fd, size_t bytes, char **out)
{
	char *text = malloc(bytes + 1);
	size_t used = 0;
	int err = 0;

	if (!text)
		return -ENOMEM;
	while (used < bytes) {
		ssize_t got = read(fd, text + used, bytes - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			err = got < 0 ? -errno : -EAGAIN; /* truncated while it was read */
			free(text);
			return err;
		}
		used += (size_t)got;
	}
	text[used] = '\0';
	*out = text;
	return 0;
}

int whole_read(int dir_fd, const char *name, const struct whole_signature *known,
	       struct whole_signature *signature, char **text, size_t *bytes)
{
	struct whole_signature after = {};
	char *all = NULL;
	struct stat st;
	int err = 0;
	int fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -ENOENT;
	if (err)
		goto out;
	sign(&st, signature);
	if (known && memcmp(known, signature, sizeof(*known)) == 0) {
		err = -EALREADY;
		goto out;
	}
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN) {
		err = -EAGAIN;
		goto out;
	}
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if ((uint64_t)st.st_size > FILES_BYTES_MAX)
		err = -EFBIG;
	if (err)
		goto out;
	sign(&st, signature);
	*bytes = (size_t)st.st_size;
	err = read_all(fd, *bytes, &all);
	if (err)
		goto out;
	if (fstat(fd, &st) == 0)
		sign(&st, &after);
	if (memcmp(&after, signature, sizeof(after)) != 0) {
		err = -EAGAIN;
		goto out;
	}
	*text = all;
	all = NULL;
out:
	free(all);
	close(fd);
	return err;
}

int64_t whole_born_unix_s(int dir_fd, const char *name)
{
	struct statx status;

	if (statx(dir_fd, name, 0, STATX_BTIME | STATX_MTIME, &status))
		return (int64_t)time(NULL);
	return status.stx_mask & STATX_BTIME ? status.stx_btime.tv_sec : status.stx_mtime.tv_sec;
}
