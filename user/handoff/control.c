// SPDX-License-Identifier: Apache-2.0
#include "handoff/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONTROL_FDS_MAX 4

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME  0x100000001b3ull

int control_name(const char *pin_folder, uint32_t slot, char name[CONTROL_NAME_MAX])
{
	uint64_t hash = FNV_OFFSET;

	for (const unsigned char *c = (const unsigned char *)pin_folder; *c; c++)
		hash = (hash ^ *c) * FNV_PRIME;
	return snprintf(name, CONTROL_NAME_MAX, "sluice/%016llx/worker-%u",
			(unsigned long long)hash, slot);
}

union control_ancillary {
	struct cmsghdr align;
	char room[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
};

int control_send(int socket, uint32_t type, const void *payload, uint32_t bytes, const int *fds,
		 unsigned int fds_count)
{
	struct control_message message = { .type = type, .bytes = bytes };
	struct iovec iov[2] = {
		{ .iov_base = &message, .iov_len = sizeof(message) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = bytes },
	};
	struct msghdr header = { .msg_iov = iov, .msg_iovlen = bytes ? 2 : 1 };
	union control_ancillary ancillary;
	ssize_t sent;

	if (fds_count > CONTROL_FDS_MAX || bytes > CONTROL_MESSAGE_MAX - sizeof(message))
		return -EINVAL;
	if (fds_count) {
		struct cmsghdr *c;

		memset(&ancillary, 0, sizeof(ancillary));
		header.msg_control = ancillary.room;
		header.msg_controllen = CMSG_SPACE(fds_count * sizeof(int));
		c = CMSG_FIRSTHDR(&header);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fds_count * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0; /* SOCK_SEQPACKET: whole or not at all */
}

/* Moves the descriptors of a received message out; those above the fourth are closed. */
static void take_fds(struct msghdr *header, int fds[CONTROL_FDS_MAX], unsigned int *count)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*count < CONTROL_FDS_MAX)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
}

int control_receive(int socket, void *buffer, uint32_t size, int fds[4], unsigned int *fds_count)
{
	struct iovec iov = { .iov_base = buffer, .iov_len = size };
	union control_ancillary ancillary;
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.room,
		.msg_controllen = sizeof(ancillary.room),
	};
	struct control_message message;
	ssize_t received;

	*fds_count = 0;
	do {
		received = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;
	take_fds(&header, fds, fds_count);
	if (received == 0)
		return 0;
	if ((size_t)received >= sizeof(message))
		memcpy(&message, buffer, sizeof(message));
	if ((size_t)received < sizeof(message) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    /* cppcheck-suppress uninitStructMember -- the first condition excludes it */
	    message.bytes != (size_t)received - sizeof(message)) {
		while (*fds_count > 0)
			close(fds[--*fds_count]);
		return -EBADMSG;
	}
	return (int)received;
}
