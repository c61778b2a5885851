/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trim.h - give memory back that only the start needed
 */
#ifndef SLUICE_BASE_TRIM_H
#define SLUICE_BASE_TRIM_H

/**
 * trim_memory - free heap goes back to the kernel, program text out of this process' page tables
 * Relocating libraries, loading BPF objects, reading all of the input touch code and tables that
 * are not used again. They stay in the page cache; what is used is mapped again on first use.
 */
void trim_memory(void);

#endif /* SLUICE_BASE_TRIM_H */
