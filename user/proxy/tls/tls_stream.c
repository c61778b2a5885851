// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proxy/tls/tls.h"
#include "proxy/tls/tls_priv.h"

/* ---- the socket as OpenSSL sees it ----------------------------------------------------------- */

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

int tls_io_new(struct tls_io **out)
{
	struct tls_io *io = calloc(1, sizeof(*io));

	if (!io)
		return -ENOMEM;
	/* No configuration file, and error texts loaded now: later no file can be opened. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
				     OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
			     NULL))
		io->bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "stream");
	if (!io->bio_method) {
		free(io);
		return -ENOMEM;
	}
	BIO_meth_set_read(io->bio_method, bio_read);
	BIO_meth_set_write(io->bio_method, bio_write);
	BIO_meth_set_ctrl(io->bio_method, bio_control);
	*out = io;
	return 0;
}

void tls_io_free(struct tls_io *io)
{
	if (!io)
		return;
	BIO_meth_free(io->bio_method);
	OPENSSL_cleanse(io->record, sizeof(io->record));
	free(io);
}

/* ---- the stream ------------------------------------------------------------------------------ */

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
static size_t gather(struct tls_io *io, const struct iovec *iov, int count, const void **data)
{
	size_t used = 0;

	if (count == 1) {
		*data = iov->iov_base;
		return iov->iov_len;
	}
	for (int i = 0; i < count && used < sizeof(io->record); i++) {
		size_t bytes = sizeof(io->record) - used;

		if (bytes > iov[i].iov_len)
			bytes = iov[i].iov_len;
		memcpy(io->record + used, iov[i].iov_base, bytes);
		used += bytes;
	}
	*data = io->record;
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
	bytes = gather(conn->io, iov, count, &data);
	ERR_clear_error();
	result = SSL_write_ex(conn->ssl, data, bytes, &sent);
	stream->owes = result != 1; /* the record is made, and no other can take its place */
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

	/* To a backend the end is said, and the session stays good for the next connection. */
	if (conn->profile && conn->ready && !stream->broken) {
		ERR_clear_error();
		SSL_shutdown(conn->ssl);
		ERR_clear_error();
	}
	stream->tls = NULL;
	SSL_free(conn->ssl);
	tls_profile_put(conn->profile);
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

int tls_stream_begin(struct tls_io *io, SSL_CTX *ctx, struct stream *stream)
{
	struct tls_conn *conn = calloc(1, sizeof(*conn));
	BIO *bio = NULL;

	if (!conn)
		return -ENOMEM;
	conn->io = io;
	conn->ssl = SSL_new(ctx);
	bio = conn->ssl ? BIO_new(io->bio_method) : NULL;
	if (!bio) {
		SSL_free(conn->ssl);
		free(conn);
		return -ENOMEM;
	}
	BIO_set_data(bio, stream);
	BIO_set_init(bio, 1);
	SSL_set_bio(conn->ssl, bio, bio);
	SSL_set_app_data(conn->ssl, conn);
	stream_become(stream, &secure_ops, conn);
	return 0;
}

/* Why a handshake with a backend failed. */
static const char *reason(const struct tls_conn *conn, unsigned long code, int err)
{
	long verdict = SSL_get_verify_result(conn->ssl);

	if (verdict != X509_V_OK && SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE)
		return X509_verify_cert_error_string(verdict);
	if (code && ERR_reason_error_string(code))
		return ERR_reason_error_string(code);
	return err == -ECONNRESET ? "it closed the connection" : strerror(-err);
}

int tls_handshake(struct stream *stream)
{
	struct tls_conn *conn = stream->tls;
	unsigned long code;
	int result, err;

	if (conn->ready)
		return 0;
	ERR_clear_error();
	result = SSL_do_handshake(conn->ssl);
	if (result == 1) {
		err = conn->ops ? conn->ops->verify(conn) : 0;
		if (err)
			conn->ops->failed(conn, "its certificate is of another name");
		conn->ready = !err;
		return err;
	}
	code = ERR_peek_last_error();
	err = failure(stream, result);
	if (err == -EAGAIN)
		return err;
	if (!err)
		err = -ECONNRESET;
	if (!conn->ops)
		return err;
	conn->ops->failed(conn, reason(conn, code, err));
	return SSL_get_verify_result(conn->ssl) != X509_V_OK &&
			       SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE
		       ? -EKEYREJECTED
		       : err;
}

bool tls_resumed(const struct stream *stream)
{
	const struct tls_conn *conn = stream->tls;

	return SSL_session_reused(conn->ssl);
}

const char *tls_server_name(const struct stream *stream)
{
	const struct tls_conn *conn = stream->tls;

	return SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name);
}

bool tls_speaks_http2(const struct stream *stream)
{
	const struct tls_conn *conn = stream->tls;
	const unsigned char *protocol;
	unsigned int bytes;

	SSL_get0_alpn_selected(conn->ssl, &protocol, &bytes);
	return bytes == 2 && !memcmp(protocol, "h2", 2);
}
