// SPDX-License-Identifier: Apache-2.0
#include "table/compile/rule_owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/compile/compile.h"
#include "table/marks.h"
#include "table/secrets.h"

int rule_owner_new(const struct rule_owner_ops *ops, const struct object *object,
		   struct rule_owner **out)
{
	struct rule_owner *owner = calloc(1, sizeof(*owner));

	*out = owner;
	if (!owner)
		return -ENOMEM;
	owner->ops = ops;
	owner->key = key_of(object->namespace, object->name);
	owner->namespace = strdup(object->namespace);
	owner->name = strdup(object->name);
	owner->uid = strdup(object->uid);
	owner->created_unix_s = object->created_unix_s;
	return owner->key && owner->namespace && owner->name && owner->uid ? 0 : -ENOMEM;
}

int rule_owner_room(struct rule_owner *owner, size_t claims_max)
{
	owner->claims = calloc(claims_max, sizeof(*owner->claims));
	return owner->claims ? 0 : -ENOMEM;
}

static void claim_clear(struct table *table, struct claim *claim)
{
	host_detach(table, claim);
	target_release(table, &claim->target);
	for (size_t i = 0; i < claim->others_count; i++)
		target_release(table, &claim->others[i]);
	for (size_t i = 0; i < claim->conditions_count; i++) {
		free(claim->conditions[i].name);
		free(claim->conditions[i].value);
	}
	free(claim->others);
	free(claim->conditions);
	secret_use_drop(table, &claim->secret);
	free(claim->normal);
	free(claim->pattern);
	free(claim->redirect_host);
	memset(claim, 0, sizeof(*claim));
}

void rule_owner_free(struct table *table, struct rule_owner *owner)
{
	if (!owner)
		return;
	unmark(owner);
	for (size_t i = 0; i < owner->claims_count; i++)
		claim_clear(table, &owner->claims[i]);
	free(owner->claims);
	secret_use_drop(table, &owner->ca);
	policy_clear(&owner->policy);
	problems_clear(&owner->problems);
	free(owner->uid);
	free(owner->name);
	free(owner->namespace);
	free(owner->key);
	free(owner);
}

int rule_owner_claim(struct table *table, struct rule_owner *owner, struct listener *listener,
		     const char *host, enum claim_kind kind, struct claim **out)
{
	struct claim *claim = &owner->claims[owner->claims_count];
	struct host_entry *entry;
	int err = host_entry_get(table, listener, host, &entry);

	if (err)
		return err;
	claim->owner = owner;
	claim->kind = kind;
	claim->target.claim = claim;
	claim->target.weight = 1;
	host_attach(table, entry, claim);
	owner->claims_count++;
	*out = claim;
	return 0;
}

void rule_owner_unclaim(struct table *table, struct rule_owner *owner)
{
	claim_clear(table, &owner->claims[--owner->claims_count]);
}

int rule_owner_replace(struct table *table, struct strmap *owners, struct rule_owner *old,
		       struct rule_owner *owner)
{
	struct problem_set none = {}, nothing = {};
	struct problem_set *before = old ? &old->problems : &none;
	struct problem_set *now = owner ? &owner->problems : &nothing;
	int err;

	/* The key first: it is what can fail and be undone. */
	if (owner && !old) {
		err = strmap_put(owners, owner->key, owner, NULL);
		if (err)
			return err;
	}
	err = problems_replace(before, now, &table->changes.problems_added,
			       &table->changes.problems_cleared);
	if (err) {
		if (owner && !old)
			strmap_remove(owners, owner->key);
		return err;
	}
	if (owner) {
		owner->problems = *before; /* sorted now */
		memset(before, 0, sizeof(*before));
		if (old)
			(void)strmap_put(owners, owner->key, owner, NULL);
	} else if (old) {
		strmap_remove(owners, old->key);
	}
	rule_owner_free(table, old);
	return 0;
}
