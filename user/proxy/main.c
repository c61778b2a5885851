// SPDX-License-Identifier: Apache-2.0
/*
 * sluice-proxy - one worker of the HTTP helper
 *
 *   main.c sandbox.c              start, what the process may do
 *   worker.c control_server.c     the process that owns all parts; sluiced talks to it here
 *   client/    connections of clients: listener, first bytes, HTTP/1.x, HTTP/2
 *   exchange/  one request with its response, in whatever version of HTTP
 *   backend/   which backend a request goes to, and the connections there
 *   splice/    sockets whose bytes the kernel moves
 *   tls/       TLS to both sides
 *   http2/     sessions and streams of HTTP/2, whichever end we are
 *   options/   the command line
 *   http1/     reading and writing HTTP/1.x
 *   http/      what all versions share: fields, hosts, paths, the routing table
 *   loop/      the event loop, its memory and its streams
 *
 * A folder includes and calls only those below it in this list.
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
#include "proxy/options/settings.h"
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
		err = maps_seal(&worker->maps);
	if (!err)
		err = sandbox_enter();
	if (!err) {
		trim_memory();
		log_info("proxy: worker %u serves", settings.worker);
		err = turn_run(&worker->turn);
		if (err)
			log_error("proxy: event loop: %s", strerror(-err));
	}
	worker_free(worker);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
