// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "proxy/http/http_chars.h"

#define PORT_DIGITS_MAX 5

/* ":port", or nothing of it: the digits may lack (RFC 3986 3.2.3). */
static int port_parse(const char *text, size_t bytes, uint16_t *out)
{
	unsigned int port = 0;

	if (bytes == 0 || (bytes == 1 && text[0] == ':'))
		return 0;
	if (bytes < 2 || bytes > 1 + PORT_DIGITS_MAX || text[0] != ':')
		return -EINVAL;
	for (size_t i = 1; i < bytes; i++) {
		if (!http_char_is(text[i], HTTP_CHAR_DIGIT))
			return -EINVAL;
		port = port * 10 + (unsigned int)(text[i] - '0');
	}
	if (port == 0 || port > 65535)
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

/* "[...]" and the text after it. */
static int literal_parse(const char *text, size_t bytes, struct http_host *out)
{
	const char *end = memchr(text, ']', bytes);
	size_t name_bytes = end ? (size_t)(end - text) - 1 : 0;
	struct in6_addr addr;

	if (name_bytes == 0 || name_bytes >= INET6_ADDRSTRLEN)
		return -EINVAL;
	memcpy(out->name, text + 1, name_bytes);
	out->name[name_bytes] = '\0';
	if (memchr(out->name, '\0', name_bytes) || inet_pton(AF_INET6, out->name, &addr) != 1)
		return -EINVAL;
	for (size_t i = 0; i < name_bytes; i++)
		out->name[i] = http_lower(out->name[i]);
	out->name_bytes = (uint8_t)name_bytes;
	out->kind = HTTP_HOST_IPV6;
	return port_parse(end + 1, bytes - name_bytes - 2, &out->port);
}

static int name_parse(const char *text, size_t bytes, struct http_host *out)
{
	size_t end = http_run(text, 0, bytes, HTTP_CHAR_UNRESERVED);
	size_t name_bytes = end;
	struct in_addr addr;
	char before = '.';

	if (name_bytes && text[name_bytes - 1] == '.')
		name_bytes--;
	if (name_bytes == 0 || name_bytes > HTTP_HOST_BYTES_MAX - 1)
		return -EINVAL;
	for (size_t i = 0; i < name_bytes; i++) {
		if (text[i] == '.' && before == '.')
			return -EINVAL;
		before = text[i];
		out->name[i] = http_lower(text[i]);
	}
	if (before == '.')
		return -EINVAL;
	out->name[name_bytes] = '\0';
	out->name_bytes = (uint8_t)name_bytes;
	out->kind = inet_pton(AF_INET, out->name, &addr) == 1 ? HTTP_HOST_IPV4 : HTTP_HOST_NAME;
	return port_parse(text + end, bytes - end, &out->port);
}

int http_host_parse(const char *text, size_t bytes, struct http_host *out)
{
	struct http_host host = { .kind = HTTP_HOST_NONE };
	int err;

	if (bytes == 0)
		return -EINVAL;
	if (text[0] == '[')
		err = literal_parse(text, bytes, &host);
	else
		err = name_parse(text, bytes, &host);
	if (err)
		return err;
	*out = host;
	return 0;
}
