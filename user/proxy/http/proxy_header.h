/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_header.h - the PROXY protocol: the client of a connection, named before its first byte
 *
 * Source: "The PROXY protocol, versions 1 & 2", HAProxy Technologies, sections 2.1 and 2.2.
 */
#ifndef SLUICE_PROXY_PROXY_HEADER_H
#define SLUICE_PROXY_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

/* Of one that is read, what is after its addresses (TLVs) included; longer ones are refused. */
#define PROXY_HEADER_BYTES_MAX 4096u
/* Of one that is written. */
#define PROXY_HEADER_WRITE_MAX 128u

struct proxy_ends {
	struct inet_addr source, destination;
	uint16_t source_port, destination_port; /* host order */
};

struct proxy_header {
	size_t bytes; /* of the header: what is after it is the connection's */
	bool known;   /* .ends is set; else the addresses of the connection itself count */
	struct proxy_ends ends; /* both of one family */
};

/**
 * proxy_header_parse - read a header of either version
 * Keeps no state: called again from the beginning when more has come.
 * Return: 0; -EAGAIN more bytes are needed; -EBADMSG.
 */
int proxy_header_parse(const void *data, size_t bytes, struct proxy_header *out);

/**
 * proxy_header_write - write one
 * @version: 1 or 2
 * @ends: of two families: written as unknown
 * Return: bytes written, at most PROXY_HEADER_WRITE_MAX.
 */
size_t proxy_header_write(unsigned int version, const struct proxy_ends *ends,
			  char out[PROXY_HEADER_WRITE_MAX]);

#endif /* SLUICE_PROXY_PROXY_HEADER_H */
