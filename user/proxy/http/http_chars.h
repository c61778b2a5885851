/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_chars.h - classes of octets, one table for all parsers of HTTP text
 */
#ifndef SLUICE_PROXY_HTTP_CHARS_H
#define SLUICE_PROXY_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_char {
	HTTP_CHAR_TOKEN = 1 << 0,      /* tchar, RFC 9110 5.6.2 */
	HTTP_CHAR_TARGET = 1 << 1,     /* visible ASCII without '#': what a target may hold here */
	HTTP_CHAR_UNRESERVED = 1 << 2, /* RFC 3986 2.3 */
	HTTP_CHAR_DIGIT = 1 << 3,
	HTTP_CHAR_HEX = 1 << 4,
	HTTP_CHAR_CONTROL = 1 << 5, /* CTL of RFC 5234 but HTAB */
	HTTP_CHAR_SPACE = 1 << 6,   /* SP and HTAB: OWS of RFC 9110 5.6.3 */
};

extern const uint8_t http_char_classes[256];

static inline bool http_char_is(char c, unsigned int classes)
{
	return http_char_classes[(uint8_t)c] & classes;
}

/* Value of a hexadecimal digit; only for HTTP_CHAR_HEX. */
static inline unsigned int http_hex_value(char c)
{
	return c <= '9' ? (unsigned int)(c - '0') : (unsigned int)((c | 0x20) - 'a' + 10);
}

static inline char http_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/**
 * http_find_control - first control character (CR and LF among them, HTAB not)
 * Return: its offset in [at, bytes), @bytes if there is none.
 */
size_t http_find_control(const char *buf, size_t at, size_t bytes);

/* Length of the run of characters of a class from @at on. */
static inline size_t http_run(const char *buf, size_t at, size_t bytes, unsigned int classes)
{
	size_t end = at;

	while (end < bytes && http_char_is(buf[end], classes))
		end++;
	return end - at;
}

#endif /* SLUICE_PROXY_HTTP_CHARS_H */
