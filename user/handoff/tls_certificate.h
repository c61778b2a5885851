/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_certificate.h - one certificate with its key
 *
 * Used by the helper to serve it and by sluiced to tell beforehand whether it can be.
 */
#ifndef SLUICE_PROXY_TLS_CERTIFICATE_H
#define SLUICE_PROXY_TLS_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdint.h>
#include <time.h>

#include "handoff/certificates.h"

/* Counted: shared by the sets that hold it. */
struct tls_certificate {
	unsigned int refs;
	unsigned char digest[32]; /* of what it was made from; its owner's to use */
	X509 *leaf;               /* owned */
	STACK_OF(X509) * chain;   /* owned; without the leaf */
	EVP_PKEY *key;            /* owned; OpenSSL zeroes it */
	unsigned char *ocsp;      /* owned; DER of a response that may be stapled; NULL: none */
	size_t ocsp_bytes;
	time_t ocsp_until_s; /* it says nothing after that */
};

/**
 * tls_certificate_load - parse certificate, chain, key and OCSP response
 * A response that is of no use is left out with a log line.
 * @out: one reference
 * @fault: out, with -EIO: what is wrong, in words that go after the name of the Secret; not owned
 * Return: 0; -EIO; -ENOMEM.
 */
int tls_certificate_load(const struct certificate *pem, struct tls_certificate **out,
			 const char **fault);

/* One made here, signed by itself, for any host. @out: one reference. Return: 0; -EIO; -ENOMEM. */
int tls_certificate_self_signed(struct tls_certificate **out);

struct tls_certificate *tls_certificate_get(struct tls_certificate *certificate);
void tls_certificate_put(struct tls_certificate *certificate); /* takes NULL */

/* When it ends, Unix time. */
int64_t tls_certificate_end_s(const struct tls_certificate *certificate);

#endif /* SLUICE_PROXY_TLS_CERTIFICATE_H */
