// SPDX-License-Identifier: Apache-2.0
#include "daemon/option_values.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_schema.h"

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

/* Decimal digits alone, up to and including @max. */
static bool parse_number(const char *text, size_t length, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
		if (value > max)
			return false;
	}
	*out = value;
	return true;
}

/* A DNS subdomain (RFC 1123) of up to @max characters: names of nodes, namespaces, objects. */
static bool is_dns_name(const char *text, size_t length, size_t max)
{
	bool alnum_before = false;

	if (length == 0 || length > max)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!alnum && c != '-' && c != '.')
			return false;
		if (!alnum && c == '.' && !alnum_before)
			return false;
		if (c == '-' && (i == 0 || text[i - 1] == '.'))
			return false;
		alnum_before = alnum;
	}
	return alnum_before;
}

int option_value_switch(struct options *options, void *field, const char *text, const char **why)
{
	bool *out = field;

	(void)options;
	if (strcmp(text, "true") == 0)
		*out = true;
	else if (strcmp(text, "false") == 0)
		*out = false;
	else
		return refuse(why, "is neither true nor false");
	return 0;
}

int option_value_text(struct options *options, void *field, const char *text, const char **why)
{
	(void)options;
	if (!*text)
		return refuse(why, "is empty");
	*(const char **)field = text;
	return 0;
}

int option_value_node(struct options *options, void *field, const char *text, const char **why)
{
	(void)options;
	if (!is_dns_name(text, strlen(text), 253))
		return refuse(why, "is no name that a node can have (lower case, digits, - and .)");
	*(const char **)field = text;
	return 0;
}

int option_value_port(struct options *options, void *field, const char *text, const char **why)
{
	uint64_t port;

	(void)options;
	if (!parse_number(text, strlen(text), UINT16_MAX, &port))
		return refuse(why, "is no port (1 to 65535, 0 to switch it off)");
	*(uint16_t *)field = (uint16_t)port;
	return 0;
}

int option_value_count(struct options *options, void *field, const char *text, const char **why)
{
	uint64_t count;

	(void)options;
	if (!parse_number(text, strlen(text), 1u << 28, &count) || count == 0)
		return refuse(why, "is no number from 1 to 268435456");
	*(uint32_t *)field = (uint32_t)count;
	return 0;
}

int option_value_workers(struct options *options, void *field, const char *text, const char **why)
{
	uint64_t count;

	(void)options;
	_Static_assert(SLUICE_WORKERS_MAX / 2 == 128, "the message below");
	if (!parse_number(text, strlen(text), SLUICE_WORKERS_MAX / 2, &count) || count == 0)
		return refuse(why, "is no number from 1 to 128");
	*(uint32_t *)field = (uint32_t)count;
	return 0;
}

int option_value_duration(struct options *options, void *field, const char *text, const char **why)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 60 * 60 * 1000 } };
	size_t digits = strspn(text, "0123456789");
	uint64_t count;

	(void)options;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		if (!parse_number(text, digits, INT32_MAX / units[i].ms, &count))
			break;
		*(uint32_t *)field = (uint32_t)(count * units[i].ms);
		return 0;
	}
	return refuse(why, "is no duration (such as 500ms, 30s, 5m, 1h; at most 24 days)");
}

int option_value_interface(struct options *options, void *field, const char *text, const char **why)
{
	const char **grown;

	(void)field;
	if (!*text || strlen(text) >= SLUICE_IFNAME_MAX || strchr(text, '/'))
		return refuse(why, "is no name that an interface can have (1 to 15 characters)");
	for (size_t i = 0; i < options->interfaces_count; i++)
		if (strcmp(options->interfaces[i], text) == 0)
			return 0;
	if (options->interfaces_count == SLUICE_INTERFACES_MAX)
		return refuse(why, "is one interface too many (16 at most)");
	grown = reallocarray(options->interfaces, options->interfaces_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[options->interfaces_count++] = text;
	options->interfaces = grown;
	return 0;
}

int option_value_address(struct options *options, void *field, const char *text, const char **why)
{
	struct inet_addr *grown;
	struct inet_addr addr;

	(void)field;
	if (inet_addr_parse(text, &addr))
		return refuse(why, "is no IPv4 or IPv6 address");
	if (inet_addr_is_any(&addr))
		return refuse(why, "is the wildcard; leave the flag out to serve every address");
	for (size_t i = 0; i < options->addresses_count; i++)
		if (inet_addr_compare(&options->addresses[i], &addr) == 0)
			return 0;
	grown = reallocarray(options->addresses, options->addresses_count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[options->addresses_count++] = addr;
	options->addresses = grown;
	return 0;
}

int option_value_service_ref(struct options *options, void *field, const char *text,
			     const char **why)
{
	const char *slash = strchr(text, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;
	uint64_t number;

	(void)options;
	if (!colon || !is_dns_name(text, (size_t)(slash - text), 63) ||
	    !is_dns_name(slash + 1, (size_t)(colon - slash - 1), 63))
		return refuse(why, "does not read NAMESPACE/SERVICE:PORT");
	if (parse_number(colon + 1, strlen(colon + 1), UINT16_MAX, &number)) {
		if (number == 0)
			return refuse(why, "names port 0");
	} else if (!is_dns_name(colon + 1, strlen(colon + 1), 15) || strchr(colon + 1, '.')) {
		return refuse(why, "names a port that is neither 1 to 65535 nor a port name");
	}
	*(const char **)field = text;
	return 0;
}

int option_value_object_ref(struct options *options, void *field, const char *text,
			    const char **why)
{
	const char *slash = strchr(text, '/');

	(void)options;
	if (!slash || !is_dns_name(text, (size_t)(slash - text), 63) ||
	    !is_dns_name(slash + 1, strlen(slash + 1), 253))
		return refuse(why, "does not read NAMESPACE/NAME");
	*(const char **)field = text;
	return 0;
}

int option_value_listen(struct options *options, void *field, const char *text, const char **why)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDR_TEXT_MAX + 2];
	struct inet_addr addr;
	size_t host_length;
	uint64_t port;

	(void)options;
	if (strcmp(text, "off") == 0) {
		*(const char **)field = text;
		return 0;
	}
	host_length = colon ? (size_t)(colon - text) : 0;
	if (host_length == 0 || host_length >= sizeof(host) ||
	    !parse_number(colon + 1, strlen(colon + 1), UINT16_MAX, &port))
		return refuse(why, "reads neither ADDRESS:PORT nor off");
	memcpy(host, text, host_length);
	host[host_length] = '\0';
	if (host[0] == '[' && host[host_length - 1] == ']') {
		host[host_length - 1] = '\0';
		if (inet_addr_parse(host + 1, &addr) || inet_addr_is_v4(&addr))
			return refuse(why, "has no IPv6 address in its brackets");
	} else if (inet_addr_parse(host, &addr) || !inet_addr_is_v4(&addr)) {
		return refuse(why, "has no address before the port (IPv6 in brackets: [::1]:9901)");
	}
	*(const char **)field = text;
	return 0;
}

int option_value_xdp_mode(struct options *options, void *field, const char *text, const char **why)
{
	bool *force_generic = field;

	(void)options;
	if (strcmp(text, "auto") == 0)
		*force_generic = false;
	else if (strcmp(text, "generic") == 0)
		*force_generic = true;
	else
		return refuse(why, "is neither auto (native, else generic) nor generic");
	return 0;
}

int option_value_splice(struct options *options, void *field, const char *text, const char **why)
{
	(void)options;
	(void)field;
	if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0)
		return 0;
	if (strcmp(text, "on") == 0)
		return refuse(why, "this build relays in user space only; use auto or off");
	return refuse(why, "is none of auto, off and on");
}

int option_value_log_format(struct options *options, void *field, const char *text,
			    const char **why)
{
	(void)options;
	if (log_parse_format(text, field))
		return refuse(why, "is neither text nor json");
	return 0;
}

int option_value_log_level(struct options *options, void *field, const char *text, const char **why)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };

	(void)options;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*(enum log_level *)field = (enum log_level)i;
			return 0;
		}
	}
	return refuse(why, "is none of debug, info, warn and error");
}
