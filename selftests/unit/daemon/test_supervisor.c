// SPDX-License-Identifier: Apache-2.0
/* The supervisor with a helper of a few lines: this program, started by it with --worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/loop.h"
#include "daemon/workers/sockets.h"
#include "daemon/workers/supervisor.h"
#include "handoff/control.h"
#include "unit/daemon/fake_worker.h"

#define WORKERS_MAX 8

/* ---- scene ----------------------------------------------------------------------------------- */

struct scene {
	struct loop *loop;
	struct loop_timer *watchdog, *tick;
	struct supervisor *supervisor;
	struct supervisor_options options;
	char folder[64];
	unsigned int steered; /* times */
	int fds[2 * WORKERS_MAX];
	uint32_t workers;
	bool ended, timed_out;
	bool (*until)(struct scene *scene);
};

static int steer(void *ctx, const int *fds, uint32_t workers)
{
	struct scene *scene = ctx;

	assert_true(workers <= WORKERS_MAX);
	scene->steered++;
	scene->workers = workers;
	if (workers)
		memcpy(scene->fds, fds, workers * 2 * sizeof(int));
	return 0;
}

static void changed(void *ctx)
{
	(void)ctx;
}

static void ended(void *ctx)
{
	struct scene *scene = ctx;

	scene->ended = true;
}

static void watchdog(void *ctx)
{
	struct scene *scene = ctx;

	scene->timed_out = true;
	loop_stop(scene->loop);
}

static void tick(void *ctx)
{
	struct scene *scene = ctx;

	if (scene->until(scene))
		loop_stop(scene->loop);
	else
		loop_timer_arm(scene->tick, 2);
}

static void run_until(struct scene *scene, bool (*until)(struct scene *scene), const char *what)
{
	scene->until = until;
	scene->timed_out = false;
	loop_timer_arm(scene->watchdog, 10000);
	loop_timer_arm(scene->tick, 0);
	assert_int_equal(loop_run(scene->loop), 0);
	loop_timer_disarm(scene->watchdog);
	loop_timer_disarm(scene->tick);
	if (scene->timed_out)
		fail_msg("not within 10 s: %s", what);
}

static int setup(void **state)
{
	static int number;
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_int_equal(loop_new(&scene->loop), 0);
	assert_int_equal(loop_timer_new(scene->loop, watchdog, scene, &scene->watchdog), 0);
	assert_int_equal(loop_timer_new(scene->loop, tick, scene, &scene->tick), 0);
	snprintf(scene->folder, sizeof(scene->folder), "/test/%d/%d", getpid(), number++);
	scene->options = (struct supervisor_options){
		.loop = scene->loop,
		.pin_folder = scene->folder,
		.binary_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC),
		.uid = geteuid() ? geteuid() : 65532,
		.gid = geteuid() ? getegid() : 65532,
		.map_fds = { -1, -1, -1, -1, -1, -1, -1 },
		.workers = 2,
		.drain_timeout_ms = 1000,
		.steer = steer,
		.changed = changed,
		.ctx = scene,
	};
	*state = scene;
	return 0;
}

static bool has_ended(struct scene *scene)
{
	return scene->ended;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	if (scene->supervisor) {
		supervisor_end(scene->supervisor, 1000, ended, scene);
		run_until(scene, has_ended, "all workers have ended");
		supervisor_free(scene->supervisor);
	}
	close(scene->options.binary_fd);
	loop_timer_free(scene->watchdog);
	loop_timer_free(scene->tick);
	loop_free(scene->loop);
	free(scene);
	return 0;
}

static void start(struct scene *scene)
{
	scene->steered = 0;
	assert_int_equal(supervisor_start(&scene->options, &scene->supervisor), 0);
}

static void give_snapshot(struct scene *scene, uint64_t generation)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	assert_true(fd >= 0);
	supervisor_set_snapshot(scene->supervisor, fd, 0, generation);
}

static struct supervisor_counts counts(struct scene *scene)
{
	struct supervisor_counts counts;

	supervisor_count(scene->supervisor, &counts);
	return counts;
}

static bool is_steered(struct scene *scene)
{
	return scene->steered > 0;
}

static bool all_serve(struct scene *scene)
{
	return counts(scene).serving == scene->options.workers && counts(scene).draining == 0;
}

static bool all_serve_after_restart(struct scene *scene)
{
	return counts(scene).restarts >= 1 && all_serve(scene);
}

/* Processes of the slots, by what the kernel says of the control connection's other side. */
static pid_t pid_of(struct scene *scene, uint32_t slot)
{
	uint8_t buffer[CONTROL_MESSAGE_MAX];
	struct control_hello hello;
	struct pollfd polled = { .events = POLLIN };
	unsigned int fds_count;
	struct ucred peer;
	int fds[4];

	polled.fd = sockets_connect_control(scene->folder, slot, false, &peer);
	if (polled.fd < 0)
		return 0;
	assert_int_equal(poll(&polled, 1, 5000), 1);
	assert_true(control_receive(polled.fd, buffer, sizeof(buffer), fds, &fds_count) > 0);
	while (fds_count > 0)
		close(fds[--fds_count]);
	close(polled.fd);
	memcpy(&hello, buffer + sizeof(struct control_message), sizeof(hello));
	return (pid_t)hello.pid;
}

static bool listens(int fd)
{
	socklen_t length = sizeof(int);
	int accepts = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) == 0 && accepts;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void supervisor__steers_when_all_have_a_routing_table(void **state)
{
	struct scene *scene = *state;

	start(scene);
	assert_false(supervisor_ready(scene->supervisor));
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	assert_int_equal(scene->steered, 1);
	assert_int_equal(scene->workers, 2);
	assert_true(listens(scene->fds[0]));
	assert_true(listens(scene->fds[2]));
	assert_true(supervisor_ready(scene->supervisor));
	assert_int_equal(counts(scene).generation_least, 7);
}

static bool has_generation_nine(struct scene *scene)
{
	return counts(scene).generation_least == 9;
}

static void supervisor__hands_on_each_new_routing_table(void **state)
{
	struct scene *scene = *state;

	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	give_snapshot(scene, 8);
	give_snapshot(scene, 9);
	run_until(scene, has_generation_nine, "generation 9");
	assert_int_equal(scene->steered, 1);
}

static void supervisor__restarts_a_killed_worker_with_its_listeners(void **state)
{
	struct scene *scene = *state;
	uint64_t begin_ms;
	pid_t before;
	int listener;

	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	listener = scene->fds[0];
	before = pid_of(scene, 0);
	assert_true(before > 0);
	begin_ms = loop_now_ms();
	kill(before, SIGKILL);
	run_until(scene, all_serve_after_restart, "two serve again");
	assert_true(loop_now_ms() - begin_ms < 1000);
	assert_int_not_equal(pid_of(scene, 0), before);
	assert_true(listens(listener));
	assert_int_equal(scene->steered, 1);
	assert_int_equal(counts(scene).generation_least, 7);
}

/* The next sluiced: what this one left goes on, and is found. */
static void restart(struct scene *scene)
{
	supervisor_free(scene->supervisor);
	scene->supervisor = NULL;
	start(scene);
}

static void supervisor__adopts_what_the_one_before_left(void **state)
{
	struct scene *scene = *state;
	pid_t before[2];

	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	before[0] = pid_of(scene, 0);
	before[1] = pid_of(scene, 1);
	restart(scene);
	assert_int_equal(counts(scene).serving, 2);
	run_until(scene, is_steered, "steered again, before any routing table of ours");
	assert_int_equal(counts(scene).generation_least, 0);
	give_snapshot(scene, 9);
	run_until(scene, has_generation_nine, "generation 9");
	assert_int_equal(pid_of(scene, 0), before[0]);
	assert_int_equal(pid_of(scene, 1), before[1]);
	assert_int_equal(counts(scene).restarts, 0);
}

static void supervisor__restarts_an_adopted_worker_too(void **state)
{
	struct scene *scene = *state;

	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	restart(scene);
	give_snapshot(scene, 9);
	run_until(scene, has_generation_nine, "generation 9");
	kill(pid_of(scene, 1), SIGKILL);
	run_until(scene, all_serve_after_restart, "two serve again");
}

static void supervisor__replaces_workers_with_other_settings(void **state)
{
	static char argument[] = "--other=1";
	static char *args[] = { argument };
	struct scene *scene = *state;
	pid_t before;

	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	before = pid_of(scene, 0);
	scene->options.args = args;
	scene->options.args_count = 1;
	restart(scene);
	assert_int_equal(pid_of(scene, 0), before);
	assert_true(pid_of(scene, 2) > 0);
	give_snapshot(scene, 9);
	run_until(scene, is_steered, "steered to the new set");
	run_until(scene, all_serve, "the old set has drained");
	assert_int_equal(scene->workers, 2);
	assert_int_equal(pid_of(scene, 0), 0);
}

static void supervisor__follows_the_number_wanted(void **state)
{
	struct scene *scene = *state;
	pid_t before;

	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	before = pid_of(scene, 0);
	scene->options.workers = 3;
	restart(scene);
	give_snapshot(scene, 8);
	run_until(scene, is_steered, "steered to three");
	assert_int_equal(scene->workers, 3);
	assert_int_equal(pid_of(scene, 0), before);
	scene->options.workers = 1;
	restart(scene);
	give_snapshot(scene, 9);
	run_until(scene, all_serve, "one is left");
	assert_int_equal(scene->workers, 1);
	assert_int_equal(pid_of(scene, 0), before);
}

static bool has_restarted_twice(struct scene *scene)
{
	return counts(scene).restarts >= 3;
}

static void supervisor__gives_no_connection_to_those_that_cannot_start(void **state)
{
	static char argument[] = "--crash";
	static char *args[] = { argument };
	struct scene *scene = *state;

	scene->options.args = args;
	scene->options.args_count = 1;
	start(scene);
	give_snapshot(scene, 7);
	run_until(scene, has_restarted_twice, "three failures");
	assert_int_equal(scene->steered, 0);
	assert_false(supervisor_ready(scene->supervisor));
}

static void supervisor__passes_over_a_name_that_is_taken(void **state)
{
	struct scene *scene = *state;
	int squatter;

	squatter = sockets_listen_control(scene->folder, 0);
	assert_true(squatter >= 0);
	start(scene); /* waits two seconds for a greeting that never comes */
	give_snapshot(scene, 7);
	run_until(scene, is_steered, "steered");
	assert_int_equal(scene->workers, 2);
	assert_true(pid_of(scene, 1) > 0);
	assert_true(pid_of(scene, 2) > 0);
	close(squatter);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(supervisor__##name, setup, teardown)
		TEST(steers_when_all_have_a_routing_table),
		TEST(hands_on_each_new_routing_table),
		TEST(restarts_a_killed_worker_with_its_listeners),
		TEST(adopts_what_the_one_before_left),
		TEST(restarts_an_adopted_worker_too),
		TEST(replaces_workers_with_other_settings),
		TEST(follows_the_number_wanted),
		TEST(gives_no_connection_to_those_that_cannot_start),
		TEST(passes_over_a_name_that_is_taken),
#undef TEST
	};

	if (argc > 1 && strncmp(argv[1], "--worker=", 9) == 0)
		return fake_run(argv);
	signal(SIGPIPE, SIG_IGN);
	log_setup("test", LOG_TEXT, getenv("V") ? LOG_DEBUG : LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
