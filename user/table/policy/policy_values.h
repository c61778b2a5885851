/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_values.h - one parser for each form that the value of an annotation may have
 */
#ifndef SLUICE_TABLE_POLICY_VALUES_H
#define SLUICE_TABLE_POLICY_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

struct policy_networks {
	struct inet_network *items; /* owned */
	size_t count;               /* 0: nobody */
};

struct policy_word {
	const char *text; /* NULL ends a list */
	uint32_t value;
};

/* Reads @text into the field at @field. @words: for policy_parse_word(). Return: 0; -EINVAL;
 * -ENOMEM. */
typedef int policy_parse_fn(const struct policy_word *words, const char *text, void *field);

policy_parse_fn policy_parse_word;
policy_parse_fn policy_parse_truth;
policy_parse_fn policy_parse_timeout;
policy_parse_fn policy_parse_seconds;
policy_parse_fn policy_parse_hsts;
policy_parse_fn policy_parse_size;
policy_parse_fn policy_parse_count_or_none;
policy_parse_fn policy_parse_count;
policy_parse_fn policy_parse_token;
policy_parse_fn policy_parse_target;
policy_parse_fn policy_parse_rewrite;
policy_parse_fn policy_parse_networks;
policy_parse_fn policy_parse_name;
policy_parse_fn policy_parse_location;
policy_parse_fn policy_parse_redirect_status;
policy_parse_fn policy_parse_tokens;
policy_parse_fn policy_parse_hosts;
policy_parse_fn policy_parse_origins;
policy_parse_fn policy_parse_headers;
policy_parse_fn policy_parse_cookie_path;
policy_parse_fn policy_parse_template;

/* "NAME: VALUE", and no field that frames a message. */
bool policy_header_is_sound(const char *line);

/* A copy of @text in the place of the one at @field. Return: 0; -ENOMEM. */
int policy_keep_text(const char *text, void *field);

#endif /* SLUICE_TABLE_POLICY_VALUES_H */
