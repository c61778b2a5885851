// SPDX-License-Identifier: Apache-2.0
/*
 * kube_watch.c - the Kubernetes source alone: prints what it puts into the model
 *
 * Out, a line each: "synced", "put KIND NS/NAME VERSION", "gone KIND NS/NAME", "refused KIND
 * NS/NAME MESSAGE", "accepted KIND NS/NAME". In, a line each: "counts", "dump", "event KIND NS NAME
 * REASON MESSAGE", "clear KIND NS NAME REASON MESSAGE", "own CLASS" (Ingresses of that class are
 * ours), "holds ADDRESS" (answered "holds ADDRESS 0|1"), "quit". The end of the input ends the
 * program.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "kube/kube.h"
#include "model/model.h"

static struct {
	struct loop *loop;
	struct kube *kube;
	struct model model;
	char *class_name; /* owned */
	char input[4096];
	size_t input_bytes;
} app;

static void set_class(const char *name)
{
	free(app.class_name);
	app.class_name = strdup(name);
}

static void on_changed(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < app.model.changes_count; i++) {
		const struct model_change *change = &app.model.changes[i];
		const struct object *object =
			model_get(&app.model, change->kind, change->namespace, change->name);

		if (object)
			printf("put %s %s/%s %s\n", object_kind_name(change->kind),
			       change->namespace, change->name, object->resource_version);
		else
			printf("gone %s %s/%s\n", object_kind_name(change->kind), change->namespace,
			       change->name);
	}
	model_clear_changes(&app.model);
	kube_table_changed(app.kube);
}

static void on_synced(void *ctx)
{
	(void)ctx;
	puts("synced");
	if (kube_take_part(app.kube, true))
		loop_stop(app.loop);
}

static void on_refused(void *ctx, enum object_kind kind, const char *namespace, const char *name,
		       const char *uid, const char *message)
{
	(void)ctx;
	(void)uid;
	printf("%s %s %s/%s%s%s\n", message ? "refused" : "accepted", object_kind_name(kind),
	       namespace, name, message ? " " : "", message ? message : "");
}

static bool owns_ingress(void *ctx, const char *namespace, const char *name)
{
	const struct object *object = model_get(&app.model, OBJECT_INGRESS, namespace, name);
	const struct ingress *ingress = (const struct ingress *)object;

	(void)ctx;
	return ingress && ingress->class_name && strcmp(ingress->class_name, app.class_name) == 0;
}

static void print_counts(void)
{
	struct kube_counts counts;

	kube_count(app.kube, &counts);
	printf("counts synced=%d leader=%d watches=%u open=%u events=%llu relists=%llu "
	       "watch_errors=%llu writes=%llu write_errors=%llu refused=%llu\n",
	       counts.synced, counts.leader, counts.watches, counts.watches_open,
	       (unsigned long long)counts.events, (unsigned long long)counts.relists,
	       (unsigned long long)counts.watch_errors, (unsigned long long)counts.writes,
	       (unsigned long long)counts.write_errors, (unsigned long long)counts.refused);
}

static void print_dump(void)
{
	for (int kind = 0; kind < OBJECT_KINDS; kind++) {
		const struct strmap_entry *entry;
		size_t position = 0;

		while ((entry = strmap_next(&app.model.objects[kind], &position)))
			printf("have %s %s\n", object_kind_name(kind), entry->key);
	}
	puts("end");
}

static void do_event(char *words, bool clear)
{
	const char *kind = strsep(&words, " ");
	struct kube_event event = { .warning = true, .uid = "" };
	const struct object *object;

	event.namespace = words ? strsep(&words, " ") : "";
	event.name = words ? strsep(&words, " ") : "";
	event.reason = words ? strsep(&words, " ") : "";
	event.message = words ? words : "";
	for (int i = 0; i < OBJECT_KINDS; i++)
		if (strcmp(object_kind_name(i), kind) == 0)
			event.kind = i;
	object = model_get(&app.model, event.kind, event.namespace, event.name);
	if (object)
		event.uid = object->uid;
	if (clear)
		kube_event_clear(app.kube, &event);
	else
		kube_event(app.kube, &event);
}

static void print_holds(const char *text)
{
	struct inet_addr addr;
	uint64_t until_ms;

	if (inet_addr_parse(text, &addr))
		puts("no address");
	else
		printf("holds %s %d\n", text, kube_holds(app.kube, &addr, &until_ms));
}

static void do_line(char *line)
{
	if (strcmp(line, "counts") == 0)
		print_counts();
	else if (strcmp(line, "dump") == 0)
		print_dump();
	else if (strncmp(line, "holds ", 6) == 0)
		print_holds(line + 6);
	else if (strncmp(line, "event ", 6) == 0)
		do_event(line + 6, false);
	else if (strncmp(line, "clear ", 6) == 0)
		do_event(line + 6, true);
	else if (strncmp(line, "own ", 4) == 0)
		set_class(line + 4);
	else
		loop_stop(app.loop);
	if (strncmp(line, "own ", 4) == 0)
		kube_table_changed(app.kube);
}

static void on_input(void *ctx, int fd, uint32_t events)
{
	ssize_t count =
		read(fd, app.input + app.input_bytes, sizeof(app.input) - 1 - app.input_bytes);
	char *newline;

	(void)ctx;
	(void)events;
	if (count <= 0) {
		loop_stop(app.loop);
		return;
	}
	app.input_bytes += (size_t)count;
	app.input[app.input_bytes] = '\0';
	while ((newline = strchr(app.input, '\n'))) {
		*newline = '\0';
		do_line(app.input);
		app.input_bytes -= (size_t)(newline + 1 - app.input);
		memmove(app.input, newline + 1, app.input_bytes + 1);
	}
}

static int parse(int argc, char **argv, struct kube_options *options)
{
	const struct {
		const char *name;
		const char **value;
	} texts[] = {
		{ "kubeconfig", &options->kubeconfig },
		{ "context", &options->context },
		{ "watch-namespace", &options->watch_namespaces },
		{ "secret-namespace", &options->secret_namespaces },
		{ "label-selector", &options->label_selector },
		{ "identity", &options->identity },
		{ "node-name", &options->node_name },
		{ "lease-namespace", &options->lease_namespace },
		{ "publish-address", &options->publish_addresses },
		{ "publish-service", &options->publish_service },
		{ "lb-pool", &options->lb_pool },
	};

	for (int i = 1; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		bool known = false;

		if (strcmp(argv[i], "--write") == 0) {
			options->write = true;
			continue;
		}
		if (strcmp(argv[i], "--announce") == 0) {
			options->announce = true;
			continue;
		}
		if (!value || strncmp(argv[i], "--", 2) != 0)
			return -EINVAL;
		*value++ = '\0';
		if (strcmp(argv[i] + 2, "idle-limit-ms") == 0) {
			options->idle_limit_ms = strtoull(value, NULL, 10);
			continue;
		}
		if (strcmp(argv[i] + 2, "lease-duration-s") == 0) {
			options->lease_duration_s = (unsigned int)strtoul(value, NULL, 10);
			continue;
		}
		if (strcmp(argv[i] + 2, "class") == 0) {
			set_class(value);
			continue;
		}
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			if (strcmp(argv[i] + 2, texts[k].name) != 0)
				continue;
			*texts[k].value = value;
			known = true;
		}
		if (!known)
			return -EINVAL;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct kube_callbacks callbacks = {
		.changed = on_changed,
		.synced = on_synced,
		.refused = on_refused,
		.owns_ingress = owns_ingress,
	};
	struct kube_options options = { 0 };
	int err;

	set_class("sluice");
	err = parse(argc, argv, &options);

	if (err) {
		fputs("usage: kube-watch [--write] --NAME=VALUE...\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_setup("kube-watch", LOG_TEXT, LOG_DEBUG);
	model_init(&app.model);
	err = loop_new(&app.loop);
	if (!err)
		err = kube_start(app.loop, &options, &app.model, &callbacks, &app.kube);
	if (!err)
		err = loop_watch_add(app.loop, STDIN_FILENO, EPOLLIN, on_input, NULL, NULL);
	if (!err)
		err = loop_run(app.loop);
	kube_stop(app.kube);
	loop_free(app.loop);
	model_free(&app.model);
	free(app.class_name);
	return err ? 1 : 0;
}
