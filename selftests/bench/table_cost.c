// SPDX-License-Identifier: Apache-2.0
/*
 * table_cost.c - what compiling costs: 10,000 Ingresses, 50,000 endpoints
 *
 *   build/bench/table_cost [INGRESSES [ENDPOINTS_EACH]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model/model.h"
#include "handoff/snapshot.h"
#include "table/table.h"

#define CHANGES 2000
#define LOOKUPS 2000000

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "table_cost: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void *make(size_t bytes)
{
	void *memory = calloc(1, bytes);

	must(memory ? 0 : -12, "memory");
	return memory;
}

static char *text(const char *format, unsigned int i)
{
	char *out = NULL;

	must(asprintf(&out, format, i) < 0 ? -12 : 0, "memory");
	return out;
}

static void fill_meta(struct object *object, enum object_kind kind, const char *format,
		      unsigned int i)
{
	object->kind = kind;
	object->namespace = strdup("default");
	object->name = text(format, i);
	object->uid = strdup("");
	object->resource_version = strdup("");
	object->created_unix_s = 1000 + i;
}

static struct ingress_path path_to(const char *path, unsigned int i)
{
	return (struct ingress_path){
		.path = strdup(path),
		.type = PATH_PREFIX,
		.backend = { .service = text("svc-%u", i), .port = { .number = 80 } },
	};
}

static void put_ingress(struct model *model, unsigned int i, const char *path)
{
	struct ingress *ingress = make(sizeof(*ingress));

	fill_meta(&ingress->meta, OBJECT_INGRESS, "ing-%u", i);
	ingress->class_name = strdup("sluice");
	ingress->rules = make(sizeof(*ingress->rules));
	ingress->rules_count = 1;
	ingress->rules[0].host = text("host-%u.example.com", i);
	ingress->rules[0].has_http = true;
	ingress->rules[0].paths = make(2 * sizeof(struct ingress_path));
	ingress->rules[0].paths_count = 2;
	ingress->rules[0].paths[0] = path_to("/", i);
	ingress->rules[0].paths[1] = path_to(path, i);
	ingress->rules[0].paths[1].index = 1;
	must(model_put(model, &ingress->meta), "model_put");
}

static void put_service(struct model *model, unsigned int i)
{
	struct service *service = make(sizeof(*service));

	fill_meta(&service->meta, OBJECT_SERVICE, "svc-%u", i);
	service->ports = make(sizeof(*service->ports));
	service->ports_count = 1;
	service->ports[0] = (struct service_port){ strdup(""), 80, IPPROTO_TCP, 0, NULL };
	service->wants_ipv4 = true;
	must(model_put(model, &service->meta), "model_put");
}

static void put_slice(struct model *model, unsigned int i, unsigned int count, unsigned int salt)
{
	struct endpoint_slice *slice = make(sizeof(*slice));

	fill_meta(&slice->meta, OBJECT_ENDPOINT_SLICE, "slice-%u", i);
	slice->service_name = text("svc-%u", i);
	slice->ports = make(sizeof(*slice->ports));
	slice->ports_count = 1;
	slice->ports[0] = (struct slice_port){ strdup(""), 8080, IPPROTO_TCP };
	slice->endpoints = make(count * sizeof(*slice->endpoints));
	slice->endpoints_count = count;
	for (unsigned int j = 0; j < count; j++) {
		uint32_t host = i * count + j + (j == 0 ? salt << 20 : 0);

		slice->endpoints[j] = (struct slice_endpoint){
			.addr = inet_addr_from_v4(htonl(0x0a000000u + host)),
			.ready = true,
			.serving = true,
		};
	}
	must(model_put(model, &slice->meta), "model_put");
}

static double resident_mb(void)
{
	long pages = 0, shared;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%ld %ld", &shared, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

struct result {
	double p50_us, p99_us;
};

static struct result result_of(double *samples_us, size_t count)
{
	qsort(samples_us, count, sizeof(*samples_us), compare);
	return (struct result){ samples_us[count / 2], samples_us[count * 99 / 100] };
}

static void update(struct table *table, struct model *model, uint64_t now_ms)
{
	struct table_delta *delta;

	must(table_update(table, model, now_ms, &delta), "table_update");
	model_clear_changes(model);
	table_delta_free(delta);
}

static struct result endpoint_changes(struct table *table, struct model *model,
				      unsigned int ingresses, unsigned int each)
{
	static double samples_us[CHANGES];

	for (unsigned int i = 0; i < CHANGES; i++) {
		double begun;

		put_slice(model, i * 7919u % ingresses, each, 1 + i % 7);
		begun = now_us();
		update(table, model, 1000 + i * 100u);
		samples_us[i] = now_us() - begun;
	}
	return result_of(samples_us, CHANGES);
}

static struct result route_changes(struct table *table, struct model *model, unsigned int ingresses,
				   struct snapshot **snapshot, size_t *snapshot_bytes)
{
	static double samples_us[CHANGES / 10];
	int fd;

	for (unsigned int i = 0; i < CHANGES / 10; i++) {
		char path[32];
		double begun;

		snprintf(path, sizeof(path), "/v%u", i);
		put_ingress(model, i * 7919u % ingresses, path);
		begun = now_us();
		update(table, model, 500000 + i * 100u);
		must(table_snapshot(table, &fd, snapshot_bytes), "table_snapshot");
		samples_us[i] = now_us() - begun;
		if (i + 1 == CHANGES / 10)
			must(snapshot_open(fd, snapshot), "snapshot_open");
		close(fd);
	}
	return result_of(samples_us, CHANGES / 10);
}

/* Nanoseconds of one lookup, hosts in no order. */
static double lookups(const struct snapshot *snapshot, unsigned int ingresses)
{
	static char hosts[1024][48];
	size_t found = 0;
	double begun;

	for (unsigned int i = 0; i < 1024; i++)
		snprintf(hosts[i], sizeof(hosts[i]), "host-%u.example.com", i * 7919u % ingresses);
	begun = now_us();
	for (unsigned int i = 0; i < LOOKUPS; i++) {
		const char *host = hosts[i & 1023];

		struct snapshot_request request = {
			.host = host,
			.host_bytes = strlen(host),
			.path = "/api/v1/items/42",
			.path_bytes = 16,
		};

		found += snapshot_match(snapshot, &request, NULL) != NULL;
	}
	if (found != LOOKUPS)
		must(-2, "lookups");
	return (now_us() - begun) * 1e3 / LOOKUPS;
}

int main(int argc, char **argv)
{
	unsigned int ingresses = argc > 1 ? (unsigned int)atoi(argv[1]) : 10000;
	unsigned int each = argc > 2 ? (unsigned int)atoi(argv[2]) : 5;
	struct table_options options = { .http_port = 80, .https_port = 443 };
	double begun, full_us, model_mb, table_mb, open_us, match_ns;
	struct snapshot *snapshot = NULL, *again = NULL;
	struct result endpoint, route;
	size_t snapshot_bytes = 0;
	struct table *table;
	struct model model;
	int fd;

	if (!ingresses || !each)
		must(-22, "arguments");
	model_init(&model);
	for (unsigned int i = 0; i < ingresses; i++) {
		put_service(&model, i);
		put_slice(&model, i, each, 0);
		put_ingress(&model, i, "/api");
	}
	model_mb = resident_mb();
	must(table_new(&options, NULL, &table), "table_new");
	begun = now_us();
	update(table, &model, 0);
	full_us = now_us() - begun;
	table_mb = resident_mb() - model_mb;
	endpoint = endpoint_changes(table, &model, ingresses, each);
	route = route_changes(table, &model, ingresses, &snapshot, &snapshot_bytes);
	must(table_snapshot(table, &fd, &snapshot_bytes), "table_snapshot");
	begun = now_us();
	must(snapshot_open(fd, &again), "snapshot_open");
	open_us = now_us() - begun;
	close(fd);
	match_ns = lookups(snapshot, ingresses);

	printf("%-44s %10u Ingresses, %u endpoints\n", "table", ingresses, ingresses * each);
	printf("%-44s %10.1f ms\n", "full compile", full_us / 1e3);
	printf("%-44s %10.1f MB (model beside it: %.1f MB)\n", "memory of the table", table_mb,
	       model_mb);
	printf("%-44s %10.1f us (p99 %.1f)\n", "one endpoint changed", endpoint.p50_us,
	       endpoint.p99_us);
	printf("%-44s %10.1f us (p99 %.1f)\n", "one route changed, with its snapshot", route.p50_us,
	       route.p99_us);
	printf("%-44s %10.1f us (%.1f MB)\n", "a snapshot opened and checked", open_us,
	       (double)snapshot_bytes / 1e6);
	printf("%-44s %10.1f ns\n", "one lookup", match_ns);
	printf("{\"bench\": \"table\", \"ingresses\": %u, \"endpoints\": %u, \"full_ms\": %.2f, "
	       "\"table_mb\": %.1f, \"endpoint_p50_us\": %.2f, \"endpoint_p99_us\": %.2f, "
	       "\"route_p50_us\": %.1f, \"route_p99_us\": %.1f, \"open_us\": %.1f, "
	       "\"match_ns\": %.1f}\n",
	       ingresses, ingresses * each, full_us / 1e3, table_mb, endpoint.p50_us,
	       endpoint.p99_us, route.p50_us, route.p99_us, open_us, match_ns);
	snapshot_close(snapshot);
	snapshot_close(again);
	table_free(table);
	model_free(&model);
	return 0;
}
