// SPDX-License-Identifier: Apache-2.0
/*
 * options.c - options of a table, copied and checked; what --default-backend and
 * --default-certificate lead to
 */
#include "table/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/secrets.h"

static int copy_text(const char *text, const char *otherwise, const char **out)
{
	*out = strdup(text ? text : otherwise);
	return *out ? 0 : -ENOMEM;
}

static int copy_optional(const char *text, const char **out)
{
	*out = NULL;
	return text && text[0] ? copy_text(text, "", out) : 0;
}

static int copy_addresses(const struct inet_addr *addresses, size_t count, struct inet_addr **out)
{
	*out = calloc(count + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	if (count)
		memcpy(*out, addresses, count * sizeof(**out));
	return 0;
}

/* "NS/SVC:PORT" -> its parts in @text, which is cut. */
static int split_backend(char *text, char **namespace, struct ingress_backend *backend)
{
	char *slash = strchr(text, '/');
	char *colon = slash ? strrchr(slash, ':') : NULL;
	char *end;
	unsigned long number;

	if (!slash || slash == text || !colon || colon == slash + 1 || !colon[1] ||
	    strchr(slash + 1, '/'))
		return -EINVAL;
	*slash = '\0';
	*colon = '\0';
	*namespace = text;
	backend->service = slash + 1;
	number = strtoul(colon + 1, &end, 10);
	if (*end) {
		backend->port.name = colon + 1;
		return 0;
	}
	if (!number || number > UINT16_MAX)
		return -EINVAL;
	backend->port.number = (uint16_t)number;
	return 0;
}

static int check(const struct table_options *options)
{
	const char *certificate = options->default_certificate;
	struct ingress_backend backend = {};
	const char *slash;
	char *text, *namespace;
	int err;

	if (options->http_port && options->http_port == options->https_port) {
		log_error("table: HTTP and HTTPS cannot both be served on port %u",
			  options->http_port);
		return -EINVAL;
	}
	slash = certificate ? strchr(certificate, '/') : NULL;
	if (certificate &&
	    (!slash || slash == certificate || !slash[1] || strchr(slash + 1, '/'))) {
		log_error("table: --default-certificate \"%s\" is not NAMESPACE/SECRET",
			  certificate);
		return -EINVAL;
	}
	if (!options->default_backend)
		return 0;
	text = strdup(options->default_backend);
	if (!text)
		return -ENOMEM;
	err = split_backend(text, &namespace, &backend);
	if (err)
		log_error("table: --default-backend \"%s\" is not NAMESPACE/SERVICE:PORT",
			  options->default_backend);
	free(text);
	return err;
}

int options_copy(const struct table_options *from, struct table *table)
{
	struct table_options *to = &table->options;
	struct inet_addr *addresses;
	int err;

	*to = *from;
	to->addresses = NULL;
	to->addresses_count = 0;
	to->ingress_class = to->controller = to->lb_class = to->node_name = NULL;
	to->default_backend = to->default_certificate = NULL;
	to->nginx_class = to->nginx_config_map = NULL;
	err = copy_text(from->ingress_class, "sluice", &to->ingress_class);
	if (!err)
		err = copy_text(from->controller, "sluice.dev/ingress", &to->controller);
	if (!err)
		err = copy_text(from->lb_class, "sluice.dev/l4", &to->lb_class);
	if (!err)
		err = copy_text(from->node_name, "", &to->node_name);
	if (!err)
		err = copy_optional(from->default_backend, &to->default_backend);
	if (!err)
		err = copy_optional(from->default_certificate, &to->default_certificate);
	if (!err)
		err = copy_optional(from->nginx_class, &to->nginx_class);
	if (!err)
		err = copy_optional(from->nginx_config_map, &to->nginx_config_map);
	if (!err)
		err = copy_addresses(from->addresses, from->addresses_count, &addresses);
	if (err)
		return err;
	to->addresses = addresses;
	to->addresses_count = from->addresses_count;
	table->http_everywhere = !from->addresses_count;
	return check(to);
}

void options_clear(struct table *table)
{
	struct table_options *options = &table->options;

	free((char *)options->ingress_class);
	free((char *)options->controller);
	free((char *)options->lb_class);
	free((char *)options->node_name);
	free((char *)options->default_backend);
	free((char *)options->default_certificate);
	free((char *)options->nginx_class);
	free((char *)options->nginx_config_map);
	free((struct inet_addr *)options->addresses);
	free(table->node_addresses);
}

int table_set_addresses(struct table *table, const struct inet_addr *addresses, size_t count)
{
	struct inet_addr *copy;
	int err = copy_addresses(addresses, count, &copy);

	if (err)
		return err;
	free((struct inet_addr *)table->options.addresses);
	table->options.addresses = copy;
	table->options.addresses_count = count;
	table->addresses_changed = true;
	return 0;
}

int table_set_node_addresses(struct table *table, const struct inet_addr *addresses, size_t count)
{
	struct inet_addr *copy;
	int err = copy_addresses(addresses, count, &copy);

	if (err)
		return err;
	free(table->node_addresses);
	table->node_addresses = copy;
	table->node_addresses_count = count;
	table->addresses_changed = true;
	return 0;
}

/* ---- what two of them name ------------------------------------------------------------------- */

static int compile_backend(struct table *table, const struct model *model,
			   struct problem_set *problems)
{
	struct claim *claim = &table->default_claim;
	char *text = strdup(table->options.default_backend);
	struct ingress_backend backend = {};
	struct target_report report = { .problems = problems, .field = "--default-backend" };
	struct host_entry *host;
	char *namespace;
	int err = text ? split_backend(text, &namespace, &backend) : -ENOMEM;

	if (!err)
		err = host_entry_get(table, table->listeners[0], DEFAULT_HOST, &host);
	if (err)
		goto out;
	report.object = (struct problem_object){ OBJECT_SERVICE, namespace, backend.service, "" };
	claim->kind = CLAIM_HOST;
	claim->target.claim = claim;
	claim->target.weight = 1;
	if (!claim->host)
		host_attach(table, host, claim);
	mark_host(table, host);
	err = target_resolve(table, model, namespace, &backend, &report, &claim->target);
out:
	free(text);
	return err;
}

static int compile_certificate(struct table *table, const struct model *model,
			       struct problem_set *problems)
{
	struct secret_use *use = &table->default_certificate;
	const char *slash = strchr(table->options.default_certificate, '/');
	struct problem_object object;
	const char *fault;
	char namespace[256];
	int err = 0;

	snprintf(namespace, sizeof(namespace), "%.*s",
		 (int)(slash - table->options.default_certificate),
		 table->options.default_certificate);
	use->use = TABLE_SECRET_DEFAULT;
	if (!use->secret)
		err = secret_use_add(table, namespace, slash + 1, use);
	if (err)
		return err;
	fault = secret_fault(table, model, use);
	secret_use_judge(table, use, !fault);
	if (!fault)
		return 0;
	object = (struct problem_object){ OBJECT_SECRET, namespace, slash + 1, "" };
	return problems_add(problems, &object, PROBLEM_WARNING, "SecretUnusable",
			    "--default-certificate",
			    "Secret %s %s; a self-signed certificate is served",
			    table->options.default_certificate, fault);
}

int options_compile(struct table *table, const struct model *model)
{
	struct target old = table->default_claim.target;
	struct problem_set now = {};
	int err = 0;

	/* The new target before the old one goes, so that a common upstream lives on. */
	if (old.service) {
		LIST_REMOVE(&table->default_claim.target, of_service);
		memset(&table->default_claim.target, 0, sizeof(old));
		LIST_INSERT_HEAD(&old.service->targets, &old, of_service);
	}
	if (table->options.default_backend)
		err = compile_backend(table, model, &now);
	if (!err && table->options.default_certificate)
		err = compile_certificate(table, model, &now);
	if (!err)
		err = problems_replace(&table->option_problems, &now,
				       &table->changes.problems_added,
				       &table->changes.problems_cleared);
	target_release(table, &old);
	if (err)
		target_release(table, &table->default_claim.target);
	problems_clear(&now);
	return err;
}
