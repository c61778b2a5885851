// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "handoff/control.h"

/* The kernel cuts it to net.core.somaxconn; a restarted worker finds that many waiting. */
#define TCP_BACKLOG     65535
#define CONTROL_BACKLOG 8

static socklen_t loopback(int family, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	out->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	}
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*in);
}

int sockets_listen_tcp(int family)
{
	struct sockaddr_storage name;
	socklen_t length = loopback(family, &name);
	int one = 1;
	int fd, err;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* FREEBIND: the loopback device of a new network namespace is down. */
	if ((family == AF_INET && setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one))) ||
	    (family == AF_INET6 &&
	     (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) ||
	      setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)))) ||
	    bind(fd, (struct sockaddr *)&name, length) || listen(fd, TCP_BACKLOG)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Socket and abstract address of @name. Return: the descriptor; -errno. */
static int abstract_socket(const char *name, struct sockaddr_un *address, socklen_t *length)
{
	size_t bytes = strlen(name);
	int fd;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (bytes + 1 > sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path + 1, name, bytes);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + bytes);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

static int listen_abstract(const char *name)
{
	struct sockaddr_un address;
	socklen_t length;
	int fd, err;

	fd = abstract_socket(name, &address, &length);
	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, CONTROL_BACKLOG)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* SO_PASSCRED from before the first message, so that its sender is attested. */
static int connect_abstract(const char *name, bool attested, struct ucred *peer)
{
	socklen_t peer_length = sizeof(*peer);
	struct sockaddr_un address;
	socklen_t length;
	int fd, err;
	int on = 1;

	fd = abstract_socket(name, &address, &length);
	if (fd < 0)
		return fd;
	if ((attested && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on))) ||
	    connect(fd, (struct sockaddr *)&address, length) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &peer_length)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int sockets_listen_control(const char *pin_folder, uint32_t slot)
{
	char name[CONTROL_NAME_MAX];

	control_name(pin_folder, slot, name);
	return listen_abstract(name);
}

int sockets_connect_control(const char *pin_folder, uint32_t slot, bool attested,
			    struct ucred *peer)
{
	char name[CONTROL_NAME_MAX];

	control_name(pin_folder, slot, name);
	return connect_abstract(name, attested, peer);
}

/* "sluice/<hash>/<leaf>": the folder part is that of any worker's name. */
static void named(const char *pin_folder, const char *leaf, char name[CONTROL_NAME_MAX])
{
	size_t folder_bytes;

	control_name(pin_folder, 0, name);
	folder_bytes = (size_t)(strrchr(name, '/') + 1 - name);
	snprintf(name + folder_bytes, CONTROL_NAME_MAX - folder_bytes, "%s", leaf);
}

int sockets_listen_named(const char *pin_folder, const char *leaf)
{
	char name[CONTROL_NAME_MAX];

	named(pin_folder, leaf, name);
	return listen_abstract(name);
}

int sockets_connect_named(const char *pin_folder, const char *leaf, struct ucred *peer)
{
	char name[CONTROL_NAME_MAX];

	named(pin_folder, leaf, name);
	return connect_abstract(name, false, peer);
}
