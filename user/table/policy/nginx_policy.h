/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nginx_policy.h - the annotations nginx.ingress.kubernetes.io/ of an Ingress, and the defaults of
 * its class
 */
#ifndef SLUICE_TABLE_POLICY_NGINX_POLICY_H
#define SLUICE_TABLE_POLICY_NGINX_POLICY_H

#include "table/policy/policy.h"

#define NGINX_PREFIX     "nginx.ingress.kubernetes.io/"
#define NGINX_CONTROLLER "k8s.io/ingress-nginx"

/**
 * nginx_policy_read - what those annotations ask for, as policies
 * @policy: in, out: nothing given yet; what stands in sluice.dev/ is read after it, over it
 * @problems: out, one of each bad value, and one that lists what is not honoured
 * Return: 0; -ENOMEM.
 */
int nginx_policy_read(const struct object *object, struct policy *policy,
		      struct problem_set *problems);

/**
 * nginx_policy_defaults - what counts for an Ingress of that class where it says nothing
 * @config: the ConfigMap of the controller, or NULL
 * @problems: out, of keys that are not honoured
 * Return: 0; -ENOMEM. policy_clear() in any case.
 */
int nginx_policy_defaults(const struct config_map *config, struct policy *out,
			  struct problem_set *problems);

/* An Ingress beside another one, which must not take the requests of that: it is left out. */
bool nginx_is_canary(const struct object *object, bool nginx);

/* Does the text of a snippet keep anybody out? */
bool nginx_snippet_guards(const char *text);

#endif /* SLUICE_TABLE_POLICY_NGINX_POLICY_H */
