// SPDX-License-Identifier: Apache-2.0
/*
 * worker-host - stands in for sluiced: one worker of the helper over memfds instead of BPF maps
 * size: one program of one file, so that tests of the helper need no part of the daemon
 *
 *   worker-host --manifests DIR [--proxy build/sluice-proxy] [--https]
 *               [--ca-file FILE] [--proxy-from RANGE]... [-- FLAG OF SLUICE-PROXY...]
 *
 * DIR holds *.json files, each with one Kubernetes object or a List; a Secret default/fallback is
 * the default certificate. Two TCP listeners are made: 127.0.0.1 and ::1, or with --https two on
 * 127.0.0.1, the second for TLS. Everything is told as one JSON object a line on stdout:
 *
 *   {"event":"listen","v4":PORT,"v6":PORT,"https":PORT,"pid":PID}     0: not there
 *   {"event":"snapshot","generation":N,"error":0}                     the worker took it
 *   {"event":"stats",...}  {"event":"exit","status":N}
 *
 * and asked by lines on stdin: reload | drain MS | stats | restart. SIGHUP is reload, too. The end
 * of stdin and SIGTERM end the worker. Its stderr is ours; with --access-log its lines come on
 * stdout, between ours.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "model/decode.h"
#include "model/model.h"
#include "handoff/certificates.h"
#include "handoff/control.h"
#include "proxy/http1/http1_fault.h"
#include "sluice_schema.h"
#include "table/table.h"

#define UPSTREAMS    4096u
#define BACKENDS     16384u
#define MEMBERS      65536u
#define PROXY_ARGS   64
#define CERTIFICATES 256
#define RANGES       4
#define CLIENT_FLAG  "--https-port="

#define DEFAULT_CERTIFICATE "default/fallback" /* the Secret that serves hosts without one */

struct host {
	const char *dir, *proxy, *ca_file;
	const char *proxy_from[RANGES]; /* peers that begin with a PROXY header, on either port */
	unsigned int proxy_from_count;
	char **proxy_args;
	bool https;
	struct model model;
	struct table *table;
	struct upstream *upstreams;
	struct backend *backends;
	uint64_t *members;
	struct worker_stats *stats;
	int map_fds[4]; /* upstreams backends members worker_stats */
	int listen_fds[2], control_listen_fd, control_fd;
	struct sockaddr_un control_name;
	socklen_t control_name_bytes;
	uint32_t members_next;
	uint64_t generation;
	pid_t pid;
};

static void die(const char *what)
{
	fprintf(stderr, "worker-host: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- manifests ------------------------------------------------------------------------------- */

static void put_object(struct host *host, const cJSON *json, struct strmap *seen, const char *file)
{
	char error[DECODE_ERROR_MAX];
	struct decode_result result;
	int err = decode_object(json, NULL, &result, error);

	if (err == -EINVAL)
		fprintf(stderr, "worker-host: %s: %s\n", file, error);
	if (err)
		return;
	for (size_t i = 0; i < result.count; i++) {
		struct object *object = result.objects[i];
		char key[700];

		snprintf(key, sizeof(key), "%d/%s/%s", object->kind, object->namespace,
			 object->name);
		result.objects[i] = NULL; /* the model's */
		if (strmap_put(seen, key, seen, NULL) || model_put(&host->model, object))
			die("memory");
	}
	decode_result_free(&result);
}

/* Owned by the caller. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0)
		die(path);
	fclose(file);
	return text;
}

static void read_file(struct host *host, const char *name, struct strmap *seen)
{
	cJSON *json, *items, *item;
	char path[4096];
	char *text;

	snprintf(path, sizeof(path), "%s/%s", host->dir, name);
	text = read_text(path);
	json = cJSON_Parse(text);
	free(text);
	if (!json) {
		fprintf(stderr, "worker-host: %s: no JSON\n", path);
		return;
	}
	items = cJSON_GetObjectItemCaseSensitive(json, "items");
	if (items) {
		cJSON_ArrayForEach (item, items)
			put_object(host, item, seen, path);
	} else {
		put_object(host, json, seen, path);
	}
	cJSON_Delete(json);
}

/* Objects that no file holds any more are deleted. */
static void sweep(struct host *host, const struct strmap *seen)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct strmap_entry *entry;
		size_t position = 0;

		while ((entry = strmap_next(&host->model.objects[kind], &position)) != NULL) {
			const struct object *object = entry->value;
			char namespace[300], name[300], key[700];

			snprintf(namespace, sizeof(namespace), "%s", object->namespace);
			snprintf(name, sizeof(name), "%s", object->name);
			snprintf(key, sizeof(key), "%d/%s/%s", kind, namespace, name);
			if (!strmap_get(seen, key))
				model_delete(&host->model, (enum object_kind)kind, namespace, name);
		}
	}
}

static void read_manifests(struct host *host)
{
	struct strmap seen = { 0 };
	DIR *dir = opendir(host->dir);
	struct dirent *entry;

	if (!dir)
		die(host->dir);
	while ((entry = readdir(dir)) != NULL) {
		const char *end = strrchr(entry->d_name, '.');

		if (end && strcmp(end, ".json") == 0)
			read_file(host, entry->d_name, &seen);
	}
	closedir(dir);
	sweep(host, &seen);
	strmap_clear(&seen);
}

/* ---- maps ------------------------------------------------------------------------------------ */

static void *make_map(const char *name, size_t bytes, int *fd)
{
	void *map;

	*fd = memfd_create(name, MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes))
		die("memfd");
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	return map;
}

static void set_backend(struct host *host, const struct table_backend *from)
{
	struct backend *backend = &host->backends[from->id];

	__atomic_store_n(&backend->generation, from->generation, __ATOMIC_RELEASE);
	memcpy(backend->addr, from->addr.bytes, sizeof(backend->addr));
	backend->port = htons(from->port);
	backend->flags = from->flags;
	backend->upstream_id = from->upstream_id;
	__atomic_store_n(&backend->state, from->state, __ATOMIC_RELEASE);
}

static void set_upstream(struct host *host, const struct table_upstream *from)
{
	struct upstream *upstream = &host->upstreams[from->id];

	if (host->members_next + from->members_count > MEMBERS)
		host->members_next = 0;
	for (size_t i = 0; i < from->members_count; i++)
		host->members[host->members_next + i] = from->members[i];
	upstream->flags = from->flags;
	upstream->backends_active = from->backends_active;
	upstream->backends_draining = from->backends_draining;
	upstream->generation++;
	__atomic_store_n(&upstream->members,
			 (uint64_t)host->members_next << 32 | from->members_count,
			 __ATOMIC_RELEASE);
	host->members_next += (uint32_t)from->members_count;
}

static void apply(struct host *host, const struct table_delta *delta)
{
	for (size_t i = 0; i < delta->problems_added_count; i++)
		fprintf(stderr, "worker-host: %s/%s: %s: %s\n", delta->problems_added[i].namespace,
			delta->problems_added[i].name, delta->problems_added[i].field,
			delta->problems_added[i].message);
	for (size_t i = 0; i < delta->backends_set_count; i++)
		set_backend(host, &delta->backends_set[i]);
	for (size_t i = 0; i < delta->upstreams_set_count; i++)
		set_upstream(host, &delta->upstreams_set[i]);
	for (size_t i = 0; i < delta->upstreams_removed_count; i++)
		__atomic_store_n(&host->upstreams[delta->upstreams_removed[i]].members, 0,
				 __ATOMIC_RELEASE);
	for (size_t i = 0; i < delta->backends_removed_count; i++)
		__atomic_store_n(&host->backends[delta->backends_removed[i]].state, BACKEND_DOWN,
				 __ATOMIC_RELEASE);
}

/* ---- what the worker is sent ----------------------------------------------------------------- */

static void send_fd(struct host *host, uint32_t type, const void *payload, uint32_t bytes, int fd)
{
	int err = control_send(host->control_fd, type, payload, bytes, &fd, 1);

	close(fd);
	if (err == -EPIPE || err == -ECONNRESET) /* on_control() sends all again, or it has ended */
		return;
	if (err) {
		errno = -err;
		die("send to the worker");
	}
}

static void send_snapshot(struct host *host)
{
	struct control_snapshot message = { .generation = host->generation };
	size_t bytes;
	int fd;

	if (table_snapshot(host->table, &fd, &bytes))
		die("snapshot");
	message.bytes = bytes;
	send_fd(host, CONTROL_SNAPSHOT, &message, sizeof(message), fd);
}

/* A Secret's certificate, or its CA certificates. Return: false if it has none. */
static bool certificate_of(const struct secret *secret, const char *name, struct certificate *out)
{
	bool pair = secret->tls_crt && secret->tls_key;

	*out = (struct certificate){
		.name = name,
		.name_bytes = strlen(name),
		.chain = (const char *)(pair ? secret->tls_crt : secret->ca_crt),
		.chain_bytes = pair ? secret->tls_crt_bytes : secret->ca_crt_bytes,
		.key = pair ? (const char *)secret->tls_key : NULL,
		.key_bytes = pair ? secret->tls_key_bytes : 0,
		.ocsp = (const char *)secret->tls_ocsp,
		.ocsp_bytes = secret->tls_ocsp_bytes,
	};
	return out->chain_bytes;
}

static void send_certificates(struct host *host)
{
	static const struct certificates_ticket_key ticket_key = { .name = "worker-host" };
	struct control_certificates message = { 0 };
	struct certificate list[CERTIFICATES];
	const struct strmap_entry *entry;
	size_t position = 0, bytes;
	uint32_t fallback = UINT32_MAX;
	uint32_t count = 0;
	char *roots = NULL;
	int fd;

	while ((entry = strmap_next(&host->model.objects[OBJECT_SECRET], &position)) != NULL) {
		if (count == CERTIFICATES - 1 ||
		    !certificate_of(entry->value, entry->key, &list[count]))
			continue;
		if (strcmp(entry->key, DEFAULT_CERTIFICATE) == 0)
			fallback = count;
		count++;
	}
	if (host->ca_file) {
		roots = read_text(host->ca_file);
		list[count++] = (struct certificate){ .name = CERTIFICATES_SYSTEM,
						      .name_bytes = sizeof(CERTIFICATES_SYSTEM) - 1,
						      .chain = roots,
						      .chain_bytes = strlen(roots) };
	}
	if (certificates_write(list, count, fallback, &ticket_key, 1, &fd, &bytes))
		die("certificates");
	free(roots);
	message.bytes = bytes;
	message.count = count;
	send_fd(host, CONTROL_CERTIFICATES, &message, sizeof(message), fd);
}

static void update(struct host *host)
{
	struct table_delta *delta;

	read_manifests(host);
	if (table_update(host->table, &host->model, (uint64_t)time(NULL) * 1000, &delta))
		die("table");
	model_clear_changes(&host->model);
	apply(host, delta);
	host->generation = delta->generation;
	table_delta_free(delta);
	send_certificates(host);
	send_snapshot(host);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static int make_listener(int family)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool is_v4 = family == AF_INET;

	if (fd < 0 ||
	    bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		 is_v4 ? sizeof(v4) : sizeof(v6)) ||
	    listen(fd, 4096)) {
		if (is_v4)
			die("listen");
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	return fd;
}

static unsigned int port_of(int fd)
{
	struct sockaddr_in6 name = { 0 };
	socklen_t bytes = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &bytes))
		return 0;
	return ntohs(name.sin6_port); /* at the same place for both families */
}

static void exec_worker(struct host *host)
{
	const int fds[] = { host->control_listen_fd, host->listen_fds[0], host->listen_fds[1],
			    host->map_fds[0],        host->map_fds[1],    host->map_fds[2],
			    host->map_fds[3] };
	static char worker[] = "--worker=0", hash[] = "--settings-hash=abcd",
		    root[] = "--allow-root";
	char *args[PROXY_ARGS] = { (char *)(uintptr_t)host->proxy, worker, hash };
	char https[32];
	sigset_t none;
	int count = 3;
	int high[7];

	if (geteuid() == 0)
		args[count++] = root;
	if (host->https) {
		snprintf(https, sizeof(https), "%s%u", CLIENT_FLAG, port_of(host->listen_fds[1]));
		args[count++] = https;
	}
	for (unsigned int i = 0; i < 2 * host->proxy_from_count; i++) {
		unsigned int port = port_of(host->listen_fds[i % 2]);

		if (asprintf(&args[count], "--proxy-protocol-in=%u=%s", port,
			     host->proxy_from[i / 2]) > 0)
			count++;
	}
	for (char **arg = host->proxy_args; *arg && count < PROXY_ARGS - 1; arg++)
		args[count++] = *arg;
	for (int i = 0; i < 7; i++) /* out of the way of the numbers they will have */
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 64);
	for (int i = 0; i < 7; i++)
		dup2(high[i], CONTROL_FD_LISTENER + i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(host->proxy, args);
	die(host->proxy);
}

/* Return: false if nobody listens. */
static bool connect_control(struct host *host)
{
	host->control_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (!connect(host->control_fd, (struct sockaddr *)&host->control_name,
		     host->control_name_bytes))
		return true;
	close(host->control_fd);
	host->control_fd = -1;
	return false;
}

static void start_worker(struct host *host)
{
	struct sockaddr_un *name = &host->control_name;
	int length;

	name->sun_family = AF_UNIX;
	length = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "sluice/test-%d-%llu",
			  getpid(), (unsigned long long)host->generation + (uint64_t)host->pid);
	host->control_name_bytes =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
	host->control_listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(host->control_listen_fd, (struct sockaddr *)name, host->control_name_bytes) ||
	    listen(host->control_listen_fd, 4))
		die("control socket");
	host->pid = fork();
	if (host->pid < 0)
		die("fork");
	if (host->pid == 0)
		exec_worker(host);
	if (!connect_control(host))
		die("control connection");
	close(host->control_listen_fd);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Those that have occurred, by name. */
static void print_faults(const char *key, const __u64 counts[FAULT_MAX])
{
	const char *comma = "";

	printf(",\"%s\":{", key);
	for (unsigned int i = 0; i < FAULT_MAX; i++) {
		if (!counts[i])
			continue;
		printf("%s\"%s\":%llu", comma, http1_fault_name((enum http1_fault_reason)i),
		       (unsigned long long)counts[i]);
		comma = ",";
	}
	printf("}");
}

static void print_stats(const struct worker_stats *s)
{
	printf("{\"event\":\"stats\",\"snapshot_generation\":%llu",
	       (unsigned long long)s->snapshot_generation);
#define X(field, kind, series, labels, help) \
	printf(",\"" #field "\":%llu", (unsigned long long)s->field);
	SLUICE_COUNTER_LIST(X)
#undef X
	print_faults("request_faults", s->request_faults);
	print_faults("response_faults", s->response_faults);
	printf("}\n");
}

static void on_control(struct host *host)
{
	_Alignas(struct control_message) char buffer[CONTROL_MESSAGE_MAX];
	struct control_snapshot_done done;
	struct control_message message;
	unsigned int fds_count;
	int fds[4];
	int got = control_receive(host->control_fd, buffer, sizeof(buffer), fds, &fds_count);

	if (got == -EAGAIN)
		return;
	if (got <= 0) {
		close(host->control_fd);
		if (connect_control(host)) { /* as sluiced does: the worker has hung up */
			send_certificates(host);
			send_snapshot(host);
		}
		return;
	}
	while (fds_count > 0)
		close(fds[--fds_count]);
	memcpy(&message, buffer, sizeof(message));
	if (message.type != CONTROL_SNAPSHOT_DONE)
		return;
	memcpy(&done, buffer + sizeof(message), sizeof(done));
	printf("{\"event\":\"snapshot\",\"generation\":%llu,\"error\":%d}\n",
	       (unsigned long long)done.generation, done.error);
}

static void on_line(struct host *host, const char *line)
{
	struct control_drain drain = { 0 };

	if (strcmp(line, "reload\n") == 0) {
		update(host);
	} else if (strcmp(line, "stats\n") == 0) {
		print_stats(host->stats);
	} else if (strcmp(line, "restart\n") == 0) {
		kill(host->pid, SIGKILL);
		waitpid(host->pid, NULL, 0);
		close(host->control_fd);
		start_worker(host);
		update(host);
	} else if (sscanf(line, "drain %u", &drain.timeout_ms) == 1) {
		control_send(host->control_fd, CONTROL_DRAIN, &drain, sizeof(drain), NULL, 0);
	} else {
		fprintf(stderr, "worker-host: not understood: %s", line);
	}
}

static void end(struct host *host)
{
	kill(host->pid, SIGKILL);
	waitpid(host->pid, NULL, 0);
	exit(0);
}

static void on_signal(struct host *host, int fd)
{
	struct signalfd_siginfo info;
	int status;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		update(host);
	} else if (info.ssi_signo == SIGCHLD) {
		if (waitpid(host->pid, &status, WNOHANG) != host->pid)
			return;
		printf("{\"event\":\"exit\",\"status\":%d}\n",
		       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
		exit(0);
	} else {
		end(host);
	}
}

static void serve(struct host *host)
{
	char line[256];
	sigset_t signals;
	int signal_fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	for (;;) {
		struct pollfd fds[3] = { { .fd = STDIN_FILENO, .events = POLLIN },
					 { .fd = host->control_fd, .events = POLLIN },
					 { .fd = signal_fd, .events = POLLIN } };

		fflush(stdout);
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[1].revents)
			on_control(host);
		if (fds[2].revents)
			on_signal(host, signal_fd);
		if (fds[0].revents && !fgets(line, sizeof(line), stdin))
			end(host);
		else if (fds[0].revents)
			on_line(host, line);
	}
}

int main(int argc, char **argv)
{
	const struct table_options options = {
		.ingress_class = "sluice",
		.controller = "sluice.dev/ingress",
		.nginx_class = "nginx",
		.nginx_config_map = "ingress-nginx/ingress-nginx-controller",
		.lb_class = "sluice.dev/l4",
		.watch_without_class = true,
		.node_name = "",
		.http_port = 80,
		.https_port = 443,
	};
	struct host host = { .proxy = "build/sluice-proxy" };

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--manifests") == 0 && argv[i + 1])
			host.dir = argv[++i];
		else if (strcmp(argv[i], "--proxy") == 0 && argv[i + 1])
			host.proxy = argv[++i];
		else if (strcmp(argv[i], "--https") == 0)
			host.https = true;
		else if (strcmp(argv[i], "--ca-file") == 0 && argv[i + 1])
			host.ca_file = argv[++i];
		else if (strcmp(argv[i], "--proxy-from") == 0 && argv[i + 1] &&
			 host.proxy_from_count < RANGES)
			host.proxy_from[host.proxy_from_count++] = argv[++i];
		else if (strcmp(argv[i], "--") == 0 && (host.proxy_args = argv + i + 1))
			break;
	}
	if (!host.dir) {
		fprintf(stderr,
			"usage: worker-host --manifests DIR [--proxy FILE] [--https] [--ca-file "
			"FILE] [-- FLAG...]\n");
		return 2;
	}
	if (!host.proxy_args)
		host.proxy_args = argv + argc;
	log_setup("worker-host", LOG_TEXT, LOG_WARN);
	setvbuf(stdin, NULL, _IONBF, 0);
	model_init(&host.model);
	if (table_new(&options, NULL, &host.table))
		die("table");
	host.upstreams =
		make_map("upstreams", UPSTREAMS * sizeof(*host.upstreams), &host.map_fds[0]);
	host.backends = make_map("backends", BACKENDS * sizeof(*host.backends), &host.map_fds[1]);
	host.members = make_map("members", MEMBERS * sizeof(*host.members), &host.map_fds[2]);
	host.stats = make_map("worker_stats", sizeof(*host.stats), &host.map_fds[3]);
	host.listen_fds[0] = make_listener(AF_INET);
	host.listen_fds[1] = make_listener(host.https ? AF_INET : AF_INET6);
	start_worker(&host);
	printf("{\"event\":\"listen\",\"v4\":%u,\"v6\":%u,\"https\":%u,\"pid\":%d}\n",
	       port_of(host.listen_fds[0]), host.https ? 0 : port_of(host.listen_fds[1]),
	       host.https ? port_of(host.listen_fds[1]) : 0, host.pid);
	update(&host);
	serve(&host);
}
