// SPDX-License-Identifier: Apache-2.0
/*
 * tunnel_load - both ends of tunnels (101 Upgrade) through a proxy, at little cost of their own
 *
 *   tunnel_load serve PORT                            the backend
 *   tunnel_load ping ADDRESS PORT CONNS BYTES MS      messages to and fro on each conn for MS
 *   tunnel_load pour ADDRESS PORT CONNS BYTES         the backend sends BYTES on each conn
 *   tunnel_load post ADDRESS PORT CONNS BYTES COUNT   each conn posts COUNT bodies of BYTES
 *
 * The client prints one line: `N done, S s, p50 X us, p99 Y us`; N counts messages, conns, or
 * bodies. The target of the request tells the backend what to do: /tunnel/echo, or
 * /tunnel/pour/BYTES. A POST is answered when all of its body came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES (256u * 1024)
#define HEAD_BYTES  4096u
#define EVENTS_MAX  256
#define SAMPLES_MAX (1u << 22)
#define HOST        "bench.test"
#define SWITCH                                                                              \
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define TAKEN                                                                        \
	"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 10:00:00 GMT\r\nServer: load\r\n" \
	"Content-Length: 0\r\n\r\n"

struct end {
	int fd;
	bool open; /* the head was read to its end */
	bool post; /* server: .left_bytes of a body are to come; client: it sends bodies */
	uint64_t left_bytes; /* server: to be poured; client: of the message that is on its way */
	uint64_t left_count; /* client: bodies behind this one */
	uint64_t sent_ns;
	size_t head_bytes;
	char head[HEAD_BYTES];
};

static char chunk[CHUNK_BYTES];
static uint32_t *samples_ns; /* owned */
static size_t samples;

static void die(const char *what)
{
	fprintf(stderr, "tunnel_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct end *watch(int epoll, int fd, uint32_t events)
{
	struct end *end = calloc(1, sizeof(*end));
	struct epoll_event event = { .events = events, .data.ptr = end };
	int on = 1;

	if (!end)
		die("memory");
	end->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
	return end;
}

/* Reads up to the empty line; both sides wait for the other then, so nothing lies behind it.
 * Return: bytes got; 0: the end. */
static ssize_t read_head(struct end *end)
{
	ssize_t got = recv(end->fd, end->head + end->head_bytes,
			   sizeof(end->head) - 1 - end->head_bytes, MSG_DONTWAIT);

	if (got <= 0)
		return got < 0 && errno == EAGAIN ? 1 : 0;
	end->head_bytes += (size_t)got;
	end->head[end->head_bytes] = '\0';
	end->open = strstr(end->head, "\r\n\r\n") != NULL;
	return got;
}

/* ---- the backend ----------------------------------------------------------------------------- */

static void pour(struct end *end)
{
	while (end->left_bytes) {
		size_t bytes = end->left_bytes < CHUNK_BYTES ? end->left_bytes : CHUNK_BYTES;
		ssize_t sent = send(end->fd, chunk, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0)
			return;
		end->left_bytes -= (uint64_t)sent;
	}
	shutdown(end->fd, SHUT_WR);
}

/* Takes a body's bytes. Return: false: the connection ends. */
static bool take_body(struct end *end, size_t bytes)
{
	if (bytes > end->left_bytes)
		return false; /* no client of ours sends anything behind a body */
	end->left_bytes -= bytes;
	if (end->left_bytes)
		return true;
	end->post = end->open = false;
	end->head_bytes = 0;
	return send(end->fd, TAKEN, strlen(TAKEN), MSG_NOSIGNAL) > 0;
}

static bool begin_post(struct end *end)
{
	const char *length = strcasestr(end->head, "\r\nContent-Length:");

	if (!length)
		return false;
	end->post = true;
	end->left_bytes = strtoull(length + strlen("\r\nContent-Length:"), NULL, 10);
	return take_body(end, (size_t)(end->head + end->head_bytes -
				       (strstr(end->head, "\r\n\r\n") + strlen("\r\n\r\n"))));
}

static bool serve_end(int epoll, struct end *end)
{
	const char *poured;
	ssize_t got;

	if (end->post) {
		got = recv(end->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		return got > 0 ? take_body(end, (size_t)got) : got < 0 && errno == EAGAIN;
	}
	if (!end->open) {
		if (!read_head(end))
			return false;
		if (!end->open)
			return true;
		if (!strncmp(end->head, "POST ", 5))
			return begin_post(end);
		if (send(end->fd, SWITCH, strlen(SWITCH), MSG_NOSIGNAL) < 0)
			return false;
		poured = strstr(end->head, "/tunnel/pour/");
		if (poured) {
			struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
						     .data.ptr = end };

			end->left_bytes = strtoull(poured + strlen("/tunnel/pour/"), NULL, 10);
			epoll_ctl(epoll, EPOLL_CTL_MOD, end->fd, &event);
		}
		return true;
	}
	if (end->left_bytes)
		pour(end);
	got = recv(end->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (got > 0)
		return send(end->fd, chunk, (size_t)got, MSG_NOSIGNAL) == got;
	return got < 0 && errno == EAGAIN;
}

static void __attribute__((noreturn)) serve(uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), on = 1;
	struct end *accepting;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 1024))
		die("listen");
	accepting = watch(epoll, listener, EPOLLIN);
	for (;;) {
		struct epoll_event events[EVENTS_MAX];
		int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			struct end *end = events[i].data.ptr;

			if (end == accepting) {
				int fd = accept(listener, NULL, NULL);

				if (fd >= 0)
					watch(epoll, fd, EPOLLIN);
			} else if (!serve_end(epoll, end)) {
				close(end->fd);
				free(end);
			}
		}
	}
}

/* ---- the client ------------------------------------------------------------------------------ */

static int dial(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die(address);
	return fd;
}

static int dial_tunnel(const char *address, uint16_t port, const char *target)
{
	int fd = dial(address, port);
	char head[HEAD_BYTES];
	int bytes = snprintf(head, sizeof(head),
			     "GET %s HTTP/1.1\r\nHost: " HOST "\r\nConnection: Upgrade\r\n"
			     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
			     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			     target);

	if (send(fd, head, (size_t)bytes, 0) < 0)
		die(address);
	return fd;
}

static void ping(struct end *end, size_t bytes)
{
	end->left_bytes = bytes;
	end->sent_ns = now_ns();
	if (send(end->fd, chunk, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		die("send");
}

static void note(uint64_t begun_ns)
{
	if (samples < SAMPLES_MAX)
		samples_ns[samples++] = (uint32_t)(now_ns() - begun_ns);
}

/* Reads the answer to the request, byte by byte: what is poured lies behind it. */
static void read_switch(int fd)
{
	char head[HEAD_BYTES];
	size_t at = 0;

	while (at < sizeof(head) - 1 && recv(fd, head + at, 1, 0) == 1) {
		head[++at] = '\0';
		if (strstr(head, "\r\n\r\n")) {
			if (strstr(head, " 101 "))
				return;
			break;
		}
	}
	errno = EPROTO;
	die(head);
}

static void run_pings(int epoll, struct end **ends, int conns, size_t bytes, uint64_t until_ns)
{
	for (int i = 0; i < conns; i++)
		ping(ends[i], bytes);
	while (now_ns() < until_ns) {
		struct epoll_event events[EVENTS_MAX];
		int count = epoll_wait(epoll, events, EVENTS_MAX, 100);

		for (int i = 0; i < count; i++) {
			struct end *end = events[i].data.ptr;
			ssize_t got = recv(end->fd, chunk, end->left_bytes, MSG_DONTWAIT);

			if (got <= 0)
				die("a tunnel ended");
			end->left_bytes -= (uint64_t)got;
			if (end->left_bytes)
				continue;
			note(end->sent_ns);
			ping(end, bytes);
		}
	}
}

static void run_pour(int epoll, int conns, uint64_t bytes)
{
	uint64_t begun_ns = now_ns(), total = 0;
	int open = conns;

	while (open) {
		struct epoll_event events[EVENTS_MAX];
		int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			struct end *end = events[i].data.ptr;
			ssize_t got = recv(end->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

			if (got > 0) {
				total += (uint64_t)got;
				continue;
			}
			if (got < 0 && errno == EAGAIN)
				continue;
			note(begun_ns);
			close(end->fd);
			open--;
		}
	}
	if (total != bytes * (uint64_t)conns) {
		fprintf(stderr, "tunnel_load: %llu bytes came, not %llu\n",
			(unsigned long long)total,
			(unsigned long long)bytes * (unsigned long long)conns);
		exit(1);
	}
}

static int in_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int tell(uint64_t begun_ns)
{
	if (!samples)
		die("nothing was done");
	qsort(samples_ns, samples, sizeof(*samples_ns), in_order);
	printf("%zu done, %.3f s, p50 %.1f us, p99 %.1f us\n", samples,
	       (double)(now_ns() - begun_ns) / 1e9, samples_ns[samples / 2] / 1e3,
	       samples_ns[samples * 99 / 100] / 1e3);
	return 0;
}

static int load(bool pings, const char *address, uint16_t port, int conns, uint64_t bytes,
		uint64_t duration_ms)
{
	struct end **ends = calloc((size_t)conns, sizeof(*ends));
	int epoll = epoll_create1(0);
	char target[64] = "/tunnel/echo";
	uint64_t begun_ns;

	samples_ns = calloc(SAMPLES_MAX, sizeof(*samples_ns));
	if (!ends || !samples_ns)
		die("memory");
	if (!pings)
		snprintf(target, sizeof(target), "/tunnel/pour/%llu", (unsigned long long)bytes);
	for (int i = 0; i < conns; i++) {
		int fd = dial_tunnel(address, port, target);

		read_switch(fd);
		ends[i] = watch(epoll, fd, EPOLLIN);
	}
	begun_ns = now_ns();
	if (pings)
		run_pings(epoll, ends, conns, bytes, begun_ns + duration_ms * 1000000);
	else
		run_pour(epoll, conns, bytes);
	return tell(begun_ns);
}

/* ---- posts ----------------------------------------------------------------------------------- */

static void begin_body(struct end *end, uint64_t bytes)
{
	char head[HEAD_BYTES];
	int head_bytes = snprintf(head, sizeof(head),
				  "POST /tunnel/post HTTP/1.1\r\nHost: " HOST
				  "\r\nContent-Length: %llu\r\n\r\n",
				  (unsigned long long)bytes);

	end->left_bytes = bytes;
	end->head_bytes = 0;
	end->sent_ns = now_ns();
	if (send(end->fd, head, (size_t)head_bytes, MSG_NOSIGNAL) != head_bytes)
		die("send a head");
}

/* Return: false: all is done on this connection. */
static bool go_on(struct end *end, uint64_t bytes)
{
	while (end->left_bytes) {
		size_t part = end->left_bytes < CHUNK_BYTES ? end->left_bytes : CHUNK_BYTES;
		ssize_t sent = send(end->fd, chunk, part, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			return true;
		if (sent < 0)
			die("send a body");
		end->left_bytes -= (uint64_t)sent;
	}
	if (!read_head(end) || (end->open && strncmp(end->head, "HTTP/1.1 200 ", 13))) {
		errno = EPROTO;
		die("an answer to a body");
	}
	if (!end->open)
		return true;
	note(end->sent_ns);
	end->open = false;
	if (!end->left_count)
		return false;
	end->left_count--;
	begin_body(end, bytes);
	return go_on(end, bytes);
}

static int post(const char *address, uint16_t port, int conns, uint64_t bytes, uint64_t count)
{
	int epoll = epoll_create1(0), open = conns;
	uint64_t begun_ns = now_ns();

	samples_ns = calloc(SAMPLES_MAX, sizeof(*samples_ns));
	if (!samples_ns)
		die("memory");
	for (int i = 0; i < conns; i++) {
		struct end *end = watch(epoll, dial(address, port), EPOLLIN | EPOLLOUT | EPOLLET);

		end->left_count = count - 1;
		begin_body(end, bytes);
	}
	while (open) {
		struct epoll_event events[EVENTS_MAX];
		int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < ready; i++) {
			struct end *end = events[i].data.ptr;

			if (!go_on(end, bytes)) {
				close(end->fd);
				open--;
			}
		}
	}
	return tell(begun_ns);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((uint16_t)atoi(argv[2]));
	if (argc == 7 && !strcmp(argv[1], "ping"))
		return load(true, argv[2], (uint16_t)atoi(argv[3]), atoi(argv[4]),
			    strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
	if (argc == 7 && !strcmp(argv[1], "post"))
		return post(argv[2], (uint16_t)atoi(argv[3]), atoi(argv[4]),
			    strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
	if (argc == 6 && !strcmp(argv[1], "pour"))
		return load(false, argv[2], (uint16_t)atoi(argv[3]), atoi(argv[4]),
			    strtoull(argv[5], NULL, 10), 0);
	fprintf(stderr, "usage: see the first lines of selftests/bench/tunnel_load.c\n");
	return 2;
}
