// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of a backend that was asked for something over HTTP/2: the first octet says in pieces of
 * what size they come, and what was asked. Heads and bodies are taken as an exchange would; in the
 * end nothing of the connection is left. Each head is one that HTTP/1.1's parser understands.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/exchange_services.h"
#include "proxy/options/settings.h"
#include "proxy/backend/http2_backend.h"
#include "proxy/http2/http2_stream.h"

#include "fuzz/turns.h"

#define INPUT_MAX   60000
#define ASKED_HEAD  0x80 /* flags in the first octet */
#define ASKED_BODY  0x40
#define PIECE_MASK  0x3f
#define PIECE_BYTES 16u

static struct settings settings;
static struct turn loop;
static struct maps maps;
static struct pool pool;
static struct http2_memory memory;
static struct http2_backends backends;
static struct exchange_services services;
static int listener;
static struct backend_view backend;

static void must(int condition)
{
	if (!condition)
		abort();
}

/* A listener on the loopback device stands for the backend. */
static void listen_there(void)
{
	struct sockaddr_storage name;
	socklen_t bytes = sizeof(name);

	backend.id = 0;
	backend.addr = inet_addr_from_v4(0x0100007f);
	bytes = inet_addr_sockaddr(&backend.addr, 0, &name);
	listener = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(listener >= 0 && bind(listener, (struct sockaddr *)&name, bytes) == 0);
	must(listen(listener, 16) == 0);
	must(getsockname(listener, (struct sockaddr *)&name, &bytes) == 0);
	must(name.ss_family == AF_INET || name.ss_family == AF_INET6);
	/* Both families have the port at the same place. */
	memcpy(&backend.port_be, (char *)&name + sizeof(sa_family_t), sizeof(backend.port_be));
}

static void set_up(void)
{
	static char name[] = "fuzz";
	char *args[] = { name, NULL };

	log_setup("fuzz", LOG_TEXT, LOG_ERROR);
	must(settings_parse(1, args, &settings) == 0);
	must(turn_init(&loop, &settings) == 0);
	loop.stats = calloc(1, sizeof(*loop.stats));
	must(loop.stats != NULL);
	buffer_pool_init(&loop.buffers, 16896, 0); /* each buffer is freed when it is put */
	loop.now_ms = 1000;
	loop.now_us = 1000000;
	maps.backends_max = 1;
	must(pool_init(&pool, &loop, &maps) == 0);
	http2_memory_init(&memory, &loop);
	services.turn = &loop;
	services.pool = &pool;
	must(exchange_services_init(&services) == 0);
	must(http2_backends_init(&backends, &pool, &memory, &services.faults) == 0);
	listen_there();
}

/* The stream is looked at after each piece. */
static void on_ready(struct upstream_conn *u)
{
	(void)u;
}

/* The head of a request as an exchange forwards it. */
static struct exchange *ask(bool head)
{
	static const char text[] = " / HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\n\r\n";
	struct exchange *x = exchange_new(&services);
	struct buffer *buffer = buffer_get(&loop.buffers);
	const char *method = head ? "HEAD" : "POST";

	must(x && buffer);
	memcpy(buffer->data, method, 4);
	memcpy(buffer->data + 4, text, sizeof(text) - 1);
	buffer->end = 4 + sizeof(text) - 1;
	must(http1_writer_begin(&x->request_writer, NULL, &loop.buffers, buffer,
				HTTP1_FRAMING_NONE) == 0);
	x->request_writer.keep_head = true;
	x->request.flags = HTTP1_REQUEST_F_TE_TRAILERS;
	x->turns.running = true; /* it is driven from here */
	return x;
}

/* Takes the heads that are there. Return: true: the final one was taken. */
static bool take_heads(struct upstream_conn *u, unsigned int asked)
{
	static struct http_field items[HTTP1_RESPONSE_FIELDS_MAX];
	struct http1_reader *reader = &u->reader;

	while (http1_reader_fill(reader, HTTP1_RESPONSE_HEAD_BYTES_MAX + 1) > 0) {
		while (http1_reader_bytes(reader)) {
			struct http1_response response;
			int err;

			http1_response_begin(&response, items, HTTP1_RESPONSE_FIELDS_MAX);
			err = http1_response_parse(&response, buffer_head(reader->buffer),
						   http1_reader_bytes(reader),
						   HTTP1_RESPONSE_HEAD_BYTES_MAX, asked);
			if (err == -EAGAIN)
				break;
			if (err || !(response.flags & HTTP1_RESPONSE_F_INTERIM))
				return !err;
			http1_reader_drop(reader, response.head_bytes);
		}
	}
	return false;
}

static void take_body(struct source *source)
{
	struct payload payload;

	while (source->ops->peek(source, &payload) == 0) {
		for (uint32_t i = 0; payload.trailers && i < payload.trailers->count; i++)
			must(http_field_allowed_in_trailer(&payload.trailers->items[i]));
		source->ops->consume(source, payload.bytes);
		if (payload.last)
			return;
	}
}

static void feed(int fd, struct exchange *x, const uint8_t *data, size_t size)
{
	bool head = data[0] & ASKED_HEAD;
	size_t piece = data[0] & PIECE_MASK ? (data[0] & PIECE_MASK) * PIECE_BYTES : size;
	struct payload none = { .last = true };
	bool final = false;
	size_t at = 1;

	run_turns(&loop, fd);
	if (upstream_open(x->upstream) == 0)
		x->request_sink->ops->flush(x->request_sink);
	if (!(data[0] & ASKED_BODY))
		x->request_sink->ops->write(x->request_sink, &none);
	while (at < size) {
		size_t bytes = size - at < piece ? size - at : piece;
		ssize_t sent;

		run_turns(&loop, fd);
		sent = send(fd, data + at, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent <= 0)
			break; /* it was closed, as it may be */
		at += (size_t)sent;
		run_turns(&loop, fd);
		if (!final)
			final = take_heads(x->upstream, head ? HTTP1_ASKED_HEAD : 0);
		if (final)
			take_body(x->upstream->source);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct upstream_way way = { .http2 = true };
	struct upstream_conn *u;
	struct exchange *x;
	int fd;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	if (!loop.stats)
		set_up();
	must(http2_backend_get(&backends, &backend, &way, false, &u) == 0);
	fd = accept(listener, NULL, NULL);
	must(fd >= 0);
	x = ask(data[0] & ASKED_HEAD);
	x->upstream = u;
	u->on_ready = on_ready;
	x->request_sink = u->ops->begin(u, &x->request_writer, true);
	feed(fd, x, data, size);
	close(fd);
	run_turns(&loop, -1);
	x->upstream = NULL;
	u->ops->let_go(u, false);
	exchange_discard(x);
	http2_backends_drop(&backends);
	run_turns(&loop, -1);
	must(loop.stats->upstream_conns_open == 0 && pool.conns.used_count == 0);
	must(memory.streams.used_count == 0 && backends.calls.used_count == 0);
	must(loop.buffers.used_count == 0 && memory.frames.used_count == 0);
	return 0;
}
