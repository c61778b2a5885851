/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - the one place where bodies and tunnels move
 *
 * A source yields payload, free of its framing; a sink takes payload and frames it in its own way.
 * Requests, responses and both directions of tunnels are a source, a sink and relay_run() between
 * them. Nothing is held beyond the source's one buffer, so a sink that does not take stops the
 * source's reads, and TCP's window does the rest. A splice in the kernel belongs here: between the
 * two, where the payload that is left is known.
 */
#ifndef SLUICE_PROXY_RELAY_H
#define SLUICE_PROXY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proxy/http/http_fields.h"

struct payload {
	const char *data; /* borrowed from the source until payload_consume() */
	size_t bytes;
	bool last;                          /* nothing follows */
	const struct http_fields *trailers; /* with .last; NULL if none; borrowed as .data */
};

struct source;
struct sink;
struct http1_fault;

struct source_ops {
	/* Return: 0 with *out, of which bytes is not 0 unless last; -EAGAIN; -EBADMSG framing is
	 * wrong; -EPIPE cut short; -errno of the connection. Twice without consume: the same. */
	int (*peek)(struct source *source, struct payload *out);
	void (*consume)(struct source *source, size_t bytes);
};

struct sink_ops {
	/* Takes as much as it can. Return: bytes taken (0 is fine for an empty last payload, which
	 * is then noted); -EAGAIN nothing taken; -errno the receiver is lost. */
	ssize_t (*write)(struct sink *sink, const struct payload *payload);
	/* Pushes what was taken and not sent. Return: 0 nothing is left; -EAGAIN; -errno. */
	int (*flush)(struct sink *sink);
	/* Takes back the head that was queued. Return: false: some of it was sent. */
	bool (*retract)(struct sink *sink);
};

struct source {
	const struct source_ops *ops;
	const struct http1_fault *fault; /* borrowed: what -EBADMSG is about; NULL: never said */
};

struct sink {
	const struct sink_ops *ops;
};

enum relay_state {
	RELAY_DONE = 0,    /* all of it was sent */
	RELAY_WAIT_SOURCE, /* nothing to read now */
	RELAY_WAIT_SINK,
	RELAY_YIELD, /* moved its share of this turn: call again in the next */
	RELAY_SOURCE_FAILED,
	RELAY_SINK_FAILED,
};

struct relay {
	uint64_t moved_bytes; /* payload, in all */
	int error;            /* -errno with the two failures */
	bool ended;           /* the sink has taken the last payload */
};

/**
 * relay_run - move payload until one side must wait
 * Call again when source or sink may continue; after RELAY_DONE and failures never.
 */
enum relay_state relay_run(struct relay *relay, struct source *from, struct sink *to);

#endif /* SLUICE_PROXY_RELAY_H */
