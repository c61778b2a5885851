/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - bytes to and from one socket, plain or encrypted
 *
 * Sockets are registered with epoll once, edge-triggered for both directions; the flags below keep
 * what is known, so that a read or write that must fail is not tried. A read that got less than
 * requested has emptied the socket: the next edge reports more (epoll(7), Q9).
 */
#ifndef SLUICE_PROXY_STREAM_H
#define SLUICE_PROXY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct splice_end;
struct stream;

struct stream_ops {
	ssize_t (*read)(struct stream *stream, void *data, size_t bytes);
	ssize_t (*write)(struct stream *stream, const struct iovec *iov, int count);
	int (*shutdown)(struct stream *stream);
	void (*close)(struct stream *stream); /* frees what the kind needs; not the descriptor */
	void (*edge)(struct stream *stream);  /* epoll reported an event; may be NULL */
};

struct stream {
	const struct stream_ops *ops;
	/* Called when a direction may have become ready, or the connection broke. */
	void (*on_ready)(struct stream *stream);
	int fd;                    /* owned; -1: closed */
	bool readable;             /* a read may yield something */
	bool writable;             /* a write may be taken */
	bool peer_ended;           /* FIN or worse was seen: reads continue to the end */
	bool broken;               /* reset or failed: what is to be read is lost too */
	bool shut;                 /* our side was ended */
	bool owes;                 /* bytes of a write that failed with -EAGAIN will go out (TLS) */
	void *tls;                 /* owned by the TLS kind; NULL for plain */
	struct splice_end *splice; /* owned by the spliced kind; NULL: not enrolled */
};

/**
 * stream_open - register a connected (or connecting) non-blocking socket
 * @fd: owned by the stream from now on, also on failure
 * Return: 0; -errno of epoll_ctl().
 */
int stream_open(struct stream *stream, int epoll, int fd, void (*on_ready)(struct stream *));

/* Puts another kind in front of the socket of an open stream (TLS). */
static inline void stream_become(struct stream *stream, const struct stream_ops *ops, void *tls)
{
	stream->ops = ops;
	stream->tls = tls;
}

/* Takes a stream that was never opened or is closed already. */
void stream_close(struct stream *stream);

/* Stores the events of epoll and calls on_ready(). */
void stream_events(struct stream *stream, uint32_t events);

/* Return: bytes read; 0: the peer ended; -EAGAIN; -errno. */
static inline ssize_t stream_read(struct stream *stream, void *data, size_t bytes)
{
	return stream->ops->read(stream, data, bytes);
}

/* Return: bytes written, at least 1; -EAGAIN; -errno. With .owes the next write must begin with the
 * bytes that the last one began with. */
static inline ssize_t stream_write(struct stream *stream, const struct iovec *iov, int count)
{
	return stream->ops->write(stream, iov, count);
}

/* Ends the writing side: all written bytes, then FIN. Return: 0; -EAGAIN; -errno. */
static inline int stream_shutdown(struct stream *stream)
{
	int err = stream->ops->shutdown(stream);

	stream->shut |= !err;
	return err;
}

/* Closing resets the connection, so that the peer cannot take what it got for the whole. */
void stream_reset_on_close(struct stream *stream);

#endif /* SLUICE_PROXY_STREAM_H */
