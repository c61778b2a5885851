// SPDX-License-Identifier: Apache-2.0
/*
 * compile_ingress.c - is it ours, and what does it claim on which hosts
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handoff/regex.h"
#include "table/compile/compile.h"
#include "table/compile/rule_owner.h"
#include "table/marks.h"
#include "table/secrets.h"
#include "table/policy/path.h"

#define CLASS_ANNOTATION "kubernetes.io/ingress.class"

/* ---- class ----------------------------------------------------------------------------------- */

/* An IngressClass of that name counts by its controller; without one the name given by
 * --ingress-class is ours, so that a directory of manifests needs none. */
bool class_is_ours(const struct table *table, const struct model *model,
		   const struct ingress *ingress)
{
	const char *annotated = object_annotation(&ingress->meta, CLASS_ANNOTATION);
	const struct ingress_class *class;
	const char *name = annotated && annotated[0] ? annotated : ingress->class_name;

	if (!name || !name[0])
		return table->options.watch_without_class;
	if (name == annotated && strcmp(name, table->options.ingress_class) == 0)
		return true;
	class = (const struct ingress_class *)model_get(model, OBJECT_INGRESS_CLASS, "", name);
	if (class)
		return strcmp(class->controller, table->options.controller) == 0;
	return strcmp(name, table->options.ingress_class) == 0;
}

/* ---- one Ingress being compiled -------------------------------------------------------------- */

struct work {
	struct table *table;
	const struct model *model;
	const struct ingress *ingress; /* borrowed from the model */
	struct rule_owner *entry;      /* owned until it is put in force */
	struct problem_object object;
	bool groups_told;
};

static int tell(struct work *work, const char *reason, const char *field, const char *path,
		const char *why)
{
	return problems_add(&work->entry->problems, &work->object, PROBLEM_WARNING, reason, field,
			    "\"%.128s\" %s; it is left out", path, why);
}

/* Reasons for what the decoder left out, by the field it names. */
static const char *reason_of_field(const char *field)
{
	static const struct {
		const char *end, *reason;
	} reasons[] = {
		{ ".path", "InvalidPath" },         { ".pathType", "InvalidPathType" },
		{ ".host", "InvalidHost" },         { ".service.name", "InvalidBackend" },
		{ ".port", "InvalidBackend" },      { ".port.number", "InvalidBackend" },
		{ ".port.name", "InvalidBackend" }, { ".backend", "InvalidBackend" },
		{ ".service", "InvalidBackend" },   { ".resource", "ResourceBackend" },
	};
	size_t bytes = strlen(field);

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		size_t end = strlen(reasons[i].end);

		if (bytes >= end && strcmp(field + bytes - end, reasons[i].end) == 0)
			return reasons[i].reason;
	}
	return strncmp(field, "spec.tls", 8) == 0 ? "InvalidTLS" : "InvalidField";
}

static int add_decoded(struct work *work)
{
	const struct object *object = &work->ingress->meta;
	int err = 0;

	for (size_t i = 0; i < object->problems_count && !err; i++)
		err = problems_add(&work->entry->problems, &work->object, PROBLEM_WARNING,
				   reason_of_field(object->problems[i].field),
				   object->problems[i].field, "%s", object->problems[i].message);
	return err;
}

static int resolve(struct work *work, const struct ingress_backend *backend, const char *field,
		   struct claim *claim)
{
	struct target_report report = {
		.problems = field ? &work->entry->problems : NULL,
		.object = work->object,
		.field = field ? field : "",
	};

	return target_resolve(work->table, work->model, work->entry->namespace, backend, &report,
			      &claim->target);
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* The path as it will be matched. *out NULL: left out, said so. */
static int convert_path(struct work *work, const struct ingress_path *path, const char *field,
			bool regex, char **out)
{
	const char *written = path->path[0] ? path->path : "/";
	const char *fault = NULL;

	*out = NULL;
	if (regex)
		fault = path_regex_fault(written);
	if (!fault && regex)
		fault = regex_fault(written);
	if (!fault && regex)
		*out = strdup(written);
	else if (!fault)
		fault = path_normalise(written, out);
	if (fault)
		return tell(work, regex ? "InvalidRegex" : "InvalidPath", field, written, fault);
	if (regex && *out && regex_is_costly(written))
		return problems_add(&work->entry->problems, &work->object, PROBLEM_WARNING,
				    "CostlyRegex", field,
				    "\"%.128s\" backtracks too much with some paths: requests for "
				    "them are answered 500",
				    written);
	return *out ? 0 : -ENOMEM;
}

/* "$1" in a rewrite-target. */
static bool names_group(const char *target)
{
	for (; target && (target = strchr(target, '$')); target++)
		if (target[1] >= '0' && target[1] <= '9')
			return true;
	return false;
}

/* Groups of a path that has none: said once for each Ingress. */
static int check_groups(struct work *work, const struct ingress_path *path)
{
	if (work->groups_told || !names_group(work->entry->policy.rewrite_target))
		return 0;
	work->groups_told = true;
	return problems_add(&work->entry->problems, &work->object, PROBLEM_NOTE,
			    "InvalidAnnotation",
			    "metadata.annotations[" POLICY_PREFIX "rewrite-target]",
			    "\"%.128s\" names groups, but path \"%.128s\" is no regular expression "
			    "(pathType ImplementationSpecific with " POLICY_PREFIX
			    "use-regex \"true\"): they are empty there",
			    work->entry->policy.rewrite_target, path->path);
}

static int add_path(struct work *work, const struct ingress_rule *rule,
		    const struct ingress_path *path)
{
	bool regex = path->type == PATH_IMPLEMENTATION_SPECIFIC && work->entry->policy.use_regex;
	char field[96], *normal;
	struct claim *claim;
	int err;

	snprintf(field, sizeof(field), "spec.rules[%zu].http.paths[%zu].path", rule->index,
		 path->index);
	err = convert_path(work, path, field, regex, &normal);
	if (err || !normal)
		return err;
	err = rule_owner_claim(work->table, work->entry, work->table->listeners[0], rule->host,
			       CLAIM_PATH, &claim);
	if (err) {
		free(normal);
		return err;
	}
	err = regex ? 0 : check_groups(work, path);
	claim->path = normal;
	claim->regex = regex;
	claim->type = path->type == PATH_EXACT ? PATH_EXACT : PATH_PREFIX;
	claim->rule = (uint32_t)rule->index;
	claim->index = (uint32_t)path->index;
	snprintf(field, sizeof(field), "spec.rules[%zu].http.paths[%zu].backend", rule->index,
		 path->index);
	if (!err)
		err = resolve(work, &path->backend, field, claim);
	if (err != -ENOENT)
		return err;
	rule_owner_unclaim(work->table, work->entry);
	return 0;
}

/* That the host has rules, and what takes the paths that none of them matches. */
static int add_host(struct work *work, const char *host, bool first)
{
	const struct ingress_backend *backend = work->ingress->default_backend;
	struct claim *claim;
	int err = rule_owner_claim(work->table, work->entry, work->table->listeners[0], host,
				   CLAIM_HOST, &claim);

	if (!err && backend)
		err = resolve(work, backend, first ? "spec.defaultBackend" : NULL, claim);
	return err == -ENOENT ? 0 : err;
}

static int add_rules(struct work *work)
{
	const struct ingress *ingress = work->ingress;
	int err = 0;

	for (size_t i = 0; i < ingress->rules_count && !err; i++) {
		const struct ingress_rule *rule = &ingress->rules[i];

		err = add_host(work, rule->host, i == 0);
		for (size_t j = 0; j < rule->paths_count && !err; j++)
			err = add_path(work, rule, &rule->paths[j]);
	}
	/* A rule that was left out is still a rule: this must not become the Ingress of all
	 * hosts. */
	if (!err && ingress->default_backend && !ingress->has_rules)
		err = add_host(work, DEFAULT_HOST, true);
	return err;
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static int add_tls_host(struct work *work, const struct ingress_tls *tls, const char *host,
			size_t index)
{
	struct claim *claim;
	int err = rule_owner_claim(work->table, work->entry, work->table->listeners[0], host,
				   CLAIM_TLS, &claim);

	if (err)
		return err;
	claim->rule = (uint32_t)tls->index;
	claim->index = (uint32_t)index;
	claim->secret = (struct secret_use){ .use = TABLE_SECRET_CERTIFICATE, .claim = claim };
	if (!tls->secret_name)
		return 0;
	return secret_use_add(work->table, work->entry->namespace, tls->secret_name,
			      &claim->secret);
}

static int add_tls(struct work *work, const struct ingress_tls *tls)
{
	const struct ingress *ingress = work->ingress;
	int err = 0;

	for (size_t i = 0; i < tls->hosts_count && !err; i++)
		err = add_tls_host(work, tls, tls->hosts[i], i);
	for (size_t i = 0; i < ingress->rules_count && !tls->hosts_count && !err; i++)
		err = add_tls_host(work, tls, ingress->rules[i].host, i);
	/* The API's "wildcard host": what the default backend is for. */
	if (!err && !tls->hosts_count && !ingress->has_rules && ingress->default_backend)
		err = add_tls_host(work, tls, "", 0);
	return err;
}

/* Where connections of a passed-through host go: the path "/" if there is one, else the first, else
 * the default backend. */
static const struct ingress_backend *passthrough_backend(const struct ingress *ingress,
							 const struct ingress_rule *rule)
{
	for (size_t i = 0; i < rule->paths_count; i++)
		if (!rule->paths[i].path[0] || strcmp(rule->paths[i].path, "/") == 0)
			return &rule->paths[i].backend;
	return rule->paths_count ? &rule->paths[0].backend : ingress->default_backend;
}

static int add_passthrough(struct work *work, const struct ingress_rule *rule)
{
	const struct ingress_backend *backend = passthrough_backend(work->ingress, rule);
	struct claim *claim;
	char field[96];
	int err;

	if (!rule->host[0]) {
		snprintf(field, sizeof(field), "spec.rules[%zu].host", rule->index);
		return tell(work, "PassthroughWithoutHost", field, "",
			    "is no host: TLS passthrough needs one");
	}
	if (!backend)
		return 0;
	err = rule_owner_claim(work->table, work->entry, work->table->listeners[0], rule->host,
			       CLAIM_TLS, &claim);
	if (err)
		return err;
	claim->passthrough = true;
	claim->rule = (uint32_t)rule->index;
	err = resolve(work, backend, NULL, claim);
	if (err != -ENOENT)
		return err;
	rule_owner_unclaim(work->table, work->entry);
	return 0;
}

static int add_tls_all(struct work *work)
{
	const struct ingress *ingress = work->ingress;
	int err = 0;

	/* Before the tls entries: within one Ingress the first claim wins. */
	if (work->entry->policy.tls_passthrough)
		for (size_t i = 0; i < ingress->rules_count && !err; i++)
			err = add_passthrough(work, &ingress->rules[i]);
	for (size_t i = 0; i < ingress->tls_count && !err; i++)
		err = add_tls(work, &ingress->tls[i]);
	return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static size_t claims_max(const struct ingress *ingress)
{
	size_t count = 1 + 2 * ingress->rules_count; /* hosts, passthrough, the overall default */

	for (size_t i = 0; i < ingress->rules_count; i++)
		count += ingress->rules[i].paths_count;
	for (size_t i = 0; i < ingress->tls_count; i++)
		count += ingress->tls[i].hosts_count ? ingress->tls[i].hosts_count
						     : 1 + ingress->rules_count;
	return count;
}

static int add_ca(struct work *work)
{
	struct rule_owner *entry = work->entry;
	const char *fault;
	int err;

	if (!entry->policy.ca)
		return 0;
	entry->ca = (struct secret_use){ .use = TABLE_SECRET_CA, .owner = entry };
	err = secret_use_add(work->table, entry->namespace, entry->policy.ca, &entry->ca);
	if (err)
		return err;
	fault = secret_fault(work->table, work->model, &entry->ca);
	secret_use_judge(work->table, &entry->ca, !fault);
	if (!fault)
		return 0;
	return problems_add(&entry->problems, &work->object, PROBLEM_WARNING, "SecretUnusable",
			    "metadata.annotations[" POLICY_PREFIX "backend-ca]",
			    "Secret %s/%s %s; its backends cannot be verified and are not used",
			    entry->namespace, entry->policy.ca, fault);
}

static int compile(struct work *work)
{
	struct rule_owner *entry = work->entry;
	int err = policy_parse(&work->ingress->meta, &entry->policy, &entry->problems);

	if (!err)
		err = add_decoded(work);
	if (!err)
		err = add_ca(work);
	if (!err)
		err = add_rules(work);
	if (!err)
		err = add_tls_all(work);
	return err;
}

static const struct rule_owner_ops ops = {
	.kind = OBJECT_INGRESS,
	.compile = ingress_compile,
};

int ingress_compile(struct table *table, const struct model *model, const char *namespace,
		    const char *name)
{
	struct object *object = model_get(model, OBJECT_INGRESS, namespace, name);
	struct work work = { .table = table, .model = model };
	char *key = key_of(namespace, name);
	struct rule_owner *old;
	int err = 0;

	if (!key)
		return -ENOMEM;
	old = strmap_get(&table->ingresses, key);
	free(key);
	work.ingress = (const struct ingress *)object;
	if (!object || !class_is_ours(table, model, work.ingress))
		return old ? rule_owner_replace(table, &table->ingresses, old, NULL) : 0;
	work.object = (struct problem_object){ OBJECT_INGRESS, object->namespace, object->name,
					       object->uid };
	err = rule_owner_new(&ops, object, claims_max(work.ingress), &work.entry);
	if (!err)
		err = compile(&work);
	if (!err)
		err = rule_owner_replace(table, &table->ingresses, old, work.entry);
	if (err)
		rule_owner_free(table, work.entry);
	return err;
}
