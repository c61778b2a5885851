// SPDX-License-Identifier: Apache-2.0
/*
 * sluiced: watches Kubernetes (or a directory) and keeps the BPF maps and the helper equal to it.
 *
 *   main.c      flags, signals, exit status
 *   life.c      start, drain, end
 *   parts.c     the parts, in the order in which they start;  part_forward.c  those that forward
 *   instance.c  one sluiced a bpffs; how the next one takes over
 *   source.c    manifests or API server -> model
 *   apply.c     model -> table -> maps and workers
 *   removals.c  what leaves the maps once no routing table names it
 *   options/    flags and environment, one row each
 *   node/       addresses of this node, L4, announcements, names that are looked up
 *   workers/    the processes of the helper: adopt, start, steer, drain
 *   cleanup.c   --cleanup
 *
 * One thread, one loop. State that must survive this process is in pinned maps, links and the
 * workers; everything here is rebuilt from them and from the source.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/loop.h"
#include "daemon/cleanup.h"
#include "daemon/life.h"
#include "daemon/options/options_parse.h"
#include "daemon/probe.h"
#include "build_id.h"

enum exit_status {
	EXIT_ENDED = 0,  /* as asked */
	EXIT_FAILED = 1, /* reported in a log line */
	EXIT_USAGE = 2,  /* wrong flags */
};

/* ---- signals --------------------------------------------------------------------------------- */

static void signal_ready(void *ctx, int fd, uint32_t events)
{
	struct daemon *d = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGINT || d->ending) {
			life_end(d);
		} else if (info.ssi_signo == SIGHUP) {
			log_info("signal: SIGHUP; reading all input again");
			source_reread(d->source);
		} else {
			log_info("signal: SIGTERM; leaving, programs, maps and helper stay in "
				 "force");
			loop_stop(d->loop);
		}
	}
}

/* @fd: out, owned by the caller. */
static int watch_signals(struct daemon *d, int *fd_out)
{
	struct loop_watch *watch;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	*fd_out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (*fd_out < 0)
		return -errno;
	return loop_watch_add(d->loop, *fd_out, EPOLLIN, signal_ready, d, &watch);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* What can be wrong with the flags is found before anything is touched. */
static int prepare(struct daemon *d)
{
	char error[INSTANCE_ERROR_MAX] = "";
	bool takeover;
	int err;

	if ((size_t)snprintf(d->pin_folder, sizeof(d->pin_folder), "%s/%s", d->options.bpffs,
			     SLUICE_PIN_FOLDER) >= sizeof(d->pin_folder))
		return -ENAMETOOLONG;
	if (d->options.action == ACTION_RUN) {
		_Static_assert(INSTANCE_ERROR_MAX >= SOURCE_ERROR_MAX &&
				       INSTANCE_ERROR_MAX >= HELPER_ERROR_MAX,
			       "error");
		err = source_check(&d->options, error);
		if (!err)
			err = helper_find(d->options.proxy_binary, d->options.proxy_user,
					  &d->helper, error);
		if (err) {
			log_error("%s", error);
			return err;
		}
	}
	if (d->options.action == ACTION_PROBE)
		return 0;
	/* Nobody hands over to one that removes everything. */
	takeover = d->options.takeover && d->options.action == ACTION_RUN;
	err = instance_lock(d->options.bpffs, d->pin_folder, takeover, &d->instance, error);
	if (err)
		log_error("%s", error);
	return err;
}

static int run(struct daemon *d)
{
	bool remove_all;
	int signals = -1;
	int err;

	err = loop_new(&d->loop);
	if (!err)
		err = watch_signals(d, &signals);
	if (err) {
		log_error("start: %s", strerror(-err));
		return err;
	}
	err = prepare(d);
	if (err)
		return err;
	if (d->options.action == ACTION_PROBE)
		return probe(d->options.probe, d->pin_folder);
	if (d->options.action == ACTION_CLEANUP)
		return cleanup(d->options.bpffs, d->pin_folder);
	err = life_start(d);
	/* A failed start leaves the state as it was before. */
	remove_all = err && d->dataplane && !d->was_in_force;
	if (!err)
		err = loop_run(d->loop);
	remove_all = remove_all || life_removes_all(d);
	life_close(d);
	if (remove_all && cleanup(d->options.bpffs, d->pin_folder) && !err)
		err = -EIO;
	return err;
}

/* Descriptors 0 to 2 are never something else. */
static void open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv, char **environment)
{
	static struct daemon d = { .helper.binary_fd = -1 };
	char error[OPTIONS_ERROR_MAX];
	int status = EXIT_ENDED;
	int err;

	open_standard_fds();
	err = options_parse(argc, argv, environment, &d.options, error);
	if (err) {
		fprintf(stderr, "sluiced: %s\n", error);
		options_free(&d.options);
		return EXIT_USAGE;
	}
	if (d.options.action == ACTION_HELP) {
		options_print_help(stdout);
	} else if (d.options.action == ACTION_VERSION) {
		printf("sluiced %s (build %s)\n", SLUICE_VERSION, SLUICE_BUILD_ID);
	} else {
		log_setup("sluiced", d.options.log_format, d.options.log_level);
		crash_report_enable("sluiced", SLUICE_BUILD_ID);
		model_init(&d.model);
		err = run(&d);
		status = err ? EXIT_FAILED : EXIT_ENDED;
		if (d.options.action != ACTION_PROBE)
			log_info("ended%s", err ? " after a failure" : "");
		instance_free(d.instance);
		loop_free(d.loop);
	}
	options_free(&d.options);
	return status;
}
