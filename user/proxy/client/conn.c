// SPDX-License-Identifier: Apache-2.0
#include "proxy/client/conn.h"

#include <errno.h>
#include <unistd.h>

#include "proxy/http2/http2_stream.h"

#define LINGER_MS         5000u /* for the client to read the answer and close */
#define LINGER_TURN_BYTES (256u * 1024)
#define REFUSED_HEAD_MS   5000u
#define DISCARD_MS        5000u
#define FLUSH_LOOK_MS     5u
#define DRAIN_IDLE_MS     1000u /* longer than most round trips: a request may be on its way */

/* ---- states and their deadlines -------------------------------------------------------------- */

/* How long a state may last. */
struct state_limit {
	uint64_t ms;
	size_t setting; /* offset of the time in struct settings, in place of .ms; 0: none */
	bool goes_on;   /* the deadline of the state before stays, if there is one */
	bool elsewhere; /* the exchange or HTTP/2 has the deadline */
};

#define SETTING(name) .setting = offsetof(struct settings, name)

static const struct state_limit limits[CONN_STATES] = {
	[CONN_PROXY_HEADER] = { SETTING(client_head_timeout_ms) },
	[CONN_HELLO] = { SETTING(client_head_timeout_ms), .goes_on = true },
	[CONN_HANDSHAKE] = { SETTING(client_head_timeout_ms), .goes_on = true },
	[CONN_FIRST] = { SETTING(client_head_timeout_ms) },
	[CONN_IDLE] = { SETTING(client_idle_timeout_ms) },
	[CONN_HEAD] = { SETTING(client_head_timeout_ms) },
	[CONN_EXCHANGE] = { .elsewhere = true },
	[CONN_DISCARD] = { .ms = DISCARD_MS },
	[CONN_HTTP2] = { .elsewhere = true },
	[CONN_FLUSH] = { .ms = FLUSH_LOOK_MS },
	[CONN_LINGER] = { .ms = LINGER_MS },
};

void conn_set_state(struct conn *conn, enum conn_state state)
{
	const struct state_limit *limit = &limits[state];
	uint64_t delay_ms = limit->ms;

	conn->state = (uint8_t)state;
	if (limit->elsewhere) {
		timer_disarm(&conn->timer);
		return;
	}
	if (limit->goes_on && conn->timer.deadline_ms)
		return;
	if (limit->setting)
		delay_ms = *(const uint64_t *)(const void *)((const char *)conn->turn->settings +
							     limit->setting);
	/* A connection that will only get a 503 has a shorter time to ask. */
	if (conn->over_limit && delay_ms > REFUSED_HEAD_MS)
		delay_ms = REFUSED_HEAD_MS;
	turn_arm(conn->turn, &conn->timer, delay_ms);
}

enum http1_fault_reason conn_limit_reached(const struct conn *conn)
{
	uint32_t most = conn->turn->settings->buffers_max;

	if (conn->over_limit)
		return conn->over_limit;
	return most && http2_memory_buffers(conn->clients->http2_memory, conn->turn) > most
		       ? HTTP1_FAULT_BUFFERS
		       : HTTP1_FAULT_NONE;
}

const char *conns_check(const struct turn_hook *hook)
{
	const struct clients *clients =
		(const struct clients *)((const char *)hook - offsetof(struct clients, hook));

	for (const struct conn *conn = clients->newest; conn; conn = conn->older) {
		if (!limits[conn->state].elsewhere && !conn->timer.deadline_ms)
			return "a conn";
		if (limits[conn->state].elsewhere && !conn->protocol->has_deadline(conn))
			return "what runs on a conn";
	}
	return NULL;
}

/* ---- the end --------------------------------------------------------------------------------- */

void conn_count_bytes(struct conn *conn)
{
	struct worker_stats *stats = conn->turn->stats;

	stats->client_bytes_in += conn->reader.received_bytes - conn->counted.in;
	stats->client_bytes_out += conn->writer.sent_bytes - conn->counted.out;
	conn->counted.in = conn->reader.received_bytes;
	conn->counted.out = conn->writer.sent_bytes;
}

static void unlink_conn(struct conn *conn)
{
	if (conn->newer)
		conn->newer->older = conn->older;
	else
		conn->clients->newest = conn->older;
	if (conn->older)
		conn->older->newer = conn->newer;
}

void conn_close(struct conn *conn)
{
	struct clients *clients = conn->clients;

	conn_count_bytes(conn);
	if (conn->source.counted)
		sources_remove(&clients->sources, &conn->source.addr);
	conn->protocol->end(conn);
	unlink_conn(conn);
	task_cancel(&conn->next);
	turn_timer_drop(conn->turn, &conn->timer);
	http1_reader_release(&conn->reader);
	http1_writer_release(&conn->writer);
	stream_close(&conn->stream);
	conn->turn->stats->conns_open--;
	slab_put(&clients->conns, conn);
}

/* Reads what comes and throws it away, so that no reset takes our answer from the client. */
static void read_away(struct conn *conn)
{
	char dust[16384];
	size_t turn_bytes = 0;
	ssize_t got;

	do {
		got = stream_read(&conn->stream, dust, sizeof(dust));
		if (got > 0)
			turn_bytes += (size_t)got;
	} while (got > 0 && turn_bytes < LINGER_TURN_BYTES);
	if (got > 0)
		turn_defer(conn->turn, &conn->next);
	else if (got != -EAGAIN)
		conn_close(conn);
}

void conn_linger(struct conn *conn)
{
	int err;

	conn->protocol->end(conn);
	err = stream_shutdown(&conn->stream);
	if (err && err != -EAGAIN) {
		conn_close(conn);
		return;
	}
	http1_reader_release(&conn->reader);
	conn_set_state(conn, CONN_LINGER);
	read_away(conn);
}

void conn_hang_up(struct conn *conn)
{
	struct turn *turn = conn->turn;

	if (conn->stream.broken || splice_is_drained(conn->stream.splice)) {
		conn_close(conn);
		return;
	}
	if (conn->state != CONN_FLUSH)
		conn->flush_deadline_ms = turn->now_ms + turn->settings->body_timeout_ms;
	if (turn->now_ms >= conn->flush_deadline_ms)
		conn_close(conn);
	else
		conn_set_state(conn, CONN_FLUSH);
}

void conns_drain(struct clients *clients)
{
	uint64_t now_ms = clients->turn->now_ms;
	struct conn *older;

	for (struct conn *conn = clients->newest; conn; conn = older) {
		older = conn->older;
		if (conn->state == CONN_IDLE && !conn->next.next &&
		    now_ms >= conn->idle_since_ms + DRAIN_IDLE_MS)
			conn_linger(conn);
	}
}

/* ---- events ---------------------------------------------------------------------------------- */

static void on_ready(struct stream *stream)
{
	struct conn *conn = (struct conn *)stream;

	if (conn->state == CONN_LINGER)
		read_away(conn);
	else if (conn->state == CONN_FLUSH)
		conn_hang_up(conn);
	else
		conn->protocol->ready(conn);
}

static void on_next(struct task *task)
{
	struct conn *conn = (struct conn *)((char *)task - offsetof(struct conn, next));

	if (conn->state == CONN_LINGER)
		read_away(conn);
	else
		conn->protocol->next(conn);
}

static void on_timer(struct timer *timer)
{
	struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));

	if (conn->state == CONN_LINGER || conn->state == CONN_FLUSH)
		conn_hang_up(conn);
	else
		conn->protocol->timeout(conn);
}

/* ---- the beginning --------------------------------------------------------------------------- */

void conn_count_source(struct conn *conn)
{
	uint32_t most = conn->turn->settings->conns_source_max;
	int64_t conns;

	if (!most || conn->peer.trusted)
		return;
	conn->source.addr = conn->peer.addr;
	conns = sources_add(&conn->clients->sources, &conn->source.addr);
	conn->source.counted = conns > 0;
	if (conns > (int64_t)most && conn->over_limit == HTTP1_FAULT_NONE)
		conn->over_limit = HTTP1_FAULT_CONNS_SOURCE;
}

static void link_conn(struct conn *conn)
{
	conn->older = conn->clients->newest;
	if (conn->older)
		conn->older->newer = conn;
	conn->clients->newest = conn;
}

int conn_new(struct clients *clients, int fd, const struct exchange_peer *peer,
	     enum http1_fault_reason over_limit, const struct conn_protocol *protocol,
	     struct conn **out)
{
	struct conn *conn = slab_get(&clients->conns);
	struct turn *turn = clients->turn;
	int err;

	if (!conn) {
		close(fd);
		return -ENOMEM;
	}
	err = turn_timer_room(turn);
	if (err) {
		close(fd);
		slab_put(&clients->conns, conn);
		return err;
	}
	err = stream_open(&conn->stream, turn->epoll, fd, on_ready);
	if (err) {
		turn_timer_drop(turn, &conn->timer);
		slab_put(&clients->conns, conn);
		return err;
	}
	conn->turn = turn;
	conn->clients = clients;
	conn->protocol = protocol;
	conn->peer = *peer;
	conn->peer.id = ++clients->conns_made;
	conn->over_limit = (uint8_t)over_limit;
	conn->timer.fn = on_timer;
	conn->next.fn = on_next;
	conn->stream.writable = true; /* nothing was written yet */
	http1_reader_init(&conn->reader, &conn->stream, &turn->buffers);
	conn->writer.pool = &turn->buffers;
	link_conn(conn);
	turn->stats->conns_open++;
	turn->stats->conns_accepted++;
	*out = conn;
	return 0;
}
