/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice_priv.h - between the files of the splice
 */
#ifndef SLUICE_PROXY_SPLICE_PRIV_H
#define SLUICE_PROXY_SPLICE_PRIV_H

#include <stdint.h>

struct splice_end;
struct stream_ops;

extern const struct stream_ops splice_stream_ops; /* in splice_stream.c */

/* Gives back its slot and its memory. */
void splice_end_free(struct splice_end *end);

/* Bytes that the peer has acknowledged. Return: 0; -errno. */
int splice_bytes_acked(int fd, uint64_t *out);

#endif /* SLUICE_PROXY_SPLICE_PRIV_H */
