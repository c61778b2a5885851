// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of a client behind preface and SETTINGS, through a connection of a worker without routes:
 * the first octet says in pieces of what size they come. What is answered is read and dropped; in
 * the end nothing of the connection is left.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/conn.h"
#include "proxy/client/http2_client.h"
#include "proxy/http2/http2_stream.h"

#include "fuzz/turns.h"

#define INPUT_MAX 60000
#define HELLO     NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0"

static struct settings settings;
static struct worker worker;

static void must(int condition)
{
	if (!condition)
		abort();
}

static void set_up(void)
{
	char *args[] = { (char *)(uintptr_t) "fuzz", (char *)(uintptr_t) "--h2c", NULL };

	log_setup("fuzz", LOG_TEXT, LOG_ERROR);
	must(settings_parse(2, args, &settings) == 0);
	worker.settings = &settings;
	worker.epoll = epoll_create1(0);
	worker.stats = calloc(1, sizeof(*worker.stats));
	worker.tasks.prev = worker.tasks.next = &worker.tasks;
	worker.now_ms = 1000;
	worker.now_us = 1000000;
	buffer_pool_init(&worker.buffers, 16896, 0);
	buffer_pool_init(&worker.response_heads, exchange_response_head_bytes, 0);
	buffer_pool_init(&worker.http2_frames, HTTP2_FRAMES_BYTES, 0);
	slab_init(&worker.conns, sizeof(struct conn));
	slab_init(&worker.exchanges, exchange_bytes(settings.fields_max));
	slab_init(&worker.http2_clients, sizeof(struct http2_client));
	slab_init(&worker.http2_streams, sizeof(struct http2_stream));
	sources_init(&worker.sources, 1);
	must(worker.epoll >= 0 && worker.stats);
}

static void run(int client)
{
	struct slab *const slabs[] = { &worker.conns, &worker.exchanges, &worker.http2_clients,
				       &worker.http2_streams };

	run_turns(&worker, client, slabs, sizeof(slabs) / sizeof(slabs[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange_peer peer = { .port = 1, .local_port = 80 };
	size_t piece, at = 0;
	int ends[2];

	if (size < 2 || size > INPUT_MAX)
		return 0;
	if (!worker.stats)
		set_up();
	piece = data[0] ? data[0] * 64u : size;
	peer.addr = peer.local = inet_addr_from_v4(0x0100007f);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	must(conn_new(&worker, ends[0], &peer, HTTP1_FAULT_NONE) == 0);
	must(send(ends[1], HELLO, sizeof(HELLO) - 1, MSG_NOSIGNAL) == sizeof(HELLO) - 1);
	run(ends[1]);
	data++;
	size--;
	while (at < size) {
		size_t bytes = size - at < piece ? size - at : piece;
		ssize_t sent = send(ends[1], data + at, bytes, MSG_NOSIGNAL);

		if (sent <= 0)
			break; /* it was closed, as it may be */
		at += (size_t)sent;
		run(ends[1]);
	}
	close(ends[1]);
	run(-1);
	must(worker.stats->conns_open == 0 && worker.conns.used_count == 0);
	must(worker.exchanges.used_count == 0 && worker.http2_streams.used_count == 0);
	must(worker.buffers.used_count == 0 && worker.http2_frames.used_count == 0);
	return 0;
}
