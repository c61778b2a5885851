/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice_enrol.h - sockets that the kernel may move bytes of
 */
#ifndef SLUICE_PROXY_SPLICE_ENROL_H
#define SLUICE_PROXY_SPLICE_ENROL_H

#include "proxy/splice/splice.h"

/**
 * splice_enrol_source, splice_enrol_sink - put a socket into a map, once
 * The stream becomes one that keeps the rules. Nothing is moved before splice_arm(). Whoever reads
 * the stream must have emptied it: the bytes of a packet that is half read would come twice.
 * Return: the end; NULL: no slot, or the kernel refused.
 */
struct splice_end *splice_enrol_source(struct splice *splice, struct stream *stream);
struct splice_end *splice_enrol_sink(struct splice *splice, struct stream *stream);

#endif /* SLUICE_PROXY_SPLICE_ENROL_H */
