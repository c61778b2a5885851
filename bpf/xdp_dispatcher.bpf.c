// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xdp_dispatcher - the program on the interface where libxdp lets several XDP programs share it
 *
 * An object of its own, which libxdp loads in place of the one it brings: newer kernels take a
 * program that may move the packet (bpf_xdp_adjust_head) only for a function that may do so too,
 * and the slots of libxdp's dispatcher before xdp-tools 1.5.5 do not. Here they do, by a call
 * that is never made.
 *
 * Names, configuration and the verdict of an empty slot are libxdp's protocol, version 2
 * (protocol.org of xdp-tools): it fills .rodata before the load and replaces prog0 to prog9 by
 * programs.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define _LINUX_TYPES_H /* vmlinux.h has what it would bring */
#include <xdp/prog_dispatcher.h>

static const volatile struct xdp_dispatcher_config conf = {};

/* The value is volatile, so that the compiler keeps the call; the verifier then cuts it out. */
#define SLOT(name)                                            \
	__noinline int name(struct xdp_md *ctx)               \
	{                                                     \
		volatile int verdict = XDP_DISPATCHER_RETVAL; \
                                                              \
		if (!ctx)                                     \
			return XDP_ABORTED;                   \
		if (verdict != XDP_DISPATCHER_RETVAL)         \
			bpf_xdp_adjust_head(ctx, 0);          \
		return verdict;                               \
	}

SLOT(prog0)
SLOT(prog1)
SLOT(prog2)
SLOT(prog3)
SLOT(prog4)
SLOT(prog5)
SLOT(prog6)
SLOT(prog7)
SLOT(prog8)
SLOT(prog9)
SLOT(compat_test) /* for libxdp's trial of the kernel; below it is called, so that it stays */

/* The verdict of one program is final unless its actions say that the next is asked. */
#define RUN(number)                                                            \
	do {                                                                   \
		if (conf.num_progs_enabled <= (number))                        \
			return XDP_PASS;                                       \
		verdict = prog##number(ctx);                                   \
		if (!(1U << (verdict & 31) & conf.chain_call_actions[number])) \
			return verdict;                                        \
	} while (0)

SEC("xdp")
int xdp_dispatcher(struct xdp_md *ctx)
{
	int verdict;

	RUN(0);
	RUN(1);
	RUN(2);
	RUN(3);
	RUN(4);
	RUN(5);
	RUN(6);
	RUN(7);
	RUN(8);
	RUN(9);
	if (conf.num_progs_enabled <= MAX_DISPATCHER_ACTIONS)
		return XDP_PASS;
	return compat_test(ctx);
}

/* What libxdp puts into compat_test in its trial. */
SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

__uint(dispatcher_version, XDP_DISPATCHER_VERSION) SEC(XDP_METADATA_SECTION);
char _license[] SEC("license") = "Dual BSD/GPL";
