// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/stream.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t plain_read(struct stream *stream, void *data, size_t bytes)
{
	ssize_t got;

	if (!stream->readable)
		return -EAGAIN;
	do {
		got = recv(stream->fd, data, bytes, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		stream->readable = false;
		return -errno;
	}
	if ((size_t)got < bytes && !stream->peer_ended)
		stream->readable = false;
	return got;
}

static ssize_t plain_write(struct stream *stream, const struct iovec *iov, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
				  .msg_iovlen = (size_t)count };
	ssize_t sent;

	if (!stream->writable)
		return -EAGAIN;
	do {
		sent = count == 1 ? send(stream->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
				  : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		stream->writable = false;
		return -errno;
	}
	/* A short write does not mean that the next one fails: the kernel decides by free space.
	 * The next -EAGAIN asks for the edge. */
	return sent;
}

static int plain_shutdown(struct stream *stream)
{
	return shutdown(stream->fd, SHUT_WR) ? -errno : 0;
}

static void plain_close(struct stream *stream)
{
	(void)stream;
}

static const struct stream_ops plain_ops = {
	.read = plain_read,
	.write = plain_write,
	.shutdown = plain_shutdown,
	.close = plain_close,
};

int stream_open(struct stream *stream, int epoll, int fd, void (*on_ready)(struct stream *))
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = stream,
	};
	int err;

	*stream = (struct stream){ .ops = &plain_ops, .on_ready = on_ready, .fd = fd };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) {
		err = -errno;
		stream_close(stream);
		return err;
	}
	return 0;
}

void stream_close(struct stream *stream)
{
	if (!stream->ops || stream->fd < 0)
		return;
	stream->ops->close(stream);
	close(stream->fd); /* leaves the epoll set with it */
	stream->fd = -1;
	stream->readable = false;
	stream->writable = false;
}

void stream_events(struct stream *stream, uint32_t events)
{
	if (stream->fd < 0) /* closed earlier in this turn */
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		stream->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		stream->writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		stream->peer_ended = true;
	/* Both sides shut in order is EPOLLHUP, too, and bytes may be there still. */
	if ((events & EPOLLERR) || ((events & EPOLLHUP) && !stream->shut))
		stream->broken = true;
	if (stream->ops->edge)
		stream->ops->edge(stream);
	stream->on_ready(stream);
}

void stream_reset_on_close(struct stream *stream)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (stream->fd >= 0)
		setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}
