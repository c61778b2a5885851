// SPDX-License-Identifier: Apache-2.0
#include "proxy/backend/upstream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "proxy/loop/turn.h"
#include "proxy/splice/splice.h"
#include "proxy/tls/tls.h"

static void on_ready(struct stream *stream)
{
	struct upstream_conn *u = (struct upstream_conn *)stream;

	u->on_ready(u);
}

/* Why a socket that connected is broken. */
static int connect_error(const struct stream *stream)
{
	socklen_t bytes = sizeof(int);
	int err = 0;

	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &err, &bytes))
		err = errno;
	return err ? -err : -ECONNRESET;
}

/* A socket that was just connected takes so few bytes whole. */
static int send_proxy_header(const struct upstream_conn *u)
{
	char header[PROXY_HEADER_WRITE_MAX];
	size_t bytes = proxy_header_write(u->proxy_protocol, &u->ends, header);
	ssize_t sent = send(u->stream.fd, header, bytes, MSG_NOSIGNAL);

	if (sent < 0)
		return -errno;
	return (size_t)sent == bytes ? 0 : -ENOBUFS;
}

int upstream_go_on(struct upstream_conn *u)
{
	int err;

	if (!u->connected) {
		if (u->stream.broken)
			return connect_error(&u->stream);
		if (!u->stream.writable)
			return -EAGAIN;
		err = u->proxy_protocol ? send_proxy_header(u) : 0;
		if (err)
			return err;
		u->connected = true;
	}
	err = u->tls ? tls_handshake(&u->stream) : 0;
	if (err && err != -EAGAIN)
		u->turn->stats->upstream_tls_errors++;
	return err;
}

/* A socket of TCP. One that only waits for the next exchange is given up for it. */
static int new_socket(struct turn *turn, sa_family_t family, int *out)
{
	int fd;

	do {
		fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	} while (fd < 0 && (errno == EMFILE || errno == ENFILE) && turn_shed(turn));
	*out = fd;
	return fd < 0 ? -errno : 0;
}

/* A socket that connects, TCP_NODELAY set. Return: 0; -errno. */
static int dial(struct turn *turn, const struct backend_view *backend, int *out)
{
	struct sockaddr_storage name;
	socklen_t name_bytes = inet_addr_sockaddr(&backend->addr, backend->port_be, &name);
	int one = 1;
	int err;
	int fd;

	err = new_socket(turn, name.ss_family, &fd);
	if (err)
		return err;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&name, name_bytes) && errno != EINPROGRESS) {
		err = -errno;
		close(fd);
		return err;
	}
	*out = fd;
	return 0;
}

int upstream_connect(struct turn *turn, struct slab *slab, const struct backend_view *backend,
		     const struct upstream_way *way, struct upstream_conn **out)
{
	const struct tls_peer peer = { backend->addr, backend->id, backend->generation };
	struct upstream_conn *u = slab_get(slab);
	int err;
	int fd = -1;

	if (!u)
		return -ENOMEM;
	turn->stats->upstream_connects++;
	err = dial(turn, backend, &fd);
	if (!err)
		err = stream_open(&u->stream, turn->epoll, fd, on_ready);
	if (!err && way->tls) {
		err = tls_connect(way->tls, &peer, &u->stream);
		if (err)
			stream_close(&u->stream);
	}
	if (err) {
		slab_put(slab, u);
		return err;
	}
	u->turn = turn;
	u->slab = slab;
	u->source = &u->reader.source;
	u->backend_id = backend->id;
	u->backend_generation = backend->generation;
	if (way->proxy_protocol) {
		u->proxy_protocol = way->proxy_protocol;
		u->client_id = way->client_id;
		u->ends = way->ends;
	}
	u->tls = way->tls ? tls_profile_get(way->tls) : NULL;
	http1_reader_init(&u->reader, &u->stream, &turn->buffers);
	turn->stats->upstream_conns_open++;
	*out = u;
	return 0;
}

bool upstream_is(const struct upstream_conn *u, const struct upstream_way *way)
{
	return !(way->no_source && splice_is_source(&u->stream)) && u->tls == way->tls &&
	       u->proxy_protocol == way->proxy_protocol &&
	       u->client_id == (way->proxy_protocol ? way->client_id : 0);
}

void upstream_close(struct upstream_conn *u)
{
	if (!u)
		return;
	http1_reader_release(&u->reader);
	stream_close(&u->stream);
	tls_profile_put(u->tls);
	u->turn->stats->upstream_conns_open--;
	slab_put(u->slab, u);
}
