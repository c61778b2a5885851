// SPDX-License-Identifier: Apache-2.0
/*
 * conn_open.c - what comes before the first byte that is ours to answer
 *
 * A PROXY header where one is due, then the ClientHello where a host's TLS is passed through. Both
 * are looked at where they lie in the socket: a header is taken from there to its last byte, a
 * ClientHello stays for who reads it, the TLS library or the backend.
 */
#include "proxy/client/conn_open.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proxy/client/http1_client.h"
#include "proxy/client/http2_client.h"
#include "proxy/http/proxy_header.h"
#include "proxy/tls/client_hello.h"
#include "proxy/tls/tls.h"

/* Return: bytes that lie in the socket, at most @size; -EAGAIN; 0 the client ended; -errno. */
static ssize_t look(const struct conn *conn, void *out, size_t size)
{
	ssize_t got;

	do {
		got = recv(conn->stream.fd, out, size, MSG_PEEK);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* ---- the PROXY header ------------------------------------------------------------------------ */

static void log_bad_header(const struct conn *conn, const char *why)
{
	char addr[INET_ADDR_TEXT_MAX];

	log_debug("proxy: conn of %s port %u: %s PROXY header; closed",
		  inet_addr_format(&conn->peer.addr, addr), conn->peer.port, why);
}

/* Who the header names is the client from now on. */
static void take_ends(struct conn *conn, const struct proxy_ends *ends)
{
	struct exchange_peer *peer = &conn->peer;

	peer->addr = ends->source;
	peer->port = ends->source_port;
	peer->local = ends->destination;
	peer->local_port = ends->destination_port;
	peer->trusted = settings_trusts(conn->turn->settings, &peer->addr);
}

/* Return: 0; -EAGAIN; -errno. */
static int read_proxy_header(struct conn *conn)
{
	char data[PROXY_HEADER_BYTES_MAX];
	ssize_t got = look(conn, data, sizeof(data));
	struct proxy_header header;
	int err;

	if (got <= 0)
		return got ? (int)got : -ECONNRESET;
	err = proxy_header_parse(data, (size_t)got, &header);
	if (err == -EAGAIN && conn->stream.peer_ended)
		err = -EBADMSG;
	if (err == -EBADMSG)
		log_bad_header(conn, "bad or missing");
	if (err)
		return err;
	if (recv(conn->stream.fd, data, header.bytes, 0) != (ssize_t)header.bytes)
		return -EIO;
	if (header.known) {
		take_ends(conn, &header.ends);
		conn_count_source(conn);
	}
	return 0;
}

/* ---- the first octets ------------------------------------------------------------------------ */

static void speak_http2(struct conn *conn)
{
	conn_set_state(conn, CONN_HTTP2);
	if (http2_client_begin(conn))
		conn_close(conn);
	else
		http2_client_ready(conn);
}

/* True if what came is, or may become, the preface of HTTP/2 (prior knowledge, RFC 9113 3.3). */
static bool may_be_http2(const struct conn *conn, bool *whole)
{
	static const char text[] = NGHTTP2_CLIENT_MAGIC;
	size_t bytes = http1_reader_bytes(&conn->reader);

	if (bytes > sizeof(text) - 1)
		bytes = sizeof(text) - 1;
	*whole = bytes == sizeof(text) - 1;
	return !bytes || memcmp(buffer_head(conn->reader.buffer), text, bytes) == 0;
}

static void read_first(struct conn *conn)
{
	bool whole;

	if (!conn->turn->settings->h2c || conn->peer.tls) {
		http1_client_begin(conn);
		return;
	}
	while (may_be_http2(conn, &whole)) {
		ssize_t got;

		if (whole) {
			speak_http2(conn);
			return;
		}
		got = http1_reader_fill(&conn->reader, conn->turn->buffers.size);
		if (got == -EAGAIN)
			return;
		if (got <= 0) {
			conn_hang_up(conn);
			return;
		}
	}
	http1_client_begin(conn);
}

static void handshake(struct conn *conn)
{
	int err = tls_handshake(&conn->stream);

	if (err == -EAGAIN)
		return;
	if (err) {
		conn->turn->stats->tls_errors++;
		conn_close(conn);
		return;
	}
	conn->turn->stats->tls_handshakes++;
	conn->turn->stats->tls_resumptions += tls_resumed(&conn->stream);
	if (tls_speaks_http2(&conn->stream)) {
		speak_http2(conn);
		return;
	}
	conn_set_state(conn, CONN_FIRST);
	read_first(conn);
}

/* ---- the ClientHello ------------------------------------------------------------------------- */

/*
 * Whether the connection is for a backend as it is. Return: 0 and *out; -ENOENT: it is ours, also
 * if the library will refuse it; -EAGAIN; -errno.
 */
static int find_passthrough(struct conn *conn, struct client_hello *hello,
			    const struct snapshot_tls **out)
{
	struct buffer *buffer = buffer_get(&conn->turn->buffers);
	const struct snapshot_tls *found;
	int err = -ENOMEM;
	ssize_t got;

	if (!buffer)
		return -ENOMEM;
	got = look(conn, buffer->data, buffer->size);
	if (got > 0)
		err = client_hello_parse(buffer->data, (size_t)got, hello);
	else
		err = got ? (int)got : -ECONNRESET;
	if (err == -EBADMSG || (err == -EAGAIN && got == (ssize_t)buffer->size))
		err = -ENOENT; /* no ClientHello that anything is to be decided by */
	buffer_put(&conn->turn->buffers, buffer);
	if (err == -EAGAIN && conn->stream.peer_ended)
		err = -ECONNRESET;
	if (err)
		return err;
	found = routing_tls_of(conn->clients->services->routing, hello->server_name,
			       hello->server_name_bytes);
	if (!found || !(found->flags & SNAPSHOT_TLS_F_PASSTHROUGH))
		return -ENOENT;
	*out = found;
	return 0;
}

static void pass_through(struct conn *conn, const struct client_hello *hello,
			 const struct snapshot_tls *settings)
{
	/* Above a limit there is nobody to be told so. */
	struct exchange *x =
		conn->over_limit == HTTP1_FAULT_NONE ? http1_client_exchange(conn) : NULL;

	if (!x) {
		conn_close(conn);
		return;
	}
	conn->protocol = &http1_client_protocol;
	conn_set_state(conn, CONN_EXCHANGE);
	http1_reader_body(&conn->reader, HTTP1_FRAMING_CLOSE, 0, 0);
	if (http1_writer_begin(&conn->writer, &conn->stream, &conn->turn->buffers, NULL,
			       HTTP1_FRAMING_CLOSE)) {
		conn_close(conn);
		return;
	}
	conn->writer.shut_when_done = true;
	conn->turn->stats->tls_passthroughs++;
	exchange_pass_through(
		x, settings,
		(struct http_slice){ hello->server_name, (uint32_t)hello->server_name_bytes });
	exchange_run(x);
}

static void accept_tls(struct conn *conn)
{
	struct tls *tls = conn->clients->tls;

	if (!tls || tls_accept(tls, &conn->stream)) {
		conn_close(conn);
		return;
	}
	conn_set_state(conn, CONN_HANDSHAKE);
	handshake(conn);
}

static void read_hello(struct conn *conn)
{
	const struct snapshot_tls *settings;
	struct client_hello hello;
	int err = -ENOENT;

	if (routing_passes_through(conn->clients->services->routing))
		err = find_passthrough(conn, &hello, &settings);
	if (err == -EAGAIN)
		return;
	if (!err)
		pass_through(conn, &hello, settings);
	else if (err == -ENOENT)
		accept_tls(conn);
	else
		conn_close(conn);
}

/* ---- the protocol of a connection that begins ------------------------------------------------ */

static void opening_ready(struct conn *conn)
{
	int err;

	switch (conn->state) {
	case CONN_PROXY_HEADER:
		err = read_proxy_header(conn);
		if (err == -EAGAIN)
			return;
		if (err) {
			conn->turn->stats->proxy_header_errors++;
			conn_close(conn);
			return;
		}
		conn_set_state(conn, conn->peer.tls ? CONN_HELLO : CONN_FIRST);
		opening_ready(conn);
		return;
	case CONN_HELLO:
		read_hello(conn);
		return;
	case CONN_HANDSHAKE:
		handshake(conn);
		return;
	default:
		read_first(conn);
	}
}

static void opening_end(struct conn *conn)
{
	(void)conn; /* it holds nothing beside the conn */
}

static const struct conn_protocol opening = {
	.ready = opening_ready,
	.next = opening_ready,
	.timeout = conn_hang_up,
	.end = opening_end,
};

int conn_open(struct clients *clients, int fd, const struct exchange_peer *peer,
	      enum http1_fault_reason over_limit)
{
	const struct settings *settings = clients->turn->settings;
	struct conn *conn;
	int err = conn_new(clients, fd, peer, over_limit, &opening, &conn);

	if (err)
		return err;
	if (settings_expects_proxy_header(settings, peer->local_port, &peer->addr)) {
		conn_set_state(conn, CONN_PROXY_HEADER);
		return 0;
	}
	conn_set_state(conn, peer->tls ? CONN_HELLO : CONN_FIRST);
	conn_count_source(conn);
	return 0;
}
