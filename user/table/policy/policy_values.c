// SPDX-License-Identifier: Apache-2.0
/*
 * policy_values.c - the forms that values of annotations have
 */
#include "table/policy/policy_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handoff/template_names.h"

#define SECONDS_PER_YEAR 31536000u
#define COUNT_MAX        1000u
#define NETWORKS_MAX     1024u /* looked through for each request */

int policy_parse_word(const struct policy_word *words, const char *text, void *field)
{
	for (const struct policy_word *word = words; word->text; word++) {
		if (strcasecmp(word->text, text) == 0) {
			*(uint32_t *)field = word->value;
			return 0;
		}
	}
	return -EINVAL;
}

int policy_parse_truth(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return -EINVAL;
	*(bool *)field = text[0] == 't';
	return 0;
}

/* Decimal digits at *text, moved past; -EINVAL if there are none or too many. */
static int read_number(const char **text, uint64_t *out)
{
	uint64_t number = 0;
	int digits = 0;

	for (; isdigit((unsigned char)**text); (*text)++, digits++)
		number = number * 10 + (uint64_t)(**text - '0');
	if (!digits || digits > 15)
		return -EINVAL;
	*out = number;
	return 0;
}

/* "1500ms", "90s", "1m30s", "2h", or a number of seconds; above 0, at most 49 days. */
static int parse_duration_ms(const char *text, uint64_t max_ms, uint64_t *out)
{
	static const struct {
		const char *unit;
		uint32_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	uint64_t sum_ms = 0, number;
	const char *at = text;

	while (*at) {
		size_t i = 0;

		if (read_number(&at, &number))
			return -EINVAL;
		if (!*at && sum_ms == 0) { /* no unit at all: seconds */
			sum_ms = number * 1000;
			break;
		}
		while (i < 4 && strncmp(at, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (i == 4 || number > max_ms)
			return -EINVAL;
		at += strlen(units[i].unit);
		sum_ms += number * units[i].ms;
	}
	if (!sum_ms || sum_ms > max_ms)
		return -EINVAL;
	*out = sum_ms;
	return 0;
}

int policy_parse_timeout(const struct policy_word *words, const char *text, void *field)
{
	uint64_t ms;
	int err = parse_duration_ms(text, UINT32_MAX, &ms);

	(void)words;
	if (!err)
		*(uint32_t *)field = (uint32_t)ms;
	return err;
}

int policy_parse_seconds(const struct policy_word *words, const char *text, void *field)
{
	uint64_t ms = 0;
	int err = strcmp(text, "0") ? parse_duration_ms(text, UINT32_MAX * 1000ull, &ms) : 0;

	(void)words;
	if (!err && ms % 1000)
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = (uint32_t)(ms / 1000);
	return err;
}

int policy_parse_hsts(const struct policy_word *words, const char *text, void *field)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		*(uint32_t *)field = text[0] == 't' ? SECONDS_PER_YEAR : 0;
		return 0;
	}
	return policy_parse_seconds(words, text, field);
}

/* "512k", "8m", "1g" (powers of 1024, also K, Ki, ...), or bytes; "0": no limit. */
int policy_parse_size(const struct policy_word *words, const char *text, void *field)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t number;
	int shift = 0;

	(void)words;
	if (read_number(&text, &number))
		return -EINVAL;
	if (*text) {
		unit = strchr(units, tolower((unsigned char)*text));
		if (!unit)
			return -EINVAL;
		shift = 10 * (int)(unit - units + 1);
		text++;
		if (*text == 'i')
			text++;
	}
	if (*text || number > UINT64_MAX >> (shift + 1))
		return -EINVAL;
	*(uint64_t *)field = number << shift;
	return 0;
}

int policy_parse_count_or_none(const struct policy_word *words, const char *text, void *field)
{
	uint64_t number;

	(void)words;
	if (read_number(&text, &number) || *text || number > COUNT_MAX)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

int policy_parse_count(const struct policy_word *words, const char *text, void *field)
{
	uint32_t number;
	int err = policy_parse_count_or_none(words, text, &number);

	if (!err && !number)
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = number;
	return err;
}

int policy_keep_text(const char *text, void *field)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

/* A field name or a cookie name: an RFC 9110 token. */
int policy_parse_token(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (!*text || strlen(text) > 64)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return -EINVAL;
	return policy_keep_text(text, field);
}

/* A path, and a query if it is to have one. */
int policy_parse_target(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (text[0] != '/' || strlen(text) > 2048)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return -EINVAL; /* signed char or not: bytes over 0x7f are refused, too */
	return policy_keep_text(text, field);
}

int policy_parse_rewrite(const struct policy_word *words, const char *text, void *field)
{
	return strchr(text, '?') ? -EINVAL : policy_parse_target(words, text, field);
}

/* Networks between commas, blanks around them. */
int policy_parse_networks(const struct policy_word *words, const char *text, void *field)
{
	struct policy_networks *networks = field;
	struct inet_network *items = calloc(strlen(text) / 2 + 1, sizeof(*items));
	char *copy = strdup(text), *rest = copy, *part;
	int err = items && copy ? 0 : -ENOMEM;
	size_t count = 0;

	(void)words;
	while (!err && (part = strsep(&rest, ",\n"))) {
		part += strspn(part, " \t\r");
		part[strcspn(part, " \t\r")] = '\0';
		err = inet_network_parse(part, &items[count++]);
	}
	free(copy);
	if (!err && count > NETWORKS_MAX)
		err = -EINVAL;
	free(networks->items);
	networks->items = err ? NULL : items;
	networks->count = err ? 0 : count;
	if (err)
		free(items);
	return err;
}

/* A DNS name (of a server, or of a Secret: the same form). */
int policy_parse_name(const struct policy_word *words, const char *text, void *field)
{
	size_t bytes = strlen(text);

	(void)words;
	if (!bytes || bytes > 253 || !isalnum((unsigned char)text[0]) ||
	    !isalnum((unsigned char)text[bytes - 1]) || strstr(text, ".."))
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
			return -EINVAL;
	return policy_keep_text(text, field);
}

/* ---- headers, hosts, origins, templates ------------------------------------------------------ */

#define LIST_BYTES_MAX 8192u /* of a list that is looked through for a request */

static bool is_token(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    !(text[i] && strchr("!#$%&'*+-.^_`|~", text[i])))
			return false;
	return bytes > 0;
}

/* A path or an absolute URL, as it can stand in a Location. */
int policy_parse_location(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (text[0] != '/' && strncasecmp(text, "http://", 7) != 0 &&
	    strncasecmp(text, "https://", 8) != 0)
		return -EINVAL;
	if (strlen(text) > 2048)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '<' || *c == '>')
			return -EINVAL;
	return policy_keep_text(text, field);
}

int policy_parse_redirect_status(const struct policy_word *words, const char *text, void *field)
{
	uint32_t status;
	int err = policy_parse_count(words, text, &status);

	if (!err && (status < 300 || status > 308))
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = status;
	return err;
}

/* The next element of a list between commas and line breaks, trimmed; NULL at the end. */
static char *next_element(char **rest, const char *between)
{
	char *part = strsep(rest, between);
	size_t bytes;

	if (!part)
		return NULL;
	part += strspn(part, " \t\r\n");
	bytes = strlen(part);
	while (bytes && strchr(" \t\r\n", part[bytes - 1]))
		bytes--;
	part[bytes] = '\0';
	return part;
}

typedef bool element_fn(const char *element);

/* A list whose elements pass @fn, kept as "a, b". Empty elements are skipped. */
static int keep_list(const char *text, const char *between, const char *joined, element_fn *fn,
		     void *field)
{
	size_t bytes = strlen(text), used = 0;
	char *copy, *rest, *part, *out;
	int err = 0;

	if (bytes > LIST_BYTES_MAX)
		return -EINVAL;
	copy = rest = strdup(text);
	out = calloc(1, 2 * bytes + 1); /* each separator becomes two bytes at most */
	if (!copy || !out)
		err = -ENOMEM;
	while (!err && (part = next_element(&rest, between))) {
		if (!part[0])
			continue;
		if (!fn(part))
			err = -EINVAL;
		if (used)
			used += (size_t)sprintf(out + used, "%s", joined);
		used += (size_t)sprintf(out + used, "%s", part);
	}
	if (!err && !used)
		err = -EINVAL;
	if (!err)
		err = policy_keep_text(out, field);
	free(copy);
	free(out);
	return err;
}

static bool is_name_token(const char *element)
{
	return strcmp(element, "*") == 0 || is_token(element, strlen(element));
}

int policy_parse_tokens(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	return keep_list(text, ",\n", ", ", is_name_token, field);
}

static bool is_host(const char *element)
{
	size_t bytes = strlen(element);
	const char *name = strncmp(element, "*.", 2) == 0 ? element + 2 : element;

	if (!*name || bytes > 253 || strstr(name, "..") || name[0] == '.' || name[0] == '-')
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.' && *c != '_')
			return false;
	return true;
}

int policy_parse_hosts(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	return keep_list(text, ",\n", ",", is_host, field);
}

/* "*", "null", or SCHEME://HOST[:PORT], whose host may begin with "*.". */
static bool is_origin(const char *element)
{
	const char *host = strstr(element, "://");
	const char *port;
	char name[256];

	if (strcmp(element, "*") == 0 || strcmp(element, "null") == 0)
		return true;
	if (!host || host == element)
		return false;
	for (const char *c = element; c < host; c++)
		if (!isalnum((unsigned char)*c) && *c != '+' && *c != '-' && *c != '.')
			return false;
	host += 3;
	port = strchr(host, ':');
	if (port &&
	    (strspn(port + 1, "0123456789") != strlen(port + 1) || strlen(port) > 6 || !port[1]))
		return false;
	if (strlen(host) >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", port ? (int)(port - host) : (int)strlen(host), host);
	return is_host(name);
}

int policy_parse_origins(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	return keep_list(text, ",\n", ",", is_origin, field);
}

/* Fields that say where a message ends or where it goes: a route cannot set them. */
static bool is_framing(const char *name, size_t bytes)
{
	static const char *const names[] = {
		"connection",     "content-length", "transfer-encoding",
		"host",           "upgrade",        "te",
		"trailer",        "keep-alive",     "proxy-connection",
		"http2-settings", "expect"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == bytes && strncasecmp(names[i], name, bytes) == 0)
			return true;
	return false;
}

bool policy_header_is_sound(const char *element)
{
	const char *colon = strchr(element, ':');

	if (!colon || !is_token(element, (size_t)(colon - element)) ||
	    is_framing(element, (size_t)(colon - element)))
		return false;
	for (const char *c = colon + 1; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return false;
	return true;
}

int policy_parse_headers(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	return keep_list(text, "\n", "\n", policy_header_is_sound, field);
}

/* Path of a cookie: nothing that would end the attribute. */
int policy_parse_cookie_path(const struct policy_word *words, const char *text, void *field)
{
	return strpbrk(text, ";,\"") ? -EINVAL : policy_parse_target(words, text, field);
}

static bool is_variable(const char *name, size_t bytes)
{
	static const char *const names[] = TEMPLATE_NAMES;
	static const char *const families[] = { "arg_", "http_", "cookie_" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == bytes && strncmp(names[i], name, bytes) == 0)
			return true;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (bytes > strlen(families[i]) &&
		    strncmp(name, families[i], strlen(families[i])) == 0)
			return true;
	return false;
}

/* Text and variables: "$name" or "${name}". */
int policy_parse_template(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (!*text || strlen(text) > 1024)
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		size_t bytes;
		bool braced;

		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return -EINVAL;
		if (*c != '$')
			continue;
		braced = c[1] == '{';
		c += braced ? 2 : 1;
		bytes = template_name_bytes(c);
		if (!is_variable(c, bytes) || (braced && c[bytes] != '}'))
			return -EINVAL;
		c += bytes - !braced;
	}
	return policy_keep_text(text, field);
}
