// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/worker_process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/workers/claim.h"
#include "daemon/workers/greeting.h"
#include "daemon/workers/sockets.h"
#include "daemon/workers/spawn.h"
#include "daemon/workers/worker_talk.h"
#include "handoff/control.h"

/* A life shorter than this counts as a failure to start: the next start waits longer. */
#define SHORT_LIFE_MS        10000
#define RESTART_DELAY_MS     100 /* after the second failure; doubled by each further one */
#define RESTART_DELAY_MAX_MS 5000
#define RECONNECT_DELAY_MS   200
#define KILL_GRACE_MS        2000 /* beyond what a draining worker was given */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool has_process(const struct worker_process *worker)
{
	return worker->pidfd >= 0 || worker->control >= 0;
}

/* ---- the end of a process -------------------------------------------------------------------- */

/* How the process ended, for people. */
static void describe_end(const struct worker_process *worker, char *text, size_t size)
{
	siginfo_t info = {};

	if (worker->pidfd < 0 || waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED | WNOHANG) ||
	    info.si_pid == 0)
		snprintf(text, size, "ended"); /* not a child of this process */
	else if (info.si_code == CLD_EXITED)
		snprintf(text, size, "exited with status %d", info.si_status);
	else
		snprintf(text, size, "was killed by signal %d (%s)", info.si_status,
			 strsignal(info.si_status));
}

static uint64_t restart_delay_ms(const struct worker_process *worker)
{
	uint64_t delay_ms = RESTART_DELAY_MS;

	if (worker->failures <= 1)
		return 0;
	for (uint32_t i = 2; i < worker->failures && delay_ms < RESTART_DELAY_MAX_MS; i++)
		delay_ms *= 2;
	return delay_ms < RESTART_DELAY_MAX_MS ? delay_ms : RESTART_DELAY_MAX_MS;
}

static void start_later(struct worker_process *worker)
{
	bool lived = worker->started_ms + SHORT_LIFE_MS <= loop_now_ms();

	worker->failures = lived ? 1 : worker->failures + 1;
	worker->state = WORKER_DOWN;
	loop_timer_arm(worker->start_timer, restart_delay_ms(worker));
}

static void process_ended(struct worker_process *worker)
{
	char how[96];

	describe_end(worker, how, sizeof(how));
	loop_watch_remove(worker->pidfd_watch);
	worker->pidfd_watch = NULL;
	close_fd(&worker->pidfd);
	worker_talk_close(worker);
	worker->generation_done = 0;
	if (worker->state == WORKER_DRAINING) {
		log_info("supervisor: worker %u (pid %d) drained and %s", worker->slot, worker->pid,
			 how);
		worker->state = WORKER_ENDED;
	} else {
		start_later(worker);
		log_error("supervisor: worker %u (pid %d) %s; starting it again %s", worker->slot,
			  worker->pid, how, worker->failures <= 1 ? "now" : "in a moment");
	}
	worker->host->changed(worker->host->ctx, worker);
}

static void talk_lost(struct worker_process *worker, int err)
{
	if (worker->pidfd < 0) {
		process_ended(worker);
		return;
	}
	/* Usually its pidfd signals its end in the same turn. */
	log_debug("supervisor: worker %u (pid %d): control connection lost: %s", worker->slot,
		  worker->pid, strerror(-err));
	loop_timer_arm(worker->start_timer, RECONNECT_DELAY_MS);
}

static void pidfd_ready(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	process_ended(ctx);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* Texts of the arguments that each process has for itself. */
struct own_args {
	char number[32], settings[40], device[48], inode[48];
};

/* Arguments of the process: an array of borrowed strings, owned by the caller. */
static char **make_argv(const struct worker_process *worker, struct own_args *own)
{
	static char name[] = "sluice-proxy";
	const struct worker_host *host = worker->host;
	char **argv = calloc(host->args_count + 6, sizeof(*argv));
	struct stat folder;
	size_t count = 0;

	if (!argv)
		return NULL;
	snprintf(own->number, sizeof(own->number), "--worker=%u", worker->slot);
	snprintf(own->settings, sizeof(own->settings), "--settings-hash=%016" PRIx64,
		 host->settings);
	argv[count++] = name;
	argv[count++] = own->number;
	argv[count++] = own->settings;
	if (claim_folder(host->pin_folder, &folder) == 0) {
		snprintf(own->device, sizeof(own->device), "--owner-device=%" PRIx64,
			 (uint64_t)folder.st_dev);
		snprintf(own->inode, sizeof(own->inode), "--owner-inode=%" PRIx64,
			 (uint64_t)folder.st_ino);
		argv[count++] = own->device;
		argv[count++] = own->inode;
	}
	for (size_t i = 0; i < host->args_count; i++)
		argv[count++] = host->args[i];
	return argv;
}

static int start_process(struct worker_process *worker, char error[SPAWN_ERROR_MAX])
{
	const struct worker_host *host = worker->host;
	int ring = host->ring ? host->ring(host->ring_ctx, worker->slot) : -1;
	int fds[4 + WORKER_MAPS] = { worker->control_listener, worker->listeners[0],
				     worker->listeners[1] };
	struct spawn_options options = {
		.binary_fd = host->binary_fd,
		.fds = fds,
		.fds_count = sizeof(fds) / sizeof(fds[0]),
		.uid = host->uid,
		.gid = host->gid,
	};
	struct own_args own;
	char **argv;
	int err;

	_Static_assert(CONTROL_FD_LISTENER == 3 && CONTROL_FD_UPSTREAMS == 6 &&
			       CONTROL_FD_EVENTS == CONTROL_FD_UPSTREAMS + WORKER_MAPS,
		       "the order of fds");
	memcpy(fds + 3, host->map_fds, sizeof(host->map_fds));
	fds[3 + WORKER_MAPS] = ring;
	argv = make_argv(worker, &own);
	options.argv = argv;
	err = argv ? spawn(&options, &worker->pid, &worker->pidfd, error) : -ENOMEM;
	free(argv);
	close_fd(&ring);
	if (err)
		return err;
	err = loop_watch_add(host->loop, worker->pidfd, EPOLLIN, pidfd_ready, worker,
			     &worker->pidfd_watch);
	if (err) {
		worker_process_kill(worker);
		close_fd(&worker->pidfd);
	}
	return err;
}

void worker_process_start(struct worker_process *worker)
{
	const struct worker_host *host = worker->host;
	char error[SPAWN_ERROR_MAX] = "make its control socket";
	int err = 0;

	if (worker->control_listener < 0) {
		worker->control_listener = sockets_listen_control(host->pin_folder, worker->slot);
		if (worker->control_listener < 0)
			err = worker->control_listener;
	}
	worker->started_ms = loop_now_ms();
	if (!err)
		err = start_process(worker, error);
	if (err) {
		start_later(worker);
		log_error("supervisor: start worker %u: %s (%s); next try soon", worker->slot,
			  error, strerror(-err));
		return;
	}
	worker->state = WORKER_STARTING;
	log_debug("supervisor: worker %u started, pid %d", worker->slot, worker->pid);
	err = worker_talk_connect(worker);
	if (err) {
		log_error("supervisor: worker %u: connect: %s; next try in %d ms", worker->slot,
			  strerror(-err), RECONNECT_DELAY_MS);
		loop_timer_arm(worker->start_timer, RECONNECT_DELAY_MS);
		return;
	}
	worker_talk_push(worker);
}

/* Whatever is missing: a process, the connection to it, or the place to put a message. */
static void start_timer_fired(void *ctx)
{
	struct worker_process *worker = ctx;

	if (worker->control >= 0) {
		worker_talk_push(worker);
	} else if (worker->pidfd < 0) {
		worker_process_start(worker);
	} else if (worker_talk_connect(worker)) {
		loop_timer_arm(worker->start_timer, RECONNECT_DELAY_MS);
	} else {
		worker_talk_push(worker);
	}
}

static void kill_timer_fired(void *ctx)
{
	struct worker_process *worker = ctx;

	log_warn("supervisor: worker %u (pid %d) did not end in time; killed", worker->slot,
		 worker->pid);
	worker_process_kill(worker);
	if (worker->pidfd < 0) {
		worker->state = WORKER_ENDED;
		worker_talk_close(worker);
		worker->host->changed(worker->host->ctx, worker);
	}
}

void worker_process_drain(struct worker_process *worker, uint32_t timeout_ms)
{
	struct control_drain payload = { .timeout_ms = timeout_ms };
	int err = -ENOTCONN;

	loop_timer_disarm(worker->start_timer);
	worker->counted = false;
	if (!has_process(worker)) {
		worker->state = WORKER_ENDED;
		return;
	}
	worker->state = WORKER_DRAINING;
	if (worker->control >= 0)
		err = control_send(worker->control, CONTROL_DRAIN, &payload, sizeof(payload), NULL,
				   0);
	if (err) {
		log_warn("supervisor: worker %u (pid %d) cannot be asked to drain: %s; killed",
			 worker->slot, worker->pid, strerror(-err));
		worker_process_kill(worker);
	}
	loop_timer_arm(worker->kill_timer, (uint64_t)timeout_ms + KILL_GRACE_MS);
}

void worker_process_kill(struct worker_process *worker)
{
	if (worker->pidfd >= 0 && pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0) &&
	    errno != ESRCH)
		log_error("supervisor: worker %u (pid %d) cannot be killed: %s (CAP_KILL?)",
			  worker->slot, worker->pid, strerror(errno));
}

static int allocate(const struct worker_host *host, uint32_t slot, struct worker_process **out)
{
	struct worker_process *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return -ENOMEM;
	worker->host = host;
	worker->slot = slot;
	worker->lost = talk_lost;
	worker->listeners[0] = worker->listeners[1] = -1;
	worker->control_listener = worker->control = worker->pidfd = -1;
	err = loop_timer_new(host->loop, start_timer_fired, worker, &worker->start_timer);
	if (!err)
		err = loop_timer_new(host->loop, worker_talk_overdue, worker,
				     &worker->answer_timer);
	if (!err)
		err = loop_timer_new(host->loop, kill_timer_fired, worker, &worker->kill_timer);
	if (err) {
		worker_process_free(worker);
		return err;
	}
	*out = worker;
	return 0;
}

int worker_process_new(const struct worker_host *host, uint32_t slot, struct worker_process **out)
{
	struct worker_process *worker;
	int err;

	err = allocate(host, slot, &worker);
	if (err)
		return err;
	err = worker->control_listener = sockets_listen_control(host->pin_folder, slot);
	if (err < 0)
		goto out;
	err = worker->listeners[0] = sockets_listen_tcp(AF_INET);
	if (err < 0)
		goto out;
	worker->listeners[1] = sockets_listen_tcp(AF_INET6);
	if (worker->listeners[1] < 0)
		log_debug("supervisor: worker %u has no IPv6 listener: %s", slot,
			  strerror(-worker->listeners[1]));
	worker->state = WORKER_DOWN;
	*out = worker;
	worker = NULL;
	err = 0;
out:
	worker_process_free(worker);
	return err;
}

int worker_process_adopt(const struct worker_host *host, struct greeting *greeting,
			 struct worker_process **out)
{
	struct worker_process *worker;
	int err;

	err = allocate(host, greeting->slot, &worker);
	if (err)
		return err;
	memcpy(worker->listeners, greeting->listeners, sizeof(worker->listeners));
	greeting->listeners[0] = greeting->listeners[1] = -1;
	worker->pid = greeting->pid;
	worker->state = greeting->generation ? WORKER_SERVING : WORKER_STARTING;
	if (greeting->pid > 0)
		worker->pidfd = pidfd_open(greeting->pid, 0);
	if (worker->pidfd >= 0)
		err = loop_watch_add(host->loop, worker->pidfd, EPOLLIN, pidfd_ready, worker,
				     &worker->pidfd_watch);
	if (!err) {
		err = worker_talk_attach(worker, greeting->control);
		greeting->control = -1;
	}
	if (err) {
		worker_process_free(worker);
		return err;
	}
	*out = worker;
	return 0;
}

void worker_process_free(struct worker_process *worker)
{
	if (!worker)
		return;
	loop_watch_remove(worker->pidfd_watch);
	loop_watch_remove(worker->control_watch);
	loop_timer_free(worker->start_timer);
	loop_timer_free(worker->answer_timer);
	loop_timer_free(worker->kill_timer);
	close_fd(&worker->pidfd);
	close_fd(&worker->control);
	close_fd(&worker->control_listener);
	close_fd(&worker->listeners[0]);
	close_fd(&worker->listeners[1]);
	free(worker);
}
