/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_hello.h - the server name that a TLS client asks for, read without answering him
 *
 * Strict where it decides who gets a connection: the whole message must be there and well-formed.
 * What is refused here is left to the TLS library, which answers it with an alert.
 */
#ifndef SLUICE_PROXY_CLIENT_HELLO_H
#define SLUICE_PROXY_CLIENT_HELLO_H

#include <stddef.h>

/* Of the message. Ten times what post-quantum key shares make of it; more is nobody's. */
#define CLIENT_HELLO_BYTES_MAX 16384u
#define CLIENT_HELLO_NAME_MAX  255u

struct client_hello {
	char server_name[CLIENT_HELLO_NAME_MAX];
	size_t server_name_bytes; /* 0: none was sent */
};

/**
 * client_hello_parse - read a ClientHello from the first bytes of a connection
 * The message may be cut into records, and these may be cut, anywhere. Allocates nothing, keeps no
 * state: called again from the beginning when more has come.
 * Return: 0; -EAGAIN more bytes are needed; -EBADMSG no TLS, malformed, or too long.
 * Source: RFC 8446 4.1.2, 5.1; RFC 6066 3.
 */
int client_hello_parse(const void *data, size_t bytes, struct client_hello *out);

#endif /* SLUICE_PROXY_CLIENT_HELLO_H */
