/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trim.h - release memory that only the start needed
 */
#ifndef SLUICE_BASE_TRIM_H
#define SLUICE_BASE_TRIM_H

/**
 * trim_memory - return free heap to the kernel, and unmap program text
 * Relocating libraries, loading BPF objects and reading all input touch code and tables that are
 * not used again. They stay in the page cache; parts in use are mapped again on first use.
 */
void trim_memory(void);

#endif /* SLUICE_BASE_TRIM_H */
