// SPDX-License-Identifier: Apache-2.0
#include "daemon/workers/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3
/* Above every number that the program will see: a place from which dup2() overwrites nothing. */
#define PARKED_FD (FIRST_FD + SPAWN_FDS_MAX)

/* What the child was doing when it failed; sent with errno through a pipe. */
enum step { STEP_DESCRIPTORS, STEP_SIGNALS, STEP_LIMITS, STEP_USER, STEP_PRIVILEGES, STEP_EXECUTE };

static const char *const step_texts[] = {
	[STEP_DESCRIPTORS] = "arrange descriptors", [STEP_SIGNALS] = "reset signals",
	[STEP_LIMITS] = "raise RLIMIT_NOFILE",      [STEP_USER] = "become the helper's user",
	[STEP_PRIVILEGES] = "give up capabilities", [STEP_EXECUTE] = "execute it",
};

struct failure {
	enum step step;
	int error; /* errno */
};

static int park(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, PARKED_FD);
}

/* All below runs between fork() and exec: system calls only, no allocation. */

static int arrange_descriptors(const struct spawn_options *options)
{
	int parked[SPAWN_FDS_MAX];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -1;
	for (size_t i = 0; i < options->fds_count; i++) {
		parked[i] = park(options->fds[i] >= 0 ? options->fds[i] : null);
		if (parked[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < options->fds_count; i++)
		if (dup2(parked[i], FIRST_FD + (int)i) < 0)
			return -1;
	return close_range(FIRST_FD + (unsigned int)options->fds_count, ~0u, CLOSE_RANGE_CLOEXEC);
}

static int reset_signals(void)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &by_default, NULL); /* fails only for SIGKILL and SIGSTOP */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return -1;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files);
}

static int become_user(const struct spawn_options *options)
{
	if (geteuid() == 0) {
		/*
		 * The bounding set can be emptied only with CAP_SETPCAP. A container without it
		 * loses nothing: no_new_privs keeps a user without capabilities from getting any.
		 */
		for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
			if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EINVAL &&
			    errno != EPERM)
				return -1;
		if (setgroups(0, NULL))
			return -1;
	}
	if (setresgid(options->gid, options->gid, options->gid))
		return -1;
	return setresuid(options->uid, options->uid, options->uid);
}

static int give_up_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -1;
	if (syscall(SYS_capset, &header, none))
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void run_child(const struct spawn_options *options, int binary_fd, int failure_fd,
		      char *const *environment) __attribute__((noreturn));

static void run_child(const struct spawn_options *options, int binary_fd, int failure_fd,
		      char *const *environment)
{
	struct failure failure = { .step = STEP_DESCRIPTORS };

	setsid(); /* Ctrl-C at the terminal is for sluiced, which ends the helper in order */
	if (arrange_descriptors(options))
		goto out;
	failure.step = STEP_SIGNALS;
	if (reset_signals())
		goto out;
	failure.step = STEP_LIMITS;
	if (raise_limits())
		goto out;
	failure.step = STEP_USER;
	if (become_user(options))
		goto out;
	failure.step = STEP_PRIVILEGES;
	if (give_up_privileges())
		goto out;
	failure.step = STEP_EXECUTE;
	syscall(SYS_execveat, binary_fd, "", options->argv, environment, AT_EMPTY_PATH);
out:
	failure.error = errno;
	if (write(failure_fd, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

/* Return: 0 once the program runs (the pipe closed by exec); -errno of the child's failed step. */
static int await_exec(int failure_fd, char error[SPAWN_ERROR_MAX])
{
	struct failure failure;
	ssize_t got;

	do {
		got = read(failure_fd, &failure, sizeof(failure));
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	if (got != (ssize_t)sizeof(failure)) {
		snprintf(error, SPAWN_ERROR_MAX, "ended before it was executed");
		return -ECHILD;
	}
	snprintf(error, SPAWN_ERROR_MAX, "%s: %s", step_texts[failure.step],
		 strerror(failure.error));
	return -failure.error;
}

int spawn(const struct spawn_options *options, pid_t *pid_out, int *pidfd_out,
	  char error[SPAWN_ERROR_MAX])
{
	const char *zone = getenv("TZ");
	int failure_pipe[2] = { -1, -1 };
	char zone_entry[256];
	char *environment[2] = { NULL, NULL };
	int binary_fd = -1, failure_fd = -1;
	int pidfd = -1;
	pid_t pid = -1;
	int err;

	if (zone &&
	    (size_t)snprintf(zone_entry, sizeof(zone_entry), "TZ=%s", zone) < sizeof(zone_entry))
		environment[0] = zone_entry;
	snprintf(error, SPAWN_ERROR_MAX, "prepare a process");
	binary_fd = park(options->binary_fd);
	if (binary_fd < 0 || pipe2(failure_pipe, O_CLOEXEC) ||
	    (failure_fd = park(failure_pipe[1])) < 0 || (pid = fork()) < 0) {
		err = -errno;
		snprintf(error, SPAWN_ERROR_MAX, "prepare a process: %s", strerror(errno));
		goto out;
	}
	if (pid == 0)
		run_child(options, binary_fd, failure_fd, environment);
	close(failure_pipe[1]);
	close(failure_fd);
	failure_pipe[1] = failure_fd = -1;
	err = await_exec(failure_pipe[0], error);
	if (err)
		goto out;
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		err = -errno;
		snprintf(error, SPAWN_ERROR_MAX, "watch process %d: %s", pid, strerror(errno));
		goto out;
	}
	*pid_out = pid;
	*pidfd_out = pidfd;
	pid = -1;
out:
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	for (size_t i = 0; i < 2; i++)
		if (failure_pipe[i] >= 0)
			close(failure_pipe[i]);
	if (failure_fd >= 0)
		close(failure_fd);
	if (binary_fd >= 0)
		close(binary_fd);
	return err;
}
