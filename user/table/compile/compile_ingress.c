// SPDX-License-Identifier: Apache-2.0
/*
 * compile_ingress.c - what an Ingress of ours claims on which hosts
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handoff/regex.h"
#include "table/compile/compile.h"
#include "table/compile/ingress_shape.h"
#include "table/compile/rule_owner.h"
#include "table/marks.h"
#include "table/secrets.h"
#include "table/policy/nginx_policy.h"
#include "table/policy/path.h"

/* ---- one Ingress being compiled -------------------------------------------------------------- */

struct work {
	struct table *table;
	const struct model *model;
	const struct ingress *ingress; /* borrowed from the model */
	struct rule_owner *entry;      /* owned until it is put in force */
	struct problem_object object;
	bool groups_told;
};

/* A path as it can be matched; what a claim takes is NULL then. */
struct path_forms {
	char *normal, *pattern; /* owned */
	bool regex;             /* it is to be an expression */
	bool nginx;
};

/* Where a path is claimed: on the host of its rule, or on another name of that. */
struct place {
	const char *host;
	bool stands_in; /* for the other one */
};

static int tell(struct work *work, const char *reason, const char *field, const char *path,
		const char *why)
{
	return problems_add(&work->entry->problems, &work->object, PROBLEM_WARNING, reason, field,
			    "\"%.128s\" %s; it is left out", path, why);
}

static int add_decoded(struct work *work)
{
	const struct object *object = &work->ingress->meta;
	int err = 0;

	for (size_t i = 0; i < object->problems_count && !err; i++)
		err = problems_add(&work->entry->problems, &work->object, PROBLEM_WARNING,
				   ingress_reason_of_field(object->problems[i].field),
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
		.pod_ports = work->entry->nginx,
	};

	return target_resolve(work->table, work->model, work->entry->namespace, backend, &report,
			      &claim->target);
}

/* ---- paths ----------------------------------------------------------------------------------- */

/* The path as an expression. Return: NULL; why it is none. */
static const char *convert_pattern(const char *written, const char *options, char **out)
{
	const char *fault = path_regex_fault(written);

	if (!fault)
		fault = regex_fault(written);
	if (!fault && asprintf(out, "%s%s", options, written) < 0)
		*out = NULL;
	return fault;
}

/* Does a path of the nginx class make expressions of all of its host? */
static bool wants_regex(const struct work *work, const char *written)
{
	const struct policy *policy = &work->entry->policy;

	return policy->use_regex ||
	       (policy->rewrite_target && strcmp(policy->rewrite_target, written) != 0);
}

/*
 * The path in the forms in which it may be matched: in the nginx class both, for another Ingress of
 * the host may decide. Return: 0, both NULL: left out, said so; -ENOMEM.
 */
static int convert_path(struct work *work, const struct ingress_path *path, const char *field,
			struct path_forms *out)
{
	const char *written = path->path[0] ? path->path : "/";
	bool nginx = work->entry->nginx;
	const char *fault, *pattern_fault = NULL;

	*out = (struct path_forms){ .nginx = nginx };
	out->regex =
		nginx ? wants_regex(work, written)
		      : path->type == PATH_IMPLEMENTATION_SPECIFIC && work->entry->policy.use_regex;
	if (out->regex || nginx)
		pattern_fault = convert_pattern(written, nginx ? "(?i)" : "", &out->pattern);
	fault = pattern_fault;
	if (!out->regex)
		fault = path_normalise(written, &out->normal);
	if (out->regex ? !!pattern_fault : !!fault) {
		free(out->pattern);
		out->pattern = NULL;
		return tell(work, out->regex ? "InvalidRegex" : "InvalidPath", field, written,
			    fault);
	}
	if (out->regex && out->pattern && regex_is_costly(out->pattern))
		return problems_add(&work->entry->problems, &work->object, PROBLEM_WARNING,
				    "CostlyRegex", field,
				    "\"%.128s\" backtracks too much with some paths: requests for "
				    "them are answered 500",
				    written);
	return (out->regex ? out->pattern : out->normal) ? 0 : -ENOMEM;
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

static void take_path(struct claim *claim, const struct ingress_rule *rule,
		      const struct ingress_path *path, struct path_forms *forms)
{
	claim->normal = forms->normal;
	claim->pattern = forms->pattern;
	claim->regex = forms->regex;
	claim->path = forms->regex ? forms->pattern : forms->normal;
	claim->wants_regex = forms->nginx && forms->regex;
	claim->type = path->type == PATH_EXACT ? PATH_EXACT : PATH_PREFIX;
	claim->rule = (uint32_t)rule->index;
	claim->index = (uint32_t)path->index;
	*forms = (struct path_forms){};
}

static int add_path(struct work *work, const struct ingress_rule *rule,
		    const struct ingress_path *path, const struct place *place)
{
	char field[96];
	struct path_forms forms;
	struct claim *claim;
	int err;

	snprintf(field, sizeof(field), "spec.rules[%zu].http.paths[%zu].path", rule->index,
		 path->index);
	err = convert_path(work, path, field, &forms);
	if (err || (!forms.normal && !forms.pattern))
		return err;
	err = rule_owner_claim(work->table, work->entry, work->table->listeners[0], place->host,
			       CLAIM_PATH, &claim);
	if (err) {
		free(forms.normal);
		free(forms.pattern);
		return err;
	}
	err = forms.regex || forms.nginx ? 0 : check_groups(work, path);
	take_path(claim, rule, path, &forms);
	claim->stands_in = place->stands_in;
	snprintf(field, sizeof(field), "spec.rules[%zu].http.paths[%zu].backend", rule->index,
		 path->index);
	if (!err)
		err = resolve(work, &path->backend, place->stands_in ? NULL : field, claim);
	if (err != -ENOENT)
		return err;
	rule_owner_unclaim(work->table, work->entry);
	return 0;
}

/* "/" of a host, for what is asked of exactly that. @host: NULL: none is needed. */
static int add_root(struct work *work, const struct ingress_rule *rule, const char *host,
		    enum path_type type, const char *redirect_host)
{
	struct ingress_path root = { .path = (char *)(uintptr_t) "/", .type = type };
	struct path_forms forms = { .normal = strdup("/") };
	struct claim *claim;
	int err;

	if (!rule->paths_count || !forms.normal) {
		free(forms.normal);
		return rule->paths_count ? -ENOMEM : 0;
	}
	root.index = rule->paths[0].index;
	err = rule_owner_claim(work->table, work->entry, work->table->listeners[0], host,
			       CLAIM_PATH, &claim);
	if (err) {
		free(forms.normal);
		return err;
	}
	take_path(claim, rule, &root, &forms);
	claim->stands_in = redirect_host != NULL;
	if (redirect_host) {
		claim->redirect_host = strdup(redirect_host);
		if (!claim->redirect_host)
			return -ENOMEM;
	}
	err = resolve(work, &rule->paths[0].backend, NULL, claim);
	if (err != -ENOENT)
		return err;
	rule_owner_unclaim(work->table, work->entry);
	return 0;
}

/* app-root: "/" of the host, whether or not it is a path of this Ingress. */
static int add_app_root(struct work *work, const struct ingress_rule *rule)
{
	if (!work->entry->policy.app_root)
		return 0;
	for (size_t i = 0; i < rule->paths_count; i++)
		if (rule->paths[i].type == PATH_EXACT && strcmp(rule->paths[i].path, "/") == 0)
			return 0;
	return add_root(work, rule, rule->host, PATH_EXACT, NULL);
}

/* www.HOST where the rule has HOST, and the other way round. */
static int add_www(struct work *work, const struct ingress_rule *rule)
{
	char other[256];

	if (!work->entry->policy.www_redirect || !rule->host[0] || rule->host[0] == '*')
		return 0;
	if (strncmp(rule->host, "www.", 4) == 0)
		snprintf(other, sizeof(other), "%s", rule->host + 4);
	else
		snprintf(other, sizeof(other), "www.%s", rule->host);
	return add_root(work, rule, other, PATH_PREFIX, rule->host);
}

/* The paths of a rule on the further names of its host. */
static int add_aliases(struct work *work, const struct ingress_rule *rule)
{
	const char *aliases = work->entry->policy.aliases;
	char *copy, *rest, *alias;
	int err = 0;

	if (!aliases || !rule->host[0])
		return 0;
	copy = rest = strdup(aliases);
	if (!copy)
		return -ENOMEM;
	while (!err && (alias = strsep(&rest, ","))) {
		const struct place place = { .host = alias, .stands_in = true };

		for (size_t j = 0; j < rule->paths_count && !err; j++)
			err = add_path(work, rule, &rule->paths[j], &place);
	}
	free(copy);
	return err;
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
			err = add_path(work, rule, &rule->paths[j],
				       &(struct place){ .host = rule->host });
		if (!err)
			err = add_app_root(work, rule);
		if (!err)
			err = add_www(work, rule);
		if (!err)
			err = add_aliases(work, rule);
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

/* In the nginx class any tls entry is for all hosts of the Ingress, with the default certificate
 * where none names them. */
static int add_tls_unlisted(struct work *work)
{
	const struct ingress *ingress = work->ingress;
	const struct ingress_tls none = {};
	int err = 0;

	if (!work->entry->nginx || !ingress->tls_count)
		return 0;
	for (size_t i = 0; i < ingress->rules_count && !err; i++)
		if (!ingress_has_tls_of(ingress, ingress->rules[i].host))
			err = add_tls_host(work, &none, ingress->rules[i].host, i);
	return err;
}

static int add_passthrough(struct work *work, const struct ingress_rule *rule)
{
	const struct ingress_backend *backend = ingress_passthrough_backend(work->ingress, rule);
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
	return err ? err : add_tls_unlisted(work);
}

/* ---- the whole ------------------------------------------------------------------------------- */

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
	const struct object *object = &work->ingress->meta;
	int err = entry->nginx ? nginx_policy_read(object, &entry->policy, &entry->problems) : 0;

	/* What stands in sluice.dev/ counts over it, field by field. */
	if (!err)
		err = policy_parse(object, &entry->policy, &entry->problems);
	if (!err)
		err = rule_owner_room(entry, ingress_claims_max(work->ingress, &entry->policy));
	if (!err)
		err = add_decoded(work);
	if (!err)
		err = add_ca(work);
	if (!err && !nginx_is_canary(object, entry->nginx))
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
	if (!object || !(class_is_ours(table, model, work.ingress) ||
			 class_is_nginx(table, model, work.ingress)))
		return old ? rule_owner_replace(table, &table->ingresses, old, NULL) : 0;
	work.object = (struct problem_object){ OBJECT_INGRESS, object->namespace, object->name,
					       object->uid };
	err = rule_owner_new(&ops, object, &work.entry);
	if (!err)
		work.entry->nginx = class_is_nginx(table, model, work.ingress);
	if (!err)
		err = compile(&work);
	if (!err)
		err = rule_owner_replace(table, &table->ingresses, old, work.entry);
	if (err)
		rule_owner_free(table, work.entry);
	return err;
}
