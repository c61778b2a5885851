// SPDX-License-Identifier: Apache-2.0
/*
 * A real admin endpoint on a real loop, asked over sockets by a child process. The maps are a
 * double: the dataplane_view_*() calls that admin makes are defined here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "admin/admin.h"
#include "admin/name.h"

#define PORT        19901
#define PATIENCE_MS 5000

static struct daemon_state state;
static struct worker_stats workers[SLUICE_WORKERS_MAX];

const struct daemon_state *dataplane_view_daemon(const struct dataplane_view *view)
{
	(void)view;
	return &state;
}

const struct worker_stats *dataplane_view_worker(const struct dataplane_view *view, uint32_t worker)
{
	(void)view;
	return &workers[worker];
}

int dataplane_view_stats(const struct dataplane_view *view, uint64_t out[STAT_MAX])
{
	(void)view;
	for (uint64_t i = 0; i < STAT_MAX; i++)
		out[i] = 1000 + i;
	return 0;
}

int dataplane_view_drops(const struct dataplane_view *view, uint64_t out[DROP_MAX])
{
	(void)view;
	for (uint64_t i = 0; i < DROP_MAX; i++)
		out[i] = i;
	return 0;
}

/* No frontend, upstream or backend is there. */
int dataplane_view_frontends(const struct dataplane_view *view,
			     int (*fn)(void *ctx, const struct frontend_view *), void *ctx)
{
	(void)view;
	(void)fn;
	(void)ctx;
	return 0;
}

int dataplane_view_upstreams(const struct dataplane_view *view,
			     int (*fn)(void *ctx, const struct upstream_view *), void *ctx)
{
	(void)view;
	(void)fn;
	(void)ctx;
	return 0;
}

int dataplane_view_backends(const struct dataplane_view *view,
			    int (*fn)(void *ctx, const struct backend_view *), void *ctx)
{
	(void)view;
	(void)fn;
	(void)ctx;
	return 0;
}

int dataplane_view_frontend_traffic(const struct dataplane_view *view, uint32_t frontend_id,
				    struct traffic *out)
{
	(void)view;
	(void)frontend_id;
	(void)out;
	return -ENOENT;
}

int dataplane_view_backends_traffic(const struct dataplane_view *view, uint32_t count,
				    struct traffic *out)
{
	(void)view;
	(void)count;
	(void)out;
	return -ENOENT;
}

const char *dataplane_drop_name(unsigned int drop)
{
	static const char *const names[DROP_MAX] = { "none", "short_l3", "short_l4" };

	return names[drop];
}

struct world {
	char pin_folder[64];
	struct loop *loop;
	struct admin *admin;
	struct table *table; /* NULL: not yet compiled */
	char answer[65536];
	size_t used;
};

static void one_problem(void *source_ctx, admin_problem_fn *fn, void *ctx)
{
	static const struct admin_problem problem = {
		.kind = "File",
		.name = "/m/a \"b\".yaml",
		.line = 7,
		.reason = "InvalidManifest",
		.message = "no\nYAML",
	};

	(void)source_ctx;
	fn(ctx, &problem);
}

static int setup(void **cmocka_state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct admin_options options = { .listen = "127.0.0.1:19901" };

	snprintf(w->pin_folder, sizeof(w->pin_folder), "/test/%d", getpid());
	memset(&state, 0, sizeof(state));
	memset(workers, 0, sizeof(workers));
	assert_int_equal(loop_new(&w->loop), 0);
	options.pin_folder = w->pin_folder;
	options.loop = w->loop;
	options.table = &w->table;
	options.source_problems = one_problem;
	assert_int_equal(admin_start(&options, &w->admin), 0);
	*cmocka_state = w;
	return 0;
}

static int teardown(void **cmocka_state)
{
	struct world *w = *cmocka_state;

	admin_stop(w->admin);
	loop_free(w->loop);
	free(w);
	return 0;
}

/* ---- the child asks -------------------------------------------------------------------------- */

static int dial(const struct world *w, bool local)
{
	struct sockaddr_in tcp = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
	int bytes = admin_name(w->pin_folder, name.sun_path + 1);

	tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (local)
		return connect(fd, (struct sockaddr *)&name,
			       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
					   (size_t)bytes))
			       ? -1
			       : fd;
	return connect(fd, (struct sockaddr *)&tcp, sizeof(tcp)) ? -1 : fd;
}

static void ask_as_child(const struct world *w, bool local, const char *request, int out)
{
	char buffer[4096];
	ssize_t bytes;
	int fd = dial(w, local);

	if (fd < 0 || write(fd, request, strlen(request)) < 0)
		_exit(1);
	while ((bytes = read(fd, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, (size_t)bytes) != bytes)
			_exit(1);
	_exit(0);
}

static void on_answer(void *ctx, int fd, uint32_t events)
{
	struct world *w = ctx;
	ssize_t bytes = read(fd, w->answer + w->used, sizeof(w->answer) - 1 - w->used);

	(void)events;
	if (bytes <= 0)
		loop_stop(w->loop);
	else
		w->used += (size_t)bytes;
	w->answer[w->used] = '\0';
}

static void give_up(void *ctx)
{
	struct world *w = ctx;

	loop_stop(w->loop);
	w->used = 0;
}

/* Returns the status; the whole answer is in w->answer. */
static int ask(struct world *w, bool local, const char *method, const char *path)
{
	struct loop_watch *watch;
	struct loop_timer *timer;
	int pipes[2], child_status;
	char request[256];
	pid_t child;

	snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		 method, path);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		close(pipes[0]);
		ask_as_child(w, local, request, pipes[1]);
	}
	close(pipes[1]);
	w->used = 0;
	assert_int_equal(loop_watch_add(w->loop, pipes[0], EPOLLIN, on_answer, w, &watch), 0);
	assert_int_equal(loop_timer_new(w->loop, give_up, w, &timer), 0);
	loop_timer_arm(timer, PATIENCE_MS);
	loop_run(w->loop);
	loop_watch_remove(watch);
	loop_timer_free(timer);
	close(pipes[0]);
	waitpid(child, &child_status, 0);
	return w->used ? atoi(w->answer + strlen("HTTP/1.1 ")) : -1;
}

static cJSON *body_of(const struct world *w)
{
	cJSON *json = cJSON_Parse(strstr(w->answer, "\r\n\r\n") + 4);

	assert_non_null(json);
	return json;
}

/* ---- what it answers ------------------------------------------------------------------------- */

static void admin__readyz_follows_the_state(void **cmocka_state)
{
	struct world *w = *cmocka_state;

	assert_int_equal(ask(w, false, "GET", "/healthz"), 200);
	assert_int_equal(ask(w, false, "GET", "/readyz"), 503);
	state.ready = 1;
	assert_int_equal(ask(w, false, "GET", "/readyz"), 200);
	assert_int_equal(ask(w, true, "GET", "/readyz"), 200);
}

static void admin__other_paths_and_methods(void **cmocka_state)
{
	struct world *w = *cmocka_state;

	assert_int_equal(ask(w, false, "GET", "/"), 404);
	assert_int_equal(ask(w, false, "GET", "/metrics/"), 404);
	assert_int_equal(ask(w, false, "POST", "/healthz"), 405);
	assert_non_null(strstr(w->answer, "Allow: GET, HEAD"));
	assert_int_equal(ask(w, false, "HEAD", "/healthz"), 200);
	assert_string_equal(strstr(w->answer, "\r\n\r\n"), "\r\n\r\n");
}

static void admin__objects_of_tenants_stay_off_tcp(void **cmocka_state)
{
	struct world *w = *cmocka_state;
	static const char *const paths[] = { "/status", "/routes", "/problems" };

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ask(w, false, "GET", paths[i]), 403);
		assert_int_equal(ask(w, true, "GET", paths[i]), 200);
		assert_non_null(strstr(w->answer, "application/json"));
	}
}

static void admin__status_is_json(void **cmocka_state)
{
	struct world *w = *cmocka_state;
	cJSON *json;

	state.schema = 1;
	state.generation = 42;
	state.interfaces_count = 1;
	strcpy(state.interfaces[0].name, "eth0");
	state.interfaces[0].xdp_mode = ATTACH_XDP_GENERIC;
	state.interfaces[0].tc_mode = ATTACH_TCX;
	assert_int_equal(ask(w, true, "GET", "/status"), 200);
	json = body_of(w);
	assert_int_equal(cJSON_GetObjectItem(json, "schema")->valueint, 1);
	assert_int_equal(cJSON_GetObjectItem(json, "generation")->valueint, 42);
	assert_int_equal(cJSON_GetObjectItem(json, "problems")->valueint, 1);
	cJSON_Delete(json);
	assert_non_null(strstr(w->answer, "{\"name\":\"eth0\",\"ifindex\":0,\"xdp\":\"generic\","
					  "\"tc\":\"tcx\",\"dispatcher\":false}"));
}

static void admin__problems_of_files_are_listed(void **cmocka_state)
{
	struct world *w = *cmocka_state;
	const cJSON *item;
	cJSON *json;

	assert_int_equal(ask(w, true, "GET", "/problems"), 200);
	json = body_of(w);
	item = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "problems"), 0);
	assert_string_equal(cJSON_GetObjectItem(item, "kind")->valuestring, "File");
	assert_string_equal(cJSON_GetObjectItem(item, "name")->valuestring, "/m/a \"b\".yaml");
	assert_string_equal(cJSON_GetObjectItem(item, "field")->valuestring, "line 7");
	assert_string_equal(cJSON_GetObjectItem(item, "message")->valuestring, "no\nYAML");
	cJSON_Delete(json);
}

static void admin__metrics_are_sums(void **cmocka_state)
{
	static const char *const lines[] = {
		"\nsluice_requests_total 12\n",
		"\nsluice_conns_open 3\n", /* of the one that lives */
		"\nsluice_conns_accepted_total 30\n",
		"\nsluice_responses_total{class=\"2xx\"} 5\n",
		"\nsluice_drops_total{reason=\"short_l4\"} 2\n",
		"\nsluice_packets_total{kind=\"l4\"} 1001\n",
		"\nsluice_exchange_seconds_bucket{le=\"0.000064\"} 1\n",
		"\nsluice_exchange_seconds_bucket{le=\"0.000128\"} 3\n",
		"\nsluice_exchange_seconds_bucket{le=\"+Inf\"} 7\n",
		"\nsluice_exchange_seconds_sum 1.500000\n",
		"\nsluice_exchange_seconds_count 7\n",
		"\nsluice_problems 1\n",
		"\nsluice_interface_info{interface=\"eth1\",xdp=\"tc\",tc=\"tcx\","
		"dispatcher=\"no\"} 1\n",
		"\nsluice_request_faults_total{reason=\"bare-lf\"} 3\n",
		"\nsluice_request_faults_total{reason=\"buffers\"} 0\n",
		"\nsluice_response_faults_total{reason=\"length\"} 1\n",
	};
	struct world *w = *cmocka_state;

	state.interfaces_count = 1;
	state.interfaces[0] = (struct interface_state){
		.name = "eth1",
		.xdp_mode = ATTACH_TC_L4,
		.tc_mode = ATTACH_TCX,
	};
	workers[0] = (struct worker_stats){ .pid = (__u64)getpid(),
					    .conns_open = 3,
					    .conns_accepted = 10,
					    .requests = 5,
					    .responses_2xx = 5,
					    .latency_bucket = { 1, 2 },
					    .request_faults = { [FAULT_BARE_LF] = 2 },
					    .response_faults = { [FAULT_LENGTH] = 1 },
					    .latency_sum_us = 1500000 };
	workers[5] = (struct worker_stats){ .pid = 0x7ffffffe, /* above any pid */
					    .conns_open = 4,
					    .conns_accepted = 20,
					    .requests = 7,
					    .request_faults = { [FAULT_BARE_LF] = 1 },
					    .latency_bucket = { [23] = 4 } };
	assert_int_equal(ask(w, false, "GET", "/metrics"), 200);
	assert_non_null(strstr(w->answer, "text/plain; version=0.0.4"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!strstr(w->answer, lines[i]))
			fail_msg("no %s in %s", lines[i], w->answer);
}

static void admin_start__address_in_use_is_said(void **cmocka_state)
{
	struct world *w = *cmocka_state;
	struct admin_options options = { .listen = "127.0.0.1:19901",
					 .pin_folder = "/test/other",
					 .loop = w->loop,
					 .table = &w->table };
	struct admin *admin;

	assert_int_equal(admin_start(&options, &admin), -EADDRINUSE);
	options.listen = "localhost";
	assert_int_equal(admin_start(&options, &admin), -EINVAL);
	options.listen = "off";
	assert_int_equal(admin_start(&options, &admin), 0);
	admin_stop(admin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(admin__readyz_follows_the_state),        TEST(admin__other_paths_and_methods),
		TEST(admin__objects_of_tenants_stay_off_tcp), TEST(admin__status_is_json),
		TEST(admin__problems_of_files_are_listed),    TEST(admin__metrics_are_sums),
		TEST(admin_start__address_in_use_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
