// SPDX-License-Identifier: Apache-2.0
#include "proxy/splice/splice_calls.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handoff/control.h"

/* vm.mmap_min_addr where it is set at all; programs and libraries lie far above. */
#define LOWEST_ADDRESS 0x10000u

static const union bpf_attr *calls; /* SPLICE_CALL_COUNT of them, in a page of their own */
static uint64_t key, value;         /* of the call that is made; a worker is one thread */

int splice_calls_prepare(void)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	static const int maps[SPLICE_CALL_COUNT] = {
		[SPLICE_CALL_SOCKS] = CONTROL_FD_SOCKS,
		[SPLICE_CALL_SINKS] = CONTROL_FD_SINKS,
	};
	union bpf_attr *page;

	page = mmap((void *)(uintptr_t)LOWEST_ADDRESS, page_bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	for (unsigned int i = 0; i < SPLICE_CALL_COUNT; i++) {
		page[i].map_fd = (uint32_t)maps[i];
		page[i].key = (uint64_t)(uintptr_t)&key;
		page[i].value = (uint64_t)(uintptr_t)&value;
		page[i].flags = BPF_ANY;
	}
	if (mprotect(page, page_bytes, PROT_READ)) {
		int err = -errno;

		munmap(page, page_bytes);
		return err;
	}
	calls = page;
	return 0;
}

int splice_calls_put(enum splice_call call, uint64_t cookie, int fd)
{
	key = cookie;
	value = (uint64_t)fd;
	return syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &calls[call], sizeof(calls[call])) ? -errno
											: 0;
}

struct splice_calls_place splice_calls_place(void)
{
	struct splice_calls_place place = { .call_bytes = sizeof(union bpf_attr) };

	if (!calls)
		return (struct splice_calls_place){ 0 };
	for (unsigned int i = 0; i < SPLICE_CALL_COUNT; i++)
		place.calls[i] = (uintptr_t)&calls[i];
	place.above = (uintptr_t)calls + (size_t)sysconf(_SC_PAGESIZE);
	return place;
}
