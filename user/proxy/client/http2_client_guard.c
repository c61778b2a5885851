// SPDX-License-Identifier: Apache-2.0
/*
 * What a client may send, and how often: frames on streams that have ended, wrong sizes, floods.
 */
#include <string.h>

#include "proxy/client/http2_client.h"
#include "proxy/http1/fault_log.h"
#include "proxy/http2/http2_stream.h"

#define PRIORITY_BYTES 5u

void http2_client_too_much(struct http2_client *client, const char *what)
{
	fault_log_request(
		&client->conn->clients->services->faults, &client->conn->peer.addr,
		&(struct http1_fault){ HTTP1_FAULT_HTTP2_FLOOD, { what, (uint32_t)strlen(what) } });
	client->session.turn->stats->bad_requests++;
	http2_session_terminate(&client->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

void http2_client_count_reset(struct http2_client *client)
{
	const struct turn *turn = client->session.turn;

	if (!http2_guard_reset(&client->guard, turn->now_ms, turn->settings->http2_resets_max))
		http2_client_too_much(client, "resets");
}

static void count_frame(struct http2_client *client)
{
	if (!http2_guard_frame(&client->guard, client->session.turn->now_ms))
		http2_client_too_much(client, "frames that move nothing");
}

enum closed { CLOSED_NOT, CLOSED_ENDED, CLOSED_RESET };

/* How the client itself has ended a stream, if that was lately. */
static enum closed how_closed(const struct http2_client *client, int32_t id)
{
	if (id <= 0 || id > client->newest_id)
		return CLOSED_NOT;
	for (uint32_t i = 0; i < HTTP2_CLOSED_MAX; i++) {
		if (client->closed[i] == id)
			return CLOSED_ENDED;
		if (client->closed[i] == -id)
			return CLOSED_RESET;
	}
	return CLOSED_NOT;
}

/* @id: negative if the client has reset it */
void http2_client_note_closed(struct http2_client *client, int32_t id)
{
	int32_t stream_id = id < 0 ? -id : id;

	if (how_closed(client, stream_id) == CLOSED_NOT)
		client->closed[client->closed_next++ % HTTP2_CLOSED_MAX] = id;
}

/* HEADERS may open a stream: RFC 9113 5.1.1. */
static void check_new(struct http2_client *client, int32_t id)
{
	if (id > client->newest_id) {
		client->skipped_id = client->newest_id ? client->newest_id + 2 : 1;
		client->newest_id = id;
	} else if (id >= client->skipped_id && id < client->newest_id) {
		http2_session_terminate(&client->session, NGHTTP2_PROTOCOL_ERROR);
	}
}

/* Ends a stream that nghttp2 would end the connection for, and keeps the frame from it. */
static bool end_stream(struct http2_client *client, int32_t id, uint32_t code)
{
	nghttp2_submit_rst_stream(client->session.ng, NGHTTP2_FLAG_NONE, id, code);
	return false;
}

/* A frame of an open stream came, maybe for one that the client has ended: RFC 9113 5.1.
 * Return: false: nghttp2 is not to see it. */
static bool check_closed(struct http2_client *client, const struct http2_frame_head *head)
{
	enum closed how = how_closed(client, head->stream_id);

	if (how == CLOSED_ENDED) {
		if (head->type == NGHTTP2_DATA &&
		    http2_stream_of(client->session.ng, head->stream_id))
			return end_stream(client, head->stream_id, NGHTTP2_STREAM_CLOSED);
		http2_session_terminate(&client->session, NGHTTP2_STREAM_CLOSED);
	} else if (how == CLOSED_RESET) {
		end_stream(client, head->stream_id, NGHTTP2_STREAM_CLOSED);
	}
	return true;
}

/* Priorities are not followed. Of a wrong size they end their stream: RFC 9113 6.3. */
static bool check_priority(struct http2_client *client, const struct http2_frame_head *head)
{
	if (head->stream_id == 0)
		return true;
	if (head->length_bytes == PRIORITY_BYTES)
		return false;
	if (!http2_stream_of(client->session.ng, head->stream_id))
		return true;
	return end_stream(client, head->stream_id, NGHTTP2_FRAME_SIZE_ERROR);
}

/* An increment of 0 ends its stream: RFC 9113 6.9. */
static bool check_increment(struct http2_client *client, const struct http2_frame_head *head)
{
	if (head->length_bytes != sizeof(head->increment) || head->increment ||
	    !http2_stream_of(client->session.ng, head->stream_id))
		return true;
	return end_stream(client, head->stream_id, NGHTTP2_PROTOCOL_ERROR);
}

bool http2_client_check_frame(struct http2_client *client, const struct http2_frame_head *head)
{
	switch (head->type) {
	case NGHTTP2_DATA:
		if (head->length_bytes == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM))
			count_frame(client);
		return check_closed(client, head);
	case NGHTTP2_HEADERS:
		check_closed(client, head);
		check_new(client, head->stream_id);
		return true;
	case NGHTTP2_WINDOW_UPDATE:
		return check_increment(client, head);
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_GOAWAY:
	case NGHTTP2_CONTINUATION:
		return true;
	default:
		if (!(head->flags & NGHTTP2_FLAG_ACK) || head->type > NGHTTP2_CONTINUATION)
			count_frame(client);
		return head->type != NGHTTP2_PRIORITY || check_priority(client, head);
	}
}
