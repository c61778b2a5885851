// SPDX-License-Identifier: Apache-2.0
#include "daemon/options/option_values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "sluice_schema.h"

static int refuse(struct option_value *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(struct option_value *v, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(v->why, sizeof(v->why), format, args);
	va_end(args);
	return -EINVAL;
}

/* Only decimal digits, up to and including @max. */
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

int option_value_switch(struct option_value *v)
{
	bool *out = v->field;

	if (strcmp(v->text, "true") == 0)
		*out = true;
	else if (strcmp(v->text, "false") == 0)
		*out = false;
	else
		return refuse(v, "is neither true nor false");
	return 0;
}

int option_value_text(struct option_value *v)
{
	if (!*v->text)
		return refuse(v, "is empty");
	*(const char **)v->field = v->text;
	return 0;
}

int option_value_node(struct option_value *v)
{
	if (!is_dns_name(v->text, strlen(v->text), 253))
		return refuse(v,
			      "is not a name that a node can have (lower case, digits, - and .)");
	*(const char **)v->field = v->text;
	return 0;
}

int option_value_port(struct option_value *v)
{
	uint64_t port;

	if (!parse_number(v->text, strlen(v->text), UINT16_MAX, &port))
		return refuse(v, "is not a port (1 to 65535, 0 to switch it off)");
	*(uint16_t *)v->field = (uint16_t)port;
	return 0;
}

int option_value_number(struct option_value *v)
{
	uint64_t number;

	if (!parse_number(v->text, strlen(v->text), v->most, &number) || number < v->least)
		return refuse(v, "is not a number from %" PRIu64 " to %" PRIu64, v->least, v->most);
	*(uint32_t *)v->field = (uint32_t)number;
	return 0;
}

int option_value_bytes(struct option_value *v)
{
	size_t digits = strspn(v->text, "0123456789");
	static const char units[] = "kmg";
	const char *unit = v->text[digits] ? strchr(units, v->text[digits]) : NULL;
	unsigned int shift = unit ? 10 * (unsigned int)(unit - units + 1) : 0;
	uint64_t count;

	if ((v->text[digits] && (!unit || v->text[digits + 1])) ||
	    !parse_number(v->text, digits, v->most >> shift, &count) || count << shift < v->least)
		return refuse(v,
			      "is not a size from %" PRIu64 " to %" PRIu64 " bytes (1k is 1024, "
			      "1m, 1g)",
			      v->least, v->most);
	*(uint64_t *)v->field = count << shift;
	return 0;
}

static int check_range(struct option_value *v, const char *range)
{
	const char *slash = strchrnul(range, '/');
	char text[INET_ADDR_TEXT_MAX];
	struct inet_addr addr;
	uint64_t bits;

	if ((size_t)(slash - range) >= sizeof(text))
		return refuse(v, "is not an address");
	memcpy(text, range, (size_t)(slash - range));
	text[slash - range] = '\0';
	if (inet_addr_parse(text, &addr))
		return refuse(v, "does not read ADDRESS or ADDRESS/BITS");
	if (*slash &&
	    !parse_number(slash + 1, strlen(slash + 1), inet_addr_is_v4(&addr) ? 32 : 128, &bits))
		return refuse(v, "has no prefix length from 0 to %d after its slash",
			      inet_addr_is_v4(&addr) ? 32 : 128);
	return 0;
}

int option_value_range(struct option_value *v)
{
	int err = check_range(v, v->text);

	if (!err)
		*(const char **)v->field = v->text;
	return err;
}

int option_value_proxy_peers(struct option_value *v)
{
	const char *equals = strchr(v->text, '=');
	uint64_t port;
	int err;

	if (!equals || !parse_number(v->text, (size_t)(equals - v->text), UINT16_MAX, &port) ||
	    !port)
		return refuse(v, "does not read PORT=ADDRESS/BITS");
	err = check_range(v, equals + 1);
	if (!err)
		*(const char **)v->field = v->text;
	return err;
}

int option_value_access_log(struct option_value *v)
{
	if (strcmp(v->text, "off") != 0 && strcmp(v->text, "text") != 0 &&
	    strcmp(v->text, "json") != 0)
		return refuse(v, "is none of off, text and json");
	*(const char **)v->field = v->text;
	return 0;
}

int option_value_duration(struct option_value *v)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 60 * 60 * 1000 } };
	size_t digits = strspn(v->text, "0123456789");
	uint64_t count;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(v->text + digits, units[i].name) != 0)
			continue;
		if (!parse_number(v->text, digits, v->most / units[i].ms, &count) ||
		    count * units[i].ms < v->least)
			return refuse(v, "is not between %" PRIu64 " ms and %" PRIu64 " s",
				      v->least, v->most / 1000);
		*(uint32_t *)v->field = (uint32_t)(count * units[i].ms);
		return 0;
	}
	return refuse(v, "is not a duration (such as 500ms, 30s, 5m, 1h)");
}

int option_value_interface(struct option_value *v)
{
	const char **grown;

	if (!*v->text || strlen(v->text) >= SLUICE_IFNAME_MAX || strchr(v->text, '/'))
		return refuse(v, "is not a name that an interface can have (1 to 15 characters)");
	for (size_t i = 0; i < v->options->interfaces_count; i++)
		if (strcmp(v->options->interfaces[i], v->text) == 0)
			return 0;
	if (v->options->interfaces_count == SLUICE_INTERFACES_MAX)
		return refuse(v, "is one interface too many (16 at most)");
	grown = reallocarray(v->options->interfaces, v->options->interfaces_count + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[v->options->interfaces_count++] = v->text;
	v->options->interfaces = grown;
	return 0;
}

int option_value_address(struct option_value *v)
{
	struct inet_addr *grown;
	struct inet_addr addr;

	if (inet_addr_parse(v->text, &addr))
		return refuse(v, "is not an IPv4 or IPv6 address");
	if (inet_addr_is_any(&addr))
		return refuse(v, "is the wildcard; leave the flag out to serve every address");
	for (size_t i = 0; i < v->options->addresses_count; i++)
		if (inet_addr_compare(&v->options->addresses[i], &addr) == 0)
			return 0;
	grown = reallocarray(v->options->addresses, v->options->addresses_count + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	grown[v->options->addresses_count++] = addr;
	v->options->addresses = grown;
	return 0;
}

int option_value_service_ref(struct option_value *v)
{
	const char *slash = strchr(v->text, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;
	uint64_t number;

	if (!colon || !is_dns_name(v->text, (size_t)(slash - v->text), 63) ||
	    !is_dns_name(slash + 1, (size_t)(colon - slash - 1), 63))
		return refuse(v, "does not read NAMESPACE/SERVICE:PORT");
	if (parse_number(colon + 1, strlen(colon + 1), UINT16_MAX, &number)) {
		if (number == 0)
			return refuse(v, "names port 0");
	} else if (!is_dns_name(colon + 1, strlen(colon + 1), 15) || strchr(colon + 1, '.')) {
		return refuse(v, "names a port that is neither 1 to 65535 nor a port name");
	}
	*(const char **)v->field = v->text;
	return 0;
}

int option_value_object_ref(struct option_value *v)
{
	const char *slash = strchr(v->text, '/');

	if (!slash || !is_dns_name(v->text, (size_t)(slash - v->text), 63) ||
	    !is_dns_name(slash + 1, strlen(slash + 1), 253))
		return refuse(v, "does not read NAMESPACE/NAME");
	*(const char **)v->field = v->text;
	return 0;
}

int option_value_listen(struct option_value *v)
{
	const char *colon = strrchr(v->text, ':');
	char host[INET_ADDR_TEXT_MAX + 2];
	struct inet_addr addr;
	size_t host_length;
	uint64_t port;

	if (strcmp(v->text, "off") == 0) {
		*(const char **)v->field = v->text;
		return 0;
	}
	host_length = colon ? (size_t)(colon - v->text) : 0;
	if (host_length == 0 || host_length >= sizeof(host) ||
	    !parse_number(colon + 1, strlen(colon + 1), UINT16_MAX, &port))
		return refuse(v, "reads neither ADDRESS:PORT nor off");
	memcpy(host, v->text, host_length);
	host[host_length] = '\0';
	if (host[0] == '[' && host[host_length - 1] == ']') {
		host[host_length - 1] = '\0';
		if (inet_addr_parse(host + 1, &addr) || inet_addr_is_v4(&addr))
			return refuse(v, "has no IPv6 address in its brackets");
	} else if (inet_addr_parse(host, &addr) || !inet_addr_is_v4(&addr)) {
		return refuse(v, "has no address before the port (IPv6 in brackets: [::1]:9901)");
	}
	*(const char **)v->field = v->text;
	return 0;
}

int option_value_xdp_mode(struct option_value *v)
{
	enum dataplane_xdp *xdp = v->field;

	if (strcmp(v->text, "auto") == 0)
		*xdp = DATAPLANE_XDP_AUTO;
	else if (strcmp(v->text, "generic") == 0)
		*xdp = DATAPLANE_XDP_GENERIC;
	else if (strcmp(v->text, "tc") == 0)
		*xdp = DATAPLANE_XDP_TC;
	else
		return refuse(v, "is none of auto (native, else generic, else tc), generic, tc");
	return 0;
}

int option_value_announce(struct option_value *v)
{
	bool *l2 = v->field;

	if (strcmp(v->text, "off") == 0)
		*l2 = false;
	else if (strcmp(v->text, "l2") == 0)
		*l2 = true;
	else
		return refuse(v, "is neither off nor l2");
	return 0;
}

int option_value_splice(struct option_value *v)
{
	static const char *const names[] = { "auto", "on", "off" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(v->text, names[i]) == 0) {
			*(enum options_splice *)v->field = (enum options_splice)i;
			return 0;
		}
	}
	return refuse(v, "is none of auto, on and off");
}

int option_value_log_format(struct option_value *v)
{
	if (log_parse_format(v->text, v->field))
		return refuse(v, "is neither v->text nor json");
	return 0;
}

int option_value_log_level(struct option_value *v)
{
	if (log_parse_level(v->text, v->field))
		return refuse(v, "is none of debug, info, warn and error");
	return 0;
}

int option_value_probe(struct option_value *v)
{
	if (strcmp(v->text, "ready") == 0)
		v->options->probe = PROBE_READY;
	else if (strcmp(v->text, "live") == 0)
		v->options->probe = PROBE_LIVE;
	else
		return refuse(v, "is neither live nor ready");
	v->options->action = ACTION_PROBE;
	return 0;
}
