// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM    "sluice-proxy"
#define DEFAULT_ID 65532       /* "nonroot" of many container images; no file belongs to it */
#define NUMBER_MAX 4294967294u /* (uid_t)-1 means "leave as it is" to setresuid() */

/* Path of the helper: as given, or in the folder of the running program. Return: 0; -errno. */
static int locate(const char *binary, char path[PATH_MAX])
{
	ssize_t length;
	char *slash;

	if (binary) {
		if (snprintf(path, PATH_MAX, "%s", binary) >= PATH_MAX)
			return -ENAMETOOLONG;
		return 0;
	}
	length = readlink("/proc/self/exe", path, PATH_MAX - sizeof(PROGRAM) - 1);
	if (length < 0)
		return -errno;
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;
	memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
	return 0;
}

static int open_binary(const char *binary, int *out, char error[HELPER_ERROR_MAX])
{
	char path[PATH_MAX] = "/proc/self/exe";
	struct stat st;
	int err;
	int fd;

	err = locate(binary, path);
	fd = err ? -1 : open(path, O_PATH | O_CLOEXEC);
	if (!err && fd < 0)
		err = -errno;
	if (!err && fstat(fd, &st))
		err = -errno;
	if (!err && (!S_ISREG(st.st_mode) || !(st.st_mode & 0111)))
		err = -EACCES;
	if (err) {
		snprintf(error, HELPER_ERROR_MAX,
			 "the helper '%.300s' cannot be executed: %s; name it with --proxy-binary",
			 path, strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* Only digits. Return: 0; -EINVAL. */
static int parse_id(const char *text, uid_t *out)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value > NUMBER_MAX)
		return -EINVAL;
	*out = (uid_t)value;
	return 0;
}

static int look_up(const char *user, struct helper *out)
{
	const struct passwd *entry;

	if (parse_id(user, &out->uid) == 0) {
		entry = getpwuid(out->uid);
		out->gid = entry ? entry->pw_gid : (gid_t)out->uid;
		return 0;
	}
	entry = getpwnam(user);
	if (!entry)
		return -EINVAL;
	out->uid = entry->pw_uid;
	out->gid = entry->pw_gid;
	return 0;
}

static int find_user(const char *user, struct helper *out, char error[HELPER_ERROR_MAX])
{
	if (geteuid() != 0) {
		out->uid = geteuid();
		out->gid = getegid();
		return 0;
	}
	if (!user && look_up(PROGRAM, out)) {
		out->uid = out->gid = DEFAULT_ID;
	} else if (user && look_up(user, out)) {
		snprintf(error, HELPER_ERROR_MAX, "--proxy-user '%s': no such user", user);
		return -EINVAL;
	}
	if (out->uid == 0 || out->gid == 0) {
		snprintf(error, HELPER_ERROR_MAX,
			 "--proxy-user '%s': the helper reads what strangers send and never runs "
			 "as root or in its group",
			 user ? user : PROGRAM);
		return -EINVAL;
	}
	return 0;
}

int helper_find(const char *binary, const char *user, struct helper *out,
		char error[HELPER_ERROR_MAX])
{
	int err;

	err = find_user(user, out, error);
	return err ? err : open_binary(binary, &out->binary_fd, error);
}

void helper_close(struct helper *helper)
{
	if (helper->binary_fd >= 0)
		close(helper->binary_fd);
	helper->binary_fd = -1;
}
