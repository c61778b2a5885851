/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_worker.h - a helper of a few lines: greets, confirms routing tables, ends when told to drain
 */
#ifndef SLUICE_UNIT_FAKE_WORKER_H
#define SLUICE_UNIT_FAKE_WORKER_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handoff/control.h"
#include "build_id.h"

struct fake {
	uint32_t worker;
	uint64_t settings;
	uint64_t generation;
};

static void fake_greet(const struct fake *fake, int control)
{
	struct control_hello hello = {
		.version = CONTROL_VERSION,
		.worker = fake->worker,
		.pid = (uint32_t)getpid(),
		.generation = fake->generation,
		.settings = fake->settings,
		.build_id = SLUICE_BUILD_ID,
	};
	const int fds[] = { CONTROL_FD_LISTEN_V4, CONTROL_FD_LISTEN_V6 };

	control_send(control, CONTROL_HELLO, &hello, sizeof(hello), fds, 2);
}

static void fake_answer(struct fake *fake, int control, const uint8_t *buffer)
{
	struct control_snapshot_done done = {};
	struct control_snapshot snapshot;
	struct control_message message;

	memcpy(&message, buffer, sizeof(message));
	if (message.type == CONTROL_DRAIN)
		exit(0);
	if (message.type != CONTROL_SNAPSHOT)
		return;
	memcpy(&snapshot, buffer + sizeof(message), sizeof(snapshot));
	fake->generation = done.generation = snapshot.generation;
	control_send(control, CONTROL_SNAPSHOT_DONE, &done, sizeof(done), NULL, 0);
}

/* main() of a process that was started with --worker. Return: its exit status. */
static int fake_run(char **argv)
{
	struct fake fake = {};
	int control = -1;

	for (char **a = argv + 1; *a; a++) {
		if (strncmp(*a, "--worker=", 9) == 0)
			fake.worker = (uint32_t)atoi(*a + 9);
		else if (strncmp(*a, "--settings-hash=", 16) == 0)
			fake.settings = strtoull(*a + 16, NULL, 16);
		else if (strcmp(*a, "--crash") == 0)
			return 3;
	}
	/* Exactly what control.h lists, and nothing above it. */
	for (int fd = CONTROL_FD_LISTENER; fd <= CONTROL_FD_EVENTS; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return 4;
	if (fcntl(CONTROL_FD_EVENTS + 1, F_GETFD) >= 0)
		return 5;
	for (;;) {
		struct pollfd polled[] = { { .fd = CONTROL_FD_LISTENER, .events = POLLIN },
					   { .fd = control, .events = POLLIN } };
		uint8_t buffer[CONTROL_MESSAGE_MAX];
		unsigned int fds_count;
		int fds[4];

		poll(polled, 2, 30000);
		if (polled[0].revents) {
			if (control >= 0)
				close(control);
			control = accept(CONTROL_FD_LISTENER, NULL, NULL);
			fake_greet(&fake, control);
		} else if (control >= 0 && polled[1].revents) {
			int got = control_receive(control, buffer, sizeof(buffer), fds, &fds_count);

			while (fds_count > 0)
				close(fds[--fds_count]);
			if (got > 0)
				fake_answer(&fake, control, buffer);
			if (got <= 0 && got != -EAGAIN) {
				close(control);
				control = -1;
			}
		} else if (!polled[0].revents && !polled[1].revents) {
			return 6; /* a test that forgot us */
		}
	}
}

#endif /* SLUICE_UNIT_FAKE_WORKER_H */
