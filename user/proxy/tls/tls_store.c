// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/tls_store.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/strmap.h"
#include "handoff/tls_certificate.h"

struct tls_store {
	struct strmap by_name;               /* "ns/secret" -> struct tls_certificate, one ref */
	struct tls_certificate *fallback;    /* one ref: --default-certificate or the self-signed */
	struct tls_certificate *self_signed; /* one ref */
	struct certificates_ticket_key ticket_keys[CERTIFICATES_TICKET_KEYS_MAX];
	uint32_t ticket_keys_count;
};

void tls_store_digest(const struct certificate *pem, unsigned char out[SHA256_DIGEST_LENGTH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		  EVP_DigestUpdate(ctx, &pem->chain_bytes, sizeof(pem->chain_bytes)) &&
		  EVP_DigestUpdate(ctx, pem->chain, pem->chain_bytes) &&
		  EVP_DigestUpdate(ctx, pem->key, pem->key_bytes) &&
		  EVP_DigestUpdate(ctx, pem->ocsp, pem->ocsp_bytes) &&
		  EVP_DigestFinal_ex(ctx, out, NULL);

	if (!ok) /* random: equal to no other, so nothing is shared */
		RAND_bytes(out, SHA256_DIGEST_LENGTH);
	EVP_MD_CTX_free(ctx);
}

/* Return: 0 and *out, NULL if it does not load and is left out; -ENOMEM: it may load later. */
static int load(const struct certificate *pem, const unsigned char *digest,
		struct tls_certificate **out)
{
	struct tls_certificate *c = NULL;
	const char *fault = "";
	int err = tls_certificate_load(pem, &c, &fault);

	if (err == -ENOMEM)
		return err;
	if (err)
		log_warn("proxy: TLS secret %.*s %s; the default certificate serves its hosts",
			 (int)pem->name_bytes, pem->name, fault);
	else
		memcpy(c->digest, digest, sizeof(c->digest));
	*out = err ? NULL : c;
	return 0;
}

int tls_store_new(struct tls_store **out)
{
	struct tls_store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return -ENOMEM;
	err = tls_certificate_self_signed(&store->self_signed);
	if (err) {
		tls_store_free(store);
		return err;
	}
	store->fallback = tls_certificate_get(store->self_signed);
	*out = store;
	return 0;
}

void tls_store_free(struct tls_store *store)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	if (!store)
		return;
	while ((entry = strmap_next(&store->by_name, &position)) != NULL)
		tls_certificate_put(entry->value);
	strmap_clear(&store->by_name);
	tls_certificate_put(store->fallback);
	tls_certificate_put(store->self_signed);
	OPENSSL_cleanse(store->ticket_keys, sizeof(store->ticket_keys));
	free(store);
}

/* Adds one record. Return: 0, also if it does not load; -ENOMEM. */
static int add(struct tls_store *store, const struct tls_store *before,
	       const struct certificate *pem, bool is_default)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char name[CERTIFICATES_NAME_MAX + 1];
	struct tls_certificate *known, *c;
	void *old = NULL;
	int err = 0;

	if (!pem->key_bytes)
		return 0; /* a CA bundle: not for the side of the clients */
	memcpy(name, pem->name, pem->name_bytes);
	name[pem->name_bytes] = '\0';
	tls_store_digest(pem, digest);
	known = strmap_get(&before->by_name, name);
	if (known && !memcmp(known->digest, digest, sizeof(digest)))
		c = tls_certificate_get(known);
	else
		err = load(pem, digest, &c);
	if (err || !c)
		return err;
	if (is_default) {
		tls_certificate_put(store->fallback);
		store->fallback = tls_certificate_get(c);
	}
	err = strmap_put(&store->by_name, name, c, &old);
	tls_certificate_put(err ? c : old);
	return err;
}

int tls_store_load(const struct certificates *set, const struct tls_store *before,
		   struct tls_store **out)
{
	const struct certificates_header *header = certificates_head(set);
	struct tls_store *store = calloc(1, sizeof(*store));
	int err = 0;

	if (!store)
		return -ENOMEM;
	store->self_signed = tls_certificate_get(before->self_signed);
	store->fallback = tls_certificate_get(before->self_signed);
	store->ticket_keys_count = header->ticket_keys_count;
	memcpy(store->ticket_keys, certificates_ticket_keys(set),
	       header->ticket_keys_count * sizeof(store->ticket_keys[0]));
	for (uint32_t i = 0; !err && i < header->count; i++) {
		struct certificate pem = certificates_get(set, i);

		err = add(store, before, &pem, i == header->default_index);
	}
	if (err) {
		tls_store_free(store);
		return err;
	}
	*out = store;
	return 0;
}

static int staple(const struct tls_certificate *c, SSL *ssl)
{
	unsigned char *copy; /* OpenSSL's once it is set */

	if (!c->ocsp || SSL_get_tlsext_status_type(ssl) != TLSEXT_STATUSTYPE_ocsp ||
	    time(NULL) >= c->ocsp_until_s)
		return 0;
	copy = OPENSSL_memdup(c->ocsp, c->ocsp_bytes);
	if (!copy)
		return -ENOMEM;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->ocsp_bytes);
	return 0;
}

int tls_store_use(const struct tls_store *store, const char *name, SSL *ssl)
{
	const struct tls_certificate *c = name ? strmap_get(&store->by_name, name) : NULL;

	if (!c)
		c = store->fallback;
	if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1)
		return -EIO;
	return staple(c, ssl);
}

const struct certificates_ticket_key *tls_store_ticket_keys(const struct tls_store *store,
							    uint32_t *count)
{
	*count = store->ticket_keys_count;
	return store->ticket_keys_count ? store->ticket_keys : NULL;
}
