/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp_in.bpf.h - ICMP to an address of a frontend, or of this node: echo is answered for
 * frontends, errors are translated and follow the flow that they are about
 */
#ifndef SLUICE_ICMP_IN_BPF_H
#define SLUICE_ICMP_IN_BPF_H

#include "forward/tunnel_error.bpf.h"

#include "packet/family4.h"
#include "forward/icmp_in.tmpl.h"
#include "packet/family6.h"
#include "forward/icmp_in.tmpl.h"

#endif /* SLUICE_ICMP_IN_BPF_H */
