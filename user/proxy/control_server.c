// SPDX-License-Identifier: Apache-2.0
#include "proxy/control_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "build_id.h"
#include "handoff/control.h"
#include "proxy/client/listener.h"
#include "proxy/tls/tls.h"
#include "proxy/worker.h"

/* Whoever reads what sluiced wrote must see its end: nothing of it may stay open here. */
static void on_log_over(struct timer *timer)
{
	(void)timer;
	dup3(STDIN_FILENO, STDOUT_FILENO, 0); /* stdin is /dev/null */
	dup3(STDIN_FILENO, STDERR_FILENO, 0);
}

static void take_log(struct worker *worker, const int fds[2])
{
	timer_disarm(&worker->log_timer);
	if (dup3(fds[0], STDOUT_FILENO, 0) < 0 || dup3(fds[1], STDERR_FILENO, 0) < 0)
		log_warn("proxy: log of another sluiced: %s", strerror(errno));
}

static void drop_claim(struct worker *worker)
{
	int fd = worker->control_claim.fd;

	if (fd < 0)
		return;
	turn_unwatch(&worker->control_claim);
	close(fd);
}

static void hang_up(struct worker *worker)
{
	int fd = worker->control.fd;

	if (fd < 0)
		return;
	turn_unwatch(&worker->control);
	close(fd);
	turn_arm(&worker->turn, &worker->log_timer, CONTROL_LOG_KEEP_MS);
}

static int say_hello(struct worker *worker)
{
	struct control_hello hello = {
		.version = CONTROL_VERSION,
		.worker = worker->turn.settings->worker,
		.pid = (uint32_t)getpid(),
		.draining = worker->turn.draining,
		.generation =
			worker->services.routing
				? snapshot_generation(routing_snapshot(worker->services.routing))
				: 0,
		.settings = worker->turn.settings->settings_hash,
	};
	const int listeners[] = { CONTROL_FD_LISTEN_V4, CONTROL_FD_LISTEN_V6 };

	snprintf(hello.build_id, sizeof(hello.build_id), "%s", SLUICE_BUILD_ID);
	return control_send(worker->control.fd, CONTROL_HELLO, &hello, sizeof(hello), listeners, 2);
}

/* It may succeed a little later: sluiced connects again, and then sends all that it has. */
static bool is_passing(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

static void take_snapshot(struct worker *worker, const struct control_snapshot *message, int fd)
{
	struct control_snapshot_done done = { .generation = message->generation };
	struct routing *routing = NULL;

	done.error = routing_open(fd, &routing);
	if (!done.error) {
		struct routing *before = worker->services.routing;

		worker->services.routing = routing;
		if (!before)
			listener_open(&worker->listener);
		health_apply(&worker->health, routing);
		routing_put(before); /* exchanges that began with it hold it until they end */
		worker->turn.stats->snapshot_generation = message->generation;
	} else {
		log_error("proxy: snapshot %llu: %s; keeping the previous one",
			  (unsigned long long)message->generation, strerror(-done.error));
	}
	if (control_send(worker->control.fd, CONTROL_SNAPSHOT_DONE, &done, sizeof(done), NULL, 0) ||
	    is_passing(done.error))
		hang_up(worker);
}

static void take_certificates(struct worker *worker, const struct control_certificates *message,
			      int fd)
{
	struct certificates *set = NULL;
	int err = certificates_open(fd, message->bytes, &set);

	if (!err && worker->tls)
		err = tls_load(worker->tls, set);
	if (!err)
		err = tls_client_load(worker->tls_client, set);
	certificates_close(set);
	if (err)
		log_error("proxy: certificates: %s; keeping the previous ones", strerror(-err));
	if (is_passing(err))
		hang_up(worker);
}

/* Payload of a message if it is of this type and size and carries @fds_wanted descriptors. */
static const void *payload_of(const char *buffer, uint32_t type, size_t bytes,
			      unsigned int fds_wanted, unsigned int fds_count)
{
	struct control_message message;

	memcpy(&message, buffer, sizeof(message));
	if (message.type != type || message.bytes != bytes || fds_count != fds_wanted)
		return NULL;
	return buffer + sizeof(message);
}

static void handle(struct worker *worker, const char *buffer, const int *fds,
		   unsigned int fds_count)
{
	struct control_certificates certificates;
	struct control_snapshot snapshot;
	struct control_drain drain;
	const void *payload;

	payload = payload_of(buffer, CONTROL_SNAPSHOT, sizeof(snapshot), 1, fds_count);
	if (payload) {
		memcpy(&snapshot, payload, sizeof(snapshot));
		take_snapshot(worker, &snapshot, fds[0]);
		return;
	}
	payload = payload_of(buffer, CONTROL_CERTIFICATES, sizeof(certificates), 1, fds_count);
	if (payload) {
		memcpy(&certificates, payload, sizeof(certificates));
		take_certificates(worker, &certificates, fds[0]);
		return;
	}
	payload = payload_of(buffer, CONTROL_DRAIN, sizeof(drain), 0, fds_count);
	if (payload) {
		memcpy(&drain, payload, sizeof(drain));
		listener_drain(&worker->listener, drain.timeout_ms);
		return;
	}
	if (payload_of(buffer, CONTROL_CLAIM, 0, CONTROL_CLAIM_FDS, fds_count)) {
		take_log(worker, fds);
		return;
	}
	log_warn("proxy: control message of an unknown kind; passed over");
}

static void on_message(struct watch *watch, uint32_t events)
{
	struct worker *worker = (struct worker *)((char *)watch - offsetof(struct worker, control));
	_Alignas(struct control_message) char buffer[CONTROL_MESSAGE_MAX];
	unsigned int fds_count;
	int fds[4];
	int got;

	(void)events;
	got = control_receive(watch->fd, buffer, sizeof(buffer), fds, &fds_count);
	if (got == -EAGAIN)
		return;
	if (got <= 0) {
		if (got < 0)
			log_warn("proxy: control connection: %s", strerror(-got));
		hang_up(worker); /* continues serving with what it has */
		return;
	}
	handle(worker, buffer, fds, fds_count);
	while (fds_count > 0)
		close(fds[--fds_count]);
}

/* The first of two questions: root, or the user that we are, which is all there is without root. */
static bool is_user_fit(int fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) &&
	       (peer.uid == 0 || peer.uid == getuid());
}

/*
 * The second: in a network namespace that containers share, others have these users too. But only
 * a process with the BPF file system of our sluiced can open the folder that it has locked.
 */
static bool is_owner(const struct settings *settings, int folder)
{
	struct stat st;

	return !fstat(folder, &st) && st.st_dev == settings->owner_device &&
	       st.st_ino == settings->owner_inode;
}

/* @fd: moves to the worker, or is closed. The newest connection counts. */
static void serve(struct worker *worker, int fd)
{
	hang_up(worker);
	if (turn_watch(&worker->turn, &worker->control, fd, EPOLLIN, on_message)) {
		close(fd);
		return;
	}
	timer_disarm(&worker->log_timer);
	if (say_hello(worker))
		hang_up(worker);
}

static void on_claim(struct watch *watch, uint32_t events)
{
	struct worker *worker =
		(struct worker *)((char *)watch - offsetof(struct worker, control_claim));
	_Alignas(struct control_message) char buffer[CONTROL_MESSAGE_MAX];
	unsigned int fds_count;
	int fd = watch->fd;
	int fds[4];
	int got;

	(void)events;
	got = control_receive(fd, buffer, sizeof(buffer), fds, &fds_count);
	if (got == -EAGAIN)
		return;
	if (got > 0 && payload_of(buffer, CONTROL_CLAIM, 0, CONTROL_CLAIM_FDS, fds_count) &&
	    is_owner(worker->turn.settings, fds[CONTROL_CLAIM_FOLDER])) {
		turn_unwatch(watch);
		serve(worker, fd);
		take_log(worker, fds);
	} else {
		log_warn("proxy: a control connection of a stranger was closed");
		drop_claim(worker);
	}
	while (fds_count > 0)
		close(fds[--fds_count]);
}

static void on_caller(struct watch *watch, uint32_t events)
{
	struct worker *worker =
		(struct worker *)((char *)watch - offsetof(struct worker, control_listen));
	int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	if (!is_user_fit(fd)) {
		log_warn("proxy: a control connection of a stranger was closed");
		close(fd);
		return;
	}
	if (!worker->turn.settings->owner_inode) {
		serve(worker, fd);
		return;
	}
	drop_claim(worker);
	if (turn_watch(&worker->turn, &worker->control_claim, fd, EPOLLIN, on_claim))
		close(fd);
}

int control_server_start(struct worker *worker)
{
	int flags = fcntl(CONTROL_FD_LISTENER, F_GETFL);
	int err;

	worker->control.fd = worker->control_claim.fd = -1;
	worker->log_timer.fn = on_log_over;
	err = flags < 0 ? -errno
			: turn_watch(&worker->turn, &worker->control_listen, CONTROL_FD_LISTENER,
				     EPOLLIN, on_caller);
	if (!err)
		err = turn_timer_room(&worker->turn); /* log_timer */
	if (!err)                                     /* sluiced may end before it connects */
		turn_arm(&worker->turn, &worker->log_timer, CONTROL_LOG_KEEP_MS);
	if (!err && fcntl(CONTROL_FD_LISTENER, F_SETFL, flags | O_NONBLOCK))
		err = -errno;
	if (err)
		log_error("proxy: control listener (descriptor %d): %s", CONTROL_FD_LISTENER,
			  strerror(-err));
	return err;
}

void control_server_stop(struct worker *worker)
{
	drop_claim(worker);
	hang_up(worker);
}
