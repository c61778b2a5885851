// SPDX-License-Identifier: Apache-2.0
/*
 * sluice-proxy - one worker of the HTTP helper
 *
 *   main.c settings.c sandbox.c         start, flags, what the process may do
 *   worker.c coalesce.c timers.c slab.c buffer.c   the loop and its memory
 *   listener.c control_server.c         who comes in: clients, sluiced
 *   conn.c conn_open.c                  a client connection, HTTP/1.x
 *   exchange*.c                         one request with its response
 *   relay.c http1_reader.c http1_writer.c stream.c   bodies, framing, sockets
 *   picker.c backend_notes.c health.c pool.c upstream.c maps.c routing.c   where a request goes
 *   tls*.c certificates.c               TLS
 *   http*.c                             reading and writing HTTP, pure functions
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/log.h"
#include "base/trim.h"
#include "proxy/sandbox.h"
#include "proxy/settings.h"
#include "proxy/worker.h"
#include "build_id.h"

/* As many descriptors as we may have: two for each conn that is served. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct worker *worker = NULL;
	struct settings settings;
	int err;

	err = settings_parse(argc, argv, &settings);
	if (err)
		return err == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
	log_setup("sluice-proxy", settings.log_format, settings.log_level);
	crash_report_enable("sluice-proxy", SLUICE_BUILD_ID);
	if (geteuid() == 0 && !settings.allow_root) {
		log_error("proxy: refuses to run as root: sluiced starts it as a user of its own");
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN); /* a terminal that closes is no reason to end */
	tzset();                 /* reads its file now: later no file can be opened */
	raise_descriptors();
	err = worker_new(&settings, &worker);
	if (!err)
		err = sandbox_enter();
	if (!err) {
		trim_memory();
		log_info("proxy: worker %u serves", settings.worker);
		err = worker_run(worker);
		if (err)
			log_error("proxy: event loop: %s", strerror(-err));
	}
	worker_free(worker);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
