/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * remote.bpf.h - pods of other nodes: source NAT and its reply, tunnels and their end
 */
#ifndef SLUICE_REMOTE_BPF_H
#define SLUICE_REMOTE_BPF_H

#include "packet/fragment.bpf.h"
#include "flow/reply.bpf.h"
#include "flow/todo.bpf.h"
#include "forward/icmp.bpf.h"

#define ICMP4_EXPIRED (ICMP4_TIME_EXCEEDED << 8)
#define ICMP4_FRAG    (ICMP4_UNREACHABLE << 8 | ICMP4_FRAG_NEEDED)
#define ICMP6_EXPIRED (ICMP6_TIME_EXCEEDED << 8)
#define ICMP6_FRAG    (ICMP6_TOO_BIG << 8)

#include "packet/family4.h"
#include "forward/remote.tmpl.h"
#include "packet/family6.h"
#include "forward/remote.tmpl.h"

#endif /* SLUICE_REMOTE_BPF_H */
