// SPDX-License-Identifier: Apache-2.0
/*
 * sluice-init - the first process of a container: keeps sluiced running, and the workers alive
 *
 * When the first process of a container ends, the kernel kills all others. With sluiced in that
 * place, a crash of sluiced would be the end of HTTP, and so would an upgrade, because the sluiced
 * that hands over leaves while its workers still have connections. So this program takes the place:
 *
 *   sluiced crashes            it is started again, at once the first time; after CRASHES_MAX
 *                              crashes in CRASH_WINDOW_MS this program ends with status 1
 *   sluiced has handed over    (status 0, not asked to stop) its workers go on until the next
 *                              sluiced has drained them. If nobody holds the lock of the pin
 *                              folder for ORPHANED_MS, sluiced is started again: it goes on with
 *                              the workers that are still here, or with --cleanup if this program
 *                              was asked to stop
 *   SIGTERM, SIGINT            sluiced gets SIGINT: drain, then remove all. Again: the same again.
 *                              This program ends when no process is left
 *   SIGHUP                     sluiced gets it
 *
 * Workers are children of sluiced; when it ends they become children of this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define CRASHES_MAX          10u
#define CRASH_WINDOW_MS      (5u * 60 * 1000)
#define RESTART_DELAY_MS     100 /* after the second crash in a row; doubled by each further one */
#define RESTART_DELAY_MAX_MS 5000
#define LONG_LIFE_MS         30000 /* after a life this long the next crash is the first one again */
#define LOCK_LOOK_MS         500
#define ORPHANED_MS          5000

enum exit_status {
	EXIT_ENDED = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* the same as of sluiced */
};

enum state {
	STATE_RUNNING,     /* sluiced runs */
	STATE_RESTARTING,  /* it crashed; started again at .next_ms */
	STATE_HANDED_OVER, /* it left; the workers go on */
	STATE_ENDING,      /* asked to stop, sluiced has ended: wait for what is left */
};

struct init {
	enum state state;
	char **argv; /* borrowed; of sluiced, with one free place before the NULL */
	int argc;
	char lock_path[4096];
	pid_t sluiced;
	bool stopping;
	bool watches_lock; /* since a hand-over */
	uint64_t started_ms, next_ms;
	uint64_t free_since_ms; /* nobody holds the lock; 0: somebody does */
	uint64_t crashes_ms[CRASHES_MAX];
	unsigned int crashes, in_a_row;
	sigset_t signals_before;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- flags of sluiced that concern this program ---------------------------------------------- */

/* Value of --name VALUE or --name=VALUE, the last one; else of the environment; else @fallback. */
static const char *flag_value(const struct init *init, const char *name, const char *variable,
			      const char *fallback)
{
	const char *value = getenv(variable) ? getenv(variable) : fallback;
	size_t length = strlen(name);

	for (int i = 1; i < init->argc; i++) {
		const char *argument = init->argv[i];

		if (strncmp(argument, name, length) != 0)
			continue;
		if (argument[length] == '=')
			value = argument + length + 1;
		else if (argument[length] == '\0' && i + 1 < init->argc)
			value = init->argv[i + 1];
	}
	return value;
}

/* ---- processes ------------------------------------------------------------------------------- */

static void start(struct init *init, const char *last_argument)
{
	pid_t pid;

	init->argv[init->argc] = (char *)(uintptr_t)last_argument;
	init->started_ms = now_ms();
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &init->signals_before, NULL);
		execv(init->argv[0], init->argv);
		log_error("init: execute %s: %s", init->argv[0], strerror(errno));
		_exit(EXIT_USAGE);
	}
	if (pid < 0) {
		log_error("init: start %s: %s; next try in %d ms", init->argv[0], strerror(errno),
			  RESTART_DELAY_MAX_MS);
		init->state = STATE_RESTARTING;
		init->next_ms = now_ms() + RESTART_DELAY_MAX_MS;
		return;
	}
	init->sluiced = pid;
	init->state = STATE_RUNNING;
}

/* Every process that is still here, but for this one. */
static void kill_all(void)
{
	char path[64];
	FILE *children;
	int pid;

	if (getpid() == 1) {
		kill(-1, SIGKILL);
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (children)
		fclose(children);
}

static void describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
}

/* Return: true if there have been too many in too short a time. */
static bool note_crash(struct init *init)
{
	uint64_t at_ms = now_ms();
	uint64_t *oldest = &init->crashes_ms[init->crashes % CRASHES_MAX];
	bool too_many =
		init->crashes >= CRASHES_MAX - 1 &&
		at_ms - init->crashes_ms[(init->crashes + 1) % CRASHES_MAX] < CRASH_WINDOW_MS;

	*oldest = at_ms;
	init->crashes++;
	if (at_ms - init->started_ms >= LONG_LIFE_MS)
		init->in_a_row = 0;
	init->in_a_row++;
	return too_many;
}

static uint64_t restart_delay_ms(const struct init *init)
{
	uint64_t delay_ms = RESTART_DELAY_MS;

	if (init->in_a_row <= 1)
		return 0;
	for (unsigned int i = 2; i < init->in_a_row && delay_ms < RESTART_DELAY_MAX_MS; i++)
		delay_ms *= 2;
	return delay_ms < RESTART_DELAY_MAX_MS ? delay_ms : RESTART_DELAY_MAX_MS;
}

/* Return: -1 to go on; else the status to end with. */
static int sluiced_ended(struct init *init, int status)
{
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_ENDED;
	char how[96];

	init->sluiced = 0;
	describe(status, how, sizeof(how));
	if (init->stopping) {
		if (!well)
			log_error("init: sluiced %s while it was stopping", how);
		init->state = STATE_ENDING;
		return -1;
	}
	if (well) {
		log_info("init: sluiced has handed over; its workers go on until they are drained");
		init->state = STATE_HANDED_OVER;
		init->watches_lock = true;
		init->free_since_ms = 0;
		init->in_a_row = 0;
		return -1;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE)
		return EXIT_USAGE;
	if (note_crash(init)) {
		log_error("init: sluiced %s, the %u. time in %u s; giving up", how, CRASHES_MAX,
			  CRASH_WINDOW_MS / 1000);
		return EXIT_FAILED;
	}
	init->next_ms = now_ms() + restart_delay_ms(init);
	init->state = STATE_RESTARTING;
	log_error("init: sluiced %s; starting it again, traffic goes on meanwhile", how);
	return -1;
}

/* Return: -1 to go on; else the status to end with. */
static int reap(struct init *init)
{
	int result = -1;
	int status;
	pid_t pid;

	while (result < 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == init->sluiced)
			result = sluiced_ended(init, status);
	if (result < 0 && pid < 0 && errno == ECHILD && init->state == STATE_ENDING)
		result = EXIT_ENDED;
	return result;
}

/* ---- signals --------------------------------------------------------------------------------- */

/* Return: -1 to go on; else the status to end with. */
static int stop(struct init *init)
{
	bool again = init->stopping;

	init->stopping = true;
	switch (init->state) {
	case STATE_RUNNING:
		kill(init->sluiced, SIGINT);
		return -1;
	case STATE_RESTARTING: /* nobody is there to end in order */
		start(init, "--cleanup");
		return -1;
	case STATE_HANDED_OVER:
		log_info("init: waiting until the workers have been drained");
		init->state = STATE_ENDING;
		return reap(init);
	case STATE_ENDING:
		if (again)
			kill_all();
		return -1;
	}
	return -1;
}

static int take_signals(struct init *init, int fd)
{
	struct signalfd_siginfo info;
	int result = -1;

	while (result < 0 && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			result = stop(init);
		else if (info.ssi_signo == SIGHUP && init->sluiced > 0)
			kill(init->sluiced, SIGHUP);
	}
	return result < 0 ? reap(init) : result;
}

/* ---- after sluiced has handed over ----------------------------------------------------------- */

/* A shared lock, for a moment: a sluiced that starts meanwhile tries again. */
static bool lock_is_free(const struct init *init)
{
	int fd = open(init->lock_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_free;

	if (fd < 0)
		return errno == ENOENT; /* the last one has removed everything */
	is_free = flock(fd, LOCK_SH | LOCK_NB) == 0;
	close(fd);
	return is_free;
}

static void look_for_successor(struct init *init)
{
	uint64_t at_ms = now_ms();

	if (!lock_is_free(init)) {
		init->free_since_ms = 0;
	} else if (!init->free_since_ms) {
		init->free_since_ms = at_ms;
	} else if (at_ms - init->free_since_ms >= ORPHANED_MS) {
		log_warn("init: the sluiced that took over has gone; %s in its place",
			 init->stopping ? "ending" : "going on");
		init->watches_lock = false;
		start(init, init->stopping ? "--cleanup" : NULL);
	}
}

/* ---- the loop -------------------------------------------------------------------------------- */

static int wait_ms(const struct init *init)
{
	uint64_t at_ms = now_ms();

	if (init->watches_lock)
		return LOCK_LOOK_MS;
	if (init->state == STATE_RESTARTING)
		return init->next_ms > at_ms ? (int)(init->next_ms - at_ms) : 0;
	return -1;
}

static int run(struct init *init, int signals)
{
	struct pollfd polled = { .fd = signals, .events = POLLIN };
	int result = -1;

	start(init, NULL);
	while (result < 0) {
		int ready = poll(&polled, 1, wait_ms(init));

		if (ready > 0)
			result = take_signals(init, signals);
		else if (init->state == STATE_RESTARTING)
			start(init, NULL);
		else if (init->watches_lock)
			look_for_successor(init);
	}
	kill_all();
	return result;
}

int main(int argc, char **argv)
{
	struct init init = { .argc = argc - 1 };
	sigset_t signals;
	int fd;

	if (argc < 2 || argv[1][0] == '-') {
		fputs("Usage: sluice-init /path/of/sluiced [FLAG...]\n", stderr);
		return EXIT_USAGE;
	}
	init.argv = calloc((size_t)argc + 2, sizeof(*init.argv));
	if (!init.argv)
		return EXIT_FAILED;
	memcpy(init.argv, argv + 1, (size_t)(argc - 1) * sizeof(*argv));
	log_setup("sluice-init",
		  strcmp(flag_value(&init, "--log-format", "SLUICED_LOG_FORMAT", "text"), "json")
			  ? LOG_TEXT
			  : LOG_JSON,
		  LOG_INFO);
	snprintf(init.lock_path, sizeof(init.lock_path), "%s/sluice",
		 flag_value(&init, "--bpffs", "SLUICED_BPFFS", "/sys/fs/bpf"));
	/* Outside of a container too, workers whose sluiced has ended become ours. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &init.signals_before);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		log_error("init: watch signals: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return run(&init, fd);
}
