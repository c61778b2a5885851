// SPDX-License-Identifier: Apache-2.0
#include "dataplane/splice_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/mapped_array.h"
#include "dataplane/dataplane.h"
#include "dataplane/error.h"
#include "sluice_schema.h"

#define WAIT_MS      1000 /* limit for steps that take microseconds on an idle machine */
#define LOOKS        200  /* each of 5 ms */
#define WINDOW_BYTES 65536u
#define PIECE_BYTES  1000u
#define PIECES       64u
#define ARM          1u
#define SEQUENCE     251u /* prime: no piece looks like another */
/* More than two default socket buffers hold, and the part that a receiver may take. */
#define WINDOW_PIECES 16384u
#define RECEIVE_BYTES (8u << 20)

/* feed -> entry is a connection, exit -> read another; the program moves from entry to exit. */
struct check {
	const struct splice_check_maps *maps;
	int feed, entry, exit, read;
	uint64_t entry_cookie, exit_cookie;
	struct mapped_array slots;
	struct splice_slot *slot; /* borrowed from .slots */
	uint32_t sent;            /* bytes, into feed */
	char *error;              /* of the caller */
};

static int fail(const struct check *check, const char *what)
{
	return error_set(check->error, -EOPNOTSUPP, "%s on this kernel", what);
}

static int fail_step(const struct check *check, const char *step)
{
	int err = errno ? -errno : -EIO;

	return error_set(check->error, err, "%s on loopback: %s", step, strerror(-err));
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* Both ends of a connection on loopback. */
static int make_pair(const struct check *check, int *from, int *to)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
	socklen_t bytes = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = 0;

	errno = 0;
	*from = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*from >= 0)
		setsockopt(*from, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (listener < 0 || *from < 0 || bind(listener, (struct sockaddr *)&name, bytes) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&name, &bytes) ||
	    connect(*from, (struct sockaddr *)&name, bytes))
		err = fail_step(check, "connect");
	else if ((*to = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		err = fail_step(check, "accept");
	if (listener >= 0)
		close(listener);
	return err;
}

static int slot_take(struct check *check)
{
	uint32_t first = sluice_slot_first(check->entry_cookie);

	for (uint32_t i = first; i < first + SLUICE_SLOT_WAYS; i++) {
		struct splice_slot *slot = mapped_array_at(&check->slots, i);
		__u64 none = 0;

		if (!slot)
			return fail_step(check, "map slots");
		if (!__atomic_compare_exchange_n(&slot->cookie, &none, check->entry_cookie, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		*slot = (struct splice_slot){
			.cookie = check->entry_cookie,
			.peer_cookie = check->exit_cookie,
			.window_bytes = WINDOW_BYTES,
			.owner_pid = (uint32_t)getpid(),
			.worker = SLUICE_WORKERS_MAX, /* no ring: no events */
		};
		check->slot = slot;
		return 0;
	}
	return error_set(check->error, -ENOSPC, "no slot is free");
}

static void set_mode(struct check *check, enum sluice_splice_mode mode)
{
	__atomic_store_n(&check->slot->control, sluice_splice_control(ARM, mode), __ATOMIC_SEQ_CST);
}

static int enrol(const struct check *check, int fd, uint64_t cookie)
{
	uint64_t value = (uint64_t)fd;

	if (bpf_map_update_elem(check->maps->socks, &cookie, &value, BPF_ANY))
		return fail_step(check, "put a socket into socks");
	return 0;
}

static int cookie_of(const struct check *check, int fd, uint64_t *out)
{
	socklen_t bytes = sizeof(*out);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, out, &bytes) ? fail_step(check, "SO_COOKIE")
								  : 0;
}

/* Waits until a counter of the slot has this value. */
static int await(const struct check *check, const __u64 *counter, uint64_t bytes, const char *what)
{
	for (int i = 0; i < LOOKS; i++) {
		if (__atomic_load_n(counter, __ATOMIC_ACQUIRE) == bytes)
			return 0;
		usleep(i < 10 ? 100 : 5000);
	}
	return fail(check, what);
}

/* Reads exactly @bytes, each of which is the next in the sequence that put() writes. */
static int expect(struct check *check, uint32_t bytes)
{
	uint8_t data[4096];
	uint32_t at = 0;

	while (at < bytes) {
		ssize_t got = recv(check->read, data, sizeof(data), 0);

		if (got <= 0)
			return fail(check, "bytes are lost");
		for (ssize_t i = 0; i < got; i++)
			if (data[i] != (uint8_t)(at++ % SEQUENCE))
				return fail(check, "bytes come out of order");
	}
	return 0;
}

/* One more piece of the sequence. */
static int put(struct check *check)
{
	uint8_t data[PIECE_BYTES];

	for (uint32_t i = 0; i < PIECE_BYTES; i++)
		data[i] = (uint8_t)((check->sent + i) % SEQUENCE);
	if (send(check->feed, data, PIECE_BYTES, MSG_NOSIGNAL | MSG_DONTWAIT) != PIECE_BYTES)
		return fail_step(check, "write");
	check->sent += PIECE_BYTES;
	return 0;
}

/* Waits until all bytes passed to exit have left the backlog. */
static int await_drained(struct check *check, uint64_t bytes)
{
	for (int i = 0; i < LOOKS; i++) {
		struct tcp_info info;
		socklen_t info_bytes = sizeof(info);
		int queued;

		if (getsockopt(check->exit, IPPROTO_TCP, TCP_INFO, &info, &info_bytes) ||
		    ioctl(check->exit, SIOCOUTQ, &queued))
			return fail_step(check, "TCP_INFO");
		if (info.tcpi_bytes_acked + (uint64_t)queued >= bytes)
			return 0;
		usleep(5000);
	}
	return fail(check, "the kernel does not show when redirected bytes have left the backlog");
}

/* ---- properties ------------------------------------------------------------------------------ */

/* Like the relay: reads a piece that went up, waits for the backlog, writes it, releases the rest.
 */
static int relay_piece(struct check *check)
{
	uint8_t data[PIECE_BYTES];
	int err;

	if (recv(check->entry, data, PIECE_BYTES, MSG_WAITALL) != PIECE_BYTES)
		return fail(check, "bytes that went up are not delivered");
	err = await_drained(check, check->sent - PIECE_BYTES);
	if (err)
		return err;
	if (send(check->exit, data, PIECE_BYTES, MSG_NOSIGNAL) != PIECE_BYTES)
		return fail_step(check, "write");
	__atomic_store_n(&check->slot->taken, check->slot->taken + PIECE_BYTES, __ATOMIC_RELEASE);
	return 0;
}

/* Bytes that were queued before arrive when the socket is read, through the program. */
static int check_queued(struct check *check)
{
	int err = put(check);

	usleep(2000);
	if (!err)
		err = enrol(check, check->entry, check->entry_cookie);
	if (!err)
		err = enrol(check, check->exit, check->exit_cookie);
	if (!err)
		err = relay_piece(check);
	return err ? err
		   : await(check, &check->slot->seen, check->sent,
			   "bytes that were queued before do not pass the program");
}

/* Moved and written in turns; then all of it is read. */
static int check_order(struct check *check)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < PIECES; i++) {
		uint64_t moved = check->slot->moved;

		set_mode(check, i % 2 ? SPLICE_TUNNEL : SPLICE_OFF);
		err = put(check);
		if (!err && i % 2)
			err = await(check, &check->slot->moved, moved + PIECE_BYTES,
				    "the program does not move bytes");
		else if (!err)
			err = relay_piece(check);
	}
	return err ? err : expect(check, check->sent);
}

/* A receiver that does not read: at most the window is ahead of its acknowledgements. */
static int check_window(struct check *check)
{
	uint64_t moved = check->slot->moved;

	set_mode(check, SPLICE_TUNNEL);
	while (check->sent < WINDOW_PIECES * PIECE_BYTES) {
		struct pollfd ready = { .fd = check->feed, .events = POLLOUT };

		if (poll(&ready, 1, 20) != 1 || put(check))
			break; /* TCP's own window holds the sender, as it should */
	}
	if (check->slot->moved - moved > WINDOW_BYTES + RECEIVE_BYTES)
		return fail(check, "the window does not bound what is redirected");
	if (check->slot->seen == check->slot->moved + check->slot->taken)
		return fail(check, "bytes beyond the window do not go up");
	return 0;
}

static int check_bytes(struct check *check)
{
	int err = check_queued(check);

	if (!err)
		err = check_order(check);
	return err ? err : check_window(check);
}

/* FIN arrives after the last byte, at the process, which passes it on. */
static int check_end(struct check *check)
{
	char byte;
	int err;

	set_mode(check, SPLICE_TUNNEL);
	err = enrol(check, check->entry, check->entry_cookie);
	if (!err)
		err = enrol(check, check->exit, check->exit_cookie);
	for (uint32_t i = 0; !err && i < PIECES / 2; i++)
		err = put(check);
	if (err)
		return err;
	shutdown(check->feed, SHUT_WR);
	if (recv(check->entry, &byte, 1, 0) != 0 || check->slot->moved != check->sent)
		return fail(check, "the end of a stream comes before its bytes");
	err = await_drained(check, check->sent);
	if (err)
		return err;
	shutdown(check->exit, SHUT_WR);
	err = expect(check, check->sent);
	if (!err && recv(check->read, &byte, 1, 0) != 0)
		err = fail(check, "the end of a stream is lost");
	return err;
}

static void close_all(struct check *check)
{
	const int fds[] = { check->feed, check->entry, check->exit, check->read };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (check->slot)
		__atomic_store_n(&check->slot->cookie, 0, __ATOMIC_RELEASE);
	mapped_array_close(&check->slots);
}

static int run(const struct splice_check_maps *maps, int (*fn)(struct check *), char *error)
{
	struct check check = {
		.maps = maps, .feed = -1, .entry = -1, .exit = -1, .read = -1, .error = error
	};
	struct timeval wait = { .tv_sec = WAIT_MS / 1000 };
	int err = mapped_array_open(&check.slots, maps->slots, sizeof(struct splice_slot),
				    SLUICE_SLOTS_MAX, true);

	if (!err)
		err = make_pair(&check, &check.feed, &check.entry);

	if (!err)
		err = make_pair(&check, &check.read, &check.exit);
	if (!err)
		err = cookie_of(&check, check.entry, &check.entry_cookie);
	if (!err)
		err = cookie_of(&check, check.exit, &check.exit_cookie);
	if (!err)
		err = slot_take(&check);
	if (!err) {
		setsockopt(check.entry, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		setsockopt(check.read, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		err = fn(&check);
	}
	close_all(&check);
	return err;
}

int splice_check(const struct splice_check_maps *maps, char *error)
{
	int err = run(maps, check_bytes, error);

	return err ? err : run(maps, check_end, error);
}
