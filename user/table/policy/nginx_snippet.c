// SPDX-License-Identifier: Apache-2.0
/*
 * nginx_snippet.c - what the text of a snippet does, without being run
 */
#include <string.h>

#include "table/policy/nginx_policy.h"

bool nginx_snippet_guards(const char *text)
{
	static const char *const guards[] = { "deny",         "allow",         "return 4",
					      "limit_except", "auth_basic",    "auth_request",
					      "satisfy",      "access_by_lua", "auth_jwt",
					      "limit_req",    "limit_conn",    "return 5" };

	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
		if (strstr(text, guards[i]))
			return true;
	return strstr(text, "if") && strstr(text, "return");
}
