/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table_fixture.h - a model, its table and the snapshot of it, for tests that speak in short
 *
 * Objects are given as one line: what is written in a manifest, abridged, decoded by the real
 * decoder.
 *
 *   ingress: "host a.com; prefix /foo web:80; exact /x web:http; impl /r web:80; host; prefix /
 *   web:80;
 *              default web:80; tls secret a.com,b.com; note sluice.dev/use-regex=true; class other;
 *              resource prefix /bucket; nohttp b.com"
 *   service: "port 80; port http 8080; udp 53; lb 192.0.2.1; external 192.0.2.2; type
 *   ExternalName x.com;
 *              local; notready; class x; dual; ranges 10.0.0.0/8,10.0.0.0/8; affinity
 *              30; check 31000; note k=v; app 80 kubernetes.io/h2c"
 *   slice: "of web; port 8080; port http 8081; udp 53; up 10.0.0.1; down 10.0.0.2; term 10.0.0.3;
 *              on node1 10.0.0.4; note k=v"
 */
#ifndef SELFTESTS_TABLE_FIXTURE_H
#define SELFTESTS_TABLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/decode.h"
#include "handoff/snapshot.h"
#include "table/table.h"

struct fixture {
	struct model model;
	struct table *table;       /* owned */
	struct snapshot *snapshot; /* owned; of the last update */
	struct table_delta *delta; /* owned; of the last update */
	uint64_t now_ms;
};

static inline void fixture_open_with(struct fixture *f, const struct table_options *options,
				     const struct table_ids *ids)
{
	memset(f, 0, sizeof(*f));
	model_init(&f->model);
	f->now_ms = 1000;
	assert_int_equal(table_new(options, ids, &f->table), 0);
}

static inline struct table_options fixture_options(void)
{
	return (struct table_options){
		.ingress_class = "sluice",
		.controller = "sluice.dev/ingress",
		.lb_class = "sluice.dev/l4",
		.node_name = "",
		.http_port = 80,
		.https_port = 443,
	};
}

static inline void fixture_open(struct fixture *f)
{
	struct table_options options = fixture_options();

	fixture_open_with(f, &options, NULL);
}

static inline void fixture_close(struct fixture *f)
{
	snapshot_close(f->snapshot);
	table_delta_free(f->delta);
	table_free(f->table);
	model_free(&f->model);
}

/* Compiles what was put; the snapshot is opened again if routes changed. */
static inline const struct table_delta *fixture_update(struct fixture *f)
{
	size_t bytes;
	int fd;

	table_delta_free(f->delta);
	f->delta = NULL;
	assert_int_equal(table_update(f->table, &f->model, f->now_ms, &f->delta), 0);
	model_clear_changes(&f->model);
	if (f->delta->routes_changed) {
		snapshot_close(f->snapshot);
		f->snapshot = NULL;
		assert_int_equal(table_snapshot(f->table, &fd, &bytes), 0);
		assert_int_equal(snapshot_open(fd, &f->snapshot), 0);
		close(fd);
	}
	return f->delta;
}

static inline void fixture_put_json(struct fixture *f, const char *json)
{
	char error[DECODE_ERROR_MAX] = "";
	struct decode_result result = {};
	cJSON *tree = cJSON_Parse(json);

	if (!tree)
		fail_msg("bad JSON: %s", json);
	if (decode_object(tree, NULL, &result, error))
		fail_msg("%s: %s", error, json);
	for (size_t i = 0; i < result.count; i++) {
		assert_int_equal(model_put(&f->model, result.objects[i]), 0);
		result.objects[i] = NULL;
	}
	decode_result_free(&result);
	cJSON_Delete(tree);
}

static inline void fixture_delete(struct fixture *f, enum object_kind kind, const char *key)
{
	char namespace[128];
	const char *slash = strchr(key, '/');

	snprintf(namespace, sizeof(namespace), "%.*s", (int)(slash - key), key);
	assert_int_equal(model_delete(&f->model, kind, namespace, slash + 1), 0);
}

/* ---- the short lines -------------------------------------------------------------------------- */

struct fixture_text {
	char text[65536];
	size_t bytes;
};

static inline void fixture_say(struct fixture_text *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline void fixture_say(struct fixture_text *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	out->bytes += (size_t)vsnprintf(out->text + out->bytes, sizeof(out->text) - out->bytes,
					format, args);
	va_end(args);
	assert_true(out->bytes < sizeof(out->text));
}

/* Splits "a b c" in place; missing words are "". Only the last keeps its spaces. */
static inline void fixture_words(char *part, char *words[3])
{
	part += strspn(part, " \n\t");
	for (int i = 0; i < 3; i++) {
		char *space = i < 2 ? strchr(part, ' ') : NULL;

		words[i] = part;
		part = space ? space + 1 : part + strlen(part);
		if (space)
			*space = '\0';
	}
}

/* "web:80" or "web:http" as a backend. */
static inline void fixture_say_backend(struct fixture_text *out, const char *backend)
{
	const char *colon = strrchr(backend, ':');
	bool number = colon && colon[1] >= '0' && colon[1] <= '9';

	assert_non_null(colon);
	fixture_say(out, "{\"service\":{\"name\":\"%.*s\",\"port\":{", (int)(colon - backend),
		    backend);
	if (number)
		fixture_say(out, "\"number\":%s}}}", colon + 1);
	else
		fixture_say(out, "\"name\":\"%s\"}}}", colon + 1);
}

static inline void fixture_say_meta(struct fixture_text *out, const char *kind, const char *version,
				    const char *key, long created, const char *notes)
{
	const char *slash = strchr(key, '/');
	time_t at = created;
	char stamp[64] = "";
	struct tm tm;

	if (created) {
		gmtime_r(&at, &tm);
		strftime(stamp, sizeof(stamp), "\"creationTimestamp\":\"%Y-%m-%dT%H:%M:%SZ\",",
			 &tm);
	}
	fixture_say(out,
		    "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"namespace\":\"%.*s\","
		    "%s\"name\":\"%s\",\"annotations\":{%s}",
		    version, kind, (int)(slash - key), key, stamp, slash + 1, notes);
}

/* Everything "note k=v" of a line, as JSON members. */
static inline void fixture_notes(const char *line, struct fixture_text *out)
{
	char *copy = strdup(line), *rest = copy, *part, *words[3];

	out->text[0] = '\0';
	out->bytes = 0;
	while ((part = strsep(&rest, ";"))) {
		char *equal;

		fixture_words(part, words);
		if (strcmp(words[0], "note") != 0)
			continue;
		equal = strchr(words[1], '=');
		assert_non_null(equal);
		fixture_say(out, "%s\"%.*s\":\"%s%s%s\"", out->bytes ? "," : "",
			    (int)(equal - words[1]), words[1], equal + 1, words[2][0] ? " " : "",
			    words[2]);
	}
	free(copy);
}

struct fixture_ingress {
	struct fixture_text rules, tls, fallback;
	bool host_open, paths_open;
	char class[64];
};

static inline void fixture_end_host(struct fixture_ingress *i)
{
	if (i->host_open)
		fixture_say(&i->rules, "%s}", i->paths_open ? "]}" : "");
	i->host_open = i->paths_open = false;
}

static inline void fixture_ingress_path(struct fixture_ingress *i, char *words[3], bool resource)
{
	const char *type = resource ? words[1] : words[0];
	const char *path = resource ? words[2] : words[1];

	if (!i->host_open)
		fixture_say(&i->rules, "%s{", i->rules.bytes ? "," : "");
	fixture_say(&i->rules, "%s{\"path\":\"%s\",\"pathType\":\"%s\",\"backend\":",
		    i->paths_open  ? ","
		    : i->host_open ? ",\"http\":{\"paths\":["
				   : "\"http\":{\"paths\":[",
		    strcmp(path, "-") ? path : "",
		    strcmp(type, "exact") == 0    ? "Exact"
		    : strcmp(type, "prefix") == 0 ? "Prefix"
						  : "ImplementationSpecific");
	i->host_open = i->paths_open = true;
	if (resource)
		fixture_say(&i->rules, "{\"resource\":{\"apiGroup\":\"k8s.example.com\",\"kind\":"
				       "\"Bucket\",\"name\":\"b\"}}}");
	else
		fixture_say_backend(&i->rules, words[2]), fixture_say(&i->rules, "}");
}

static inline void fixture_ingress_tls(struct fixture_ingress *i, char *words[3])
{
	char *rest = words[2], *host;
	bool first = true;

	fixture_say(&i->tls, "%s{", i->tls.bytes ? "," : "");
	if (strcmp(words[1], "-") != 0 && words[1][0])
		fixture_say(&i->tls, "\"secretName\":\"%s\"%s", words[1], rest[0] ? "," : "");
	if (rest[0]) {
		fixture_say(&i->tls, "\"hosts\":[");
		while ((host = strsep(&rest, ","))) {
			fixture_say(&i->tls, "%s\"%s\"", first ? "" : ",", host);
			first = false;
		}
		fixture_say(&i->tls, "]");
	}
	fixture_say(&i->tls, "}");
}

static inline void fixture_ingress_part(struct fixture_ingress *i, char *words[3])
{
	if (strcmp(words[0], "host") == 0 || strcmp(words[0], "nohttp") == 0) {
		fixture_end_host(i);
		if (!words[1][0])
			return;
		fixture_say(&i->rules, "%s{\"host\":\"%s\"", i->rules.bytes ? "," : "", words[1]);
		i->host_open = true;
	} else if (strcmp(words[0], "tls") == 0) {
		fixture_ingress_tls(i, words);
	} else if (strcmp(words[0], "default") == 0) {
		fixture_say(&i->fallback, ",\"defaultBackend\":");
		fixture_say_backend(&i->fallback, words[1]);
	} else if (strcmp(words[0], "class") == 0) {
		snprintf(i->class, sizeof(i->class), "%s", words[1]);
	} else if (strcmp(words[0], "resource") == 0) {
		fixture_ingress_path(i, words, true);
	} else if (words[0][0] && strcmp(words[0], "note") != 0) {
		fixture_ingress_path(i, words, false);
	}
}

static inline void fixture_ingress(struct fixture *f, const char *key, long created,
				   const char *line)
{
	struct fixture_ingress *i = calloc(1, sizeof(*i));
	struct fixture_text *out = calloc(1, sizeof(*out)), *notes = calloc(1, sizeof(*notes));
	char *copy = strdup(line), *rest = copy, *part, *words[3];

	snprintf(i->class, sizeof(i->class), "sluice");
	while ((part = strsep(&rest, ";"))) {
		fixture_words(part, words);
		fixture_ingress_part(i, words);
	}
	fixture_end_host(i);
	fixture_notes(line, notes);
	fixture_say_meta(out, "Ingress", "networking.k8s.io/v1", key, created, notes->text);
	fixture_say(out, "},\"spec\":{\"rules\":[%s],\"tls\":[%s]%s", i->rules.text, i->tls.text,
		    i->fallback.text);
	if (strcmp(i->class, "-") != 0)
		fixture_say(out, ",\"ingressClassName\":\"%s\"", i->class);
	fixture_say(out, "}}");
	fixture_put_json(f, out->text);
	free(copy);
	free(notes);
	free(out);
	free(i);
}

/* What "app NUMBER PROTOCOL" says of a port, or "". */
static inline const char *fixture_app(const char *line, const char *number, char out[96])
{
	char pattern[32], name[64];
	const char *at;

	snprintf(pattern, sizeof(pattern), "app %s ", number);
	at = strstr(line, pattern);
	out[0] = '\0';
	if (at && sscanf(at + strlen(pattern), "%63[^;]", name) == 1)
		snprintf(out, 96, ",\"appProtocol\":\"%s\"", name);
	return out;
}

static inline void fixture_port(struct fixture_text *ports, const char *line, char *words[3],
				const char *number_field)
{
	const char *name = words[2][0] ? words[1] : "";
	const char *number = words[2][0] ? words[2] : words[1];
	char app[96];

	fixture_say(ports, "%s{\"name\":\"%s\",\"%s\":%s,\"protocol\":\"%s\"%s}",
		    ports->bytes ? "," : "", name, number_field, number,
		    strcmp(words[0], "udp") == 0    ? "UDP"
		    : strcmp(words[0], "sctp") == 0 ? "SCTP"
						    : "TCP",
		    fixture_app(line, number, app));
}

static inline bool fixture_is_port(const char *word)
{
	return strcmp(word, "port") == 0 || strcmp(word, "udp") == 0 || strcmp(word, "sctp") == 0;
}

/* @words: parted by commas; closes the bracket that @begin opens. */
static inline void fixture_say_list(struct fixture_text *out, const char *begin, const char *words)
{
	char *copy = strdup(words), *rest = copy, *word;
	const char *comma = "";

	fixture_say(out, "%s", begin);
	while ((word = strsep(&rest, ","))) {
		fixture_say(out, "%s\"%s\"", comma, word);
		comma = ",";
	}
	fixture_say(out, "]");
	free(copy);
}

static inline void fixture_service(struct fixture *f, const char *key, long created,
				   const char *line)
{
	struct fixture_text *out = calloc(1, sizeof(*out)), *notes = calloc(1, sizeof(*notes));
	struct fixture_text *ports = calloc(1, sizeof(*ports)), *more = calloc(1, sizeof(*more));
	struct fixture_text *external = calloc(1, sizeof(*external));
	char *copy = strdup(line), *rest = copy, *part, *words[3];
	const char *class = "sluice.dev/l4";
	bool lb = strstr(line, "lb") || strstr(line, "external ");

	while ((part = strsep(&rest, ";"))) {
		fixture_words(part, words);
		if (fixture_is_port(words[0]))
			fixture_port(ports, line, words, "port");
		else if (strcmp(words[0], "lb") == 0 && words[1][0])
			fixture_say(more, ",\"loadBalancerIP\":\"%s\"", words[1]);
		else if (strcmp(words[0], "external") == 0)
			fixture_say(external, "%s\"%s\"", external->bytes ? "," : "", words[1]);
		else if (strcmp(words[0], "type") == 0)
			fixture_say(more, ",\"type\":\"%s\",\"externalName\":\"%s\"", words[1],
				    words[2]);
		else if (strcmp(words[0], "local") == 0)
			fixture_say(more, ",\"externalTrafficPolicy\":\"Local\"");
		else if (strcmp(words[0], "notready") == 0)
			fixture_say(more, ",\"publishNotReadyAddresses\":true");
		else if (strcmp(words[0], "dual") == 0)
			fixture_say(more, ",\"ipFamilies\":[\"IPv4\",\"IPv6\"]");
		else if (strcmp(words[0], "ranges") == 0)
			fixture_say_list(more, ",\"loadBalancerSourceRanges\":[", words[1]);
		else if (strcmp(words[0], "affinity") == 0)
			fixture_say(more,
				    ",\"sessionAffinity\":\"ClientIP\",\"sessionAffinityConfig\":"
				    "{\"clientIP\":{\"timeoutSeconds\":%s}}",
				    words[1]);
		else if (strcmp(words[0], "check") == 0)
			fixture_say(more, ",\"healthCheckNodePort\":%s", words[1]);
		else if (strcmp(words[0], "class") == 0)
			class = words[1];
	}
	fixture_notes(line, notes);
	fixture_say_meta(out, "Service", "v1", key, created, notes->text);
	fixture_say(out, "},\"spec\":{\"ports\":[%s],\"externalIPs\":[%s]%s", ports->text,
		    external->text, more->text);
	if (lb)
		fixture_say(out, ",\"type\":\"LoadBalancer\",\"loadBalancerClass\":\"%s\"", class);
	fixture_say(out, "}}");
	fixture_put_json(f, out->text);
	free(copy);
	free(notes);
	free(out);
	free(ports);
	free(more);
	free(external);
}

static inline void fixture_slice(struct fixture *f, const char *key, const char *line)
{
	struct fixture_text *out = calloc(1, sizeof(*out)), *ends = calloc(1, sizeof(*ends));
	struct fixture_text *ports = calloc(1, sizeof(*ports)), *notes = calloc(1, sizeof(*notes));
	char *copy = strdup(line), *rest = copy, *part, *words[3], service[64] = "";
	bool v6 = false;

	while ((part = strsep(&rest, ";"))) {
		const char *addr, *state = "";

		fixture_words(part, words);
		addr = words[1];
		if (strcmp(words[0], "of") == 0)
			snprintf(service, sizeof(service), "%s", words[1]);
		else if (fixture_is_port(words[0]))
			fixture_port(ports, "", words, "port");
		if (fixture_is_port(words[0]) || strcmp(words[0], "of") == 0 || !words[0][0] ||
		    strcmp(words[0], "note") == 0)
			continue;
		if (strcmp(words[0], "down") == 0)
			state = "\"ready\":false,\"serving\":false,\"terminating\":false";
		else if (strcmp(words[0], "term") == 0)
			state = "\"ready\":false,\"serving\":true,\"terminating\":true";
		fixture_say(ends, "%s{", ends->bytes ? "," : "");
		if (strcmp(words[0], "on") == 0) {
			fixture_say(ends, "\"nodeName\":\"%s\",", words[1]);
			addr = words[2];
		}
		v6 = strchr(addr, ':') != NULL;
		fixture_say(ends, "\"addresses\":[\"%s\"],\"conditions\":{%s}}", addr, state);
	}
	fixture_notes(line, notes);
	fixture_say_meta(out, "EndpointSlice", "discovery.k8s.io/v1", key, 0, notes->text);
	fixture_say(out,
		    ",\"labels\":{\"kubernetes.io/service-name\":\"%s\"}},\"addressType\":"
		    "\"%s\",\"ports\":[%s],\"endpoints\":[%s]}",
		    service, v6 ? "IPv6" : "IPv4", ports->text, ends->text);
	fixture_put_json(f, out->text);
	free(copy);
	free(ends);
	free(ports);
	free(notes);
	free(out);
}

static inline void fixture_class(struct fixture *f, const char *name, const char *controller)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"IngressClass\",\"metadata\":"
		 "{\"name\":\"%s\"},\"spec\":{\"controller\":\"%s\"}}",
		 name, controller);
	fixture_put_json(f, json);
}

/* "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n" and a private key, in base64. */
#define FIXTURE_CRT "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCngKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define FIXTURE_KEY "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCngKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo="

static inline void fixture_secret(struct fixture *f, const char *key, const char *type,
				  const char *data)
{
	struct fixture_text *out = calloc(1, sizeof(*out));

	fixture_say_meta(out, "Secret", "v1", key, 0, "");
	fixture_say(out, "},\"type\":\"%s\",\"data\":{%s}}", type, data);
	fixture_put_json(f, out->text);
	free(out);
}

static inline void fixture_certificate(struct fixture *f, const char *key)
{
	fixture_secret(f, key, "kubernetes.io/tls",
		       "\"tls.crt\":\"" FIXTURE_CRT "\",\"tls.key\":\"" FIXTURE_KEY "\"");
}

/* ---- questions -------------------------------------------------------------------------------- */

typedef bool fixture_regex_fn(const char *pattern, const char *path);

struct fixture_regex {
	const struct snapshot *snapshot;
	fixture_regex_fn *fn;
};

/* Patterns of tests are plain texts, found anywhere at the start of the path. */
static inline bool fixture_match_regex(void *ctx, uint32_t index, const char *path, size_t bytes,
				       bool of_path)
{
	const char *pattern = snapshot_regex(ctx, index);
	size_t n = strcspn(pattern, "*.[(");

	(void)of_path;
	return bytes >= n && strncmp(pattern, path, n) == 0;
}

static inline const struct route *fixture_match(const struct fixture *f, const char *host,
						const char *path, const struct rule **rule)
{
	struct snapshot_asked asked = { .regex = fixture_match_regex, .ctx = f->snapshot };
	struct snapshot_request request = {
		.host = host,
		.host_bytes = strlen(host),
		.path = path,
		.path_bytes = strlen(path),
		.asked = &asked,
	};

	return snapshot_match(f->snapshot, &request, rule);
}

static inline const struct route *fixture_route(const struct fixture *f, const char *host,
						const char *path)
{
	return fixture_match(f, host, path, NULL);
}

/* "ns/svc:port" that answers; "404"; "503 ns/svc:port". */
static inline const char *fixture_ask(const struct fixture *f, const char *host, const char *path)
{
	static char answer[256];
	const struct route *route = fixture_route(f, host, path);

	if (!route)
		return "404";
	snprintf(answer, sizeof(answer), "%s%s", route->upstream_id ? "" : "503 ",
		 snapshot_text(f->snapshot, route->upstream_name));
	return answer;
}

/* The problem of that reason told of "ns/name", or NULL. */
static inline const struct problem *fixture_problem(const struct fixture *f, const char *key,
						    const char *reason)
{
	size_t count;
	const struct problem *problems = table_problems(f->table, &count);
	char text[256];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s/%s", problems[i].namespace, problems[i].name);
		if (strcmp(text, key) == 0 && strcmp(problems[i].reason, reason) == 0)
			return &problems[i];
	}
	return NULL;
}

static inline size_t fixture_problems(const struct fixture *f)
{
	size_t count;

	table_problems(f->table, &count);
	return count;
}

#endif /* SELFTESTS_TABLE_FIXTURE_H */
