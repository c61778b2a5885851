// SPDX-License-Identifier: Apache-2.0
/* A conn of which the kernel moves bytes: what its exchanges ask, and how it ends. */
#include "proxy/client/conn.h"

#define FLUSH_LOOK_MS 5u

struct stream *conn_stream(struct exchange *x)
{
	struct conn *conn = x->owner;

	return &conn->stream;
}

const struct http1_reader *conn_reader(struct exchange *x)
{
	const struct conn *conn = x->owner;

	return &conn->reader;
}

int conn_moved(struct exchange *x, uint64_t sent, uint64_t received, bool goes_on)
{
	struct conn *conn = x->owner;
	int err = 0;

	if (goes_on)
		err = http1_writer_begin(&conn->writer, &conn->stream, &conn->turn->buffers, NULL,
					 HTTP1_FRAMING_LENGTH);
	conn->writer.sent_bytes += sent;
	conn->reader.received_bytes += received;
	if (x->phase == EXCHANGE_TUNNEL)
		return err;
	if (sent) /* a response that the kernel takes ends no connection */
		conn->keep_alive = true;
	if (received)
		http1_body_skip(&conn->reader.body, received);
	return err;
}

void conn_hang_up(struct conn *conn)
{
	struct turn *turn = conn->turn;

	if (conn->stream.broken || splice_is_drained(conn->stream.splice)) {
		conn_close(conn);
		return;
	}
	if (conn->state != CONN_FLUSH) {
		conn->state = CONN_FLUSH;
		conn->flush_deadline_ms = turn->now_ms + turn->settings->body_timeout_ms;
	}
	if (turn->now_ms >= conn->flush_deadline_ms)
		conn_close(conn);
	else
		turn_arm(turn, &conn->timer, FLUSH_LOOK_MS);
}
