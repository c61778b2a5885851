/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox.h - limits a worker, once it holds its descriptors, to its connections
 */
#ifndef SLUICE_PROXY_SANDBOX_H
#define SLUICE_PROXY_SANDBOX_H

/**
 * sandbox_enter - no capability, no new privilege, no core file, no system call beyond the list
 * Of bpf(2) the calls of splice_calls.h pass, if they were prepared, and no others. A call that is
 * not on the list fails with EPERM; a call that only an intruder makes kills.
 * Return: 0; -errno with a log line.
 */
int sandbox_enter(void);

#endif /* SLUICE_PROXY_SANDBOX_H */
