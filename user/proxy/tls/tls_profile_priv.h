/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_profile_priv.h - what a profile holds, for tls_client.c, which makes them
 */
#ifndef SLUICE_PROXY_TLS_PROFILE_PRIV_H
#define SLUICE_PROXY_TLS_PROFILE_PRIV_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/inet.h"

#define TLS_NAMES_MAX 4

struct tls_client;

/* One bundle of CA certificates, or (without PEM) none: any certificate is taken. */
struct tls_authority {
	unsigned int refs;
	unsigned char digest[32];
	char *pem; /* owned; NULL once it is parsed */
	size_t pem_bytes;
	SSL_CTX *ctx; /* owned; NULL until it is needed */
};

struct tls_profile {
	unsigned int refs;
	uint64_t id;
	struct tls_client *client;       /* borrowed */
	struct tls_authority *authority; /* one reference */
	char *service;                   /* owned; for the log */
	char *names[TLS_NAMES_MAX];      /* owned; the first is sent as SNI */
	unsigned int names_count;
	struct inet_addr addr; /* .by_addr: of this address instead of a name */
	bool by_addr;
	bool by_dialled; /* the address dialled does as well as a name */
	bool insecure, http2;
	time_t warned_s;
	uint64_t failed_count; /* since then */
};

void tls_authority_put(struct tls_authority *authority); /* takes NULL */

#endif /* SLUICE_PROXY_TLS_PROFILE_PRIV_H */
