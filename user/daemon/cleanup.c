// SPDX-License-Identifier: Apache-2.0
#include "daemon/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/workers/greeting.h"
#include "dataplane/dataplane.h"
#include "handoff/control.h"

#define END_WAIT_MS 2000

/* The worker is gone when its pidfd, or without one its connection, signals it. */
static bool wait_end(int fd, int wait_ms)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	uint64_t end_ms = loop_now_ms() + (uint64_t)wait_ms;

	for (;;) {
		uint64_t now_ms = loop_now_ms();
		char rest[CONTROL_MESSAGE_MAX];

		if (now_ms > end_ms || poll(&polled, 1, (int)(end_ms - now_ms)) <= 0)
			return false;
		if (read(fd, rest, sizeof(rest)) <= 0)
			return true; /* a pidfd cannot be read: EINVAL */
	}
}

/* No waiting: a clean-up must end soon. */
static int end_worker(const struct greeting *greeting)
{
	struct control_drain payload = { .timeout_ms = 0 };
	int pidfd = greeting->pid > 0 ? pidfd_open(greeting->pid, 0) : -1;
	bool ended;

	control_send(greeting->control, CONTROL_DRAIN, &payload, sizeof(payload), NULL, 0);
	ended = wait_end(pidfd >= 0 ? pidfd : greeting->control, END_WAIT_MS);
	if (!ended && pidfd >= 0) {
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		ended = wait_end(pidfd, END_WAIT_MS);
	}
	if (pidfd >= 0)
		close(pidfd);
	if (ended)
		log_info("cleanup: worker %u (pid %d) ended", greeting->slot, greeting->pid);
	else
		log_error("cleanup: worker %u (pid %d) does not end; kill it by hand",
			  greeting->slot, greeting->pid);
	return ended ? 0 : -ETIMEDOUT;
}

static int end_workers(const char *pin_folder)
{
	struct greetings *found = calloc(1, sizeof(*found));
	int err = 0;

	if (!found)
		return -ENOMEM;
	greetings_collect(pin_folder, 0, CONTROL_ANSWER_WAIT_MS, found);
	for (size_t i = 0; i < found->count; i++) {
		if (found->list[i].control < 0)
			continue;
		if (end_worker(&found->list[i]))
			err = -ETIMEDOUT;
	}
	greetings_close(found);
	free(found);
	return err;
}

int cleanup(const char *bpffs, const char *pin_folder)
{
	char error[DATAPLANE_ERROR_MAX] = "";
	int workers_err;
	int err;

	workers_err = end_workers(pin_folder);
	err = dataplane_remove(bpffs, error);
	if (err)
		log_error("cleanup: %s (%s)", error, strerror(-err));
	else
		log_info("cleanup: nothing of sluice is left below %s", bpffs);
	return err ? err : workers_err;
}
