// SPDX-License-Identifier: Apache-2.0
#include "handoff/expression.h"

#include <stdio.h>

pcre2_code *expression_compile(const char *text, char fault[EXPRESSION_FAULT_MAX])
{
	PCRE2_UCHAR why[128] = "";
	PCRE2_SIZE offset;
	pcre2_code *regex;
	int code;

	regex = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
			      PCRE2_ANCHORED | PCRE2_NEVER_UTF, &code, &offset, NULL);
	if (regex)
		return regex;
	pcre2_get_error_message(code, why, sizeof(why));
	snprintf(fault, EXPRESSION_FAULT_MAX, "does not compile: %s at character %zu",
		 (const char *)why, (size_t)offset);
	return NULL;
}

const char *expression_fault(const char *text)
{
	static char fault[EXPRESSION_FAULT_MAX];
	pcre2_code *regex = expression_compile(text, fault);

	if (!regex)
		return fault;
	pcre2_code_free(regex);
	return NULL;
}
