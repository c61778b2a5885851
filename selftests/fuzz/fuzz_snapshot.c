// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_snapshot.c - a snapshot of any bytes is refused, or read within its bounds
 *
 * The input is a real snapshot of a few hosts with some of its words overwritten: pairs of a place
 * (2 bytes) and a value (4 bytes). An input of 0xff first is the snapshot itself.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/decode.h"
#include "handoff/snapshot.h"
#include "handoff/snapshot_check.h"
#include "handoff/snapshot_format.h"
#include "table/compile/compile.h"
#include "table/compile/listener.h"
#include "table/compile/rule_owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char *const objects[] = {
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},\"spec\":{"
	"\"ports\":[{\"port\":80}]}}",
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\","
	"\"metadata\":{\"name\":\"a\","
	"\"annotations\":{\"sluice.dev/use-regex\":\"true\","
	"\"sluice.dev/health-check-path\":\"/h\",\"sluice.dev/allow-source-ranges\":"
	"\"10.0.0.0/8,::/0\",\"sluice.dev/rewrite-target\":\"/x\"}},"
	"\"spec\":{\"ingressClassName\":\"sluice\",\"tls\":[{\"hosts\":[\"*.a.com\"]}],\"rules\":[{"
	"\"host\":\"a.com\",\"http\":{\"paths\":[{\"path\":\"/foo\",\"pathType\":\"Prefix\","
	"\"backend\":{\"service\":{\"name\":\"web\",\"port\":{\"number\":80}}}},"
	"{\"path\":\"/foo/\","
	"\"pathType\":\"Exact\",\"backend\":{\"service\":{\"name\":\"web\","
	"\"port\":{\"number\":80}}}"
	"},{\"path\":\"/r.*\",\"pathType\":\"ImplementationSpecific\",\"backend\":{\"service\":{"
	"\"name\":\"web\",\"port\":{\"number\":80}}}}]}},{\"http\":{\"paths\":[{\"path\":\"/\","
	"\"pathType\":\"Prefix\",\"backend\":{\"service\":{\"name\":\"web\","
	"\"port\":{\"number\":80}}}"
	"}]}}]}}",
	"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\","
	"\"metadata\":{\"name\":\"b\"},"
	"\"spec\":{\"ingressClassName\":\"sluice\","
	"\"defaultBackend\":{\"service\":{\"name\":\"web\","
	"\"port\":{\"number\":80}}}}}",
};

static char *real;
static size_t real_bytes;

static void must(int ok)
{
	if (!ok)
		abort();
}

/* One rule of b.org on @listener with three conditions and two targets, by hand: no Ingress has
 * them. */
static void add_rule(struct table *table, const struct model *model, struct rule_owner *owner,
		     struct listener *listener, const char *path)
{
	static const struct condition conditions[] = {
		{ SNAPSHOT_METHOD, SNAPSHOT_EQUAL, NULL, (char *)"GET" },
		{ SNAPSHOT_HEADER, SNAPSHOT_REGEX, (char *)"x", (char *)"x" },
		{ SNAPSHOT_QUERY, SNAPSHOT_PRESENT, (char *)"q", NULL },
	};
	struct ingress_backend backend = { .service = (char *)"web", .port = { .number = 80 } };
	struct target_report report = { .field = "" };
	struct claim *claim;

	must(rule_owner_claim(table, owner, listener, "b.org", CLAIM_HOST, &claim) == 0);
	must(rule_owner_claim(table, owner, listener, "b.org", CLAIM_PATH, &claim) == 0);
	claim->normal = strdup(path);
	claim->path = claim->normal;
	claim->type = PATH_PREFIX;
	claim->conditions = calloc(3, sizeof(*claim->conditions));
	claim->others = calloc(1, sizeof(*claim->others));
	for (int i = 0; i < 3; i++) {
		struct condition *condition = &claim->conditions[claim->conditions_count++];

		*condition = conditions[i];
		condition->name = conditions[i].name ? strdup(conditions[i].name) : NULL;
		condition->value = conditions[i].value ? strdup(conditions[i].value) : NULL;
	}
	must(target_resolve(table, model, "default", &backend, &report, &claim->target) == 0);
	claim->others[0].claim = claim;
	claim->others[0].weight = 2;
	claim->others_count = 1;
	must(target_resolve(table, model, "default", &backend, &report, &claim->others[0]) == 0);
}

/* Rules made by hand stay as they are. */
static int keep_rules(struct table *table, const struct model *model, const char *namespace,
		      const char *name)
{
	(void)table;
	(void)model;
	(void)namespace;
	(void)name;
	return 0;
}

static void add_rules(struct table *table, const struct model *model)
{
	static const struct rule_owner_ops ops = { OBJECT_INGRESS, keep_rules };
	struct object meta = { .namespace = (char *)"default", .name = (char *)"c" };
	struct rule_owner *owner;
	struct listener *listener;

	meta.uid = (char *)"";
	must(rule_owner_new(&ops, &meta, &owner) == 0 && rule_owner_room(owner, 6) == 0);
	must(listener_add(table, "l", &listener) == 0);
	listener->port = 80;
	listener->suffix = true;
	add_rule(table, model, owner, listener, "/");
	add_rule(table, model, owner, listener, "/a/b");
	add_rule(table, model, owner, table->listeners[0], "/foo");
	must(rule_owner_replace(table, &table->ingresses, NULL, owner) == 0);
}

/* The snapshot that inputs are made of. */
static void make_real(void)
{
	struct table_options options = { .http_port = 80, .https_port = 443 };
	struct table_delta *delta;
	struct table *table;
	struct model model;
	int fd;

	model_init(&model);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		char error[DECODE_ERROR_MAX];
		struct decode_result result;
		cJSON *tree = cJSON_Parse(objects[i]);

		must(decode_object(tree, NULL, &result, error) == 0);
		must(model_put(&model, result.objects[0]) == 0);
		result.objects[0] = NULL;
		decode_result_free(&result);
		cJSON_Delete(tree);
	}
	must(table_new(&options, NULL, &table) == 0);
	add_rules(table, &model);
	must(table_update(table, &model, 0, &delta) == 0);
	must(table_snapshot(table, &fd, &real_bytes) == 0);
	real = malloc(real_bytes);
	must(pread(fd, real, real_bytes, 0) == (ssize_t)real_bytes);
	close(fd);
	table_delta_free(delta);
	table_free(table);
	model_free(&model);
}

static bool match_regex(void *ctx, uint32_t index, const char *path, size_t path_bytes,
			bool of_path)
{
	const char *pattern = snapshot_regex(ctx, index);

	(void)of_path;
	return path_bytes > 2 && pattern && pattern[0] == path[0] && path[1] == 'r';
}

static void read_check(void *ctx, const struct route *route)
{
	size_t *sum = ctx;

	*sum += route->check_interval_ms + route->upstream_id;
}

/* Every header and parameter is there, with its own name as value. */
static bool find_value(void *ctx, enum snapshot_part part, const char *name, const char **value,
		       size_t *bytes)
{
	(void)ctx;
	*value = part == SNAPSHOT_METHOD ? "GET" : name;
	*bytes = strlen(*value);
	return true;
}

static uint64_t draw(void *ctx)
{
	static uint64_t drawn;

	(void)ctx;
	return drawn++;
}

/* Reads all that a lookup may hand out. */
static void look_up(struct snapshot *snapshot, const char *host, const char *path)
{
	const struct inet_addr addr = inet_addr_from_v4(0x0100000a);
	size_t host_bytes = strlen(host), path_bytes = strlen(path), sum = 0;
	struct snapshot_asked asked = { match_regex, find_value, draw, snapshot };
	struct snapshot_request request = {
		.listener = snapshot_listener_of(snapshot, &addr, 80),
		.host = host,
		.host_bytes = host_bytes,
		.path = path,
		.path_bytes = path_bytes,
		.asked = &asked,
	};
	const struct rule *rule;
	const struct route *route = snapshot_match(snapshot, &request, &rule);
	const struct snapshot_tls *tls = snapshot_tls_of(snapshot, host, host_bytes);

	snapshot_each_check(snapshot, read_check, &sum);
	if (route)
		sum += snapshot_admits(snapshot, route, &addr) +
		       strlen(snapshot_text(snapshot, route->check_path)) +
		       strlen(snapshot_text(snapshot, rule->path)) +
		       strlen(snapshot_text(snapshot, route->upstream_name)) +
		       strlen(snapshot_text(snapshot, route->ingress_name)) +
		       strlen(snapshot_text(snapshot, route->rewrite_target)) +
		       strlen(snapshot_text(snapshot, route->balance_key)) +
		       strlen(snapshot_text(snapshot, route->server_name)) +
		       strlen(snapshot_text(snapshot, route->ca_name));
	if (tls)
		sum += strlen(snapshot_text(snapshot, tls->secret_name)) +
		       strlen(snapshot_text(snapshot, tls->upstream_name));
	sum += snapshot_redirects(snapshot, route, host, host_bytes, path, path_bytes);
	__asm__ volatile("" : : "r"(sum));
}

static int seal(const char *bytes, size_t count)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
	must(fcntl(fd, F_ADD_SEALS, SNAPSHOT_SEALS) == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const char *const hosts[] = { "a.com", "x.a.com", "", "b.org" };
	static const char *const paths[] = { "/", "/foo", "/foo/", "/foo/x", "/r1", "/a/b/c" };
	struct snapshot *snapshot;
	char *image;
	int fd;

	if (!real)
		make_real();
	image = malloc(real_bytes);
	memcpy(image, real, real_bytes);
	for (; bytes >= 6 && data[0] != 0xff; data += 6, bytes -= 6) {
		size_t place = (data[0] | data[1] << 8) * 4u % (real_bytes - 3);

		memcpy(image + place, data + 2, 4);
	}
	fd = seal(image, real_bytes);
	if (snapshot_open(fd, &snapshot) == 0) {
		for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
			for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++)
				look_up(snapshot, hosts[i], paths[j]);
		snapshot_close(snapshot);
	}
	close(fd);
	free(image);
	return 0;
}
