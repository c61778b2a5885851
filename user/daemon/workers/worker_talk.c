// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/worker_talk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/workers/claim.h"
#include "daemon/workers/sockets.h"
#include "handoff/control.h"
#include "build_id.h"

#define PUSH_RETRY_MS 50

void worker_talk_close(struct worker_process *worker)
{
	loop_watch_remove(worker->control_watch);
	worker->control_watch = NULL;
	if (worker->control >= 0)
		close(worker->control);
	worker->control = -1;
	loop_timer_disarm(worker->answer_timer);
	worker->awaiting = false;
	worker->hung = false;
	/* What it holds is not known any more; a repetition costs little. */
	worker->generation_sent = 0;
	worker->certificates_sent = 0;
}

static void snapshot_done(struct worker_process *worker, const struct control_snapshot_done *done)
{
	if (!worker->awaiting || done->generation != worker->generation_sent)
		return; /* the answer to one that a newer request has made pointless */
	worker->awaiting = false;
	loop_timer_disarm(worker->answer_timer);
	if (worker->hung)
		log_info("supervisor: worker %u (pid %d) answers again", worker->slot, worker->pid);
	worker->hung = false;
	if (done->error) {
		log_line(worker->state == WORKER_DRAINING ? LOG_DEBUG : LOG_ERROR,
			 "supervisor: worker %u (pid %d) refused routing table %" PRIu64
			 ": %s; it continues with %" PRIu64,
			 worker->slot, worker->pid, done->generation, strerror(-done->error),
			 worker->generation_done);
	} else {
		worker->generation_done = done->generation;
		if (worker->state == WORKER_STARTING)
			worker->state = WORKER_SERVING;
	}
	worker_talk_push(worker);
	worker->host->changed(worker->host->ctx, worker);
}

/* Of a worker that we started ourselves; adopted ones were asked before. */
static void check_build(const struct worker_process *worker, const struct control_hello *hello)
{
	if (strncmp(hello->build_id, SLUICE_BUILD_ID, CONTROL_BUILD_ID_MAX) == 0)
		return;
	log_warn("supervisor: worker %u is of build %.*s, sluiced of %s; install both together: as "
		 "it is, each start of sluiced replaces the workers",
		 worker->slot, CONTROL_BUILD_ID_MAX, hello->build_id, SLUICE_BUILD_ID);
}

static void handle_message(struct worker_process *worker, const uint8_t *buffer)
{
	struct control_snapshot_done done;
	struct control_message message;
	struct control_hello hello;

	memcpy(&message, buffer, sizeof(message));
	if (message.type == CONTROL_SNAPSHOT_DONE && message.bytes >= sizeof(done)) {
		memcpy(&done, buffer + sizeof(message), sizeof(done));
		snapshot_done(worker, &done);
	}
	if (message.type == CONTROL_HELLO && message.bytes >= sizeof(hello) && worker->counted) {
		memcpy(&hello, buffer + sizeof(message), sizeof(hello));
		check_build(worker, &hello);
	}
}

static void control_ready(void *ctx, int fd, uint32_t events)
{
	struct worker_process *worker = ctx;
	uint8_t buffer[CONTROL_MESSAGE_MAX];
	unsigned int fds_count;
	int fds[4];
	int got;

	(void)events;
	while (worker->control == fd) {
		got = control_receive(fd, buffer, sizeof(buffer), fds, &fds_count);
		if (got == -EAGAIN)
			return;
		while (fds_count > 0)
			close(fds[--fds_count]);
		if (got <= 0) {
			worker_talk_close(worker);
			worker->lost(worker, got ? got : -ECONNRESET);
			return;
		}
		handle_message(worker, buffer);
	}
}

static int push_certificates(struct worker_process *worker)
{
	const struct worker_host *host = worker->host;
	struct control_certificates payload = {
		.bytes = host->certificates_bytes,
		.count = host->certificates_count,
	};
	int err;

	if (host->certificates_fd < 0 || worker->certificates_sent == host->certificates_version)
		return 0;
	err = control_send(worker->control, CONTROL_CERTIFICATES, &payload, sizeof(payload),
			   &host->certificates_fd, 1);
	if (!err)
		worker->certificates_sent = host->certificates_version;
	return err;
}

static int push_snapshot(struct worker_process *worker)
{
	const struct worker_host *host = worker->host;
	struct control_snapshot payload = {
		.generation = host->snapshot_generation,
		.bytes = host->snapshot_bytes,
	};
	int err;

	if (host->snapshot_fd < 0 || worker->generation_sent == host->snapshot_generation)
		return 0;
	err = control_send(worker->control, CONTROL_SNAPSHOT, &payload, sizeof(payload),
			   &host->snapshot_fd, 1);
	if (err)
		return err;
	worker->generation_sent = host->snapshot_generation;
	worker->awaiting = true;
	loop_timer_arm(worker->answer_timer, CONTROL_ANSWER_WAIT_MS);
	return 0;
}

void worker_talk_push(struct worker_process *worker)
{
	int err;

	/* One snapshot in flight: those that come up meanwhile are passed over but for the last. */
	if (worker->control < 0 || worker->awaiting)
		return;
	err = push_certificates(worker);
	if (!err)
		err = push_snapshot(worker);
	if (err == -EAGAIN)
		loop_timer_arm(worker->start_timer, PUSH_RETRY_MS);
	else if (err)
		log_warn("supervisor: worker %u (pid %d): send: %s", worker->slot, worker->pid,
			 strerror(-err));
}

void worker_talk_overdue(void *ctx)
{
	struct worker_process *worker = ctx;

	worker->hung = true;
	log_error("supervisor: worker %u (pid %d) has not taken routing table %" PRIu64
		  " for %u s; it seems to hang, new connections go to the others",
		  worker->slot, worker->pid, worker->generation_sent,
		  CONTROL_ANSWER_WAIT_MS / 1000);
	worker->host->changed(worker->host->ctx, worker);
}

int worker_talk_attach(struct worker_process *worker, int fd)
{
	int err;

	err = loop_watch_add(worker->host->loop, fd, EPOLLIN, control_ready, worker,
			     &worker->control_watch);
	if (err) {
		close(fd);
		return err;
	}
	worker->control = fd;
	err = claim_send(fd, worker->host->pin_folder);
	if (err)
		log_warn("supervisor: worker %u (pid %d) cannot be claimed: %s", worker->slot,
			 worker->pid, strerror(-err));
	return 0;
}

int worker_talk_connect(struct worker_process *worker)
{
	struct ucred peer;
	int fd;

	fd = sockets_connect_control(worker->host->pin_folder, worker->slot, false, &peer);
	return fd < 0 ? fd : worker_talk_attach(worker, fd);
}
