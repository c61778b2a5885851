/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice_calls.h - the only two calls of bpf(2) that a worker ever makes
 *
 * They put a socket of ours into the map of sockets and into that of receivers. Their arguments
 * lie in a page that is read-only before the sandbox begins, below all other memory. The filter
 * of system calls compares addresses, so it lets exactly these two pass, and nothing that could
 * replace the page: a worker that was captured cannot write to another map whose descriptor it
 * holds.
 */
#ifndef SLUICE_PROXY_SPLICE_CALLS_H
#define SLUICE_PROXY_SPLICE_CALLS_H

#include <stdint.h>

enum splice_call { SPLICE_CALL_SOCKS, SPLICE_CALL_SINKS, SPLICE_CALL_COUNT };

/**
 * splice_calls_prepare - make the page
 * Return: 0; -errno: the low addresses are taken.
 */
int splice_calls_prepare(void);

/* Puts a socket into one of the maps. Return: 0; -errno. */
int splice_calls_put(enum splice_call call, uint64_t cookie, int fd);

/* For the filter: where the arguments lie, their size, and the first address above the page. All 0
 * without splice_calls_prepare(). */
struct splice_calls_place {
	uintptr_t calls[SPLICE_CALL_COUNT];
	uintptr_t above;
	uint32_t call_bytes;
};
struct splice_calls_place splice_calls_place(void);

#endif /* SLUICE_PROXY_SPLICE_CALLS_H */
