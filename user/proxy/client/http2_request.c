// SPDX-License-Identifier: Apache-2.0
/*
 * The streams of a client: heads to requests, and what an exchange asks of its client side.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/log.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http1/fault_log.h"
#include "proxy/client/http2_client.h"
#include "proxy/http2/http2_stream.h"
#include "proxy/tls/tls.h"

static void on_wake(struct task *task);

static struct http2_client *client_of(const struct http2_stream *s)
{
	return (struct http2_client *)s->session;
}

/* ---- fields come in -------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct http2_client *client = user;
	struct turn *turn = client->session.turn;
	bool trailers = frame->headers.cat != NGHTTP2_HCAT_REQUEST;

	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	http2_head_begin(&client->head, &turn->buffers, trailers);
	if (trailers || (client->session.streams_count < HTTP2_STREAMS_MAX &&
			 http2_stream_new(&client->session, frame->hd.stream_id, on_wake)))
		return 0;
	nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
				  NGHTTP2_REFUSED_STREAM);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct http2_client *client = user;
	int err = http2_session_field(&client->session, name, value);

	(void)ng;
	(void)flags;
	if (!err && frame->hd.type == NGHTTP2_HEADERS)
		http2_head_add(&client->head, name, value);
	return err;
}

/* A regular field that nghttp2 would leave out; RFC 9113 8.2.1 makes the whole message malformed. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
			     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct http2_client *client = user;

	(void)ng;
	(void)frame;
	(void)flags;
	client->head.malformed = true;
	return http2_session_field(&client->session, name, value);
}

void http2_request_set_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
}

static void make_key(struct http2_stream *s, char key[HTTP2_KEY_BYTES + 1])
{
	char random[HTTP1_REQUEST_ID_BYTES];

	http1_id_next(&client_of(s)->conn->clients->services->ids, random);
	EVP_EncodeBlock((unsigned char *)key, (const unsigned char *)random, 16);
}

/* Malformed as RFC 9113 8.1.1 says: no answer, no exchange. */
static void refuse_stream(struct http2_client *client, struct http2_stream *s)
{
	fault_log_request(&client->conn->clients->services->faults, &client->conn->peer.addr,
			  &(struct http1_fault){ .reason = HTTP1_FAULT_HTTP2_HEAD });
	client->session.turn->stats->bad_requests++;
	http2_stream_rst(s, NGHTTP2_PROTOCOL_ERROR);
	if (!s->owner) {
		http2_stream_free(s);
		http2_client_stream_gone(client);
	}
}

void http2_request_head(struct http2_client *client, const nghttp2_frame *frame)
{
	struct http2_head *head = &client->head;
	struct http2_stream *s = http2_stream_of(client->session.ng, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (!s)
		return;
	s->remote_ended |= end;
	if (head->trailers) {
		struct buffer *text = http2_head_end_trailers(head);

		if (head->malformed) {
			refuse_stream(client, s); /* it may be gone */
			return;
		}
		if (head->no_memory) /* a body whose trailers are lost is cut short */
			http2_stream_rst(s, NGHTTP2_INTERNAL_ERROR);
		else if (head->fault)
			http2_stream_refuse_trailers(s, HTTP1_FAULT_TRAILERS_LONG);
		else
			http2_stream_trailers(s, text);
	} else {
		s->tunnel = s->tunnel_waits = http2_head_is_tunnel(head);
		if (s->tunnel)
			make_key(s, s->key);
		s->text = http2_head_end_request(head, end, s->key);
		s->refused = head->fault;
		if (head->malformed || (!s->text && !s->refused)) {
			refuse_stream(client, s);
			return;
		}
	}
	http2_head_drop(head);
	http2_stream_wake(s);
}

/* ---- what the exchange asks ------------------------------------------------------------------ */

static struct http2_stream *stream_of(struct exchange *x)
{
	return x->owner;
}

/* A 2xx to an extended CONNECT would be taken for the agreement that the backend did not give. */
static bool answers_tunnel(const struct http2_stream *s, const struct http1_response *response)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 4.2.2 */
	char text[HTTP2_KEY_BYTES + sizeof(guid)];
	unsigned char digest[EVP_MAX_MD_SIZE], expected[2 * EVP_MAX_MD_SIZE];
	const struct http_field *accept;
	size_t bytes = 0;
	int length;

	if (!s->tunnel)
		return true;
	if (!(response->flags & HTTP1_RESPONSE_F_SWITCH))
		return response->status < 200 || response->status >= 300;
	accept = http_fields_find_name(&response->fields, "sec-websocket-accept", 20);
	memcpy(text, s->key, HTTP2_KEY_BYTES);
	memcpy(text + HTTP2_KEY_BYTES, guid, sizeof(guid));
	if (!accept || !EVP_Q_digest(NULL, "SHA1", NULL, text, sizeof(text) - 1, digest, &bytes))
		return false;
	length = EVP_EncodeBlock(expected, digest, (int)bytes);
	return accept->value_bytes == (uint32_t)length &&
	       memcmp(accept->value, expected, (size_t)length) == 0;
}

static int respond(struct exchange *x, const struct http1_response *response)
{
	struct http2_stream *s = stream_of(x);
	struct http1_forward_response how;
	struct buffer *head;
	int err;

	if (!answers_tunnel(s, response))
		return -EBADMSG;
	err = exchange_build_response(x, response, true, &how, &head);
	if (err)
		return err;
	if (response->flags & HTTP1_RESPONSE_F_INTERIM) {
		err = http2_stream_say_interim(s, head);
		buffer_put(&s->turn->buffers, head);
		return err;
	}
	s->head = head;
	s->no_body =
		how.framing == HTTP1_FRAMING_NONE && !(response->flags & HTTP1_RESPONSE_F_SWITCH);
	s->tunnel = response->flags & HTTP1_RESPONSE_F_SWITCH;
	s->tunnel_waits = false;
	return 0;
}

static int reply(struct exchange *x, const struct http1_reply *reply)
{
	struct http2_stream *s = stream_of(x);
	struct buffer *whole = exchange_build_reply(x, reply);
	const char *body;

	if (!whole)
		return -ENOMEM;
	s->head = whole;
	s->tunnel = s->tunnel_waits = false;
	body = memmem(buffer_head(whole), buffer_bytes(whole), "\r\n\r\n", 4);
	body += 4; /* http1_reply_build() always ends its head so */
	s->own = (struct payload){
		.data = body,
		.bytes = (size_t)(buffer_tail(whole) - body),
		.last = true,
	};
	return 0;
}

static void ended(struct exchange *x, bool aborted)
{
	struct http2_stream *s = stream_of(x);
	struct http2_client *client = client_of(s);

	if (aborted)
		http2_stream_rst(s, s->tunnel ? NGHTTP2_CONNECT_ERROR : NGHTTP2_INTERNAL_ERROR);
	else if (!s->remote_ended) /* RFC 9113 8.1: the rest of the request is not needed */
		http2_stream_rst(s, NGHTTP2_NO_ERROR);
	s->owner = NULL;
	http2_stream_free(s);
	if (client)
		http2_client_stream_gone(client);
}

static const struct exchange_client client_ops = {
	.respond = respond,
	.reply = reply,
	.ended = ended,
};

/* ---- a request begins ------------------------------------------------------------------------ */

/* Name of the Secret with the certificate; "" for the default one. */
static const char *secret_of(const struct snapshot *snapshot, const struct snapshot_tls *tls)
{
	return tls && tls->secret_name ? snapshot_text(snapshot, tls->secret_name) : "";
}

/*
 * RFC 9110 7.4: a client may send a host on a connection that was made to another if the
 * certificate covers both. Where their TLS settings differ it must make one of its own.
 */
static bool misdirected(const struct exchange *x, const struct http2_stream *s)
{
	const struct http_host *host = &x->request.host;
	const struct snapshot *snapshot;
	const struct snapshot_tls *one, *other;
	struct http_host said;
	const char *name;

	if (!x->peer->tls || !client_of(s)->conn->clients->services->routing)
		return false;
	name = tls_server_name(s->session->stream);
	if (!name || http_host_parse(name, strlen(name), &said))
		return false;
	if (said.name_bytes == host->name_bytes &&
	    memcmp(said.name, host->name, said.name_bytes) == 0)
		return false;
	snapshot = routing_snapshot(client_of(s)->conn->clients->services->routing);
	one = snapshot_tls_of(snapshot, said.name, http_host_route_bytes(&said));
	other = snapshot_tls_of(snapshot, host->name, http_host_route_bytes(host));
	if (other && (other->flags & SNAPSHOT_TLS_F_PASSTHROUGH))
		return true;
	return one != other && strcmp(secret_of(snapshot, one), secret_of(snapshot, other)) != 0;
}

static void start(struct exchange *x, struct http2_stream *s)
{
	struct http1_fault fault = { .reason = (enum http1_fault_reason)s->refused };
	int err = s->text ? http1_request_parse(&x->request, buffer_head(s->text),
						buffer_bytes(s->text), &s->turn->settings->limits)
			  : -EBADMSG;

	x->request.flags |= HTTP1_REQUEST_F_HTTP2;
	s->takes_trailers = x->request.flags & HTTP1_REQUEST_F_TE_TRAILERS;
	s->length_bytes = x->request.content_length_bytes;
	if (err == 0)
		fault.reason = conn_limit_reached(client_of(s)->conn);
	if (err == 0 && !fault.reason && misdirected(x, s))
		fault = (struct http1_fault){ HTTP1_FAULT_MISDIRECTED, x->request.authority };
	if (err == 0 && !fault.reason)
		exchange_begin(x);
	else
		exchange_refuse(x, fault.reason ? &fault : &x->request.fault);
	if (!s->tunnel && !s->remote_ended && x->request.framing == HTTP1_FRAMING_LENGTH &&
	    x->request.content_length_bytes == 0)
		exchange_hold(x);
	buffer_put(&s->turn->buffers, s->text); /* what is forwarded was built from it */
	s->text = NULL;
	exchange_run(x);
}

static void begin(struct http2_stream *s)
{
	struct exchange *x = http2_memory_is_full(s->memory, s->turn)
				     ? NULL
				     : exchange_new(client_of(s)->conn->clients->services);

	if (!x) {
		struct http2_client *client = client_of(s);

		http2_stream_rst(s, NGHTTP2_REFUSED_STREAM);
		http2_stream_free(s);
		http2_client_stream_gone(client);
		return;
	}
	x->client = &client_ops;
	x->owner = s;
	x->peer = &client_of(s)->conn->peer;
	x->client_source = &s->source;
	x->client_sink = &s->sink;
	s->owner = x;
	start(x, s);
}

static void on_wake(struct task *task)
{
	struct http2_stream *s =
		(struct http2_stream *)((char *)task - offsetof(struct http2_stream, wake));

	if (s->reset && s->owner) {
		exchange_abort(s->owner, "the client reset the stream");
	} else if (s->reset) {
		struct http2_client *client = client_of(s);

		http2_stream_free(s);
		if (client)
			http2_client_stream_gone(client);
	} else if (s->owner) {
		exchange_run(s->owner);
	} else if (s->text || s->refused) {
		begin(s);
	}
}
