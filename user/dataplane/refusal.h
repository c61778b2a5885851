/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.h - why the kernel refused to load a program: privilege, a missing feature, or its
 * verifier
 */
#ifndef SLUICE_DATAPLANE_REFUSAL_H
#define SLUICE_DATAPLANE_REFUSAL_H

#include <stdarg.h>

#include <bpf/libbpf.h>

/* Clears the records, before each load. */
void refusal_reset(void);

/* Notes the last warning of libbpf, and the last lines of the verifier. @text: of one message */
void refusal_note(enum libbpf_print_level level, const char *text);

/**
 * refusal_describe - explain the load failure @err
 * @error: out, DATAPLANE_ERROR_MAX
 * Return: -EACCES the verifier refused a program; -EPERM no privilege; -EOPNOTSUPP the kernel lacks
 * a feature; else @err.
 */
int refusal_describe(int err, char *error);

#endif /* SLUICE_DATAPLANE_REFUSAL_H */
