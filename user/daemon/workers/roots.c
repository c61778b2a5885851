// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/roots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define BUNDLE_BYTES_MAX (8 << 20) /* Debian's has a fifth of a megabyte */

/* Debian; Fedora; SUSE; Alpine and OpenBSD. */
static const char *const places[] = { "/etc/ssl/certs/ca-certificates.crt",
				      "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
				      "/etc/ssl/cert.pem" };

#define PLACES (sizeof(places) / sizeof(places[0]))

static const char *place_of(const struct roots *roots)
{
	size_t i = 0;

	if (roots->file)
		return roots->file;
	while (i < PLACES - 1 && access(places[i], R_OK))
		i++;
	return places[i];
}

static int read_all(int fd, char *out, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = read(fd, out + done, bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EAGAIN; /* it is being written: the next time */
		done += (size_t)got;
	}
	return 0;
}

static int read_bundle(struct roots *roots, int fd, const struct stat *status)
{
	char *pem;
	int err;

	if (!S_ISREG(status->st_mode) || status->st_size <= 0)
		return -EINVAL;
	if (status->st_size > BUNDLE_BYTES_MAX)
		return -EFBIG;
	pem = malloc((size_t)status->st_size);
	if (!pem)
		return -ENOMEM;
	err = read_all(fd, pem, (size_t)status->st_size);
	if (err) {
		free(pem);
		return err;
	}
	free(roots->pem);
	roots->pem = pem;
	roots->pem_bytes = (size_t)status->st_size;
	return 0;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void roots_refresh(struct roots *roots)
{
	const char *place = place_of(roots);
	int fd = open(place, O_RDONLY | O_CLOEXEC);
	struct stat status;
	int err = 0;

	if (fd < 0 && errno == ENOENT && !roots->file)
		return; /* a system without: the helper reports it if a route needs them */
	if (fd < 0 || fstat(fd, &status))
		err = -errno;
	if (!err && !same(&status, &roots->read)) {
		err = read_bundle(roots, fd, &status);
		roots->read = status;
	}
	if (fd >= 0)
		close(fd);
	if (err)
		log_warn("CA certificates for backends: %s: %s; %s", place, strerror(-err),
			 roots->pem ? "keeping the previous ones" : "there are none");
}

void roots_clear(struct roots *roots)
{
	free(roots->pem);
	roots->pem = NULL;
	roots->pem_bytes = 0;
}
