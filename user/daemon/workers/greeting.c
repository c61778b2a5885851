// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/greeting.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/workers/claim.h"
#include "daemon/workers/sockets.h"
#include "handoff/control.h"
#include "build_id.h"

#define HELLO_FDS_MAX 4

struct hello_message {
	struct control_message head;
	struct control_hello hello;
};

/* Keeps the listeners among received descriptors, by family, and closes the rest. */
static void sort_listeners(struct greeting *greeting, const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		socklen_t length = sizeof(int);
		int domain = -1;
		int *place;

		getsockopt(fds[i], SOL_SOCKET, SO_DOMAIN, &domain, &length);
		place = domain == AF_INET ? &greeting->listeners[0] : &greeting->listeners[1];
		if ((domain == AF_INET || domain == AF_INET6) && *place < 0)
			*place = fds[i];
		else
			close(fds[i]);
	}
}

static void take_ancillary(struct greeting *greeting, struct msghdr *header)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		struct ucred sender;
		int fds[HELLO_FDS_MAX];
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS && bytes >= sizeof(sender)) {
			memcpy(&sender, CMSG_DATA(c), sizeof(sender));
			greeting->pid = sender.pid;
		} else if (c->cmsg_type == SCM_RIGHTS && bytes <= sizeof(fds)) {
			memcpy(fds, CMSG_DATA(c), bytes);
			sort_listeners(greeting, fds, bytes / sizeof(int));
		}
	}
}

/*
 * Reads HELLO with the sender's process id beside it: the one in the message is that of the
 * worker's own pid namespace. Return: 1; 0 nothing there yet; -errno.
 */
static int receive_hello(struct greeting *greeting, uint64_t settings)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred)) +
			  CMSG_SPACE(HELLO_FDS_MAX * sizeof(int))];
	} ancillary;
	struct hello_message message = {};
	struct iovec iov = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.room,
		.msg_controllen = sizeof(ancillary.room),
	};
	ssize_t got;
	int off = 0;

	got = recvmsg(greeting->control, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	take_ancillary(greeting, &header);
	if (got < (ssize_t)sizeof(message) || message.head.type != CONTROL_HELLO)
		return -EPROTO;
	greeting->greeted = true;
	greeting->draining = message.hello.draining;
	greeting->generation = message.hello.generation;
	greeting->same =
		message.hello.version == CONTROL_VERSION &&
		message.hello.worker == greeting->slot && message.hello.settings == settings &&
		strncmp(message.hello.build_id, SLUICE_BUILD_ID, CONTROL_BUILD_ID_MAX) == 0;
	setsockopt(greeting->control, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));
	return 1;
}

static void dial(const char *pin_folder, uint32_t slot, struct greetings *out)
{
	struct ucred peer;
	int fd, err;

	fd = sockets_connect_control(pin_folder, slot, true, &peer);
	if (fd == -ECONNREFUSED)
		return;
	out->taken[slot] = true;
	if (fd < 0) {
		log_warn("supervisor: worker %u holds its name but takes no connection: %s; "
			 "its slot is not used",
			 slot, strerror(-fd));
		return;
	}
	if (peer.uid != 0 && peer.uid != geteuid()) {
		log_warn("supervisor: the name of worker %u is held by a process of user %u; its "
			 "slot is left alone",
			 slot, peer.uid);
		close(fd);
		return;
	}
	err = claim_send(fd, pin_folder);
	if (err)
		log_warn("supervisor: worker %u cannot be claimed: %s", slot, strerror(-err));
	out->list[out->count++] = (struct greeting){
		.control = fd,
		.listeners = { -1, -1 },
		.slot = slot,
	};
}

/* Return: greetings that are still awaited. */
static size_t read_all(struct greetings *out, uint64_t settings)
{
	size_t awaited = 0;

	for (size_t i = 0; i < out->count; i++) {
		struct greeting *greeting = &out->list[i];
		int got;

		if (greeting->greeted || greeting->control < 0)
			continue;
		got = receive_hello(greeting, settings);
		if (got == 0) {
			awaited++;
		} else if (got < 0) {
			log_warn("supervisor: worker %u: no greeting: %s", greeting->slot,
				 strerror(-got));
			close(greeting->control);
			greeting->control = -1;
		}
	}
	return awaited;
}

void greetings_collect(const char *pin_folder, uint64_t settings, unsigned int wait_ms,
		       struct greetings *out)
{
	uint64_t end_ms = loop_now_ms() + wait_ms;

	memset(out, 0, sizeof(*out));
	for (uint32_t slot = 0; slot < SLUICE_WORKERS_MAX; slot++)
		dial(pin_folder, slot, out);
	while (read_all(out, settings) > 0) {
		struct pollfd polled[SLUICE_WORKERS_MAX];
		uint64_t now_ms = loop_now_ms();
		nfds_t count = 0;

		if (now_ms >= end_ms)
			break;
		for (size_t i = 0; i < out->count; i++)
			if (!out->list[i].greeted && out->list[i].control >= 0)
				polled[count++] = (struct pollfd){ .fd = out->list[i].control,
								   .events = POLLIN };
		poll(polled, count, (int)(end_ms - now_ms));
	}
}

void greetings_close(struct greetings *greetings)
{
	for (size_t i = 0; i < greetings->count; i++) {
		struct greeting *greeting = &greetings->list[i];

		if (greeting->control >= 0)
			close(greeting->control);
		for (size_t j = 0; j < 2; j++)
			if (greeting->listeners[j] >= 0)
				close(greeting->listeners[j]);
	}
	greetings->count = 0;
}
