// SPDX-License-Identifier: Apache-2.0
/*
 * nginx_policy.c - annotations of ingress-nginx: their values, and the policies that they become
 *
 * Booleans are those of Go's ParseBool, times are whole seconds without a unit, as there.
 */
#include "table/policy/nginx_policy.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/policy/nginx_list.h"
#include "table/policy/policy_values.h"

#define NUMBER_MAX 2000000000u

enum standing { HONOURED, DIFFERS, EFFECTLESS, MISSING, NEVER };
enum fate { FATE_DEFAULT, FATE_CLOSED };

/* What is no policy as it stands. NULL or 0: not written. */
struct nginx_values {
	struct policy_networks whitelist; /* owned */
	char *permanent, *temporal;       /* owned */
	char *forwarded_prefix;           /* owned */
	char *ssl_secret;                 /* owned */
	uint32_t permanent_status, temporal_status;
	uint32_t read_timeout_ms, send_timeout_ms;
	uint32_t balance;    /* 1 + enum route_balance */
	uint32_t ssl_verify; /* 1 off, 2 on */
	bool affinity, preserve_slash;
};

struct row {
	const char *name;
	enum standing standing;
	enum { IN_POLICY, IN_VALUES, IN_NOTHING } place;
	enum policy_field field;
	size_t offset;
	policy_parse_fn *parse; /* NULL: nothing to read */
	const struct policy_word *words;
	enum fate fate;
	const char *text;
};

static const struct policy_word nginx_protocols[] = {
	{ "http", ROUTE_HTTP },
	{ "https", ROUTE_HTTPS },
	{ "grpc", ROUTE_GRPC },
	{ "grpcs", ROUTE_GRPCS },
	{ NULL, 0 },
};
static const struct policy_word nginx_balances[] = {
	{ "round_robin", 1 + BALANCE_ROUND_ROBIN },
	{ "ewma", 1 + BALANCE_LEAST_REQUESTS },
	{ NULL, 0 },
};
static const struct policy_word nginx_same_sites[] = {
	{ "lax", 1 },
	{ "strict", 2 },
	{ "none", 3 },
	{ NULL, 0 },
};
static const struct policy_word nginx_switches[] = { { "off", 1 }, { "on", 2 }, { NULL, 0 } };

/* ---- values ---------------------------------------------------------------------------------- */

/* Go's ParseBool. Return: 0; -EINVAL. */
static int read_truth(const char *text, bool *out)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(text, yes[i]) != 0 && strcmp(text, no[i]) != 0)
			continue;
		*out = strcmp(text, yes[i]) == 0;
		return 0;
	}
	return -EINVAL;
}

bool nginx_is_canary(const struct object *object, bool nginx)
{
	const char *value = nginx ? object_annotation(object, NGINX_PREFIX "canary") : NULL;
	bool canary = false;

	return value && !read_truth(value, &canary) && canary;
}

static int nginx_parse_truth(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	return read_truth(text, field);
}

static int nginx_parse_number(const struct policy_word *words, const char *text, void *field)
{
	unsigned long number = 0;
	char *end;

	(void)words;
	if (!isdigit((unsigned char)text[0]) || strlen(text) > 10)
		return -EINVAL;
	number = strtoul(text, &end, 10);
	if (*end || number > NUMBER_MAX)
		return -EINVAL;
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

/* Whole seconds, above 0. */
static int nginx_parse_seconds(const struct policy_word *words, const char *text, void *field)
{
	uint32_t seconds;
	int err = nginx_parse_number(words, text, &seconds);

	if (!err && (!seconds || seconds > UINT32_MAX / 1000))
		err = -EINVAL;
	if (!err)
		*(uint32_t *)field = seconds * 1000;
	return err;
}

/* "8m", "8M", "512k", "1g", bytes without a unit or with "b". */
static int nginx_parse_size(const struct policy_word *words, const char *text, void *field)
{
	size_t digits = strspn(text, "0123456789");
	char bare[24];

	if (!digits || digits > 15 || strlen(text + digits) > 1 ||
	    (text[digits] && !strchr("bkmgBKMG", text[digits])))
		return -EINVAL;
	snprintf(bare, sizeof(bare), "%.*s", (int)digits, text);
	return policy_parse_size(words, strchr("bB", text[digits]) && text[digits] ? bare : text,
				 field);
}

static int nginx_parse_affinity(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (strcmp(text, "cookie") != 0)
		return -EINVAL;
	*(bool *)field = true;
	return 0;
}

static int nginx_parse_mode(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	(void)field;
	return strcmp(text, "balanced") == 0 || strcmp(text, "persistent") == 0 ? 0 : -EINVAL;
}

/* An empty one is as none, for this alias only. */
static int nginx_parse_networks_or_none(const struct policy_word *words, const char *text,
					void *field)
{
	return text[0] ? policy_parse_networks(words, text, field) : 0;
}

static int nginx_parse_url(const struct policy_word *words, const char *text, void *field)
{
	return text[0] == '/' ? -EINVAL : policy_parse_location(words, text, field);
}

static int nginx_parse_rewrite(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	if (!text[0] || strlen(text) > 2048)
		return -EINVAL;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._~/:$", *c))
			return -EINVAL;
	return policy_keep_text(text, field);
}

/* Bad entries are skipped, as there; a list of nothing but those is none. */
static int nginx_parse_origins(const struct policy_word *words, const char *text, void *field)
{
	char *copy = strdup(text), *rest = copy, *part;
	char *good = calloc(1, strlen(text) + 2), *one = NULL;
	size_t used = 0;
	int err = copy && good ? 0 : -ENOMEM;

	while (!err && (part = strsep(&rest, ",\n"))) {
		err = policy_parse_origins(words, part, &one);
		if (!err)
			used += (size_t)sprintf(good + used, "%s%s", used ? "," : "", one);
		if (err == -EINVAL)
			err = 0;
	}
	if (!err)
		err = used ? policy_keep_text(good, field) : -EINVAL;
	free(one);
	free(good);
	free(copy);
	return err;
}

/* "name" or "namespace/name". */
static int nginx_parse_name(const struct policy_word *words, const char *text, void *field)
{
	const char *slash = strchr(text, '/');

	(void)words;
	if (!text[0] || text[0] == '/' || (slash && (!slash[1] || strchr(slash + 1, '/'))))
		return -EINVAL;
	return policy_keep_text(text, field);
}

/* Never honoured; valid if nothing is lost by that but comfort. */
static int nginx_parse_snippet(const struct policy_word *words, const char *text, void *field)
{
	(void)words;
	(void)field;
	return nginx_snippet_guards(text) ? -EINVAL : 0;
}

/* ---- the rows -------------------------------------------------------------------------------- */

#define PLACE_POLICY(id, field) IN_POLICY, POLICY_##id, offsetof(struct policy, field)
#define PLACE_VALUE(field)      IN_VALUES, 0, offsetof(struct nginx_values, field)
#define PLACE_NOWHERE           IN_NOTHING, 0, 0

static const struct row rows[] = {
#define X(name, standing, place, parse, words, fate, text) \
	{ name, standing, PLACE_##place, parse, words, FATE_##fate, text },
	NGINX_LIST(X)
#undef X
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct reading {
	struct policy *policy; /* borrowed */
	struct nginx_values values;
	struct problem_object object;
	struct problem_set *problems; /* borrowed */
	char names[512];              /* of what is not honoured */
	unsigned int names_count;
};

static const struct row *row_of(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static void note_name(struct reading *r, const struct row *row, bool closed)
{
	size_t bytes = strlen(r->names);

	snprintf(r->names + bytes, sizeof(r->names) - bytes, "%s%s (%s%s)", bytes ? "; " : "",
		 row->name, row->text, closed ? "; 503 is answered" : "");
	r->names_count++;
}

static void close_paths(struct reading *r)
{
	r->policy->closed = true;
	policy_give(r->policy, POLICY_CLOSED);
}

/* What is missing here: said once for all, unless it asks for nothing. */
static void read_missing(struct reading *r, const struct row *row, const char *value)
{
	bool closed = row->fate == FATE_CLOSED, wanted = true;

	if (!value[0] || (!read_truth(value, &wanted) && !wanted))
		return;
	if (row->parse)
		closed &= row->parse(row->words, value, NULL) != 0;
	if (closed)
		close_paths(r);
	note_name(r, row, closed);
}

static int invalid(struct reading *r, const struct row *row, const char *value)
{
	bool closed = row->fate == FATE_CLOSED;
	char field[128];

	if (closed)
		close_paths(r);
	snprintf(field, sizeof(field), "metadata.annotations[" NGINX_PREFIX "%.64s]", row->name);
	return problems_add(r->problems, &r->object, PROBLEM_WARNING, "InvalidAnnotation", field,
			    NGINX_PREFIX "%s: \"%.64s\" is not a valid value; %s", row->name, value,
			    closed ? "503 is answered" : "the default is in use");
}

static int read_one(struct reading *r, const struct row *row, const char *value)
{
	char *base = row->place == IN_POLICY ? (char *)r->policy : (char *)&r->values;
	int err;

	if (row->standing == EFFECTLESS)
		return 0;
	if (row->standing == MISSING || row->standing == NEVER) {
		read_missing(r, row, value);
		return 0;
	}
	err = row->parse(row->words, value, base + row->offset);
	if (err == -EINVAL)
		return invalid(r, row, value);
	if (!err && row->place == IN_POLICY)
		policy_give(r->policy, row->field);
	return err;
}

/* Values begin and end without white space, each line of them. */
static char *trimmed(const char *value)
{
	char *out = strdup(value), *to = out, *line;

	if (!out)
		return NULL;
	for (const char *from = value; *from;) {
		size_t bytes = strcspn(from, "\n");
		const char *next = from[bytes] ? from + bytes + 1 : from + bytes;

		while (bytes && strchr(" \t\r", *from))
			from++, bytes--;
		while (bytes && strchr(" \t\r", from[bytes - 1]))
			bytes--;
		line = to;
		memmove(line, from, bytes);
		to += bytes;
		if (*next)
			*to++ = '\n';
		from = next;
	}
	while (to > out && to[-1] == '\n')
		to--;
	*to = '\0';
	return out;
}

static int read_pair(struct reading *r, const struct key_value *pair)
{
	const char *name = pair->key + sizeof(NGINX_PREFIX) - 1;
	const struct row *row = row_of(name);
	char *value, field[128];
	int err;

	if (!row) {
		snprintf(field, sizeof(field), "metadata.annotations[%.96s]", pair->key);
		return problems_add(r->problems, &r->object, PROBLEM_NOTE, "UnknownAnnotation",
				    field, "%.96s is not an annotation that is known here; ignored",
				    pair->key);
	}
	value = trimmed(pair->value);
	if (!value)
		return -ENOMEM;
	err = read_one(r, row, value);
	free(value);
	return err;
}

/* ---- from values to policies ----------------------------------------------------------------- */

#define GIVE(policy, id, field, value)            \
	do {                                      \
		(policy)->field = value;          \
		policy_give(policy, POLICY_##id); \
	} while (0)

/* The temporary one counts where both stand; a status out of range is the default. */
static void take_redirects(struct policy *policy, struct nginx_values *v)
{
	bool temporal = v->temporal != NULL;
	uint32_t status = temporal ? v->temporal_status : v->permanent_status;
	uint32_t most = temporal ? 307 : 308;

	if (!v->temporal && !v->permanent)
		return;
	GIVE(policy, REDIRECT, redirect, temporal ? v->temporal : v->permanent);
	if (temporal)
		v->temporal = NULL;
	else
		v->permanent = NULL;
	if (status < 300 || status > most)
		status = temporal ? 302 : 301;
	GIVE(policy, REDIRECT_STATUS, redirect_status, status);
}

static void take_timeouts(struct policy *policy, const struct nginx_values *v)
{
	uint32_t idle_ms =
		v->read_timeout_ms > v->send_timeout_ms ? v->read_timeout_ms : v->send_timeout_ms;

	if (v->read_timeout_ms) {
		GIVE(policy, RESPONSE_TIMEOUT, response_timeout_ms, v->read_timeout_ms);
		GIVE(policy, TUNNEL_IDLE_TIMEOUT, tunnel_idle_timeout_ms, v->read_timeout_ms);
	}
	if (idle_ms)
		GIVE(policy, IDLE_TIMEOUT, idle_timeout_ms, idle_ms);
}

static void take_balance(struct policy *policy, const struct nginx_values *v)
{
	if (v->affinity) {
		GIVE(policy, AFFINITY, affinity, 1);
	} else if (policy_has(policy, POLICY_HASH_BY)) {
		GIVE(policy, BALANCE, balance, BALANCE_HASH_TEXT);
	} else if (v->balance) {
		GIVE(policy, BALANCE, balance, v->balance - 1);
	}
}

/* The authority has to be of the same namespace. */
static int take_tls(struct reading *r)
{
	struct policy *policy = r->policy;
	const char *name = r->values.ssl_secret, *slash = name ? strchr(name, '/') : NULL;
	int err;

	if (r->values.ssl_verify)
		GIVE(policy, TLS_VERIFY, tls_verify, r->values.ssl_verify == 2);
	if (!name)
		return 0;
	if (slash && (strlen(r->object.namespace) != (size_t)(slash - name) ||
		      strncmp(r->object.namespace, name, (size_t)(slash - name)) != 0)) {
		close_paths(r);
		return problems_add(r->problems, &r->object, PROBLEM_WARNING, "InvalidAnnotation",
				    "metadata.annotations[" NGINX_PREFIX "proxy-ssl-secret]",
				    NGINX_PREFIX "proxy-ssl-secret: Secret %s is of another "
						 "namespace; 503 is answered",
				    name);
	}
	err = policy_keep_text(slash ? slash + 1 : name, &policy->ca);
	if (!err)
		policy_give(policy, POLICY_CA);
	return err;
}

static int take_all(struct reading *r)
{
	struct nginx_values *v = &r->values;
	struct policy *policy = r->policy;

	take_redirects(policy, v);
	take_timeouts(policy, v);
	take_balance(policy, v);
	if (v->preserve_slash)
		GIVE(policy, CUT_SLASH, cut_slash, false);
	if (v->forwarded_prefix && policy->rewrite_target) {
		GIVE(policy, FORWARDED_PREFIX, forwarded_prefix, v->forwarded_prefix);
		v->forwarded_prefix = NULL;
	}
	if (v->whitelist.items && !policy_has(policy, POLICY_SOURCES)) {
		GIVE(policy, SOURCES, sources, v->whitelist);
		v->whitelist.items = NULL;
	}
	return take_tls(r);
}

static int tell_missing(struct reading *r)
{
	if (!r->names_count)
		return 0;
	return problems_add(r->problems, &r->object, PROBLEM_WARNING, "NotHonoured",
			    "metadata.annotations", "%u of " NGINX_PREFIX " not honoured: %s",
			    r->names_count, r->names);
}

int nginx_policy_read(const struct object *object, struct policy *policy,
		      struct problem_set *problems)
{
	struct reading r = {
		.policy = policy,
		.object = { object->kind, object->namespace, object->name, object->uid },
		.problems = problems,
	};
	int err = 0;

	for (size_t i = 0; i < object->annotations_count && !err; i++)
		if (strncmp(object->annotations[i].key, NGINX_PREFIX, sizeof(NGINX_PREFIX) - 1) ==
		    0)
			err = read_pair(&r, &object->annotations[i]);
	if (!err)
		err = take_all(&r);
	if (!err)
		err = tell_missing(&r);
	free(r.values.whitelist.items);
	free(r.values.permanent);
	free(r.values.temporal);
	free(r.values.forwarded_prefix);
	free(r.values.ssl_secret);
	return err;
}
