/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * time.bpf.h - units of time; all times are those of CLOCK_MONOTONIC_COARSE, which costs 3 ns
 */
#ifndef SLUICE_TIME_BPF_H
#define SLUICE_TIME_BPF_H

#define NS_PER_S 1000000000ull

#endif /* SLUICE_TIME_BPF_H */
