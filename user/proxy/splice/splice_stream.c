// SPDX-License-Identifier: Apache-2.0
/*
 * The kind of stream that an enrolled socket has: plain, with the rules of docs/splice.md kept.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/splice/splice.h"
#include "proxy/splice/splice_priv.h"

#define POLL_MS_MIN 1u
#define POLL_MS_MAX 16u

/* Nothing tells when the kernel's backlog has gone, or when bytes came out of it: look again. */
static void poll_soon(struct splice_end *end)
{
	end->poll_ms = end->poll_ms ? end->poll_ms * 2 : POLL_MS_MIN;
	if (end->poll_ms > POLL_MS_MAX)
		end->poll_ms = POLL_MS_MAX;
	splice_poll_later(end, end->poll_ms);
}

static ssize_t receive(struct stream *stream, void *data, size_t bytes)
{
	ssize_t got;

	do {
		got = recv(stream->fd, data, bytes, 0);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t spliced_read(struct stream *stream, void *data, size_t bytes)
{
	struct splice_end *end = stream->splice;
	ssize_t got;

	if (!stream->readable)
		return -EAGAIN;
	got = receive(stream, data, bytes);
	if (!end->slot) {
		if (got < 0 || ((size_t)got < bytes && !stream->peer_ended))
			stream->readable = false;
		return got;
	}
	if (got > 0) {
		end->read_bytes += (uint64_t)got;
		end->poll_ms = 0;
		if ((size_t)got < bytes && !stream->peer_ended)
			stream->readable = !splice_is_quiet(end);
		return got;
	}
	/* Bytes that went up may wait in the kernel because the receive buffer was full: an end of
	 * the stream that is told before them is not the end yet. */
	if ((got == 0 || got == -EAGAIN) && !splice_is_quiet(end)) {
		poll_soon(end);
		got = -EAGAIN;
	}
	if (got < 0)
		stream->readable = false;
	return got;
}

/* Return: true if the worker may write behind what the kernel moved; else it is called again. */
static bool may_send(struct stream *stream)
{
	if (splice_is_drained(stream->splice))
		return true;
	stream->writable = false;
	poll_soon(stream->splice);
	return false;
}

static ssize_t spliced_write(struct stream *stream, const struct iovec *iov, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				  .msg_iovlen = (size_t)count };
	struct splice_end *end = stream->splice;
	ssize_t sent;

	if (!stream->writable || !may_send(stream))
		return -EAGAIN;
	do {
		sent = count == 1 ? send(stream->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
				  : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		stream->writable = false;
		return -errno;
	}
	end->sent_bytes += (uint64_t)sent;
	end->drained += (uint64_t)sent; /* it was equal to all that was sent */
	/* Behind the write: from here on the kernel may move what comes next. */
	if (end->feeder && end->feeder->mode == SPLICE_TUNNEL)
		__atomic_store_n(&end->feeder->slot->taken,
				 end->feeder->slot->taken + (uint64_t)sent, __ATOMIC_RELEASE);
	return sent;
}

static int spliced_shutdown(struct stream *stream)
{
	if (!may_send(stream))
		return -EAGAIN;
	return shutdown(stream->fd, SHUT_WR) ? -errno : 0;
}

static void spliced_close(struct stream *stream)
{
	struct splice_end *end = stream->splice;
	struct splice *splice = end->owner;

	if (end->feeder)
		splice_disarm(end->feeder);
	splice_disarm(end);
	end->stream = NULL;
	stream->splice = NULL;
	end->next = splice->closed; /* freed when the descriptor is closed: no run of the program */
	splice->closed = end;       /* can be under way for it then */
}

const struct stream_ops splice_stream_ops = {
	.read = spliced_read,
	.write = spliced_write,
	.shutdown = spliced_shutdown,
	.close = spliced_close,
};
