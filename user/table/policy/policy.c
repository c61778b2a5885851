// SPDX-License-Identifier: Apache-2.0
/*
 * policy.c - one table of annotations: name, form of the value, field
 */
#include "table/policy/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/policy/l4_policy.h"

#define SECONDS_PER_YEAR 31536000u
#define COUNT_MAX        1000u
#define SOURCES_MAX      1024u /* looked through for each request */

struct annotation;

/* Reads @text into the field at @field. Return: 0; -EINVAL; -ENOMEM. */
typedef int parse_fn(const struct annotation *annotation, const char *text, void *field);

struct word {
	const char *text;
	uint32_t value;
};

struct annotation {
	const char *name; /* without the prefix */
	uint32_t bit;     /* enum policy_field */
	parse_fn *parse;
	size_t offset; /* in struct policy */
	const char *expected;
	const struct word *words; /* for parse_word */
};

static const struct word protocols[] = {
	{ "http", ROUTE_HTTP }, { "https", ROUTE_HTTPS }, { "h2c", ROUTE_H2C }, { "h2", ROUTE_H2 },
	{ "grpc", ROUTE_GRPC }, { "grpcs", ROUTE_GRPCS }, { NULL, 0 },
};

static const struct word balances[] = {
	{ "round-robin", BALANCE_ROUND_ROBIN }, { "least-requests", BALANCE_LEAST_REQUESTS },
	{ "hash-source", BALANCE_HASH_SOURCE }, { "hash-header", BALANCE_HASH_HEADER },
	{ "hash-cookie", BALANCE_HASH_COOKIE }, { NULL, 0 },
};

static const struct word affinities[] = { { "none", 0 }, { "cookie", 1 }, { NULL, 0 } };
static const struct word same_sites[] = {
	{ "lax", 1 }, { "strict", 2 }, { "none", 3 }, { NULL, 0 }
};
static const struct word proxy_protocols[] = { { "v1", 1 }, { "v2", 2 }, { NULL, 0 } };

static int parse_word(const struct annotation *annotation, const char *text, void *field)
{
	for (const struct word *word = annotation->words; word->text; word++) {
		if (strcasecmp(word->text, text) == 0) {
			*(uint32_t *)field = word->value;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_bool(const struct annotation *annotation, const char *text, void *field)
{
	(void)annotation;
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

static int parse_timeout(const struct annotation *annotation, const char *text, void *field)
{
	uint64_t ms;
	int err = parse_duration_ms(text, UINT32_MAX, &ms);

	(void)annotation;
	if (!err)
		*(uint32_t *)field = (uint32_t)ms;
	return err;
}

static int parse_seconds(const struct annotation *annotation, const char *text, void *field)
{
	uint64_t ms = 0;
	int err = strcmp(text, "0") ? parse_duration_ms(text, UINT32_MAX * 1000ull, &ms) : 0;

	(void)annotation;
	if (!err && ms % 1000)
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = (uint32_t)(ms / 1000);
	return err;
}

static int parse_hsts(const struct annotation *annotation, const char *text, void *field)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
		*(uint32_t *)field = text[0] == 't' ? SECONDS_PER_YEAR : 0;
		return 0;
	}
	return parse_seconds(annotation, text, field);
}

/* "512k", "8m", "1g" (powers of 1024, also K, Ki, ...), or bytes; "0": no limit. */
static int parse_size(const struct annotation *annotation, const char *text, void *field)
{
	static const char units[] = "kmgt";
	const char *unit;
	uint64_t number;
	int shift = 0;

	(void)annotation;
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

/* A count of up to 1000; whether 0 makes sense is said by @annotation->bit. */
static int parse_count(const struct annotation *annotation, const char *text, void *field)
{
	uint64_t number;

	if (read_number(&text, &number) || *text || number > COUNT_MAX ||
	    (number == 0 && annotation->bit != POLICY_EJECT_AFTER))
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

static int keep_text(const char *text, void *field)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

/* A field name or a cookie name: an RFC 9110 token. */
static int parse_token(const struct annotation *annotation, const char *text, void *field)
{
	(void)annotation;
	if (!*text || strlen(text) > 64)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("!#$%&'*+-.^_`|~", *c))
			return -EINVAL;
	return keep_text(text, field);
}

/* A path, and a query if it is to have one. */
static int parse_target(const struct annotation *annotation, const char *text, void *field)
{
	(void)annotation;
	if (text[0] != '/' || strlen(text) > 2048)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return -EINVAL; /* signed char or not: bytes over 0x7f are refused, too */
	return keep_text(text, field);
}

static int parse_rewrite(const struct annotation *annotation, const char *text, void *field)
{
	return strchr(text, '?') ? -EINVAL : parse_target(annotation, text, field);
}

/* Networks between commas, blanks around them. */
static int parse_sources(const struct annotation *annotation, const char *text, void *field)
{
	struct policy *policy = (struct policy *)((char *)field - annotation->offset);
	struct inet_network *sources = calloc(strlen(text) / 2 + 1, sizeof(*sources));
	char *copy = strdup(text), *rest = copy, *part;
	int err = sources && copy ? 0 : -ENOMEM;
	size_t count = 0;

	while (!err && (part = strsep(&rest, ","))) {
		part += strspn(part, " \t");
		part[strcspn(part, " \t")] = '\0';
		err = inet_network_parse(part, &sources[count++]);
	}
	free(copy);
	if (!err && count > SOURCES_MAX)
		err = -EINVAL;
	free(policy->sources);
	policy->sources = err ? NULL : sources;
	policy->sources_count = err ? 0 : count;
	if (err)
		free(sources);
	if (err == -EINVAL)
		policy->given |= POLICY_SOURCES; /* what was to be shut must not stand open */
	return err;
}

/* A DNS name (of a server, or of a Secret: the same form). */
static int parse_name(const struct annotation *annotation, const char *text, void *field)
{
	size_t bytes = strlen(text);

	(void)annotation;
	if (!bytes || bytes > 253 || !isalnum((unsigned char)text[0]) ||
	    !isalnum((unsigned char)text[bytes - 1]) || strstr(text, ".."))
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
			return -EINVAL;
	return keep_text(text, field);
}

#define FIELD(f)  offsetof(struct policy, f)
#define DURATION  "a time above 0 such as 5s, 1500ms or 1m30s"
#define TRUTH     "\"true\" or \"false\""
#define A_TOKEN   "a name of letters, digits and -_., at most 64"
#define A_COUNT   "a number from 1 to 1000"
#define PROTOCOLS "http, https, h2c, h2, grpc or grpcs"
#define BALANCES  "round-robin, least-requests, hash-source, hash-header or hash-cookie"

static const struct annotation annotations[] = {
	{ "backend-protocol", POLICY_PROTOCOL, parse_word, FIELD(protocol), PROTOCOLS, protocols },
	{ "load-balance", POLICY_BALANCE, parse_word, FIELD(balance), BALANCES, balances },
	{ "load-balance-key", POLICY_BALANCE_KEY, parse_token, FIELD(balance_key), A_TOKEN, NULL },
	{ "affinity", POLICY_AFFINITY, parse_word, FIELD(affinity), "cookie or none", affinities },
	{ "affinity-cookie-name", POLICY_COOKIE_NAME, parse_token, FIELD(cookie_name), A_TOKEN,
	  NULL },
	{ "affinity-cookie-max-age", POLICY_COOKIE_MAX_AGE, parse_seconds, FIELD(cookie_max_age_s),
	  "whole seconds or a time such as 1h", NULL },
	{ "affinity-cookie-same-site", POLICY_COOKIE_SAME_SITE, parse_word, FIELD(same_site),
	  "Lax, Strict or None", same_sites },
	{ "affinity-cookie-secure", POLICY_COOKIE_SECURE, parse_bool, FIELD(cookie_secure), TRUTH,
	  NULL },
	{ "connect-timeout", POLICY_CONNECT_TIMEOUT, parse_timeout, FIELD(connect_timeout_ms),
	  DURATION, NULL },
	{ "response-timeout", POLICY_RESPONSE_TIMEOUT, parse_timeout, FIELD(response_timeout_ms),
	  DURATION, NULL },
	{ "idle-timeout", POLICY_IDLE_TIMEOUT, parse_timeout, FIELD(idle_timeout_ms), DURATION,
	  NULL },
	{ "tunnel-idle-timeout", POLICY_TUNNEL_IDLE_TIMEOUT, parse_timeout,
	  FIELD(tunnel_idle_timeout_ms), DURATION, NULL },
	{ "proxy-body-size", POLICY_BODY_BYTES, parse_size, FIELD(body_bytes),
	  "a size such as 8m, 512k or 0", NULL },
	{ "ssl-redirect", POLICY_SSL_REDIRECT, parse_bool, FIELD(ssl_redirect), TRUTH, NULL },
	{ "hsts", POLICY_HSTS, parse_hsts, FIELD(hsts_max_age_s),
	  "\"true\", \"false\" or whole seconds", NULL },
	{ "rewrite-target", POLICY_REWRITE_TARGET, parse_rewrite, FIELD(rewrite_target),
	  "a path that begins with / and holds no space, ? or #", NULL },
	{ "use-regex", POLICY_USE_REGEX, parse_bool, FIELD(use_regex), TRUTH, NULL },
	{ "tls-passthrough", POLICY_TLS_PASSTHROUGH, parse_bool, FIELD(tls_passthrough), TRUTH,
	  NULL },
	{ "proxy-protocol", POLICY_PROXY_PROTOCOL, parse_word, FIELD(proxy_protocol), "v1 or v2",
	  proxy_protocols },
	{ "backend-server-name", POLICY_SERVER_NAME, parse_name, FIELD(server_name), "a DNS name",
	  NULL },
	{ "backend-ca", POLICY_CA, parse_name, FIELD(ca),
	  "the name of a Secret in the same namespace", NULL },
	{ "slow-start", POLICY_SLOW_START, parse_timeout, FIELD(slow_start_ms), DURATION, NULL },
	{ "eject-after", POLICY_EJECT_AFTER, parse_count, FIELD(eject_after),
	  "a number of failures from 0 to 1000", NULL },
	{ "eject-time", POLICY_EJECT_TIME, parse_timeout, FIELD(eject_time_ms), DURATION, NULL },
	{ "health-check-path", POLICY_CHECK_PATH, parse_target, FIELD(check_path),
	  "a path that begins with / and holds no space or #", NULL },
	{ "health-check-interval", POLICY_CHECK_INTERVAL, parse_timeout, FIELD(check_interval_ms),
	  DURATION, NULL },
	{ "health-check-timeout", POLICY_CHECK_TIMEOUT, parse_timeout, FIELD(check_timeout_ms),
	  DURATION, NULL },
	{ "health-check-healthy", POLICY_CHECK_HEALTHY, parse_count, FIELD(check_healthy), A_COUNT,
	  NULL },
	{ "health-check-unhealthy", POLICY_CHECK_UNHEALTHY, parse_count, FIELD(check_unhealthy),
	  A_COUNT, NULL },
	{ "allow-source-ranges", POLICY_SOURCES, parse_sources, FIELD(sources),
	  "a list of networks such as 10.0.0.0/8, 2001:db8::/32", NULL },
	{ "backend-tls-verify", POLICY_TLS_VERIFY, parse_bool, FIELD(tls_verify), TRUTH, NULL },
};

#define ANNOTATIONS (sizeof(annotations) / sizeof(annotations[0]))

static int parse_one(const struct key_value *pair, const struct problem_object *object,
		     struct policy *policy, struct problem_set *problems)
{
	const char *name = pair->key + sizeof(POLICY_PREFIX) - 1;
	const struct annotation *annotation = annotations;
	char field[128];
	int err;

	if (l4_policy_knows(object->kind, pair->key))
		return 0;
	snprintf(field, sizeof(field), "metadata.annotations[%.96s]", pair->key);
	while (annotation < annotations + ANNOTATIONS && strcmp(annotation->name, name) != 0)
		annotation++;
	if (annotation == annotations + ANNOTATIONS)
		return problems_add(problems, object, PROBLEM_NOTE, "UnknownAnnotation", field,
				    "%.96s is not an annotation that is known here; ignored",
				    pair->key);
	err = annotation->parse(annotation, pair->value, (char *)policy + annotation->offset);
	if (!err)
		policy->given |= annotation->bit;
	if (err != -EINVAL)
		return err;
	return problems_add(
		problems, object, PROBLEM_WARNING, "InvalidAnnotation", field,
		"%s: \"%.64s\" is not %s; %s", pair->key, pair->value, annotation->expected,
		annotation->bit == POLICY_SOURCES ? "nobody is let in" : "the default is in force");
}

/* Sources are looked at where requests are: of what is not decrypted there are none. */
static int check_passthrough(const struct problem_object *object, struct policy *policy,
			     struct problem_set *problems)
{
	if (!(policy->given & POLICY_SOURCES) || !policy->tls_passthrough)
		return 0;
	policy->tls_passthrough = false;
	return problems_add(problems, object, PROBLEM_WARNING, "InvalidAnnotation",
			    "metadata.annotations[" POLICY_PREFIX "tls-passthrough]",
			    POLICY_PREFIX "tls-passthrough: cannot be together with " POLICY_PREFIX
					  "allow-source-ranges; TLS ends here, the default");
}

/* What makes sense only together. */
static int check_together(const struct problem_object *object, struct policy *policy,
			  struct problem_set *problems)
{
	int err = check_passthrough(object, policy, problems);
	bool keyed = policy->given & POLICY_BALANCE && (policy->balance == BALANCE_HASH_HEADER ||
							policy->balance == BALANCE_HASH_COOKIE);

	if (err || !keyed || policy->given & POLICY_BALANCE_KEY)
		return err;
	policy->given &= ~(uint32_t)POLICY_BALANCE;
	return problems_add(problems, object, PROBLEM_WARNING, "InvalidAnnotation",
			    "metadata.annotations[" POLICY_PREFIX "load-balance]",
			    POLICY_PREFIX "load-balance: hash-%s needs " POLICY_PREFIX
					  "load-balance-key; the default is in force",
			    policy->balance == BALANCE_HASH_HEADER ? "header" : "cookie");
}

int policy_parse(const struct object *object, struct policy *out, struct problem_set *problems)
{
	struct problem_object told = { object->kind, object->namespace, object->name, object->uid };
	struct policy policy = {};
	int err = 0;

	for (size_t i = 0; i < object->annotations_count && !err; i++) {
		const struct key_value *pair = &object->annotations[i];

		if (strncmp(pair->key, POLICY_PREFIX, sizeof(POLICY_PREFIX) - 1) == 0)
			err = parse_one(pair, &told, &policy, problems);
	}
	if (!err)
		err = check_together(&told, &policy, problems);
	if (err) {
		policy_clear(&policy);
		return err;
	}
	*out = policy;
	return 0;
}

void policy_clear(struct policy *policy)
{
	free(policy->balance_key);
	free(policy->cookie_name);
	free(policy->rewrite_target);
	free(policy->server_name);
	free(policy->ca);
	free(policy->check_path);
	free(policy->sources);
	memset(policy, 0, sizeof(*policy));
}

#define TAKE(bit, field)                            \
	do {                                        \
		if (second->given & (bit))          \
			out->field = second->field; \
		if (first->given & (bit))           \
			out->field = first->field;  \
	} while (0)

void policy_merge(const struct policy *first, const struct policy *second, struct policy *out)
{
	memset(out, 0, sizeof(*out));
	out->given = first->given | second->given;
	TAKE(POLICY_PROTOCOL, protocol);
	TAKE(POLICY_BALANCE, balance);
	TAKE(POLICY_BALANCE_KEY, balance_key);
	TAKE(POLICY_AFFINITY, affinity);
	TAKE(POLICY_COOKIE_NAME, cookie_name);
	TAKE(POLICY_COOKIE_MAX_AGE, cookie_max_age_s);
	TAKE(POLICY_COOKIE_SAME_SITE, same_site);
	TAKE(POLICY_COOKIE_SECURE, cookie_secure);
	TAKE(POLICY_CONNECT_TIMEOUT, connect_timeout_ms);
	TAKE(POLICY_RESPONSE_TIMEOUT, response_timeout_ms);
	TAKE(POLICY_IDLE_TIMEOUT, idle_timeout_ms);
	TAKE(POLICY_TUNNEL_IDLE_TIMEOUT, tunnel_idle_timeout_ms);
	TAKE(POLICY_BODY_BYTES, body_bytes);
	TAKE(POLICY_SSL_REDIRECT, ssl_redirect);
	TAKE(POLICY_HSTS, hsts_max_age_s);
	TAKE(POLICY_REWRITE_TARGET, rewrite_target);
	TAKE(POLICY_USE_REGEX, use_regex);
	TAKE(POLICY_TLS_PASSTHROUGH, tls_passthrough);
	TAKE(POLICY_PROXY_PROTOCOL, proxy_protocol);
	TAKE(POLICY_SERVER_NAME, server_name);
	TAKE(POLICY_CA, ca);
	TAKE(POLICY_TLS_VERIFY, tls_verify);
	TAKE(POLICY_SLOW_START, slow_start_ms);
	TAKE(POLICY_EJECT_AFTER, eject_after);
	TAKE(POLICY_EJECT_TIME, eject_time_ms);
	TAKE(POLICY_CHECK_PATH, check_path);
	TAKE(POLICY_CHECK_INTERVAL, check_interval_ms);
	TAKE(POLICY_CHECK_TIMEOUT, check_timeout_ms);
	TAKE(POLICY_CHECK_HEALTHY, check_healthy);
	TAKE(POLICY_CHECK_UNHEALTHY, check_unhealthy);
	TAKE(POLICY_SOURCES, sources);
	TAKE(POLICY_SOURCES, sources_count);
}
