// SPDX-License-Identifier: Apache-2.0
#include "daemon/probe.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/name.h"
#include "base/log.h"

#define ANSWER_WAIT_S 2
#define STATUS_AT     9 /* "HTTP/1.1 200 OK" */

/* Return: the descriptor; -errno. @pid: out, of the one that listens; 0: not visible from here. */
static int dial(const char *pin_folder, pid_t *pid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = ANSWER_WAIT_S };
	char name[ADMIN_NAME_MAX];
	struct ucred peer;
	socklen_t peer_bytes = sizeof(peer);
	socklen_t bytes;
	int fd, err;

	bytes = (socklen_t)admin_name(pin_folder, name);
	memcpy(address.sun_path + 1, name, bytes);
	bytes += (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
	    connect(fd, (struct sockaddr *)&address, bytes) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes)) {
		err = -errno;
		close(fd);
		return err;
	}
	*pid = peer.pid;
	return fd;
}

/* Return: 0 for an answer of 200; -EAGAIN for another; -ETIMEDOUT; -errno. */
static int get(int fd, const char *path)
{
	char text[512];
	ssize_t got;
	int length;

	length = snprintf(text, sizeof(text),
			  "GET %s HTTP/1.1\r\nHost: sluiced\r\nConnection: close\r\n\r\n", path);
	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	got = recv(fd, text, sizeof(text) - 1, 0);
	if (got < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	text[got] = '\0';
	return got > STATUS_AT + 3 && strncmp(text + STATUS_AT, "200", 3) == 0 ? 0 : -EAGAIN;
}

int probe(enum options_probe what, const char *pin_folder)
{
	pid_t pid = 0;
	int fd, err;

	fd = dial(pin_folder, &pid);
	if (fd < 0) {
		log_error("probe: no sluiced answers: %s", strerror(-fd));
		return fd;
	}
	if (pid > 0)
		err = get(fd, what == PROBE_READY ? "/readyz" : "/healthz");
	else
		err = what == PROBE_READY ? -EAGAIN : 0;
	close(fd);
	if (err)
		log_error("probe: %s", pid <= 0         ? "the sluiced of another container serves"
				       : err == -EAGAIN ? "sluiced is not ready"
							: strerror(-err));
	return err;
}
