// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/tls_client.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/strmap.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_profile_priv.h"
#include "proxy/tls/tls_store.h"

#define PROFILES_MAX 1024u /* known by name; those of routes that are gone, too */
#define SESSIONS_MAX 256u  /* kept; one a backend and profile, the newest */
#define WARN_GAP_S   10    /* between two lines about one profile */

static const unsigned char http1_alone[] = "\x08http/1.1";
static const unsigned char http2_alone[] = "\x02h2";

struct session_slot {
	uint64_t profile_id;
	uint32_t backend_id, backend_generation;
	SSL_SESSION *session; /* one reference */
};

struct tls_client {
	struct tls_io *io;             /* borrowed */
	struct strmap authorities;     /* name -> struct tls_authority, one reference */
	struct strmap profiles;        /* wish as text -> struct tls_profile, one reference */
	struct tls_authority *anyone;  /* one reference */
	struct session_slot *sessions; /* owned, SESSIONS_MAX */
	uint64_t profiles_made;
};

/* ---- authorities ----------------------------------------------------------------------------- */

static struct tls_authority *authority_get(struct tls_authority *authority)
{
	authority->refs++;
	return authority;
}

static struct tls_authority *authority_new(const struct certificate *record)
{
	struct tls_authority *authority = calloc(1, sizeof(*authority));

	if (!authority)
		return NULL;
	authority->refs = 1;
	if (!record)
		return authority;
	tls_store_digest(record, authority->digest);
	authority->pem_bytes = record->chain_bytes;
	authority->pem = malloc(record->chain_bytes);
	if (!authority->pem) {
		tls_authority_put(authority);
		return NULL;
	}
	memcpy(authority->pem, record->chain, record->chain_bytes);
	return authority;
}

static struct session_slot *session_slot(const struct tls_conn *conn)
{
	const struct tls_profile *profile = conn->profile;

	return &profile->client
			->sessions[(profile->id * 31 + conn->peer.backend_id) % SESSIONS_MAX];
}

/* The reference to @session becomes ours. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_conn *conn = SSL_get_app_data(ssl);
	struct session_slot *slot = session_slot(conn);

	SSL_SESSION_free(slot->session);
	*slot = (struct session_slot){ conn->profile->id, conn->peer.backend_id,
				       conn->peer.backend_generation, session };
	return 1;
}

static int read_pem(X509_STORE *store, const struct tls_authority *authority)
{
	static char no_passphrase[] = "";
	BIO *bio = BIO_new_mem_buf(authority->pem, (int)authority->pem_bytes);
	unsigned int count = 0;
	X509 *certificate;

	if (!bio)
		return -ENOMEM;
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, no_passphrase)) != NULL) {
		count += X509_STORE_add_cert(store, certificate) == 1;
		X509_free(certificate);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the text is told as an error */
	return count ? 0 : -ENOENT;
}

/* Return: 0 and .ctx is there; -ENOENT: no certificate in the PEM; -ENOMEM. */
static int authority_ready(struct tls_authority *authority)
{
	SSL_CTX *ctx;
	int err = 0;

	if (authority->ctx)
		return 0;
	ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)) {
		SSL_CTX_free(ctx);
		return -ENOMEM;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx,
				       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	if (authority->pem) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
		/* A bundle may hold what it trusts itself, not the root of it alone. */
		X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
		err = read_pem(SSL_CTX_get_cert_store(ctx), authority);
	}
	if (err) {
		SSL_CTX_free(ctx);
		return err;
	}
	authority->ctx = ctx;
	free(authority->pem);
	authority->pem = NULL;
	return 0;
}

/* ---- profiles -------------------------------------------------------------------------------- */

/* The names by which the cluster knows a service, the one that certificates mostly have first. */
static int name_service(struct tls_profile *profile)
{
	static const char *const forms[TLS_NAMES_MAX] = { "%.*s.%.*s.svc",
							  "%.*s.%.*s.svc.cluster.local",
							  "%.*s.%.*s", "%.*s" };
	const char *slash = strchr(profile->service, '/');
	const char *name = slash ? slash + 1 : profile->service;
	int namespace_bytes = slash ? (int)(slash - profile->service) : 0;
	int name_bytes = (int)strcspn(name, ":@");

	profile->by_dialled = true;
	for (int i = 0; i < TLS_NAMES_MAX; i++) {
		char *text;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (asprintf(&text, forms[i], name_bytes, name, namespace_bytes, profile->service) <
		    0)
			return -ENOMEM;
#pragma GCC diagnostic pop
		profile->names[profile->names_count++] = text;
	}
	return 0;
}

static int name_profile(struct tls_profile *profile, const char *server_name)
{
	if (!server_name || !*server_name)
		return name_service(profile);
	if (!inet_addr_parse(server_name, &profile->addr)) {
		profile->by_addr = true;
		return 0;
	}
	profile->names[0] = strdup(server_name);
	if (!profile->names[0])
		return -ENOMEM;
	profile->names_count = 1;
	return 0;
}

static int make_profile(struct tls_client *client, const struct tls_wish *wish,
			struct tls_authority *authority, struct tls_profile **out)
{
	struct tls_profile *profile = calloc(1, sizeof(*profile));
	int err;

	if (!profile)
		return -ENOMEM;
	profile->refs = 1;
	profile->id = ++client->profiles_made;
	profile->client = client;
	profile->authority = authority_get(authority);
	profile->insecure = wish->insecure;
	profile->http2 = wish->http2;
	profile->service = strdup(wish->service);
	err = profile->service ? name_profile(profile, wish->server_name) : -ENOMEM;
	if (err) {
		tls_profile_put(profile);
		return err;
	}
	*out = profile;
	return 0;
}

static void forget_profiles(struct tls_client *client)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&client->profiles, &position)) != NULL)
		tls_profile_put(entry->value);
	strmap_clear(&client->profiles);
}

/* What tells one wish from another. Return: false if it does not fit. */
static bool wish_text(const struct tls_wish *wish, char *out, size_t size)
{
	int length = snprintf(out, size, "%d%d %s %s %s", wish->insecure, wish->http2,
			      wish->ca_name ? wish->ca_name : "",
			      wish->server_name ? wish->server_name : "", wish->service);

	return length >= 0 && (size_t)length < size;
}

int tls_client_profile(struct tls_client *client, const struct tls_wish *wish,
		       struct tls_profile **out)
{
	bool named = wish->ca_name && *wish->ca_name;
	struct tls_profile *profile;
	struct tls_authority *authority;
	char text[1200];
	int err;

	if (!wish_text(wish, text, sizeof(text)))
		return -ENOENT;
	profile = strmap_get(&client->profiles, text);
	if (profile) {
		*out = tls_profile_get(profile);
		return 0;
	}
	authority = wish->insecure ? client->anyone
				   : strmap_get(&client->authorities,
						named ? wish->ca_name : CERTIFICATES_SYSTEM);
	err = authority ? authority_ready(authority) : -ENOENT;
	if (err == -ENOENT)
		log_warn("proxy: backends of %s: no CA certificate in %s: none of them can be "
			 "trusted; answered 502",
			 wish->service, named ? wish->ca_name : "the system's bundle");
	if (err)
		return err;
	err = make_profile(client, wish, authority, &profile);
	if (err)
		return err;
	if (client->profiles.count >= PROFILES_MAX)
		forget_profiles(client); /* those in use stay with who uses them */
	err = strmap_put(&client->profiles, text, tls_profile_get(profile), NULL);
	if (err) {
		tls_profile_put(profile);
		tls_profile_put(profile);
		return err;
	}
	*out = profile;
	return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

static bool is_of_address(X509 *certificate, const struct inet_addr *addr)
{
	bool v4 = inet_addr_is_v4(addr);

	return X509_check_ip(certificate, addr->bytes + (v4 ? 12 : 0), v4 ? 4 : 16, 0) == 1;
}

static int verify(const struct tls_conn *conn)
{
	const struct tls_profile *profile = conn->profile;
	X509 *certificate;
	bool good;

	if (profile->insecure)
		return 0;
	certificate = SSL_get1_peer_certificate(conn->ssl);
	if (!certificate)
		return -EKEYREJECTED;
	good = (profile->by_addr && is_of_address(certificate, &profile->addr)) ||
	       (profile->by_dialled && is_of_address(certificate, &conn->peer.addr));
	for (unsigned int i = 0; !good && i < profile->names_count; i++)
		good = X509_check_host(certificate, profile->names[i], 0,
				       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
	X509_free(certificate);
	return good ? 0 : -EKEYREJECTED;
}

static void failed(struct tls_conn *conn, const char *why)
{
	struct tls_profile *profile = conn->profile;
	char addr[INET_ADDR_TEXT_MAX], named[300] = "";
	time_t now_s = time(NULL);

	profile->failed_count++;
	if (now_s - profile->warned_s < WARN_GAP_S)
		return;
	if (profile->names_count)
		snprintf(named, sizeof(named), " as %s", profile->names[0]);
	log_warn("proxy: TLS to a backend of %s (%s)%s: %s; the next is tried, else 502 (%llu such "
		 "failures since the last line)",
		 profile->service, inet_addr_format(&conn->peer.addr, addr), named, why,
		 (unsigned long long)profile->failed_count);
	profile->warned_s = now_s;
	profile->failed_count = 0;
}

static const struct tls_conn_ops client_ops = { .verify = verify, .failed = failed };

int tls_connect(struct tls_profile *profile, const struct tls_peer *peer, struct stream *stream)
{
	const unsigned char *protocols = profile->http2 ? http2_alone : http1_alone;
	struct session_slot *slot;
	struct tls_conn *conn;
	int err;

	err = tls_stream_begin(profile->client->io, profile->authority->ctx, stream);
	if (err)
		return err;
	conn = stream->tls;
	conn->ops = &client_ops;
	conn->profile = tls_profile_get(profile);
	conn->peer = *peer;
	SSL_set_connect_state(conn->ssl);
	slot = session_slot(conn);
	if (slot->session && slot->profile_id == profile->id &&
	    slot->backend_id == peer->backend_id &&
	    slot->backend_generation == peer->backend_generation)
		SSL_set_session(conn->ssl, slot->session);
	if (profile->names_count && !SSL_set_tlsext_host_name(conn->ssl, profile->names[0]))
		return -ENOMEM; /* the stream's close() frees what there is */
	/* Here 0 is success. */
	return SSL_set_alpn_protos(conn->ssl, protocols, protocols[0] + 1u) ? -ENOMEM : 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void forget_authorities(struct strmap *authorities)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(authorities, &position)) != NULL)
		tls_authority_put(entry->value);
	strmap_clear(authorities);
}

int tls_client_new(struct tls_io *io, struct tls_client **out)
{
	struct tls_client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->io = io;
	client->anyone = authority_new(NULL);
	client->sessions = calloc(SESSIONS_MAX, sizeof(*client->sessions));
	if (!client->anyone || !client->sessions) {
		tls_client_free(client);
		return -ENOMEM;
	}
	*out = client;
	return 0;
}

void tls_client_free(struct tls_client *client)
{
	if (!client)
		return;
	forget_profiles(client);
	forget_authorities(&client->authorities);
	tls_authority_put(client->anyone);
	for (unsigned int i = 0; client->sessions && i < SESSIONS_MAX; i++)
		SSL_SESSION_free(client->sessions[i].session);
	free(client->sessions);
	free(client);
}

/* The authority of a record, that from before if it is the same. Return: one reference; NULL. */
static struct tls_authority *take(const struct tls_client *client, const struct certificate *record,
				  const char *name, bool *same)
{
	struct tls_authority *before = strmap_get(&client->authorities, name);
	unsigned char digest[sizeof(before->digest)];

	tls_store_digest(record, digest);
	*same = before && !memcmp(before->digest, digest, sizeof(digest));
	return *same ? authority_get(before) : authority_new(record);
}

int tls_client_load(struct tls_client *client, const struct certificates *set)
{
	uint32_t count = certificates_head(set)->count;
	struct strmap fresh = { 0 };
	size_t kept = 0;
	int err = 0;

	for (uint32_t i = 0; !err && i < count; i++) {
		struct certificate record = certificates_get(set, i);
		char name[CERTIFICATES_NAME_MAX + 1];
		struct tls_authority *authority;
		void *old = NULL;
		bool same;

		if (record.key_bytes)
			continue; /* for the side of the clients */
		memcpy(name, record.name, record.name_bytes);
		name[record.name_bytes] = '\0';
		authority = take(client, &record, name, &same);
		err = authority ? strmap_put(&fresh, name, authority, &old) : -ENOMEM;
		tls_authority_put(err ? authority : old);
		kept += same;
	}
	if (err) {
		forget_authorities(&fresh);
		return err;
	}
	if (kept != fresh.count || kept != client->authorities.count)
		forget_profiles(client); /* they may trust whom nobody vouches for any more */
	forget_authorities(&client->authorities);
	client->authorities = fresh;
	return 0;
}
