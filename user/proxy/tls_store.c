// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls_store.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strmap.h"

#define SELF_SIGNED_DAYS 3650

/* One certificate with its key; shared by the stores that hold it. */
struct tls_certificate {
	unsigned int refs;
	unsigned char digest[SHA256_DIGEST_LENGTH]; /* of the PEM texts */
	X509 *leaf;                                 /* owned */
	STACK_OF(X509) * chain;                     /* owned; without the leaf */
	EVP_PKEY *key;                              /* owned; OpenSSL zeroes it */
};

struct tls_store {
	struct strmap by_name;               /* "ns/secret" -> struct tls_certificate, one ref */
	struct tls_certificate *fallback;    /* one ref: --default-certificate or the self-signed */
	struct tls_certificate *self_signed; /* one ref */
	struct certificates_ticket_key ticket_keys[CERTIFICATES_TICKET_KEYS_MAX];
	uint32_t ticket_keys_count;
};

/* ---- one certificate ---------------------------------------------------------------------------- */

static void certificate_put(struct tls_certificate *c)
{
	if (!c || --c->refs)
		return;
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c);
}

static struct tls_certificate *certificate_get(struct tls_certificate *c)
{
	c->refs++;
	return c;
}

/* Never asks a terminal for the pass phrase of an encrypted key: such a key does not load. */
static int no_pass_phrase(char *buffer, int size, int writing, void *ctx)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int read_chain(struct tls_certificate *c, const struct certificate *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->chain, (int)pem->chain_bytes);
	X509 *issuer;
	int err = -EIO;

	if (!bio)
		return -ENOMEM;
	c->leaf = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL);
	c->chain = sk_X509_new_null();
	if (!c->leaf || !c->chain)
		goto out;
	while ((issuer = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL)) != NULL) {
		if (!sk_X509_push(c->chain, issuer)) {
			X509_free(issuer);
			goto out;
		}
	}
	ERR_clear_error(); /* the end of the file is told as an error */
	err = 0;
out:
	BIO_free(bio);
	return err;
}

static int read_key(struct tls_certificate *c, const struct certificate *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->key, (int)pem->key_bytes);

	if (!bio)
		return -ENOMEM;
	c->key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	BIO_free(bio);
	return c->key && X509_check_private_key(c->leaf, c->key) == 1 ? 0 : -EIO;
}

void tls_store_digest(const struct certificate *pem, unsigned char out[SHA256_DIGEST_LENGTH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		  EVP_DigestUpdate(ctx, &pem->chain_bytes, sizeof(pem->chain_bytes)) &&
		  EVP_DigestUpdate(ctx, pem->chain, pem->chain_bytes) &&
		  EVP_DigestUpdate(ctx, pem->key, pem->key_bytes) &&
		  EVP_DigestFinal_ex(ctx, out, NULL);

	if (!ok) /* random: equal to no other, so nothing is shared */
		RAND_bytes(out, SHA256_DIGEST_LENGTH);
	EVP_MD_CTX_free(ctx);
}

static struct tls_certificate *certificate_load(const struct certificate *pem,
						const unsigned char *digest)
{
	struct tls_certificate *c = calloc(1, sizeof(*c));
	const char *what = "certificate";
	int err = -ENOMEM;

	if (c) {
		c->refs = 1;
		memcpy(c->digest, digest, sizeof(c->digest));
		err = read_chain(c, pem);
		if (!err) {
			what = "key (not PEM, encrypted, or not of this certificate)";
			err = read_key(c, pem);
		}
	}
	if (err) {
		log_warn("proxy: TLS secret %.*s: its %s does not load; the default certificate "
			 "serves its hosts",
			 (int)pem->name_bytes, pem->name, what);
		ERR_clear_error();
		certificate_put(c);
		return NULL;
	}
	return c;
}

/* ---- the one made at start ---------------------------------------------------------------------- */

static int sign_self(struct tls_certificate *c)
{
	X509_NAME *name = X509_get_subject_name(c->leaf);
	uint64_t serial;

	if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
		return -EIO;
	if (!X509_set_version(c->leaf, X509_VERSION_3) ||
	    !ASN1_INTEGER_set_uint64(X509_get_serialNumber(c->leaf), serial) ||
	    !X509_gmtime_adj(X509_getm_notBefore(c->leaf), -3600) ||
	    !X509_time_adj_ex(X509_getm_notAfter(c->leaf), SELF_SIGNED_DAYS, 0, NULL) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					(const unsigned char *)"Sluice default certificate", -1, -1,
					0) ||
	    !X509_set_issuer_name(c->leaf, name) || !X509_set_pubkey(c->leaf, c->key) ||
	    !X509_sign(c->leaf, c->key, EVP_sha256()))
		return -EIO;
	return 0;
}

static int make_self_signed(struct tls_certificate **out)
{
	struct tls_certificate *c = calloc(1, sizeof(*c));
	int err = -EIO;

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->key = EVP_EC_gen("P-256");
	c->leaf = X509_new();
	if (c->key && c->leaf)
		err = sign_self(c);
	if (err) {
		certificate_put(c);
		return err;
	}
	*out = c;
	return 0;
}

/* ---- the store ---------------------------------------------------------------------------------- */

int tls_store_new(struct tls_store **out)
{
	struct tls_store *store = calloc(1, sizeof(*store));
	int err;

	if (!store)
		return -ENOMEM;
	err = make_self_signed(&store->self_signed);
	if (err) {
		tls_store_free(store);
		return err;
	}
	store->fallback = certificate_get(store->self_signed);
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
		certificate_put(entry->value);
	strmap_clear(&store->by_name);
	certificate_put(store->fallback);
	certificate_put(store->self_signed);
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
	int err;

	if (!pem->key_bytes)
		return 0; /* a CA bundle: not for the side of the clients */
	memcpy(name, pem->name, pem->name_bytes);
	name[pem->name_bytes] = '\0';
	tls_store_digest(pem, digest);
	known = strmap_get(&before->by_name, name);
	if (known && !memcmp(known->digest, digest, sizeof(digest)))
		c = certificate_get(known);
	else
		c = certificate_load(pem, digest);
	if (!c)
		return 0;
	if (is_default) {
		certificate_put(store->fallback);
		store->fallback = certificate_get(c);
	}
	err = strmap_put(&store->by_name, name, c, &old);
	certificate_put(err ? c : old);
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
	store->self_signed = certificate_get(before->self_signed);
	store->fallback = certificate_get(before->self_signed);
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

int tls_store_use(const struct tls_store *store, const char *name, SSL *ssl)
{
	const struct tls_certificate *c = name ? strmap_get(&store->by_name, name) : NULL;

	if (!c)
		c = store->fallback;
	return SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) == 1 ? 0 : -EIO;
}

const struct certificates_ticket_key *tls_store_ticket_keys(const struct tls_store *store,
							    uint32_t *count)
{
	*count = store->ticket_keys_count;
	return store->ticket_keys_count ? store->ticket_keys : NULL;
}
