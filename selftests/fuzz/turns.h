/* SPDX-License-Identifier: Apache-2.0 */
/* turns.h - a worker's loop for fuzzers: it ends when nothing more can happen without input */
#ifndef SELFTESTS_FUZZ_TURNS_H
#define SELFTESTS_FUZZ_TURNS_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "proxy/loop/stream.h"
#include "proxy/worker.h"

#define TURNS_MAX 100000

/**
 * run_turns - everything that may go on without more input
 * @peer_fd: the other end, which is the fuzzer's: what is sent there is dropped; -1: none
 * @slabs: those of the worker whose objects may have been freed
 */
static inline void run_turns(struct worker *worker, int peer_fd, struct slab *const *slabs,
			     size_t slabs_count)
{
	struct epoll_event events[4];
	char dust[65536];

	for (int turn = 0; turn < TURNS_MAX; turn++) {
		int count = epoll_wait(worker->epoll, events, 4, 0);
		ssize_t got;

		for (int i = 0; i < count; i++)
			stream_events(events[i].data.ptr, events[i].events);
		while (worker->tasks.next != &worker->tasks) {
			struct task *task = worker->tasks.next;

			task_cancel(task);
			task->fn(task);
		}
		for (size_t i = 0; i < slabs_count; i++)
			slab_settle(slabs[i]);
		got = peer_fd >= 0 ? recv(peer_fd, dust, sizeof(dust), MSG_DONTWAIT) : -1;
		if (count <= 0 && got <= 0)
			return;
	}
}

#endif /* SELFTESTS_FUZZ_TURNS_H */
