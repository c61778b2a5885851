/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_key.bpf.h - the flow that a parsed packet belongs to
 */
#ifndef SLUICE_FLOW_KEY_BPF_H
#define SLUICE_FLOW_KEY_BPF_H

#include "packet/family.bpf.h"

#include "packet/family4.h"
#include "packet/flow_key.tmpl.h"
#include "packet/family6.h"
#include "packet/flow_key.tmpl.h"

#endif /* SLUICE_FLOW_KEY_BPF_H */
