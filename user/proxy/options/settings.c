// SPDX-License-Identifier: Apache-2.0
#include "proxy/options/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build_id.h"

enum option_kind {
	KIND_FLAG,
	KIND_U32,
	KIND_U64,
	KIND_HASH,
	KIND_MS,
	KIND_RANGE,
	KIND_PROXY_PEERS,
	KIND_PORT,
	KIND_ACCESS_LOG,
	KIND_SPLICE,
	KIND_LOG_FORMAT,
	KIND_LOG_LEVEL,
	KIND_HELP,
	KIND_VERSION
};

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t offset; /* in struct settings */
	uint64_t least, most;
	const char *argument, *help;
};

#define AT(field) offsetof(struct settings, field)
#define HOUR_MS   3600000u
#define DAY_MS    86400000u

static const struct option_row rows[] = {
	{ "worker", KIND_U32, AT(worker), 0, 255, "N",
	  "number of this worker; its entry in worker_stats" },
	{ "settings-hash", KIND_HASH, AT(settings_hash), 0, UINT64_MAX, "HEX",
	  "reported back in HELLO" },
	{ "owner-device", KIND_HASH, AT(owner_device), 0, UINT64_MAX, "HEX", "st_dev and ..." },
	{ "owner-inode", KIND_HASH, AT(owner_inode), 0, UINT64_MAX, "HEX",
	  "... st_ino of the folder of which sluiced must show a descriptor" },
	{ "client-head-timeout", KIND_MS, AT(client_head_timeout_ms), 1, HOUR_MS, "MS",
	  "time for a whole request head (30000); then 408" },
	{ "client-idle-timeout", KIND_MS, AT(client_idle_timeout_ms), 1, DAY_MS, "MS",
	  "idle time between requests (75000)" },
	{ "body-timeout", KIND_MS, AT(body_timeout_ms), 1, DAY_MS, "MS",
	  "time without a byte while a body moves (60000); then 408 or the conn is aborted" },
	{ "connect-timeout", KIND_MS, AT(connect_timeout_ms), 1, HOUR_MS, "MS",
	  "time to connect to one backend (2000); then the next is tried" },
	{ "response-timeout", KIND_MS, AT(response_timeout_ms), 1, DAY_MS, "MS",
	  "time for the head of a response (60000); then 504" },
	{ "upstream-idle-timeout", KIND_MS, AT(upstream_idle_timeout_ms), 1, DAY_MS, "MS",
	  "idle time of a kept connection to a backend (55000)" },
	{ "tunnel-idle-timeout", KIND_MS, AT(tunnel_idle_timeout_ms), 1, 30 * (uint64_t)DAY_MS,
	  "MS", "time without a byte in a tunnel (3600000)" },
	{ "upstream-idle-max", KIND_U32, AT(upstream_idle_max), 0, 1000000, "N",
	  "idle connections to backends kept, in all (1024)" },
	{ "upstream-idle-backend-max", KIND_U32, AT(upstream_idle_backend_max), 0, 1000000, "N",
	  "idle connections kept to one backend (128)" },
	{ "max-head", KIND_U32, AT(limits.head_bytes_max), 1024, 16384, "BYTES",
	  "longest request head (16384); then 431" },
	{ "max-target", KIND_U32, AT(limits.target_bytes_max), HTTP1_TARGET_BYTES_MIN, 16384,
	  "BYTES", "longest request target (16000); then 414" },
	{ "max-fields", KIND_U32, AT(fields_max), 8, 1024, "N",
	  "most fields of a request (100); then 431" },
	{ "max-body", KIND_U64, AT(body_bytes_max), 0, UINT64_MAX, "BYTES",
	  "longest request body where the route says nothing (0: unlimited); then 413" },
	{ "max-conns", KIND_U32, AT(conns_max), 1, 10000000, "N",
	  "client conns held (50000); then 503" },
	{ "max-conns-source", KIND_U32, AT(conns_source_max), 0, 10000000, "N",
	  "client conns held from one address (0: unlimited); then 503" },
	{ "max-requests-conn", KIND_U32, AT(requests_conn_max), 0, UINT32_MAX, "N",
	  "requests answered on one conn (0: unlimited); then it is closed" },
	{ "max-buffers", KIND_U32, AT(buffers_max), 0, UINT32_MAX, "N",
	  "buffers of 17 KB in use (0: unlimited); then 503" },
	{ "trust", KIND_RANGE, 0, 0, 0, "ADDRESS[/BITS]",
	  "believe X-Forwarded-* of these peers; may be repeated" },
	{ "proxy-protocol-in", KIND_PROXY_PEERS, 0, 0, 0, "PORT=ADDRESS[/BITS]",
	  "conns of these peers to PORT begin with a PROXY header; may be repeated" },
	{ "allow-underscores", KIND_FLAG, AT(underscores), 0, 0, NULL,
	  "forward fields with _ in the name" },
	{ "h2c", KIND_FLAG, AT(h2c), 0, 0, NULL,
	  "take HTTP/2 without TLS from clients that begin with it" },
	{ "no-http2", KIND_FLAG, AT(no_http2), 0, 0, NULL, "offer only HTTP/1.1 over TLS" },
	{ "http2-max-resets", KIND_U32, AT(http2_resets_max), 1, 1000000, "N",
	  "streams of one conn that may be reset in a second (150); then it is ended" },
	{ "https-port", KIND_PORT, 0, 1, 65535, "PORT",
	  "TLS is spoken with conns to this port; may be repeated" },
	{ "splice", KIND_SPLICE, AT(splice), 0, 0, "off|auto|on",
	  "let the kernel move tunnels, or responses too; needs descriptors 10 to 13 (off)" },
	{ "access-log", KIND_ACCESS_LOG, AT(access_log), 0, 0, "off|text|json", "to stdout (off)" },
	{ "log-format", KIND_LOG_FORMAT, AT(log_format), 0, 0, "text|json",
	  "of messages on stderr (text)" },
	{ "log-level", KIND_LOG_LEVEL, AT(log_level), 0, 0, "LEVEL",
	  "of messages on stderr: debug, info, warn or error (info)" },
	{ "allow-root", KIND_FLAG, AT(allow_root), 0, 0, NULL, "run as root all the same (tests)" },
	{ "help", KIND_HELP, 0, 0, 0, NULL, "this text" },
	{ "version", KIND_VERSION, 0, 0, 0, NULL, "version and build" },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void help(void)
{
	puts("sluice-proxy: one worker of Sluice's HTTP helper; started by sluiced\n\n"
	     "Inherited descriptors: 3 control listener, 4 IPv4 listener, 5 IPv6 listener "
	     "(or /dev/null),\n6 upstreams, 7 backends, 8 members, 9 worker_stats; "
	     "with --splice on 10 socks, 11 sinks,\n"
	     "12 slots, 13 events.\n\nOptions:");
	for (size_t i = 0; i < ROWS; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			 rows[i].argument ? rows[i].argument : "");
		printf("  %-34s %s\n", left, rows[i].help);
	}
}

static int parse_number(const char *text, int base, uint64_t least, uint64_t most, uint64_t *out)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, base);
	if (errno || end == text || *end || *text == '-' || value < least || value > most)
		return -EINVAL;
	*out = value;
	return 0;
}

/* "ADDRESS" or "ADDRESS/BITS". Return: 0; -EINVAL. */
static int parse_range(const char *text, struct inet_range *out)
{
	struct inet_range range = { .prefix_bits = 128 };
	char addr[INET_ADDR_TEXT_MAX];
	size_t addr_bytes = strcspn(text, "/");
	uint64_t bits;
	bool v4;

	if (addr_bytes >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, addr_bytes);
	addr[addr_bytes] = '\0';
	if (inet_addr_parse(addr, &range.addr))
		return -EINVAL;
	v4 = inet_addr_is_v4(&range.addr);
	if (text[addr_bytes] == '/') {
		if (parse_number(text + addr_bytes + 1, 10, 0, v4 ? 32 : 128, &bits))
			return -EINVAL;
		range.prefix_bits = (uint8_t)(bits + (v4 ? 96 : 0));
	}
	*out = range;
	return 0;
}

static int add_trusted(struct settings *settings, const char *text)
{
	if (settings->trusted_count == SETTINGS_TRUSTED_MAX ||
	    parse_range(text, &settings->trusted[settings->trusted_count]))
		return -EINVAL;
	settings->trusted_count++;
	return 0;
}

/* "PORT=ADDRESS/BITS" */
static int add_proxy_peers(struct settings *settings, const char *text)
{
	struct proxy_peers *peers = &settings->proxy_peers[settings->proxy_peers_count];
	const char *equals = strchr(text, '=');
	char port_text[8];
	uint64_t port;

	if (!equals || (size_t)(equals - text) >= sizeof(port_text) ||
	    settings->proxy_peers_count == SETTINGS_TRUSTED_MAX)
		return -EINVAL;
	memcpy(port_text, text, (size_t)(equals - text));
	port_text[equals - text] = '\0';
	if (parse_number(port_text, 10, 1, 65535, &port) || parse_range(equals + 1, &peers->range))
		return -EINVAL;
	peers->port = (uint16_t)port;
	settings->proxy_peers_count++;
	return 0;
}

static int set_splice(const char *text, enum splice_use *out)
{
	static const char *const names[] = { "off", "auto", "on" };

	for (unsigned int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum splice_use)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_access_log(const char *text, enum access_log_form *out)
{
	static const char *const names[] = { "off", "text", "json" };

	for (unsigned int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum access_log_form)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set(struct settings *settings, const struct option_row *row, const char *text)
{
	void *field = (char *)settings + row->offset;
	uint64_t number = 0;

	switch (row->kind) {
	case KIND_FLAG:
		*(bool *)field = true;
		return 0;
	case KIND_RANGE:
		return add_trusted(settings, text);
	case KIND_PROXY_PEERS:
		return add_proxy_peers(settings, text);
	case KIND_ACCESS_LOG:
		return set_access_log(text, field);
	case KIND_SPLICE:
		return set_splice(text, field);
	case KIND_LOG_FORMAT:
		return log_parse_format(text, field);
	case KIND_LOG_LEVEL:
		return log_parse_level(text, field);
	case KIND_HELP:
		help();
		return 1;
	case KIND_VERSION:
		printf("sluice-proxy %s (build %s)\n", SLUICE_VERSION, SLUICE_BUILD_ID);
		return 1;
	default:
		break;
	}
	if (parse_number(text, row->kind == KIND_HASH ? 16 : 10, row->least, row->most, &number))
		return -EINVAL;
	if (row->kind == KIND_PORT) {
		if (settings->https_ports_count == SETTINGS_HTTPS_PORTS_MAX)
			return -EINVAL;
		settings->https_ports[settings->https_ports_count++] = (uint16_t)number;
	} else if (row->kind == KIND_U32) {
		*(uint32_t *)field = (uint32_t)number;
	} else {
		*(uint64_t *)field = number;
	}
	return 0;
}

static const struct settings defaults = {
	.log_level = LOG_INFO,
	.client_head_timeout_ms = 30000,
	.client_idle_timeout_ms = 75000,
	.body_timeout_ms = 60000,
	.connect_timeout_ms = 2000,
	.response_timeout_ms = 60000,
	.upstream_idle_timeout_ms = 55000, /* below the 60 s after which many servers close */
	.tunnel_idle_timeout_ms = HOUR_MS,
	.limits = { .head_bytes_max = HTTP1_HEAD_BYTES_MAX,
		    .target_bytes_max = HTTP1_TARGET_BYTES_MAX },
	.fields_max = HTTP1_FIELDS_MAX,
	.http2_resets_max = 150,
	.conns_max = 50000,
	.upstream_idle_max = 1024,
	.upstream_idle_backend_max = 128,
};

int settings_parse(int argc, char **argv, struct settings *out)
{
	struct settings settings = defaults;
	struct option options[ROWS + 1] = { 0 };
	int index = 0;
	int c, err;

	for (size_t i = 0; i < ROWS; i++)
		options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument ? required_argument : no_argument,
		};
	while ((c = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (c == '?') /* getopt_long() has reported it */
			return -EINVAL;
		err = set(&settings, &rows[index], optarg);
		if (err == 1)
			return 1;
		if (err) {
			fprintf(stderr,
				"sluice-proxy: --%s: \"%s\" is not understood or out of range\n",
				rows[index].name, optarg);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "sluice-proxy: \"%s\": arguments are not taken\n", argv[optind]);
		return -EINVAL;
	}
	*out = settings;
	return 0;
}

static bool range_holds(const struct inet_range *range, const struct inet_addr *addr)
{
	size_t bytes = range->prefix_bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> (range->prefix_bits % 8));

	if (memcmp(range->addr.bytes, addr->bytes, bytes))
		return false;
	return bytes == 16 || !((range->addr.bytes[bytes] ^ addr->bytes[bytes]) & mask);
}

bool settings_trusts(const struct settings *settings, const struct inet_addr *addr)
{
	for (uint32_t i = 0; i < settings->trusted_count; i++)
		if (range_holds(&settings->trusted[i], addr))
			return true;
	return false;
}

bool settings_expects_proxy_header(const struct settings *settings, uint16_t port,
				   const struct inet_addr *addr)
{
	for (uint32_t i = 0; i < settings->proxy_peers_count; i++)
		if (settings->proxy_peers[i].port == port &&
		    range_holds(&settings->proxy_peers[i].range, addr))
			return true;
	return false;
}

bool settings_is_https_port(const struct settings *settings, uint16_t port)
{
	for (uint32_t i = 0; i < settings->https_ports_count; i++)
		if (settings->https_ports[i] == port)
			return true;
	return false;
}
