/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - the command line of sluice-proxy
 */
#ifndef SLUICE_PROXY_SETTINGS_H
#define SLUICE_PROXY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "base/log.h"
#include "proxy/http1/http1_request.h"

#define SETTINGS_TRUSTED_MAX     32
#define SETTINGS_HTTPS_PORTS_MAX 8

enum splice_use { SPLICE_USE_NONE, SPLICE_USE_AUTO, SPLICE_USE_ALL };
enum access_log_form { ACCESS_LOG_OFF, ACCESS_LOG_TEXT, ACCESS_LOG_JSON };

struct inet_range {
	struct inet_addr addr;
	uint8_t prefix_bits; /* of the 128 of struct inet_addr */
};

struct proxy_peers {
	uint16_t port; /* of ours, host order */
	struct inet_range range;
};

struct settings {
	uint32_t worker;
	uint64_t settings_hash;
	uint64_t owner_device, owner_inode; /* of the folder that sluiced must show; 0: none */
	bool allow_root;
	bool version;

	uint64_t client_head_timeout_ms; /* first byte to the end of the head, in all */
	uint64_t client_idle_timeout_ms; /* between exchanges */
	uint64_t body_timeout_ms;        /* without a byte, either side, while a body moves */
	uint64_t connect_timeout_ms;
	uint64_t response_timeout_ms;
	uint64_t upstream_idle_timeout_ms;
	uint64_t tunnel_idle_timeout_ms;

	struct http1_limits limits;
	uint32_t fields_max;
	uint64_t body_bytes_max; /* 0: unlimited */
	uint32_t conns_max;
	uint32_t conns_source_max;          /* of one address; 0: unlimited */
	uint32_t requests_conn_max;         /* on one conn; 0: unlimited */
	uint32_t buffers_max;               /* handed out; 0: unlimited */
	uint32_t upstream_idle_max;         /* idle connections kept, in all */
	uint32_t upstream_idle_backend_max; /* to one backend */

	struct inet_range trusted[SETTINGS_TRUSTED_MAX]; /* whose X-Forwarded-* are trusted */
	uint32_t trusted_count;
	struct proxy_peers
		proxy_peers[SETTINGS_TRUSTED_MAX]; /* peers that begin with a PROXY header */
	uint32_t proxy_peers_count;
	bool underscores; /* names with '_' pass */

	bool h2c;                  /* HTTP/2 without TLS is taken where a client begins with it */
	bool no_http2;             /* not offered over TLS */
	uint32_t http2_resets_max; /* streams that a client may have reset a second */

	uint16_t https_ports[SETTINGS_HTTPS_PORTS_MAX]; /* host order */
	uint32_t https_ports_count;

	enum splice_use splice; /* needs the descriptors for it */

	enum access_log_form access_log;
	enum log_format log_format;
	enum log_level log_level;
};

/**
 * settings_parse - read the command line
 * Return: 0; 1: --help or --version was answered, exit 0; -EINVAL with a message on stderr.
 */
int settings_parse(int argc, char **argv, struct settings *out);

/* True if @addr is in one of the trusted ranges. */
bool settings_trusts(const struct settings *settings, const struct inet_addr *addr);

/* True if connections of @addr to @port begin with a PROXY header. */
bool settings_expects_proxy_header(const struct settings *settings, uint16_t port,
				   const struct inet_addr *addr);

bool settings_is_https_port(const struct settings *settings, uint16_t port);

#endif /* SLUICE_PROXY_SETTINGS_H */
