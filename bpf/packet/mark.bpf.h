/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mark.bpf.h - what xdp_ingress tells tc_ingress, in the packet's metadata
 */
#ifndef SLUICE_MARK_BPF_H
#define SLUICE_MARK_BPF_H

#include "vmlinux.h"

#define AF_INET  2
#define AF_INET6 10

/* No other program is likely to write these. */
#define SEND_MARK 0x5105ce5du /* to be sent by the stack, to the packet's own destination */
#define BACK_MARK 0x5105ce5eu /* to be sent as it is, by the device that it came in by */

struct send_mark {
	__u32 magic;
};

#endif /* SLUICE_MARK_BPF_H */
