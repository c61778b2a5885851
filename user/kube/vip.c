// SPDX-License-Identifier: Apache-2.0
#include "kube/vip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/strmap.h"
#include "kube/texts.h"

#define ANNOTATION "sluice.dev/load-balancer-ips"
#define KEY_MAX    330
#define WISHES_MAX 2 /* one of each family */

/* The addresses of one Service; IPv4 first. */
struct grant {
	char *uid;           /* owned: a new Service of the same name starts without addresses */
	struct texts wishes; /* spec.loadBalancerIP and the annotation */
	struct inet_addr given[WISHES_MAX];
	bool has[WISHES_MAX];
	char *complaint; /* owned or NULL: as last reported */
	bool present;    /* in the current review */
};

struct vip {
	const struct model *model; /* borrowed */
	struct writer *writer;     /* borrowed */
	struct vip_options options;
	char *lb_class; /* owned */
	struct lb_pool pool;
	struct strmap grants; /* "ns/name" -> struct grant *, owned */
	struct strmap users;  /* address -> struct grant *, borrowed */
};

static void grant_free(struct grant *grant)
{
	if (!grant)
		return;
	free(grant->uid);
	free(grant->complaint);
	texts_free(&grant->wishes);
	free(grant);
}

static bool is_ours(const struct vip *vip, const struct service *service)
{
	return service->type == SERVICE_LOAD_BALANCER && service->load_balancer_class &&
	       strcmp(service->load_balancer_class, vip->lb_class) == 0;
}

static const char *key_of(const struct service *service, char key[KEY_MAX])
{
	snprintf(key, KEY_MAX, "%s/%s", service->meta.namespace, service->meta.name);
	return key;
}

/* ---- addresses in use ------------------------------------------------------------------------ */

static void give_back(struct vip *vip, struct grant *grant, int family)
{
	char text[INET_ADDR_TEXT_MAX];

	if (!grant->has[family])
		return;
	inet_addr_format(&grant->given[family], text);
	if (strmap_get(&vip->users, text) == grant)
		strmap_remove(&vip->users, text);
	grant->has[family] = false;
}

/* True if the grant has the address now. */
static bool take(struct vip *vip, struct grant *grant, const struct inet_addr *addr)
{
	int family = inet_addr_is_v4(addr) ? 0 : 1;
	char text[INET_ADDR_TEXT_MAX];
	struct grant *user = strmap_get(&vip->users, inet_addr_format(addr, text));

	if (user && user != grant)
		return false;
	give_back(vip, grant, family);
	if (strmap_put(&vip->users, text, grant, NULL))
		return false;
	grant->given[family] = *addr;
	grant->has[family] = true;
	return true;
}

static bool is_used(void *ctx, const struct inet_addr *addr)
{
	const struct vip *vip = ctx;
	char text[INET_ADDR_TEXT_MAX];

	return strmap_get(&vip->users, inet_addr_format(addr, text)) != NULL;
}

static void end_grant(struct vip *vip, const char *key)
{
	struct grant *grant = strmap_remove(&vip->grants, key);

	if (!grant)
		return;
	give_back(vip, grant, 0);
	give_back(vip, grant, 1);
	grant_free(grant);
}

/* ---- Services on their way into the model ---------------------------------------------------- */

static struct grant *grant_of(struct vip *vip, const struct service *service)
{
	char key[KEY_MAX];
	struct grant *grant = strmap_get(&vip->grants, key_of(service, key));

	if (grant && strcmp(grant->uid, service->meta.uid) != 0) {
		end_grant(vip, key);
		grant = NULL;
	}
	if (grant)
		return grant;
	grant = calloc(1, sizeof(*grant));
	if (!grant)
		return NULL;
	grant->uid = strdup(service->meta.uid);
	if (!grant->uid || strmap_put(&vip->grants, key, grant, NULL)) {
		grant_free(grant);
		return NULL;
	}
	return grant;
}

static int read_wishes(struct grant *grant, const struct service *service)
{
	char text[INET_ADDR_TEXT_MAX];
	int err = 0;

	texts_free(&grant->wishes);
	for (size_t i = 0; i < service->load_balancer_ips_count && !err; i++)
		err = texts_add(&grant->wishes,
				inet_addr_format(&service->load_balancer_ips[i], text));
	return err ? err
		   : texts_add_list(&grant->wishes, object_annotation(&service->meta, ANNOTATION));
}

/* The served addresses: with a pool, those of the status that are in the pool; else the requested
 * ones. */
static int serve(struct service *service, const struct vip *vip, const struct grant *grant)
{
	size_t most = vip->pool.count ? service->status_count : grant->wishes.count;
	struct inet_addr *served = calloc(most + 1, sizeof(*served));
	size_t count = 0;

	if (!served)
		return -ENOMEM;
	for (size_t i = 0; i < most; i++) {
		const char *text = vip->pool.count ? service->status[i].ip : grant->wishes.items[i];

		if (text && inet_addr_parse(text, &served[count]) == 0 &&
		    (!vip->pool.count || lb_pool_has(&vip->pool, &served[count])))
			count++;
	}
	free(service->load_balancer_ips);
	service->load_balancer_ips = served;
	service->load_balancer_ips_count = count;
	return 0;
}

int vip_adjust(struct vip *vip, struct service *service)
{
	struct grant *grant;
	int err;

	if (!is_ours(vip, service))
		return 0;
	grant = grant_of(vip, service);
	if (!grant)
		return -ENOMEM;
	err = read_wishes(grant, service);
	return err ? err : serve(service, vip, grant);
}

/* ---- giving out ------------------------------------------------------------------------------ */

static void complain(struct vip *vip, struct grant *grant, const struct service *service,
		     const char *reason, const char *message)
{
	const char *before = grant->complaint;

	if ((!message && !before) || (message && before && strcmp(message, before) == 0))
		return;
	if (before)
		vip->options.problem(vip->options.ctx, service, reason, before, false);
	free(grant->complaint);
	grant->complaint = message ? strdup(message) : NULL;
	if (message)
		vip->options.problem(vip->options.ctx, service, reason, message, true);
}

/* One family of one Service. False, with a message, if it requests an address and gets none. */
static bool settle(struct vip *vip, struct grant *grant, bool v4, char *message, size_t size)
{
	int family = v4 ? 0 : 1;
	struct inet_addr addr;

	for (size_t i = 0; i < grant->wishes.count; i++) {
		const char *wish = grant->wishes.items[i];

		if (inet_addr_parse(wish, &addr)) {
			snprintf(message, size, "'%s' is not an IP address", wish);
			return false;
		}
		if (inet_addr_is_v4(&addr) != v4)
			continue;
		if (vip->pool.count && !lb_pool_has(&vip->pool, &addr)) {
			give_back(vip, grant, family);
			snprintf(message, size, "%s is not in --lb-pool; assigning no address",
				 wish);
			return false;
		}
		if (!take(vip, grant, &addr)) {
			give_back(vip, grant, family);
			snprintf(message, size,
				 "%s belongs to another Service; assigning no address", wish);
			return false;
		}
		return true;
	}
	if (!vip->pool.count) {
		give_back(vip, grant, family);
		return true;
	}
	if (grant->has[family] && lb_pool_has(&vip->pool, &grant->given[family]))
		return true;
	if (!lb_pool_has_family(&vip->pool, v4))
		return true; /* reported below if no family is left */
	give_back(vip, grant, family);
	if (lb_pool_find_free(&vip->pool, v4, is_used, vip, &addr)) {
		snprintf(message, size, "no %s address of --lb-pool is free", v4 ? "IPv4" : "IPv6");
		return false;
	}
	return take(vip, grant, &addr);
}

static void write_status(struct vip *vip, const struct grant *grant, const struct service *service)
{
	cJSON *status = cJSON_CreateObject();
	cJSON *balancer = cJSON_AddObjectToObject(status, "loadBalancer");
	cJSON *list = cJSON_CreateArray();
	struct texts present = { 0 }, given = { 0 };
	char text[INET_ADDR_TEXT_MAX];
	int err = 0;

	for (size_t i = 0; i < service->status_count && !err; i++)
		err = texts_add(&present, service->status[i].ip ? service->status[i].ip : "");
	for (int family = 0; family < WISHES_MAX && !err; family++) {
		cJSON *entry;

		if (!grant->has[family])
			continue;
		err = texts_add(&given, inet_addr_format(&grant->given[family], text));
		entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "ip", text);
		cJSON_AddItemToArray(list, entry);
	}
	cJSON_AddItemToObject(balancer, "ingress", list);
	if (!err && !texts_equal(&present, &given)) {
		writer_put(vip->writer, kind_resource(OBJECT_SERVICE), service->meta.namespace,
			   service->meta.name, service->meta.resource_version, status);
		status = NULL;
	}
	cJSON_Delete(status);
	texts_free(&present);
	texts_free(&given);
}

static void review_service(struct vip *vip, const struct service *service)
{
	struct grant *grant = grant_of(vip, service);
	char message[256] = "";
	bool fine = true;

	if (!grant)
		return;
	if (service->wants_ipv4)
		fine = settle(vip, grant, true, message, sizeof(message));
	else
		give_back(vip, grant, 0);
	if (service->wants_ipv6)
		fine = settle(vip, grant, false, message, sizeof(message)) && fine;
	else
		give_back(vip, grant, 1);
	if (fine && vip->pool.count && !grant->has[0] && !grant->has[1]) {
		snprintf(message, sizeof(message), "--lb-pool has no %s addresses",
			 service->wants_ipv4 ? "IPv4" : "IPv6");
		fine = false;
	}
	complain(vip, grant, service, "NoAddress", fine ? NULL : message);
	if (vip->pool.count || grant->wishes.count)
		write_status(vip, grant, service);
}

/* The older first: on a conflict it keeps what it has. */
static int compare_age(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a;
	const struct object *y = *(const struct object *const *)b;
	int order;

	if (x->created_unix_s != y->created_unix_s)
		return x->created_unix_s < y->created_unix_s ? -1 : 1;
	order = strcmp(x->namespace, y->namespace);
	return order ? order : strcmp(x->name, y->name);
}

/* Statuses hold the addresses that earlier leaders assigned: take these over before assigning any.
 */
static void take_over(struct vip *vip, const struct service *service)
{
	struct grant *grant = grant_of(vip, service);

	if (!grant)
		return;
	grant->present = true;
	for (size_t i = 0; i < service->status_count; i++) {
		struct inet_addr addr;
		int family;

		if (!service->status[i].ip || inet_addr_parse(service->status[i].ip, &addr))
			continue;
		family = inet_addr_is_v4(&addr) ? 0 : 1;
		if (!grant->has[family] && lb_pool_has(&vip->pool, &addr))
			take(vip, grant, &addr);
	}
}

static void end_absent(struct vip *vip)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&vip->grants, &position))) {
		struct grant *grant = entry->value;

		if (!grant->present)
			end_grant(vip, entry->key);
		else
			grant->present = false;
	}
}

/* Drop addresses that are in no status yet: another replica leads now. */
static void forget_given(struct vip *vip)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	while ((entry = strmap_next(&vip->grants, &position))) {
		struct grant *grant = entry->value;

		give_back(vip, grant, 0);
		give_back(vip, grant, 1);
		free(grant->complaint);
		grant->complaint = NULL;
	}
}

void vip_review(struct vip *vip, bool leads)
{
	const struct strmap *services = &vip->model->objects[OBJECT_SERVICE];
	const struct object **ours = calloc(services->count + 1, sizeof(struct object *));
	const struct strmap_entry *entry;
	size_t position = 0, count = 0;

	if (!ours)
		return;
	while ((entry = strmap_next(services, &position)))
		if (is_ours(vip, entry->value))
			ours[count++] = entry->value;
	qsort(ours, count, sizeof(struct object *), compare_age);
	if (!leads)
		forget_given(vip);
	for (size_t i = 0; i < count; i++)
		take_over(vip, (const struct service *)ours[i]);
	end_absent(vip);
	for (size_t i = 0; i < count && leads; i++)
		review_service(vip, (const struct service *)ours[i]);
	free(ours);
}

int vip_new(const struct model *model, struct writer *writer, const struct vip_options *options,
	    struct vip **out)
{
	struct vip *vip = calloc(1, sizeof(*vip));
	char error[LB_POOL_ERROR_MAX];
	int err;

	if (!vip)
		return -ENOMEM;
	vip->model = model;
	vip->writer = writer;
	vip->options = *options;
	vip->lb_class = strdup(options->lb_class);
	err = vip->lb_class ? 0 : -ENOMEM;
	if (!err && options->pool && *options->pool)
		err = lb_pool_parse(options->pool, &vip->pool, error);
	if (err == -EINVAL)
		log_error("kube: pool of addresses: %s", error);
	if (err) {
		vip_free(vip);
		return err;
	}
	*out = vip;
	return 0;
}

void vip_free(struct vip *vip)
{
	const struct strmap_entry *entry;
	size_t position = 0;

	if (!vip)
		return;
	while ((entry = strmap_next(&vip->grants, &position)))
		grant_free(entry->value);
	strmap_clear(&vip->grants);
	strmap_clear(&vip->users);
	lb_pool_free(&vip->pool);
	free(vip->lb_class);
	free(vip);
}
