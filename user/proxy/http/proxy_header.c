// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/proxy_header.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V1_BYTES_MAX 107u /* without the NUL that the specification counts: 2.1 */
#define V1_FIELDS    6    /* PROXY TCP4 source destination port port */

#define V2_HEAD_BYTES 16u
#define V2_IP4_BYTES  12u
#define V2_IP6_BYTES  36u

enum v2_command { V2_LOCAL = 0x20, V2_PROXY = 0x21 };

/* Families and transports; those that TCP over IP is not are as good as unknown (2.2). */
enum v2_family {
	V2_UNSPEC = 0x00,
	V2_TCP4 = 0x11,
	V2_UDP4 = 0x12,
	V2_TCP6 = 0x21,
	V2_UDP6 = 0x22,
	V2_UNIX_STREAM = 0x31,
	V2_UNIX_DGRAM = 0x32,
};

static const char v1_start[] = "PROXY ";
static const uint8_t v2_start[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* True if what is there may still become @start. */
static bool may_start(const void *data, size_t bytes, const void *start, size_t start_bytes)
{
	return memcmp(data, start, bytes < start_bytes ? bytes : start_bytes) == 0;
}

/* ---- version 1 ------------------------------------------------------------------------------- */

/* Cuts a line at single spaces. Return: number of fields; 0: too many or an empty one. */
static int cut(char *line, char *fields[V1_FIELDS])
{
	int count = 0;

	for (;;) {
		char *space = strchr(line, ' ');

		if (count == V1_FIELDS)
			return 0;
		fields[count++] = line;
		if (space)
			*space = '\0';
		if (!*line)
			return 0;
		if (!space)
			return count;
		line = space + 1;
	}
}

static int parse_port(const char *text, uint16_t *out)
{
	unsigned int port = 0;

	if (text[0] == '0' && text[1])
		return -EBADMSG;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EBADMSG;
		port = port * 10 + (unsigned int)(*c - '0');
		if (port > UINT16_MAX)
			return -EBADMSG;
	}
	*out = (uint16_t)port;
	return 0;
}

static int parse_addr(const char *text, bool v4, struct inet_addr *out)
{
	return inet_addr_parse(text, out) || inet_addr_is_v4(out) != v4 ? -EBADMSG : 0;
}

/* @line: without its end; cut up here. */
static int parse_line(char *line, struct proxy_header *out)
{
	struct proxy_ends *ends = &out->ends;
	char *fields[V1_FIELDS];
	int count;
	bool v4;

	/* Whatever follows UNKNOWN says nothing (2.1). */
	if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0)
		return 0;
	count = cut(line, fields);
	if (count != V1_FIELDS)
		return -EBADMSG;
	v4 = strcmp(fields[1], "TCP4") == 0;
	if (!v4 && strcmp(fields[1], "TCP6") != 0)
		return -EBADMSG;
	if (parse_addr(fields[2], v4, &ends->source) ||
	    parse_addr(fields[3], v4, &ends->destination) ||
	    parse_port(fields[4], &ends->source_port) ||
	    parse_port(fields[5], &ends->destination_port))
		return -EBADMSG;
	out->known = true;
	return 0;
}

static int parse_v1(const char *data, size_t bytes, struct proxy_header *out)
{
	size_t seen = bytes < V1_BYTES_MAX ? bytes : V1_BYTES_MAX;
	const char *end = memchr(data, '\r', seen);
	char line[V1_BYTES_MAX];
	size_t line_bytes;

	/* A NUL or a bare LF is not part of the line. */
	line_bytes = end ? (size_t)(end - data) : seen;
	if (memchr(data, '\0', line_bytes) || memchr(data, '\n', line_bytes))
		return -EBADMSG;
	if (!end || line_bytes + 1 == seen)
		return seen < V1_BYTES_MAX ? -EAGAIN : -EBADMSG;
	if (end[1] != '\n')
		return -EBADMSG;
	memcpy(line, data, line_bytes);
	line[line_bytes] = '\0';
	out->bytes = line_bytes + 2;
	return parse_line(line, out);
}

/* ---- version 2 ------------------------------------------------------------------------------- */

static void take_ends(const uint8_t *at, bool v4, struct proxy_ends *out)
{
	size_t bytes = v4 ? 4 : 16;
	const uint8_t *ports = at + 2 * bytes;
	uint32_t addr_be;

	if (v4) {
		memcpy(&addr_be, at, sizeof(addr_be));
		out->source = inet_addr_from_v4(addr_be);
		memcpy(&addr_be, at + 4, sizeof(addr_be));
		out->destination = inet_addr_from_v4(addr_be);
	} else {
		memcpy(out->source.bytes, at, bytes);
		memcpy(out->destination.bytes, at + bytes, bytes);
	}
	out->source_port = (uint16_t)(ports[0] << 8 | ports[1]);
	out->destination_port = (uint16_t)(ports[2] << 8 | ports[3]);
}

static bool is_family(uint8_t family)
{
	return family == V2_UNSPEC || family == V2_TCP4 || family == V2_UDP4 || family == V2_TCP6 ||
	       family == V2_UDP6 || family == V2_UNIX_STREAM || family == V2_UNIX_DGRAM;
}

static int parse_v2(const uint8_t *data, size_t bytes, struct proxy_header *out)
{
	size_t rest_bytes;
	uint8_t command, family;

	if (bytes < V2_HEAD_BYTES)
		return -EAGAIN;
	command = data[12];
	family = data[13];
	rest_bytes = (size_t)data[14] << 8 | data[15];
	if ((command != V2_LOCAL && command != V2_PROXY) || !is_family(family) ||
	    rest_bytes > PROXY_HEADER_BYTES_MAX - V2_HEAD_BYTES)
		return -EBADMSG;
	if (command == V2_PROXY && ((family == V2_TCP4 && rest_bytes < V2_IP4_BYTES) ||
				    (family == V2_TCP6 && rest_bytes < V2_IP6_BYTES)))
		return -EBADMSG;
	if (bytes - V2_HEAD_BYTES < rest_bytes)
		return -EAGAIN;
	out->bytes = V2_HEAD_BYTES + rest_bytes;
	if (command == V2_PROXY && (family == V2_TCP4 || family == V2_TCP6)) {
		take_ends(data + V2_HEAD_BYTES, family == V2_TCP4, &out->ends);
		out->known = true;
	}
	return 0;
}

int proxy_header_parse(const void *data, size_t bytes, struct proxy_header *out)
{
	struct proxy_header header = { .known = false };
	int err;

	if (!bytes)
		return -EAGAIN;
	if (may_start(data, bytes, v2_start, sizeof(v2_start)))
		err = parse_v2(data, bytes, &header);
	else if (may_start(data, bytes, v1_start, sizeof(v1_start) - 1))
		err = parse_v1(data, bytes, &header);
	else
		err = -EBADMSG;
	if (!err)
		*out = header;
	return err;
}

/* ---- writing --------------------------------------------------------------------------------- */

static size_t write_v1(const struct proxy_ends *ends, bool known, bool v4, char *out)
{
	char source[INET_ADDR_TEXT_MAX], destination[INET_ADDR_TEXT_MAX];

	if (!known)
		return (size_t)snprintf(out, PROXY_HEADER_WRITE_MAX, "PROXY UNKNOWN\r\n");
	return (size_t)snprintf(out, PROXY_HEADER_WRITE_MAX, "PROXY %s %s %s %u %u\r\n",
				v4 ? "TCP4" : "TCP6", inet_addr_format(&ends->source, source),
				inet_addr_format(&ends->destination, destination),
				ends->source_port, ends->destination_port);
}

static void put_port(char **at, uint16_t port)
{
	*(*at)++ = (char)(port >> 8);
	*(*at)++ = (char)(port & 0xff);
}

static size_t write_v2(const struct proxy_ends *ends, bool known, bool v4, char *out)
{
	size_t addr_bytes = v4 ? 4 : 16, skip = v4 ? 12 : 0;
	size_t rest_bytes = known ? 2 * addr_bytes + 4 : 0;
	char *at = out;

	memcpy(at, v2_start, sizeof(v2_start));
	at += sizeof(v2_start);
	*at++ = V2_PROXY;
	*at++ = (char)(!known ? V2_UNSPEC : v4 ? V2_TCP4 : V2_TCP6);
	put_port(&at, (uint16_t)rest_bytes);
	if (known) {
		memcpy(at, ends->source.bytes + skip, addr_bytes);
		memcpy(at + addr_bytes, ends->destination.bytes + skip, addr_bytes);
		at += 2 * addr_bytes;
		put_port(&at, ends->source_port);
		put_port(&at, ends->destination_port);
	}
	return (size_t)(at - out);
}

size_t proxy_header_write(unsigned int version, const struct proxy_ends *ends,
			  char out[PROXY_HEADER_WRITE_MAX])
{
	bool v4 = inet_addr_is_v4(&ends->source);
	bool known = v4 == inet_addr_is_v4(&ends->destination);

	return version == 1 ? write_v1(ends, known, v4, out) : write_v2(ends, known, v4, out);
}
