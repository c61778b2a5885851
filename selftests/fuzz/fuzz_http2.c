// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of a client behind preface and SETTINGS, through a connection of a worker without routes:
 * the first octet says in pieces of what size they come. What is answered is read and dropped; in
 * the end nothing of the connection is left. No head is decoded beyond its budget by more than the
 * field that passes it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/client/conn_open.h"
#include "proxy/client/listener.h"
#include "proxy/client/http2_client.h"
#include "proxy/http2/http2_stream.h"

#include "fuzz/turns.h"

#define INPUT_MAX 60000
#define FIELD_MAX (2u * 65536 + 32) /* NGHTTP2_HD_MAX_NV twice, and the overhead */
#define HELLO     NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0"

static struct settings settings;
static struct turn loop;
static struct maps maps;
static struct pool pool;
static struct exchange_services services;
static struct http2_memory memory;
static struct clients clients;

static void must(int condition)
{
	if (!condition)
		abort();
}

static void check_budgets(void)
{
	for (struct http2_client *c = clients.http2_newest; c; c = c->older) {
		const struct http2_budget *budget = &c->session.budget;

		must(budget->list_bytes <= budget->list_bytes_max + FIELD_MAX);
		must(budget->wire_bytes <= budget->list_bytes_max || budget->exceeded);
	}
}

static void set_up(void)
{
	static char name[] = "fuzz", h2c[] = "--h2c";
	char *args[] = { name, h2c, NULL };

	log_setup("fuzz", LOG_TEXT, LOG_ERROR);
	must(settings_parse(2, args, &settings) == 0);
	must(turn_init(&loop, &settings) == 0);
	loop.stats = calloc(1, sizeof(*loop.stats));
	must(loop.stats != NULL);
	buffer_pool_init(&loop.buffers, 16896, 0); /* each buffer is freed when it is put */
	loop.now_ms = 1000;
	loop.now_us = 1000000;
	must(pool_init(&pool, &loop, &maps) == 0);
	services.turn = &loop;
	services.pool = &pool;
	must(exchange_services_init(&services) == 0);
	http2_memory_init(&memory, &loop);
	clients_init(&clients, &services, &memory, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exchange_peer peer = { .port = 1, .local_port = 80 };
	size_t piece, at = 0;
	int ends[2];

	if (size < 2 || size > INPUT_MAX)
		return 0;
	if (!loop.stats)
		set_up();
	piece = data[0] ? data[0] * 64u : size;
	peer.addr = peer.local = inet_addr_from_v4(0x0100007f);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	must(conn_open(&clients, ends[0], &peer, HTTP1_FAULT_NONE) == 0);
	must(send(ends[1], HELLO, sizeof(HELLO) - 1, MSG_NOSIGNAL) == sizeof(HELLO) - 1);
	run_turns(&loop, ends[1]);
	data++;
	size--;
	while (at < size) {
		size_t bytes = size - at < piece ? size - at : piece;
		ssize_t sent = send(ends[1], data + at, bytes, MSG_NOSIGNAL);

		if (sent <= 0)
			break; /* it was closed, as it may be */
		at += (size_t)sent;
		run_turns(&loop, ends[1]);
		check_budgets();
	}
	close(ends[1]);
	run_turns(&loop, -1);
	must(loop.stats->conns_open == 0 && clients.conns.used_count == 0);
	must(services.exchanges.used_count == 0 && memory.streams.used_count == 0);
	must(loop.buffers.used_count == 0 && memory.frames.used_count == 0);
	return 0;
}
