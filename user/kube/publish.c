// SPDX-License-Identifier: Apache-2.0
#include "kube/publish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "base/log.h"
#include "base/strmap.h"
#include "kube/texts.h"

#define NOTE_KEY     "sluice.dev/published"
#define MANAGER      "sluice"
#define ENTRIES_MAX  64 /* more addresses are of no use */
#define HOSTNAME_MAX 253

struct publish {
	const struct model *model; /* borrowed */
	struct leader *leader;     /* borrowed */
	struct writer *writer;     /* borrowed */
	struct publish_options options;
	struct texts fixed;                     /* --publish-address */
	char *service_namespace, *service_name; /* owned or NULL */
	char *node_name;                        /* owned; "" if not known */
	struct texts wanted;                    /* the addresses for our Ingresses now */
	struct texts published;                 /* wanted, and published by earlier leaders */
	/* Keys "namespace/name" of Ingresses that we served: their status may hold our entries. */
	struct strmap served;
};

/* ---- what to publish ------------------------------------------------------------------------- */

static int add_status(struct texts *texts, const struct address_entry *entries, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		if (entries[i].ip)
			err = texts_add(texts, entries[i].ip);
		else if (entries[i].hostname)
			err = texts_add(texts, entries[i].hostname);
	}
	return err;
}

static int add_address(struct texts *texts, const struct inet_addr *addr)
{
	char text[INET_ADDR_TEXT_MAX];

	if (texts->count >= ENTRIES_MAX)
		return 0;
	return texts_add(texts, inet_addr_format(addr, text));
}

static int add_addresses(struct texts *texts, const struct inet_addr *list, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = add_address(texts, &list[i]);
	return err;
}

static const struct node *node_of(const struct publish *publish, const char *name)
{
	if (!name || !*name)
		return NULL;
	return (const struct node *)model_get(publish->model, OBJECT_NODE, "", name);
}

/*
 * Our own pods run in the host's network, so the addresses of ready pods are addresses of nodes. A
 * node with external addresses is published by those.
 */
static int add_endpoints(const struct publish *publish, struct texts *texts)
{
	const struct object_list *list =
		model_slices_of(publish->model, publish->service_namespace, publish->service_name);
	int err = 0;

	for (size_t i = 0; list && i < list->count; i++) {
		const struct endpoint_slice *slice = (const struct endpoint_slice *)list->items[i];

		for (size_t k = 0; k < slice->endpoints_count && !err; k++) {
			const struct slice_endpoint *endpoint = &slice->endpoints[k];
			const struct node *node = node_of(publish, endpoint->node_name);

			if (!endpoint->ready)
				continue;
			if (node && node->external_ips_count)
				err = add_addresses(texts, node->external_ips,
						    node->external_ips_count);
			else
				err = add_address(texts, &endpoint->addr);
		}
	}
	return err;
}

/* Outside of a cluster, or without the Service of manifests/, other nodes are unknown. */
static int add_this_node(const struct publish *publish, struct texts *texts)
{
	const struct node *node = node_of(publish, publish->node_name);
	const struct inet_addr *own = NULL;
	bool exact = false;
	size_t count = 0;

	if (publish->options.own_addresses)
		count = publish->options.own_addresses(publish->options.ctx, &own, &exact);
	if (exact)
		return add_addresses(texts, own, count);
	if (node && node->external_ips_count)
		return add_addresses(texts, node->external_ips, node->external_ips_count);
	if (node && node->internal_ips_count)
		return add_addresses(texts, node->internal_ips, node->internal_ips_count);
	return add_addresses(texts, own, count);
}

static int find_wanted(const struct publish *publish, struct texts *out)
{
	const struct service *service;
	int err = 0;

	for (size_t i = 0; i < publish->fixed.count && !err; i++)
		err = texts_add(out, publish->fixed.items[i]);
	if (err || out->count || !publish->service_name)
		return err;
	service = (const struct service *)model_get(
		publish->model, OBJECT_SERVICE, publish->service_namespace, publish->service_name);
	if (!service)
		return publish->options.or_this_node ? add_this_node(publish, out) : 0;
	err = add_status(out, service->status, service->status_count);
	return err || out->count ? err : add_endpoints(publish, out);
}

/* Addresses published before, by us or by earlier leaders. */
static int recall_published(struct publish *publish)
{
	int err = texts_add_list(&publish->published, leader_note(publish->leader, NOTE_KEY));

	for (size_t i = 0; i < publish->wanted.count && !err; i++)
		err = texts_add(&publish->published, publish->wanted.items[i]);
	return err;
}

static void note_published(struct publish *publish, const struct texts *texts)
{
	char *joined = texts_join(texts);

	if (joined)
		leader_set_note(publish->leader, NOTE_KEY, joined);
	free(joined);
}

/* ---- one Ingress ----------------------------------------------------------------------------- */

static const char *entry_text(const cJSON *entry)
{
	const char *ip = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "ip"));

	return ip ? ip : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "hostname"));
}

static cJSON *make_entry(const char *text)
{
	cJSON *entry = cJSON_CreateObject();
	struct inet_addr addr;

	cJSON_AddStringToObject(entry, inet_addr_parse(text, &addr) ? "hostname" : "ip", text);
	return entry;
}

/* Did we write the current status? The server's managedFields say. */
static bool is_managed(const cJSON *object)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const cJSON *fields = cJSON_GetObjectItemCaseSensitive(metadata, "managedFields");
	const cJSON *entry;

	cJSON_ArrayForEach (entry, fields) {
		const char *manager =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "manager"));
		const char *part = cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(entry, "subresource"));

		if (manager && part && strcmp(manager, MANAGER) == 0 && strcmp(part, "status") == 0)
			return true;
	}
	return false;
}

/* Removes our outdated entries. True if there was one. */
static bool remove_entries(cJSON *entries, const struct texts *ours, const struct texts *keep)
{
	bool changed = false;

	for (int i = cJSON_GetArraySize(entries) - 1; i >= 0; i--) {
		const char *text = entry_text(cJSON_GetArrayItem(entries, i));

		if (!text || !texts_have(ours, text) || (keep && texts_have(keep, text)))
			continue;
		cJSON_DeleteItemFromArray(entries, i);
		changed = true;
	}
	return changed;
}

/* Sets our entries among those of others. */
static bool edit_merge(void *ctx, const cJSON *object, cJSON *entries)
{
	const struct publish *publish = ctx;
	bool changed = remove_entries(entries, &publish->published, &publish->wanted);

	(void)object;
	for (size_t i = 0; i < publish->wanted.count; i++) {
		const char *wanted = publish->wanted.items[i];
		const cJSON *entry;
		bool there = false;

		cJSON_ArrayForEach (entry, entries) {
			const char *text = entry_text(entry);

			there |= text && strcmp(text, wanted) == 0;
		}
		if (!there)
			cJSON_AddItemToArray(entries, make_entry(wanted));
		changed |= !there;
	}
	return changed;
}

/* The Ingress no longer has our class. */
static bool edit_withdraw(void *ctx, const cJSON *object, cJSON *entries)
{
	const struct publish *publish = ctx;

	return is_managed(object) && remove_entries(entries, &publish->published, NULL);
}

/* The same for one that we have seen with our class: what others wrote since makes no difference. */
static bool edit_withdraw_known(void *ctx, const cJSON *object, cJSON *entries)
{
	const struct publish *publish = ctx;

	(void)object;
	return remove_entries(entries, &publish->published, NULL);
}

/* Notes whether an Ingress is ours. Return: true if it is, or was until its entries were gone. */
static bool note_served(struct publish *publish, const struct object *meta, bool owned, bool ours)
{
	char key[512];
	void *old;

	snprintf(key, sizeof(key), "%s/%s", meta->namespace, meta->name);
	if (owned)
		return strmap_put(&publish->served, key, publish, &old) == 0;
	if (!ours)
		strmap_remove(&publish->served, key);
	return strmap_get(&publish->served, key) != NULL;
}

static void write_all(struct publish *publish, const struct ingress *ingress)
{
	const struct object *meta = &ingress->meta;
	cJSON *status = cJSON_CreateObject();
	cJSON *list =
		cJSON_AddArrayToObject(cJSON_AddObjectToObject(status, "loadBalancer"), "ingress");

	for (size_t i = 0; i < publish->wanted.count; i++)
		cJSON_AddItemToArray(list, make_entry(publish->wanted.items[i]));
	writer_put(publish->writer, kind_resource(OBJECT_INGRESS), meta->namespace, meta->name,
		   meta->resource_version, status);
}

/* @tag: of this review, for edits: see writer_edit(). */
static void review_ingress(struct publish *publish, const struct ingress *ingress, const char *tag)
{
	const struct object *meta = &ingress->meta;
	bool owned =
		publish->options.owns_ingress &&
		publish->options.owns_ingress(publish->options.ctx, meta->namespace, meta->name);
	struct texts present = { 0 };
	bool foreign = false, ours = false, served;

	if (add_status(&present, ingress->status, ingress->status_count))
		goto out;
	for (size_t i = 0; i < present.count; i++) {
		if (texts_have(&publish->published, present.items[i]))
			ours = true;
		else
			foreign = true;
	}
	served = note_served(publish, meta, owned, ours);
	if (!owned && ours)
		writer_edit(publish->writer, kind_resource(OBJECT_INGRESS), meta->namespace,
			    meta->name, meta->resource_version,
			    served ? "withdraw known" : "withdraw",
			    served ? edit_withdraw_known : edit_withdraw, publish);
	else if (owned && foreign)
		writer_edit(publish->writer, kind_resource(OBJECT_INGRESS), meta->namespace,
			    meta->name, meta->resource_version, tag, edit_merge, publish);
	else if (owned && publish->wanted.count && !texts_equal(&present, &publish->wanted))
		write_all(publish, ingress);
out:
	texts_free(&present);
}

/* Forgets the Ingresses that are no more: the keys are those of the model. */
static void forget_gone(struct publish *publish)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&publish->served, &position)))
		if (!strmap_get(&publish->model->objects[OBJECT_INGRESS], entry->key))
			strmap_remove(&publish->served, entry->key);
}

void publish_review(struct publish *publish)
{
	const struct strmap *ingresses = &publish->model->objects[OBJECT_INGRESS];
	const struct strmap_entry *entry;
	struct texts wanted = { 0 };
	size_t position = 0;
	char *tag = NULL;

	if (find_wanted(publish, &wanted))
		goto out;
	/* If no pod is ready, keep the addresses in DNS. */
	if (wanted.count) {
		texts_free(&publish->wanted);
		publish->wanted = wanted;
		wanted = (struct texts){ 0 };
	}
	if (!publish->wanted.count || recall_published(publish))
		goto out;
	note_published(publish, &publish->published); /* first, in case we stop halfway */
	forget_gone(publish);
	tag = texts_join(&publish->wanted);
	while (tag && (entry = strmap_next(ingresses, &position)))
		review_ingress(publish, entry->value, tag);
	if (writer_idle(publish->writer) && !texts_equal(&publish->published, &publish->wanted)) {
		note_published(publish, &publish->wanted);
		texts_free(&publish->published);
		recall_published(publish);
	}
out:
	free(tag);
	texts_free(&wanted);
}

/* ---- start and end --------------------------------------------------------------------------- */

static int read_addresses(struct publish *publish, const char *list)
{
	int err = texts_add_list(&publish->fixed, list);

	for (size_t i = 0; i < publish->fixed.count && !err; i++) {
		const char *text = publish->fixed.items[i];
		struct inet_addr addr;

		if (inet_addr_parse(text, &addr) == 0)
			continue;
		if (strlen(text) > HOSTNAME_MAX ||
		    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") != strlen(text)) {
			log_error("kube: publish address '%s' is neither an IP address nor a "
				  "host name",
				  text);
			err = -EINVAL;
		}
	}
	return err;
}

static int read_service(struct publish *publish, const char *service)
{
	const char *slash = service ? strchr(service, '/') : NULL;

	if (!service || !*service)
		return 0;
	if (!slash || slash == service || !slash[1] || strchr(slash + 1, '/')) {
		log_error("kube: publish service '%s' is not NAMESPACE/NAME", service);
		return -EINVAL;
	}
	publish->service_namespace = strndup(service, (size_t)(slash - service));
	publish->service_name = strdup(slash + 1);
	return publish->service_namespace && publish->service_name ? 0 : -ENOMEM;
}

int publish_new(const struct model *model, struct leader *leader, struct writer *writer,
		const struct publish_options *options, struct publish **out)
{
	struct publish *publish = calloc(1, sizeof(*publish));
	int err;

	if (!publish)
		return -ENOMEM;
	publish->model = model;
	publish->leader = leader;
	publish->writer = writer;
	publish->options = *options;
	publish->node_name = strdup(options->node_name);
	err = publish->node_name ? read_addresses(publish, options->addresses) : -ENOMEM;
	if (!err)
		err = read_service(publish, options->service);
	if (err) {
		publish_free(publish);
		return err;
	}
	*out = publish;
	return 0;
}

void publish_free(struct publish *publish)
{
	if (!publish)
		return;
	texts_free(&publish->fixed);
	texts_free(&publish->wanted);
	texts_free(&publish->published);
	strmap_clear(&publish->served);
	free(publish->node_name);
	free(publish->service_namespace);
	free(publish->service_name);
	free(publish);
}
