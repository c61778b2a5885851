// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/tls.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/http/routing.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_store.h"

/* Forward secrecy and authenticated encryption only (Mozilla "intermediate", without DHE). */
#define CIPHERS_TLS12                                                \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

#define SESSION_SECONDS 86400 /* as long as sluiced keeps a ticket key */

struct tls {
	SSL_CTX *ctx;                                  /* owned */
	struct tls_io *io;                             /* borrowed */
	struct tls_store *store;                       /* owned */
	struct routing *const *routing;                /* borrowed */
	bool no_http2;                                 /* not offered */
	struct certificates_ticket_key own_ticket_key; /* until sluiced sends some */
};

static const unsigned char session_context[] = "sluice";
#define HTTP2_NAME_BYTES 3u /* of "h2", with its length */

static const unsigned char protocols[] = "\x02h2\x08http/1.1";

/* The certificate of the server name, by the snapshot in use. */
static int on_certificate(SSL *ssl, void *ctx)
{
	struct tls *tls = ctx;
	const char *server_name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct snapshot_tls *settings;
	const char *secret = NULL;

	if (!server_name)
		server_name = ""; /* as who asks by an address, which names no host */
	settings = routing_tls_of(*tls->routing, server_name, strlen(server_name));
	if (settings && settings->secret_name)
		secret = snapshot_text(routing_snapshot(*tls->routing), settings->secret_name);
	return tls_store_use(tls->store, secret, ssl) ? 0 : 1;
}

/* ---- tickets --------------------------------------------------------------------------------- */

static int set_mac(EVP_MAC_CTX *mac, const struct certificates_ticket_key *key)
{
	static char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->hmac,
						  sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

/* See SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, int encrypt)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct certificates_ticket_key *keys;
	uint32_t count, i = 0;

	keys = tls_store_ticket_keys(tls->store, &count);
	if (!keys) {
		keys = &tls->own_ticket_key;
		count = 1;
	}
	if (encrypt) {
		memcpy(name, keys[0].name, sizeof(keys[0].name));
		if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1 ||
		    !EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys[0].aes, iv))
			return -1;
		return set_mac(mac, &keys[0]) ? 1 : -1;
	}
	while (i < count && CRYPTO_memcmp(name, keys[i].name, sizeof(keys[i].name)))
		i++;
	if (i == count)
		return 0; /* of a key that is forgotten: a full handshake */
	if (!set_mac(mac, &keys[i]) ||
	    !EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys[i].aes, iv))
		return -1;
	return i == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2; /* 2: give a new ticket */
}

/* on_certificate() has set the response, if there is one. */
static int on_status_request(SSL *ssl, void *ctx)
{
	const unsigned char *response;

	(void)ctx;
	return SSL_get_tlsext_status_ocsp_resp(ssl, &response) > 0 ? SSL_TLSEXT_ERR_OK
								   : SSL_TLSEXT_ERR_NOACK;
}

/* ---- protocols ------------------------------------------------------------------------------- */

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_bytes,
		   const unsigned char *in, unsigned int in_bytes, void *ctx)
{
	const struct tls *tls = ctx;
	unsigned int skip = tls->no_http2 ? HTTP2_NAME_BYTES : 0;
	unsigned char *chosen = NULL;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_bytes, protocols + skip,
				  sizeof(protocols) - 1 - skip, in,
				  in_bytes) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; /* a client without one of ours gets HTTP/1.1 */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int set_up(struct tls *tls)
{
	SSL_CTX *ctx = tls->ctx;

	SSL_CTX_set_app_data(ctx, tls);
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, CIPHERS_TLS12) ||
	    !SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1) ||
	    !SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) ||
	    RAND_bytes((unsigned char *)&tls->own_ticket_key, sizeof(tls->own_ticket_key)) != 1)
		return -EIO;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_PRIORITIZE_CHACHA |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets only */
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_cert_cb(ctx, on_certificate, tls);
	SSL_CTX_set_tlsext_status_cb(ctx, on_status_request);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, tls);
	return 0;
}

int tls_new(const struct settings *settings, struct tls_io *io, struct routing *const *routing,
	    struct tls **out)
{
	struct tls *tls;
	int err = -ENOMEM;

	*out = NULL;
	if (!settings->https_ports_count)
		return 0;
	tls = calloc(1, sizeof(*tls));
	if (!tls)
		return -ENOMEM;
	tls->io = io;
	tls->routing = routing;
	tls->no_http2 = settings->no_http2;
	tls->ctx = SSL_CTX_new(TLS_server_method());
	if (!tls->ctx)
		goto out;
	err = tls_store_new(&tls->store);
	if (!err)
		err = set_up(tls);
	if (err)
		goto out;
	*out = tls;
	tls = NULL;
out:
	if (err)
		log_error("proxy: TLS library: %s", ERR_reason_error_string(ERR_peek_error()));
	tls_free(tls);
	return err;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	tls_store_free(tls->store);
	OPENSSL_cleanse(&tls->own_ticket_key, sizeof(tls->own_ticket_key));
	free(tls);
}

int tls_load(struct tls *tls, const struct certificates *set)
{
	struct tls_store *store = NULL;
	int err = tls_store_load(set, tls->store, &store);

	if (err)
		return err;
	tls_store_free(tls->store);
	tls->store = store;
	return 0;
}

int tls_accept(struct tls *tls, struct stream *stream)
{
	int err = tls_stream_begin(tls->io, tls->ctx, stream);
	struct tls_conn *conn = stream->tls;

	if (!err)
		SSL_set_accept_state(conn->ssl);
	return err;
}
