// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/tls.h"
#include "proxy/tls_internal.h"

struct tls_conn {
	struct tls *tls; /* borrowed */
	SSL *ssl;        /* owned, and the BIO with it */
	bool drained; /* the last read emptied the socket; the next edge says when to try again */
	bool stuffed; /* likewise for writes */
};

/* ---- the socket as OpenSSL sees it --------------------------------------------------------------- */

static int bio_read(BIO *bio, char *data, int bytes)
{
	struct stream *stream = BIO_get_data(bio);
	struct tls_conn *conn = stream->tls;
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (conn->drained) {
		BIO_set_retry_read(bio);
		return -1;
	}
	do {
		got = recv(stream->fd, data, (size_t)bytes, 0);
	} while (got < 0 && errno == EINTR);
	if (got < bytes && !stream->peer_ended)
		conn->drained = true;
	if (got < 0 && errno == EAGAIN)
		BIO_set_retry_read(bio);
	return (int)got;
}

static int bio_write(BIO *bio, const char *data, int bytes)
{
	struct stream *stream = BIO_get_data(bio);
	struct tls_conn *conn = stream->tls;
	ssize_t sent = -1;

	BIO_clear_retry_flags(bio);
	errno = EAGAIN;
	while (!conn->stuffed) {
		sent = send(stream->fd, data, (size_t)bytes, MSG_NOSIGNAL);
		if (sent >= 0 || errno != EINTR)
			break;
	}
	if (sent < 0 && errno == EAGAIN) {
		conn->stuffed = true;
		BIO_set_retry_write(bio);
	}
	return (int)sent;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	const struct stream *stream = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return stream->peer_ended;
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_stream_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "stream");

	if (!method)
		return NULL;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_control);
	return method;
}

/* ---- the stream --------------------------------------------------------------------------------- */

/* What a failed call of OpenSSL means to a stream. Return: 0 the peer ended; -EAGAIN; -errno. */
static int failure(struct stream *stream, int result)
{
	struct tls_conn *conn = stream->tls;
	int saved_errno = errno;
	int reason = SSL_get_error(conn->ssl, result);

	ERR_clear_error();
	switch (reason) {
	case SSL_ERROR_WANT_READ:
		stream->readable = false;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		stream->writable = false;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return saved_errno && saved_errno != EAGAIN ? -saved_errno : -ECONNRESET;
	default:
		return -EPROTO;
	}
}

static ssize_t secure_read(struct stream *stream, void *data, size_t bytes)
{
	struct tls_conn *conn = stream->tls;
	size_t got = 0;
	int result;

	if (!stream->readable)
		return -EAGAIN;
	ERR_clear_error();
	result = SSL_read_ex(conn->ssl, data, bytes, &got);
	if (result != 1)
		return failure(stream, result);
	if (conn->drained && !SSL_has_pending(conn->ssl))
		stream->readable = false;
	return (ssize_t)got;
}

/* Several small pieces become one record. Return: bytes in it; *data where they are. */
static size_t gather(struct tls *tls, const struct iovec *iov, int count, const void **data)
{
	size_t used = 0;

	if (count == 1) {
		*data = iov->iov_base;
		return iov->iov_len;
	}
	for (int i = 0; i < count && used < sizeof(tls->record); i++) {
		size_t bytes = sizeof(tls->record) - used;

		if (bytes > iov[i].iov_len)
			bytes = iov[i].iov_len;
		memcpy(tls->record + used, iov[i].iov_base, bytes);
		used += bytes;
	}
	*data = tls->record;
	return used;
}

static ssize_t secure_write(struct stream *stream, const struct iovec *iov, int count)
{
	struct tls_conn *conn = stream->tls;
	const void *data;
	size_t bytes, sent = 0;
	int result, err;

	if (!stream->writable)
		return -EAGAIN;
	bytes = gather(conn->tls, iov, count, &data);
	ERR_clear_error();
	result = SSL_write_ex(conn->ssl, data, bytes, &sent);
	if (result == 1)
		return (ssize_t)sent;
	err = failure(stream, result);
	return err ? err : -EPIPE;
}

static int secure_shutdown(struct stream *stream)
{
	struct tls_conn *conn = stream->tls;
	int result;

	if (SSL_is_init_finished(conn->ssl)) {
		ERR_clear_error();
		result = SSL_shutdown(conn->ssl);
		if (result < 0 && failure(stream, result) == -EAGAIN && conn->stuffed)
			return -EAGAIN;
	}
	return shutdown(stream->fd, SHUT_WR) ? -errno : 0;
}

static void secure_close(struct stream *stream)
{
	struct tls_conn *conn = stream->tls;

	stream->tls = NULL;
	SSL_free(conn->ssl);
	free(conn);
}

static void secure_edge(struct stream *stream)
{
	struct tls_conn *conn = stream->tls;

	/* Either may be what the other direction waits for. */
	conn->drained = false;
	conn->stuffed = false;
	stream->readable = true;
	stream->writable = true;
}

static const struct stream_ops secure_ops = {
	.read = secure_read,
	.write = secure_write,
	.shutdown = secure_shutdown,
	.close = secure_close,
	.edge = secure_edge,
};

int tls_accept(struct tls *tls, struct stream *stream)
{
	struct tls_conn *conn = calloc(1, sizeof(*conn));
	BIO *bio = NULL;

	if (!conn)
		return -ENOMEM;
	conn->tls = tls;
	conn->ssl = SSL_new(tls->ctx);
	bio = conn->ssl ? BIO_new(tls->bio_method) : NULL;
	if (!bio) {
		SSL_free(conn->ssl);
		free(conn);
		return -ENOMEM;
	}
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);
	SSL_set_bio(conn->ssl, bio, bio);
	SSL_set_accept_state(conn->ssl);
	stream_become(stream, &secure_ops, conn);
	return 0;
}

int tls_handshake(struct stream *stream)
{
	struct tls_conn *conn = stream->tls;
	int result, err;

	ERR_clear_error();
	result = SSL_do_handshake(conn->ssl);
	if (result == 1)
		return 0;
	err = failure(stream, result);
	return err ? err : -ECONNRESET;
}

bool tls_speaks_http2(const struct stream *stream)
{
	const struct tls_conn *conn = stream->tls;
	const unsigned char *protocol;
	unsigned int bytes;

	SSL_get0_alpn_selected(conn->ssl, &protocol, &bytes);
	return bytes == 2 && !memcmp(protocol, "h2", 2);
}
