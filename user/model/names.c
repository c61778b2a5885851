// SPDX-License-Identifier: Apache-2.0
#include "model/names.h"

#include <stdlib.h>
#include <string.h>

static bool is_name_end(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* One label of @bytes bytes. */
static const char *check_label(const char *text, size_t bytes)
{
	if (bytes == 0)
		return "has an empty label";
	if (bytes > NAME_LABEL_MAX)
		return "has a label longer than 63 characters";
	for (size_t i = 0; i < bytes; i++)
		if (!is_name_end(text[i]) && text[i] != '-')
			return "may hold only a-z, 0-9, '-' and '.'";
	if (text[0] == '-' || text[bytes - 1] == '-')
		return "has a label that begins or ends with '-'";
	return NULL;
}

const char *name_check_label(const char *text)
{
	if (!*text)
		return "is empty";
	if (strlen(text) > NAME_LABEL_MAX)
		return "is longer than 63 characters";
	if (strchr(text, '.'))
		return "may hold only a-z, 0-9 and '-'";
	return check_label(text, strlen(text));
}

const char *name_check_subdomain(const char *text)
{
	if (!*text)
		return "is empty";
	if (strlen(text) > NAME_SUBDOMAIN_MAX)
		return "is longer than 253 characters";
	for (const char *c = text; *c; c++) {
		bool at_edge = c == text || c[-1] == '.' || c[1] == '\0' || c[1] == '.';

		if (*c == '.' && at_edge)
			return "has an empty label";
		if (*c != '.' && *c != '-' && !is_name_end(*c))
			return "may hold only a-z, 0-9, '-' and '.'";
		if (*c == '-' && at_edge)
			return "has a label that begins or ends with '-'";
	}
	return NULL;
}

const char *name_check_port(const char *text)
{
	size_t bytes = strlen(text);
	bool letter = false;

	if (bytes == 0)
		return "is empty";
	if (bytes > NAME_PORT_MAX)
		return "is longer than 15 characters";
	for (size_t i = 0; i < bytes; i++) {
		if (!is_name_end(text[i]) && text[i] != '-')
			return "may hold only a-z, 0-9 and '-'";
		letter |= text[i] >= 'a';
		if (text[i] == '-' && text[i + 1] == '-')
			return "holds '--'";
	}
	if (text[0] == '-' || text[bytes - 1] == '-')
		return "begins or ends with '-'";
	return letter ? NULL : "needs a letter";
}

const char *name_check_host(const char *text)
{
	struct inet_addr addr;

	if (strlen(text) > NAME_SUBDOMAIN_MAX)
		return "is longer than 253 characters";
	if (!inet_addr_parse(text, &addr) || strchr(text, ':'))
		return "is an IP address or has a port, not a DNS name";
	if (strcmp(text, "*") == 0)
		return "is not a DNS name; leave host out to match all hosts";
	if (strncmp(text, "*.", 2) == 0)
		text += 2;
	if (strchr(text, '*'))
		return "has a '*' that is not its whole first label";
	for (;;) {
		size_t bytes = strcspn(text, ".");
		const char *reason = check_label(text, bytes);

		if (reason)
			return reason;
		if (!text[bytes])
			return NULL;
		text += bytes + 1;
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_bytes = strlen(text), end_bytes = strlen(end);

	return text_bytes >= end_bytes && strcmp(text + text_bytes - end_bytes, end) == 0;
}

const char *name_check_path(const char *path, enum path_type type)
{
	static const struct {
		const char *sequence, *reason;
	} refused[] = {
		{ "//", "contains '//'" },     { "/./", "contains '/./'" },
		{ "/../", "contains '/../'" }, { "%2f", "contains '%2f'" },
		{ "%2F", "contains '%2F'" },
	};

	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "contains a control character";
	if (type == PATH_IMPLEMENTATION_SPECIFIC)
		return *path && *path != '/' ? "does not begin with '/'" : NULL;
	if (*path != '/')
		return "does not begin with '/'";
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strstr(path, refused[i].sequence))
			return refused[i].reason;
	if (ends_with(path, "/."))
		return "ends with '/.'";
	return ends_with(path, "/..") ? "ends with '/..'" : NULL;
}

bool name_is_cidr(const char *text)
{
	char addr_text[INET_ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	struct inet_addr addr;
	size_t digits;
	long bits;

	if (!slash || (size_t)(slash - text) >= sizeof(addr_text))
		return false;
	memcpy(addr_text, text, (size_t)(slash - text));
	addr_text[slash - text] = '\0';
	digits = strspn(slash + 1, "0123456789");
	if (inet_addr_parse(addr_text, &addr) || digits == 0 || digits > 3 || slash[1 + digits])
		return false;
	bits = strtol(slash + 1, NULL, 10);
	return (digits == 1 || slash[1] != '0') && bits <= (inet_addr_is_v4(&addr) ? 32 : 128);
}
