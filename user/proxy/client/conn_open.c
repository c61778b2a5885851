// SPDX-License-Identifier: Apache-2.0
/*
 * conn_open.c - what comes before the first byte that is ours to answer
 *
 * A PROXY header where one is due, then the ClientHello where a host's TLS is passed through. Both
 * are looked at where they lie in the socket: a header is taken from there to its last byte, a
 * ClientHello stays for who reads it, the TLS library or the backend.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "proxy/tls/client_hello.h"
#include "proxy/client/conn.h"
#include "proxy/http/proxy_header.h"
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

/* ---- the PROXY header ---------------------------------------------------------------------------- */

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

enum http1_fault_reason conn_limit_reached(const struct conn *conn)
{
	uint32_t most = conn->turn->settings->buffers_max;

	if (conn->over_limit)
		return conn->over_limit;
	return most && conn->turn->buffers.used_count > most ? HTTP1_FAULT_BUFFERS
							     : HTTP1_FAULT_NONE;
}

/* ---- the ClientHello ----------------------------------------------------------------------------- */

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
		conn->over_limit == HTTP1_FAULT_NONE ? conn_begin_exchange(conn) : NULL;

	if (!x) {
		conn_close(conn);
		return;
	}
	timer_disarm(&conn->timer);
	conn->state = CONN_EXCHANGE;
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
	conn->state = CONN_HANDSHAKE;
	conn_handshake(conn);
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

void conn_opening(struct conn *conn)
{
	int err;

	if (conn->state == CONN_PROXY_HEADER) {
		err = read_proxy_header(conn);
		if (err == -EAGAIN)
			return;
		if (err) {
			conn->turn->stats->proxy_header_errors++;
			conn_close(conn);
			return;
		}
		conn->state = conn->peer.tls ? CONN_HELLO : CONN_HEAD;
	}
	if (conn->state == CONN_HELLO)
		read_hello(conn);
	else
		conn_read(conn);
}
