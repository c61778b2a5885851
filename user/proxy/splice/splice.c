// SPDX-License-Identifier: Apache-2.0
#include "proxy/splice/splice.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "handoff/control.h"
#include "proxy/loop/turn.h"
#include "proxy/options/settings.h"
#include "proxy/splice/splice_calls.h"
#include "proxy/splice/splice_priv.h"

/* What may wait in the kernel for one receiver: a few of its usual receive windows, and small
 * enough for ten thousand stalled receivers. */
#define WINDOW_BYTES (256u * 1024)

#define RECORD_BUSY      (1u << 31) /* BPF_RINGBUF_BUSY_BIT: is being written */
#define RECORD_DISCARDED (1u << 30)
#define RECORD_HEADER    8u

/* ---- the ring -------------------------------------------------------------------------------- */

static void take_event(struct splice *splice, const struct splice_event *event)
{
	struct splice_end *end;

	if (event->slot >= SLUICE_SLOTS_MAX)
		return;
	end = splice->ends[event->slot];
	if (!end || end->cookie != event->cookie || !end->stream)
		return;
	/* First the flag, then the check: bytes that come after the check cause another event. */
	__atomic_exchange_n(&end->slot->told, 0, __ATOMIC_SEQ_CST);
	end->stream->readable = true;
	end->stream->on_ready(end->stream);
}

static void on_events(struct watch *watch, uint32_t events)
{
	struct splice *splice = (struct splice *)((char *)watch - offsetof(struct splice, watch));
	struct splice_ring *ring = &splice->ring;
	const char *data = (const char *)ring->producer + (size_t)sysconf(_SC_PAGESIZE);
	uint64_t at = *ring->consumer;

	(void)events;
	while (at < __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE)) {
		const uint32_t *header =
			(const uint32_t *)(const void *)(data + (at % ring->bytes));
		uint32_t length = __atomic_load_n(header, __ATOMIC_ACQUIRE);
		struct splice_event event;

		if (length & RECORD_BUSY)
			break;
		memcpy(&event, (const char *)header + RECORD_HEADER, sizeof(event));
		at += ((length & ~RECORD_DISCARDED) + RECORD_HEADER + 7) & ~7u;
		__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
		if (!(length & RECORD_DISCARDED))
			take_event(splice, &event);
	}
}

static int open_ring(struct splice *splice)
{
	struct splice_ring *ring = &splice->ring;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer, *producer;

	ring->bytes = SLUICE_RINGS_BYTES;
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, CONTROL_FD_EVENTS, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	ring->consumer = consumer;
	producer = mmap(NULL, page + 2 * ring->bytes, PROT_READ, MAP_SHARED, CONTROL_FD_EVENTS,
			(off_t)page);
	if (producer == MAP_FAILED)
		return -errno;
	ring->producer = producer;
	return turn_watch(splice->turn, &splice->watch, CONTROL_FD_EVENTS, EPOLLIN, on_events);
}

static void close_ring(struct splice_ring *ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (ring->consumer)
		munmap(ring->consumer, page);
	if (ring->producer)
		munmap((void *)(uintptr_t)ring->producer, page + 2 * ring->bytes);
	*ring = (struct splice_ring){ 0 };
}

/* ---- life ------------------------------------------------------------------------------------ */

/* A process of our number that was killed left slots: no socket of them lives any more. */
static void forget_predecessor(const struct splice *splice)
{
	struct mapped_array all; /* mapped for a moment: what is not used later takes no memory */

	if (mapped_array_open(&all, CONTROL_FD_SLOTS, sizeof(struct splice_slot), SLUICE_SLOTS_MAX,
			      true))
		return;
	for (uint32_t i = 0; i < SLUICE_SLOTS_MAX; i++) {
		struct splice_slot *slot = mapped_array_at(&all, i);

		if (slot && slot->worker == splice->turn->settings->worker)
			__atomic_store_n(&slot->cookie, 0, __ATOMIC_RELEASE);
	}
	mapped_array_close(&all);
}

void splice_end_free(struct splice_end *end)
{
	struct splice *splice = end->owner;

	if (end->slot) {
		splice->ends[end->slot_number] = NULL;
		__atomic_store_n(&end->slot->cookie, 0, __ATOMIC_RELEASE);
	}
	turn_timer_drop(splice->turn, &end->poll);
	splice->ends_count--;
	slab_put(&splice->slab, end);
}

/* Frees ends whose descriptors were closed in this turn. */
static void settle(struct turn_hook *hook)
{
	struct splice *splice = (struct splice *)((char *)hook - offsetof(struct splice, hook));

	while (splice->closed) {
		struct splice_end *end = splice->closed;

		splice->closed = end->next;
		splice_end_free(end);
	}
}

static void note_events(struct turn_hook *hook, uint32_t count)
{
	struct splice *splice = (struct splice *)((char *)hook - offsetof(struct splice, hook));

	splice_note_batch(splice, count, splice->turn->now_ms);
}

int splice_start(struct splice *splice, struct turn *turn)
{
	int err;

	splice->turn = turn;
	splice->watch.fd = -1;
	if (!turn->settings->splice)
		return 0;
	turn_slab(turn, &splice->slab, sizeof(struct splice_end));
	splice->hook = (struct turn_hook){ .events = note_events, .settle = settle };
	turn_hook(turn, &splice->hook);
	err = mapped_array_open(&splice->slots, CONTROL_FD_SLOTS, sizeof(struct splice_slot),
				SLUICE_SLOTS_MAX, true);
	if (!err && !mapped_array_at(&splice->slots, 0))
		err = -errno;
	if (!err)
		err = open_ring(splice);
	if (!err)
		err = splice_calls_prepare();
	if (!err) {
		splice->ends = calloc(SLUICE_SLOTS_MAX, sizeof(struct splice_end *));
		err = splice->ends ? 0 : -ENOMEM;
	}
	if (err) {
		log_warn("proxy: worker %u: splice is off: descriptors %d to %d: %s; all bytes are "
			 "relayed",
			 turn->settings->worker, CONTROL_FD_SOCKS, CONTROL_FD_EVENTS,
			 strerror(-err));
		return 0;
	}
	forget_predecessor(splice);
	splice->on = true;
	return 0;
}

void splice_free(struct splice *splice)
{
	/* Slots of sockets that are still open: the process ends, and they end with it. */
	for (uint32_t i = 0; splice->ends && i < SLUICE_SLOTS_MAX; i++)
		if (splice->ends[i])
			__atomic_store_n(&splice->ends[i]->slot->control, 0, __ATOMIC_RELEASE);
	close_ring(&splice->ring);
	free(splice->ends);
	splice->ends = NULL;
	slab_free(&splice->slab);
	mapped_array_close(&splice->slots);
	splice->on = false;
}

/* ---- arming ---------------------------------------------------------------------------------- */

int splice_bytes_acked(int fd, uint64_t *out)
{
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes))
		return -errno;
	*out = info.tcpi_bytes_acked;
	return 0;
}

bool splice_is_empty(const struct stream *stream)
{
	char byte;

	return recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* All bytes passed to this socket, by any sender. */
static uint64_t sent_total(const struct splice_end *end)
{
	uint64_t total = end->sent_bytes;

	if (end->feeder)
		total += __atomic_load_n(&end->feeder->slot->moved, __ATOMIC_ACQUIRE) -
			 end->feeder_moved;
	return total;
}

/* The counts of the sink take in what was moved. The program must be past its last move. */
static void unlink_sink(struct splice_end *source)
{
	struct splice_end *sink = source->sink;

	source->sink = NULL;
	if (!sink || sink->feeder != source)
		return;
	sink->sent_bytes = sent_total(sink);
	sink->feeder = NULL;
}

void splice_arm(struct splice_end *source, struct splice_end *sink, enum sluice_splice_mode mode,
		uint32_t length_max)
{
	struct splice_slot *slot = source->slot;
	uint64_t moved = __atomic_load_n(&slot->moved, __ATOMIC_RELAXED);

	unlink_sink(source);
	source->sink = sink;
	source->arm_moved = moved;
	source->mode = (uint8_t)mode;
	sink->feeder = source;
	sink->feeder_moved = moved;
	slot->peer_cookie = sink->cookie;
	slot->peer_base = sink->sent_bytes - moved - source->read_bytes;
	slot->window_bytes = WINDOW_BYTES;
	slot->length_max = length_max;
	slot->wake = 0;
	__atomic_store_n(&slot->taken, source->read_bytes, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->control, sluice_splice_control(++source->arm, mode),
			 __ATOMIC_RELEASE);
}

void splice_disarm(struct splice_end *source)
{
	char byte;

	if (!source->sink)
		return;
	if (source->mode != SPLICE_OFF) {
		source->mode = SPLICE_OFF;
		__atomic_store_n(&source->slot->control,
				 sluice_splice_control(source->arm, SPLICE_OFF), __ATOMIC_SEQ_CST);
		/* recv() takes the socket's lock: a run that read the old word is over then. */
		if (source->stream &&
		    recv(source->stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
			errno = 0;
	}
	unlink_sink(source);
}

uint64_t splice_moved(const struct splice_end *source)
{
	return __atomic_load_n(&source->slot->moved, __ATOMIC_ACQUIRE) - source->arm_moved;
}

bool splice_is_quiet(const struct splice_end *source)
{
	return __atomic_load_n(&source->slot->seen, __ATOMIC_ACQUIRE) ==
	       __atomic_load_n(&source->slot->moved, __ATOMIC_ACQUIRE) + source->read_bytes;
}

bool splice_is_drained(struct splice_end *end)
{
	uint64_t total, acked;
	int queued;

	if (!end)
		return true;
	total = sent_total(end);
	if (total == end->drained)
		return true;
	/* Acknowledged first, then queued: an ACK in between makes the sum too small, never too
	 * large. */
	if (splice_bytes_acked(end->stream->fd, &acked) ||
	    ioctl(end->stream->fd, SIOCOUTQ, &queued))
		return true; /* the connection is gone: whoever writes will be told */
	if ((int64_t)(acked + (uint64_t)queued - total) < 0)
		return false;
	end->drained = total;
	end->poll_ms = 0;
	return true;
}

void splice_poll_later(struct splice_end *end, uint32_t delay_ms)
{
	turn_arm(end->owner->turn, &end->poll, delay_ms);
}
