/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tc_rewrite.bpf.h - what rewrite.bpf.h does, to a packet that TC has in hand
 *
 * By the helpers of tc_nat.bpf.h, after which packet pointers are void.
 */
#ifndef SLUICE_TC_REWRITE_BPF_H
#define SLUICE_TC_REWRITE_BPF_H

#ifndef SLUICE_TC
#define SLUICE_TC
#endif
#include "forward/tc_nat.bpf.h"

#include "packet/family4.h"
#include "packet/tc_rewrite.tmpl.h"
#include "packet/family6.h"
#include "packet/tc_rewrite.tmpl.h"

#endif /* SLUICE_TC_REWRITE_BPF_H */
