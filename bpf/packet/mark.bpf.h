/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mark.bpf.h - what xdp_ingress tells tc_ingress, in the packet's metadata
 */
#ifndef SLUICE_MARK_BPF_H
#define SLUICE_MARK_BPF_H

#include "vmlinux.h"

#define AF_INET  2
#define AF_INET6 10

#define SEND_MARK 0x5105ce5du /* no other program is likely to write this */

struct send_mark {
	__u32 magic; /* SEND_MARK: to be sent by the stack, to the packet's own destination */
};

#endif /* SLUICE_MARK_BPF_H */
