/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates.h - the memfd by which sluiced hands keys to the workers (CONTROL_CERTIFICATES)
 *
 * Always the whole set: what a message does not hold, the worker forgets. Layout, host byte order:
 *
 *   struct certificates_header
 *   .ticket_keys_count x struct certificates_ticket_key    the first one encrypts, all decrypt
 *   .count x { struct certificates_record, name, chain, key, ocsp; padded with zeros to 8 bytes }
 *
 * Names are "namespace/secret", as the snapshot's secret_name and ca_name. A record without a key
 * is a bundle of CA certificates by which backends are verified. Chain and key are PEM, ocsp is an
 * OCSP response in DER (RFC 6960) that goes with the certificate, or nothing.
 */
#ifndef SLUICE_PROXY_CERTIFICATES_H
#define SLUICE_PROXY_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#define CERTIFICATES_MAGIC           0x63756c53u /* "Sluc" */
#define CERTIFICATES_TICKET_KEYS_MAX 4u
#define CERTIFICATES_BYTES_MAX       (256u << 20)
#define CERTIFICATES_NAME_MAX        320u /* 63 + 1 + 253 and room */

/* Name of the record with the roots of the system; no Secret's: those have a slash. */
#define CERTIFICATES_SYSTEM "system"

struct certificates_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t hmac[32];
};

struct certificates_header {
	uint32_t magic;
	uint32_t count;
	uint32_t ticket_keys_count; /* 0: each worker makes its own */
	uint32_t default_index;     /* record of --default-certificate; >= count: none */
};

struct certificates_record {
	uint32_t name_bytes;
	uint32_t chain_bytes;
	uint32_t key_bytes;
	uint32_t ocsp_bytes;
};

/* One certificate or CA bundle as both sides see it; slices, not NUL-terminated, borrowed. */
struct certificate {
	const char *name;
	size_t name_bytes;
	const char *chain; /* PEM, leaf first */
	size_t chain_bytes;
	const char *key; /* PEM; key_bytes 0: CA bundle */
	size_t key_bytes;
	const char *ocsp; /* DER; ocsp_bytes 0: none */
	size_t ocsp_bytes;
};

/**
 * certificates_write - make the memfd, sealed
 * @default_index: which of @list is the default certificate; @count: none
 * @ticket_keys: newest first; sluiced makes one at start, puts a new one in front every 12 hours
 *               and keeps one more, so that tickets live up to a day
 * Return: 0 with *fd_out owned by the caller and *bytes_out; -E2BIG; -EINVAL a name or PEM is
 * empty; -errno.
 */
int certificates_write(const struct certificate *list, uint32_t count, uint32_t default_index,
		       const struct certificates_ticket_key *ticket_keys,
		       uint32_t ticket_keys_count, int *fd_out, size_t *bytes_out);

struct certificates; /* a mapped set */

/**
 * certificates_open - map and check a set
 * @fd: not kept
 * Return: 0; -EINVAL if seals, size or any length is not right; -errno.
 */
int certificates_open(int fd, size_t bytes, struct certificates **out);
void certificates_close(struct certificates *set); /* takes NULL */

const struct certificates_header *certificates_head(const struct certificates *set);
const struct certificates_ticket_key *certificates_ticket_keys(const struct certificates *set);

/* Slices of record @index < count, valid until certificates_close(). */
struct certificate certificates_get(const struct certificates *set, uint32_t index);

#endif /* SLUICE_PROXY_CERTIFICATES_H */
