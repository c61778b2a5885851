/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_script.h - cases about the table as named scripts
 *
 *   ingress|service KEY CREATED LINE     put (table_fixture.h says how lines are written)
 *   slice KEY LINE      class NAME CONTROLLER      cert KEY      secret KEY TYPE
 *   node NAME ADDRESS   delete KIND KEY            later SECONDS
 *   ask HOST PATH = ANSWER               "-": no host; "ns/svc:port", "503 ns/svc:port" or "404"
 *   tls HOST = SECRET|default|none|pass:UPSTREAM
 *   redirect HOST PATH = yes|no
 *   backends UPSTREAM = "10.0.0.1:80 10.0.0.2:80~" ~: draining; !: of them those that are
 *   members;
 *                                                    "none": no such upstream
 *   frontend ADDRESS PORT PROTO = http|http tls|UPSTREAM|pass|drop|none
 *   l4 ADDRESS PORT PROTO = "local affinity 30 rate 5 ranges 10.0.0.0/8" or "plain"
 *   ways UPSTREAM = "10.0.0.1 local 10.0.0.2 snat 10.0.0.3 dsr 192.0.2.3 10.0.0.4 gue 192.0.2.4 w3"
 *   denylist WORDS put the ConfigMap: WORDS become its only value, | a new line
 *   denied = "192.0.2.0/24 2001:db8::/32" or "nobody"
 *   checks = "31000 default/web 2" or "none"
 *   problem KEY REASON [FIELD]           no-problem KEY REASON      problems COUNT
 *   owns KEY = yes|no                    routes = yes|no            secrets = LIST
 *
 * What follows a put is asked of the table brought up to date.
 */
#ifndef SELFTESTS_TABLE_SCRIPT_H
#define SELFTESTS_TABLE_SCRIPT_H

#include <ctype.h>
#include <errno.h>

#include "unit/lib/table_fixture.h"
#include "table/compile/compile.h"

struct script_case {
	const char *name;
	const char *lines[24];
};

struct script {
	struct fixture f;
	const char *name, *line;
	bool stale;
	bool routes; /* the last update changed them */
};

static inline void script_expect(const struct script *script, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0)
		fail_msg("%s: \"%s\" gives \"%s\"", script->name, script->line, got);
}

static inline enum object_kind script_kind(const char *word)
{
	static const struct {
		const char *word;
		enum object_kind kind;
	} kinds[] = {
		{ "ingress", OBJECT_INGRESS },      { "class", OBJECT_INGRESS_CLASS },
		{ "service", OBJECT_SERVICE },      { "slice", OBJECT_ENDPOINT_SLICE },
		{ "secret", OBJECT_SECRET },        { "node", OBJECT_NODE },
		{ "configmap", OBJECT_CONFIG_MAP },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].word, word) == 0)
			return kinds[i].kind;
	fail_msg("no kind %s", word);
	return OBJECT_KINDS;
}

static inline void script_node(struct fixture *f, const char *name, const char *address)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\"},"
		 "\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"%s\"}]}}",
		 name, address);
	fixture_put_json(f, json);
}

static inline void script_denylist(struct fixture *f, const char *words)
{
	char json[1024], value[512];
	size_t n = 0;

	for (const char *c = words; *c && n < sizeof(value) - 3; c++) {
		if (*c == '|') {
			value[n++] = '\\';
			value[n++] = 'n';
		} else {
			value[n++] = *c;
		}
	}
	value[n] = '\0';
	snprintf(json, sizeof(json),
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
		 "\"sluice-denylist\"},\"data\":{\"networks\":\"%s\"}}",
		 value);
	fixture_put_json(f, json);
}

/* Objects. Return: false if the line is not about one. */
static inline bool script_put(struct script *script, const char *verb, char *rest)
{
	struct fixture *f = &script->f;
	char *words[3];
	char *copy = strdup(rest);
	bool known = true;

	fixture_words(copy, words);
	if (strcmp(verb, "ingress") == 0)
		fixture_ingress(f, words[0], atol(words[1]), words[2]);
	else if (strcmp(verb, "service") == 0)
		fixture_service(f, words[0], atol(words[1]), words[2]);
	else if (strcmp(verb, "slice") == 0)
		fixture_slice(f, words[0], strchr(rest, ' ') + 1);
	else if (strcmp(verb, "class") == 0)
		fixture_class(f, words[0], words[1]);
	else if (strcmp(verb, "cert") == 0)
		fixture_certificate(f, words[0]);
	else if (strcmp(verb, "secret") == 0)
		fixture_secret(f, words[0], words[1], "\"ca.crt\":\"" FIXTURE_CRT "\"");
	else if (strcmp(verb, "node") == 0)
		script_node(f, words[0], words[1]);
	else if (strcmp(verb, "denylist") == 0)
		script_denylist(f, rest);
	else if (strcmp(verb, "delete") == 0)
		fixture_delete(f, script_kind(words[0]), words[1]);
	else if (strcmp(verb, "later") == 0)
		f->now_ms += strtoull(words[0], NULL, 10) * 1000;
	else
		known = false;
	script->stale |= known;
	free(copy);
	return known;
}

static inline void script_tls(const struct script *script, const char *host, char answer[256])
{
	const struct snapshot *snapshot = script->f.snapshot;
	const struct snapshot_tls *tls = snapshot_tls_of(snapshot, host, strlen(host));

	if (!tls)
		strcpy(answer, "none");
	else if (tls->flags & SNAPSHOT_TLS_F_PASSTHROUGH)
		snprintf(answer, 256, "pass:%s", snapshot_text(snapshot, tls->upstream_name));
	else
		snprintf(answer, 256, "%s",
			 tls->secret_name ? snapshot_text(snapshot, tls->secret_name) : "default");
}

static inline void script_backends(const struct script *script, const char *name, char answer[256])
{
	const struct upstream_entry *upstream = strmap_get(&script->f.table->upstreams, name);
	char addr[INET_ADDR_TEXT_MAX];
	int n = 0;

	strcpy(answer, upstream ? "" : "none");
	for (size_t i = 0; upstream && i < upstream->backends_count; i++) {
		const struct table_backend *backend = &upstream->backends[i];
		bool member = false;

		for (uint32_t j = 0; j < upstream->shown.members_count; j++)
			member |= upstream->shown.members[j] == backend->id;
		n += snprintf(answer + n, 256 - (size_t)n, "%s%s:%u%s%s", n ? " " : "",
			      inet_addr_format(&backend->addr, addr), backend->port,
			      backend->state == BACKEND_DRAINING ? "~" : "",
			      member && backend->state == BACKEND_DRAINING ? "!" : "");
	}
}

static inline void script_frontend(const struct script *script, char *words[3], char answer[256])
{
	const struct frontend_entry *frontend;
	const struct strmap_entry *at;
	char key[FRONTEND_KEY_MAX];
	struct inet_addr addr;
	size_t position = 0;

	assert_int_equal(inet_addr_parse(words[0], &addr), 0);
	frontend_key(&addr, (uint16_t)atoi(words[1]),
		     strcmp(words[2], "udp") == 0   ? IPPROTO_UDP
		     : strcmp(words[2], "tcp") == 0 ? IPPROTO_TCP
						    : 0,
		     key);
	frontend = strmap_get(&script->f.table->frontends, key);
	if (!frontend) {
		strcpy(answer, "none");
	} else if (frontend->shown.kind == FRONTEND_ADDRESS) {
		strcpy(answer,
		       frontend->shown.flags & FRONTEND_F_PASS_OTHER_PORTS ? "pass" : "drop");
	} else if (frontend->shown.kind == FRONTEND_HTTP) {
		strcpy(answer, frontend->shown.flags & FRONTEND_F_TLS ? "http tls" : "http");
	} else {
		strcpy(answer, "unknown upstream");
		while ((at = strmap_next(&script->f.table->upstreams, &position))) {
			const struct upstream_entry *upstream = at->value;

			if (upstream->shown.id != frontend->shown.upstream_id)
				continue;
			assert_true(upstream->shown.wants_ring);
			strcpy(answer, at->key);
		}
	}
}

static inline const struct frontend_entry *script_find_frontend(const struct script *script,
								char *words[3])
{
	char key[FRONTEND_KEY_MAX];
	struct inet_addr addr;

	assert_int_equal(inet_addr_parse(words[0], &addr), 0);
	frontend_key(&addr, (uint16_t)atoi(words[1]),
		     strcmp(words[2], "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP, key);
	return strmap_get(&script->f.table->frontends, key);
}

static inline void script_l4(const struct script *script, char *words[3], char answer[256])
{
	const struct frontend_entry *entry = script_find_frontend(script, words);
	const struct table_frontend *f = entry ? &entry->shown : NULL;
	char text[INET_NETWORK_TEXT_MAX];
	int n = 0;

	strcpy(answer, f ? "plain" : "none");
	if (!f)
		return;
	if (f->flags & FRONTEND_F_LOCAL_ONLY)
		n += sprintf(answer + n, " local");
	if (f->flags & FRONTEND_F_AFFINITY)
		n += sprintf(answer + n, " affinity %u", f->affinity_s);
	if (f->rate_per_s)
		n += sprintf(answer + n, " rate %u", f->rate_per_s);
	if (f->flags & FRONTEND_F_SOURCE_RANGES) {
		assert_int_equal(f->ranges_id, f->id);
		n += sprintf(answer + n, " ranges");
	}
	for (size_t i = 0; i < f->ranges_count; i++)
		n += sprintf(answer + n, " %s", inet_network_format(&f->ranges[i], text));
	if (n)
		memmove(answer, answer + 1, (size_t)n);
}

static inline void script_ways(const struct script *script, const char *name, char answer[256])
{
	const struct upstream_entry *upstream = strmap_get(&script->f.table->upstreams, name);
	char addr[INET_ADDR_TEXT_MAX], node[INET_ADDR_TEXT_MAX];
	int n = 0;

	strcpy(answer, upstream ? "" : "none");
	for (size_t i = 0; upstream && i < upstream->backends_count; i++) {
		const struct table_backend *backend = &upstream->backends[i];
		bool dsr = backend->flags & BACKEND_F_DSR;

		n += snprintf(answer + n, 256 - (size_t)n, "%s%s %s", n ? " " : "",
			      inet_addr_format(&backend->addr, addr),
			      backend->flags & BACKEND_F_LOCAL ? "local"
			      : backend->flags & BACKEND_F_GUE ? "gue"
			      : dsr                            ? "dsr"
							       : "snat");
		if (dsr)
			n += snprintf(answer + n, 256 - (size_t)n, " %s",
				      inet_addr_format(&backend->node_addr, node));
		if (backend->weight != 1)
			n += snprintf(answer + n, 256 - (size_t)n, " w%u", backend->weight);
	}
}

static inline void script_denied(const struct script *script, char answer[256])
{
	char text[INET_NETWORK_TEXT_MAX];
	const struct inet_network *list;
	size_t count;
	int n = 0;

	list = table_denylist(script->f.table, &count);
	strcpy(answer, count ? "" : "nobody");
	for (size_t i = 0; i < count; i++)
		n += snprintf(answer + n, 256 - (size_t)n, "%s%s", n ? " " : "",
			      inet_network_format(&list[i], text));
}

static inline int script_check(void *ctx, const struct table_health_check *check)
{
	char *answer = ctx;

	snprintf(answer + strlen(answer), 256 - strlen(answer), "%s%u %s/%s %u",
		 answer[0] ? " " : "", check->port, check->namespace, check->name,
		 check->local_endpoints);
	return 0;
}

static inline int script_secret(void *ctx, enum table_secret_use use, const char *namespace,
				const char *name)
{
	char *list = ctx;

	snprintf(list + strlen(list), 256 - strlen(list), "%s%s%s/%s", list[0] ? " " : "",
		 use == TABLE_SECRET_CA        ? "ca:"
		 : use == TABLE_SECRET_DEFAULT ? "default:"
					       : "",
		 namespace, name);
	return 0;
}

/* Questions with " = ANSWER". */
static inline bool script_question(struct script *script, const char *verb, char *words[3],
				   char answer[256])
{
	const struct fixture *f = &script->f;
	const char *host = strcmp(words[0], "-") ? words[0] : "";

	answer[0] = '\0';
	if (strcmp(verb, "ask") == 0) {
		strcpy(answer, fixture_ask(f, host, words[1]));
	} else if (strcmp(verb, "tls") == 0) {
		script_tls(script, host, answer);
	} else if (strcmp(verb, "redirect") == 0) {
		strcpy(answer, snapshot_redirects(f->snapshot, fixture_route(f, host, words[1]),
						  host, strlen(host), words[1], strlen(words[1]))
				       ? "yes"
				       : "no");
	} else if (strcmp(verb, "backends") == 0) {
		script_backends(script, words[0], answer);
	} else if (strcmp(verb, "frontend") == 0) {
		script_frontend(script, words, answer);
	} else if (strcmp(verb, "owns") == 0) {
		const char *slash = strchr(words[0], '/');
		char namespace[64];

		snprintf(namespace, sizeof(namespace), "%.*s", (int)(slash - words[0]), words[0]);
		strcpy(answer, table_owns_ingress(f->table, namespace, slash + 1) ? "yes" : "no");
	} else if (strcmp(verb, "routes") == 0) {
		strcpy(answer, script->routes ? "yes" : "no");
	} else if (strcmp(verb, "l4") == 0) {
		script_l4(script, words, answer);
	} else if (strcmp(verb, "ways") == 0) {
		script_ways(script, words[0], answer);
	} else if (strcmp(verb, "denied") == 0) {
		script_denied(script, answer);
	} else if (strcmp(verb, "checks") == 0) {
		table_each_health_check(f->table, &f->model, script_check, answer);
		if (!answer[0])
			strcpy(answer, "none");
	} else if (strcmp(verb, "secrets") == 0) {
		table_each_secret(f->table, script_secret, answer);
	} else {
		return false;
	}
	return true;
}

static inline void script_problem(struct script *script, const char *verb, char *words[3])
{
	const struct problem *problem;
	char count[32];

	if (strcmp(verb, "problems") == 0) {
		snprintf(count, sizeof(count), "%zu", fixture_problems(&script->f));
		script_expect(script, count, words[0]);
		return;
	}
	problem = fixture_problem(&script->f, words[0], words[1]);
	if (strcmp(verb, "no-problem") == 0) {
		script_expect(script, problem ? problem->message : "", "");
		return;
	}
	script_expect(script, problem ? verb : "no such problem", "problem");
	if (words[2][0])
		script_expect(script, problem->field, words[2]);
}

static inline void script_line(struct script *script, const char *line)
{
	char *copy = strdup(line), *rest = copy, *verb = strsep(&rest, " "), *words[3];
	char *equal, answer[256];

	script->line = line;
	if (script_put(script, verb, rest))
		goto out;
	if (script->stale)
		script->routes = fixture_update(&script->f)->routes_changed;
	script->stale = false;
	equal = rest ? strstr(rest, "= ") : NULL;
	if (equal) {
		*equal = '\0';
		while (equal > rest && isspace((unsigned char)equal[-1]))
			*--equal = '\0';
	}
	fixture_words(rest ? rest : copy, words);
	if (script_question(script, verb, words, answer))
		script_expect(script, answer, strstr(line, "= ") + 2);
	else
		script_problem(script, verb, words);
out:
	free(copy);
}

static inline void script_run_with(const struct script_case *cases, size_t count,
				   const struct table_options *options)
{
	for (size_t i = 0; i < count; i++) {
		struct script script = { .name = cases[i].name, .stale = true };

		fixture_open_with(&script.f, options, NULL);
		for (const char *const *line = cases[i].lines; *line; line++)
			script_line(&script, *line);
		fixture_close(&script.f);
	}
}

#define SCRIPT_RUN(cases)                                                                   \
	do {                                                                                \
		struct table_options usual_options = fixture_options();                     \
		script_run_with(cases, sizeof(cases) / sizeof((cases)[0]), &usual_options); \
	} while (0)

#endif /* SELFTESTS_TABLE_SCRIPT_H */
