/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_owner.h - what all objects that own rules have in common; for the files of table/ only
 */
#ifndef SLUICE_TABLE_RULE_OWNER_H
#define SLUICE_TABLE_RULE_OWNER_H

#include "table/table_priv.h"

/**
 * rule_owner_new - an owner without claims, not in force yet
 * @object: its names, uid and age are copied
 * @out: set in any case; freed by rule_owner_free()
 * Return: 0; -ENOMEM.
 */
int rule_owner_new(const struct rule_owner_ops *ops, const struct object *object,
		   struct rule_owner **out);
/* @claims_max: how often rule_owner_claim() may be called. Return: 0; -ENOMEM. */
int rule_owner_room(struct rule_owner *owner, size_t claims_max);
/* Withdraws its claims; takes NULL. */
void rule_owner_free(struct table *table, struct rule_owner *owner);

/* Its next claim, on @host of a listener. Return: 0; -ENOMEM. */
int rule_owner_claim(struct table *table, struct rule_owner *owner, struct listener *listener,
		     const char *host, enum claim_kind kind, struct claim **out);
/* Takes the newest claim back. */
void rule_owner_unclaim(struct table *table, struct rule_owner *owner);

/**
 * rule_owner_replace - put @owner (NULL: none) in the place of @old (NULL: none) and free that
 * @owners: the map of owners of that kind, by key
 * Return: 0; -ENOMEM, @old in force, @owner still the caller's.
 */
int rule_owner_replace(struct table *table, struct strmap *owners, struct rule_owner *old,
		       struct rule_owner *owner);

/* As which its problems are reported. */
static inline struct problem_object rule_owner_object(const struct rule_owner *owner)
{
	return (struct problem_object){ owner->ops->kind, owner->namespace, owner->name,
					owner->uid };
}

#endif /* SLUICE_TABLE_RULE_OWNER_H */
