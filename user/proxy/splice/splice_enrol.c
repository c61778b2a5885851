// SPDX-License-Identifier: Apache-2.0
/*
 * Enrolling: a socket becomes an end, with a slot and a place in the maps.
 */
#include "proxy/splice/splice_enrol.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "handoff/control.h"
#include "proxy/options/settings.h"
#include "proxy/splice/splice_calls.h"
#include "proxy/splice/splice_priv.h"

#define BASE_TRIES 8

/*
 * All bytes written to the socket so far, as .bytes_acked counts (it counts a SYN of ours). Both
 * numbers are true of one moment if what is queued was the same before and after.
 */
static int written_bytes(int fd, uint64_t *out)
{
	for (int i = 0; i < BASE_TRIES; i++) {
		int before, after, err;
		uint64_t acked;

		if (ioctl(fd, SIOCOUTQ, &before))
			return -errno;
		err = splice_bytes_acked(fd, &acked);
		if (err)
			return err;
		if (ioctl(fd, SIOCOUTQ, &after))
			return -errno;
		if (before == after) {
			*out = acked + (uint64_t)after;
			return 0;
		}
	}
	return -EAGAIN;
}

static void on_poll(struct timer *timer)
{
	struct splice_end *end =
		(struct splice_end *)((char *)timer - offsetof(struct splice_end, poll));

	if (!end->stream)
		return;
	end->stream->readable = true;
	end->stream->writable = true;
	end->stream->on_ready(end->stream);
}

static struct splice_end *make_end(struct splice *splice, struct stream *stream)
{
	struct splice_end *end;
	socklen_t bytes = sizeof(end->cookie);

	if (turn_timer_room(splice->turn))
		return NULL;
	end = slab_get(&splice->slab);
	if (!end || getsockopt(stream->fd, SOL_SOCKET, SO_COOKIE, &end->cookie, &bytes) ||
	    written_bytes(stream->fd, &end->sent_bytes)) {
		slab_put(&splice->slab, end);
		splice->turn->timers_used--;
		return NULL;
	}
	end->owner = splice;
	end->stream = stream;
	end->drained = end->sent_bytes;
	end->poll.fn = on_poll;
	splice->ends_count++;
	return end;
}

static bool take_slot(struct splice_end *end)
{
	struct splice *splice = end->owner;
	uint32_t first = sluice_slot_first(end->cookie);

	for (uint32_t i = first; i < first + SLUICE_SLOT_WAYS; i++) {
		struct splice_slot *slot = mapped_array_at(&splice->slots, i);
		__u64 none = 0;

		if (!slot || !__atomic_compare_exchange_n(&slot->cookie, &none, end->cookie, false,
							  __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		*slot = (struct splice_slot){
			.cookie = end->cookie,
			.owner_pid = (uint32_t)splice->turn->stats->pid,
			.worker = splice->turn->settings->worker,
		};
		end->slot = slot;
		end->slot_number = i;
		splice->ends[i] = end;
		return true;
	}
	return false;
}

/* The kernel's moves wake whoever waits for EPOLLIN; events tell of bytes that go up instead. */
static int watch_less(const struct splice *splice, struct stream *stream)
{
	struct epoll_event event = {
		.events = EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = stream,
	};

	return epoll_ctl(splice->turn->epoll, EPOLL_CTL_MOD, stream->fd, &event) ? -errno : 0;
}

static void drop_new_end(struct splice_end *end)
{
	if (end->stream->splice != end) /* one that was enrolled before stays so */
		splice_end_free(end);
}

struct splice_end *splice_enrol_source(struct splice *splice, struct stream *stream)
{
	struct splice_end *end = stream->splice;

	if (end && end->slot)
		return end;
	if (!end)
		end = make_end(splice, stream);
	if (!end)
		return NULL;
	if (!take_slot(end)) {
		drop_new_end(end);
		return NULL;
	}
	if (splice_calls_put(SPLICE_CALL_SOCKS, end->cookie, stream->fd) ||
	    watch_less(splice, stream)) {
		/* A socket that is in the map all the same keeps its slot, and is closed soon. */
		log_debug("proxy: enrol a socket: %s", strerror(errno));
		splice->ends[end->slot_number] = NULL;
		__atomic_store_n(&end->slot->cookie, 0, __ATOMIC_RELEASE);
		end->slot = NULL;
		drop_new_end(end);
		return NULL;
	}
	stream->splice = end;
	stream->ops = &splice_stream_ops;
	stream->readable = true; /* what came in between must be read once */
	return end;
}

struct splice_end *splice_enrol_sink(struct splice *splice, struct stream *stream)
{
	struct splice_end *end = stream->splice ? stream->splice : make_end(splice, stream);

	if (!end || end->in_sinks)
		return end;
	if (splice_calls_put(SPLICE_CALL_SINKS, end->cookie, stream->fd)) {
		log_debug("proxy: enrol a receiver: %s", strerror(errno));
		drop_new_end(end);
		return NULL;
	}
	end->in_sinks = true;
	stream->splice = end;
	stream->ops = &splice_stream_ops;
	return end;
}
