/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice.h - sockets whose bytes the kernel moves
 *
 * docs/splice.md states the protocol. Here is the worker's half: enrolling sockets, slots in shared
 * memory, and a kind of stream that keeps the rules in its read, write and shutdown, so that the
 * relay above it need not know whether the kernel moved bytes of the same connection before.
 *
 *   splice.c          ring of events, arming, looking
 *   splice_enrol.c    sockets become ends
 *   splice_stream.c   the kind of stream
 *
 * What is moved of an exchange, and when, is decided above: exchange/exchange_splice.h.
 *
 * An end is one enrolled socket. A source is in `socks`, has a slot, and its bytes may be moved; a
 * sink is in `sinks`: a client to which responses are moved, a backend to which bodies of requests
 * are. A socket may be both.
 */
#ifndef SLUICE_PROXY_SPLICE_H
#define SLUICE_PROXY_SPLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mapped_array.h"
#include "proxy/loop/slab.h"
#include "proxy/loop/stream.h"
#include "proxy/loop/timers.h"
#include "proxy/loop/turn.h"
#include "sluice_schema.h"

struct splice;

struct splice_end {
	struct stream *stream;     /* borrowed; NULL once it is closed */
	struct splice *owner;      /* borrowed */
	struct splice_slot *slot;  /* borrowed from the map; NULL: only a sink, no source */
	struct splice_end *sink;   /* borrowed: to which the kernel may move our bytes now */
	struct splice_end *feeder; /* borrowed: whose bytes it may move here */
	struct splice_end *next;   /* in splice.closed */
	uint64_t cookie;
	uint64_t read_bytes; /* that the worker read since it was enrolled as a source */
	uint64_t sent_bytes; /* handed to this socket, as .bytes_acked counts, but for what
			       * .feeder moved beyond .feeder_moved */
	uint64_t feeder_moved;
	uint64_t arm_moved; /* slot->moved when it was armed */
	uint64_t drained;   /* sent_total() that is known to have left the kernel's backlog */
	uint32_t slot_number;
	uint32_t arm; /* counts, so that what the program says is about this time */
	uint32_t poll_ms;
	uint64_t tunnel_moved; /* by the kernel, in stretches that are over */
	uint8_t mode;          /* enum sluice_splice_mode */
	bool tunnel_begun;     /* the kernel has moved, or could */
	bool in_sinks;
	struct timer poll; /* checks again for changes without an event */
};

struct splice_ring {
	uint64_t *consumer;       /* owned mapping */
	const uint64_t *producer; /* owned mapping, data after it */
	size_t bytes;
};

#define SPLICE_BATCH_ONE  256 /* splice.batch counts in parts of an event */
#define SPLICE_BATCH_BUSY (5 * SPLICE_BATCH_ONE / 2)
#define SPLICE_BATCH_CALM (5 * SPLICE_BATCH_ONE / 4)
#define SPLICE_PAUSE_MS   5u

struct splice {
	struct turn *turn; /* borrowed */
	struct turn_hook hook;
	struct watch watch; /* of the ring */
	bool on;
	bool busy;     /* much happens at once: responses are worth it */
	int32_t batch; /* events at a turn of the loop, a sliding mean */
	uint64_t turn_ms;
	struct mapped_array slots; /* owned */
	struct splice_ring ring;
	struct splice_end **ends;  /* owned array by slot number, of borrowed ends */
	struct slab slab;          /* of ends */
	struct splice_end *closed; /* their descriptors are closed: to be freed */
	size_t ends_count;
};

/* At each turn of the loop, with the number of its events. A spliced response is an event less, so
 * there is a gap between becoming busy and ceasing to be. What was before a pause does not count. */
static inline void splice_note_batch(struct splice *splice, uint32_t events, uint64_t now_ms)
{
	if (now_ms - splice->turn_ms >= SPLICE_PAUSE_MS)
		splice->batch = (int32_t)events * SPLICE_BATCH_ONE;
	else
		splice->batch += ((int32_t)events * SPLICE_BATCH_ONE - splice->batch) / 16;
	splice->turn_ms = now_ms;
	splice->busy = splice->batch >= (splice->busy ? SPLICE_BATCH_CALM : SPLICE_BATCH_BUSY);
}

/**
 * splice_start - get ready, unless it was told not to splice
 * Return: 0, also if the descriptors are no maps (then splice stays off, with a log line); -errno.
 */
int splice_start(struct splice *splice, struct turn *turn);
void splice_free(struct splice *splice);

/* True if it passes the program what comes on it. */
static inline bool splice_is_source(const struct stream *stream)
{
	return stream->splice && stream->splice->slot;
}

/* True if the receive queue is empty: no packet is half read. */
bool splice_is_empty(const struct stream *stream);

/**
 * splice_arm - let the kernel move what comes from @source to @sink
 * The worker must hold no byte of @source that it did not hand on.
 * @length_max: of struct splice_slot
 */
void splice_arm(struct splice_end *source, struct splice_end *sink, enum sluice_splice_mode mode,
		uint32_t length_max);

/* Nothing is moved when this returns, and what was is in the counts. Takes an end that is not
 * armed. */
void splice_disarm(struct splice_end *source);

/* What the kernel moved since the source was armed. */
uint64_t splice_moved(const struct splice_end *source);

/* True if no byte of the source waits for the worker. */
bool splice_is_quiet(const struct splice_end *source);

/* True if all that was moved to this socket has left the kernel's backlog: the worker may write,
 * shut or close. Takes NULL. */
bool splice_is_drained(struct splice_end *end);

/* Calls on_ready() again, soon. */
void splice_poll_later(struct splice_end *end, uint32_t delay_ms);

#endif /* SLUICE_PROXY_SPLICE_H */
