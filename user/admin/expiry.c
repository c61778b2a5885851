// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <time.h>

#include "admin/pages.h"

/* Half of the remaining time of a certificate renewed at two thirds of 90 days. */
#define SOON_S (14 * 24 * 3600)

struct walk {
	struct expiry *out;
	int64_t now_s;
};

static int look(void *ctx, const char *name, int64_t end_unix_s)
{
	struct walk *walk = ctx;
	struct expiry *out = walk->out;

	out->certificates++;
	out->expired += end_unix_s <= walk->now_s;
	out->soon += end_unix_s > walk->now_s && end_unix_s <= walk->now_s + SOON_S;
	if (out->certificates == 1 || end_unix_s < out->first_unix_s) {
		out->first_unix_s = end_unix_s;
		snprintf(out->first, sizeof(out->first), "%s", name);
	}
	return 0;
}

void page_expiry(const struct admin_options *admin, struct expiry *out)
{
	struct walk walk = { .now_s = (int64_t)time(NULL) };

	*out = (struct expiry){ .certificates = 0 };
	walk.out = out;
	if (*admin->table)
		table_each_certificate(*admin->table, look, &walk);
}
