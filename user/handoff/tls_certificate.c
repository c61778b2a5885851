// SPDX-License-Identifier: Apache-2.0
#include "handoff/tls_certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define SELF_SIGNED_DAYS 3650

void tls_certificate_put(struct tls_certificate *c)
{
	if (!c || --c->refs)
		return;
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c->ocsp);
	free(c);
}

struct tls_certificate *tls_certificate_get(struct tls_certificate *c)
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
	ERR_clear_error(); /* the end of the file is reported as an error */
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

/* ---- OCSP ------------------------------------------------------------------------------------ */

static time_t unix_of(const ASN1_TIME *when)
{
	struct tm utc;

	return ASN1_TIME_to_tm(when, &utc) ? timegm(&utc) : 0;
}

/* Whether a response says that this certificate is good. Return: NULL, with the time until which it
 * says so; what is wrong with it. */
static const char *judge_ocsp(const struct tls_certificate *c, OCSP_RESPONSE *response,
			      time_t *until_s)
{
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	ASN1_GENERALIZEDTIME *next = NULL;
	const char *fault = "is not a successful one";
	X509 *issuer = sk_X509_num(c->chain) > 0 ? sk_X509_value(c->chain, 0) : NULL;
	OCSP_CERTID *id = NULL;
	int status = -1;

	if (!basic)
		goto out;
	fault = "comes without the issuer's certificate in tls.crt";
	if (!issuer)
		goto out;
	fault = "is of another certificate";
	id = OCSP_cert_to_id(NULL, c->leaf, issuer);
	if (!id || !OCSP_resp_find_status(basic, id, &status, NULL, NULL, NULL, &next))
		goto out;
	fault = "does not say that the certificate is good";
	if (status != V_OCSP_CERTSTATUS_GOOD)
		goto out;
	fault = "has no end";
	if (!next)
		goto out;
	*until_s = unix_of(next);
	fault = NULL;
out:
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	return fault;
}

/* A response that is of no use is left out with a log line. Return: 0; -ENOMEM. */
static int read_ocsp(struct tls_certificate *c, const struct certificate *pem)
{
	const unsigned char *at = (const unsigned char *)pem->ocsp;
	const char *fault = "is not an OCSP response in DER";
	OCSP_RESPONSE *response;

	if (!pem->ocsp_bytes)
		return 0;
	response = d2i_OCSP_RESPONSE(NULL, &at, (long)pem->ocsp_bytes);
	if (response)
		fault = judge_ocsp(c, response, &c->ocsp_until_s);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	if (fault) {
		log_warn("proxy: TLS secret %.*s: its tls.ocsp %s; it is not stapled",
			 (int)pem->name_bytes, pem->name, fault);
		return 0;
	}
	c->ocsp = malloc(pem->ocsp_bytes);
	if (!c->ocsp)
		return -ENOMEM;
	memcpy(c->ocsp, pem->ocsp, pem->ocsp_bytes);
	c->ocsp_bytes = pem->ocsp_bytes;
	return 0;
}

/* Did what failed lack memory? Empties the queue of errors. */
static bool lacked_memory(void)
{
	bool found = false;
	unsigned long code;

	while ((code = ERR_get_error()) != 0)
		found = found || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	return found;
}

int tls_certificate_load(const struct certificate *pem, struct tls_certificate **out,
			 const char **fault)
{
	struct tls_certificate *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	*fault = "has a tls.crt that is not a certificate in PEM";
	err = read_chain(c, pem);
	if (!err) {
		*fault = "has a tls.key that is not PEM, is encrypted, or not of its tls.crt";
		err = read_key(c, pem);
	}
	if (!err)
		err = read_ocsp(c, pem);
	if (lacked_memory() && err)
		err = -ENOMEM;
	if (err) {
		tls_certificate_put(c);
		return err;
	}
	*out = c;
	return 0;
}

int64_t tls_certificate_end_s(const struct tls_certificate *c)
{
	return unix_of(X509_get0_notAfter(c->leaf));
}

/* ---- the one made at start ------------------------------------------------------------------- */

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

int tls_certificate_self_signed(struct tls_certificate **out)
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
		tls_certificate_put(c);
		return err;
	}
	*out = c;
	return 0;
}
