/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reply.bpf.h - the reverse entry of a reply, and what the reply says of its flow's life
 *
 * An entry is in force while its flow is not over and its backend stands: what a pod sends of its
 * own to an address that was a client's once is none of ours, nor what another pod sends that has
 * its address now.
 */
#ifndef SLUICE_REPLY_BPF_H
#define SLUICE_REPLY_BPF_H

#include "node/count.bpf.h"
#include "node/time.bpf.h"
#include "flow/backend.bpf.h"
#include "packet/family.bpf.h"
#include "sluice_flow.h"

#include "packet/family4.h"
#include "flow/reply.tmpl.h"
#include "packet/family6.h"
#include "flow/reply.tmpl.h"

#endif /* SLUICE_REPLY_BPF_H */
