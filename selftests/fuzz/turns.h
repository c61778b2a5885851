/* SPDX-License-Identifier: Apache-2.0 */
/* turns.h - a loop for fuzzers: it ends when nothing more can happen without input */
#ifndef SELFTESTS_FUZZ_TURNS_H
#define SELFTESTS_FUZZ_TURNS_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "proxy/loop/stream.h"
#include "proxy/loop/turn.h"

#define TURNS_MAX 100000

/**
 * run_turns - everything that may go on without more input
 * @peer_fd: the other end, which is the fuzzer's: what is sent there is dropped; -1: none
 */
static inline void run_turns(struct turn *loop, int peer_fd)
{
	struct epoll_event events[4];
	char dust[65536];

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		int count = epoll_wait(loop->epoll, events, 4, 0);
		ssize_t got;

		for (int i = 0; i < count; i++)
			stream_events(events[i].data.ptr, events[i].events);
		while (loop->tasks.next != &loop->tasks)
			turn_run_tasks(loop);
		turn_settle(loop);
		got = peer_fd >= 0 ? recv(peer_fd, dust, sizeof(dust), MSG_DONTWAIT) : -1;
		if (count <= 0 && got <= 0)
			return;
	}
}

#endif /* SELFTESTS_FUZZ_TURNS_H */
