// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http_chars.h"

#include <string.h>

#define IS_DIGIT(c)   ((c) >= '0' && (c) <= '9')
#define IS_ALPHA(c)   (((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z'))
#define IS_HEX(c)     (IS_DIGIT(c) || ((c) >= 'A' && (c) <= 'F') || ((c) >= 'a' && (c) <= 'f'))
#define IS_VISIBLE(c) ((c) > 0x20 && (c) < 0x7f)
#define IS_MARK(c)    ((c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_TOKEN_MARK(c)                                                                      \
	((c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' || (c) == '\'' || \
	 (c) == '*' || (c) == '+' || (c) == '^' || (c) == '`' || (c) == '|' || IS_MARK(c))

#define CLASS(c)                                                                  \
	((IS_DIGIT(c) || IS_ALPHA(c) || IS_TOKEN_MARK(c) ? HTTP_CHAR_TOKEN : 0) | \
	 (IS_VISIBLE(c) && (c) != '#' ? HTTP_CHAR_TARGET : 0) |                   \
	 (IS_DIGIT(c) || IS_ALPHA(c) || IS_MARK(c) ? HTTP_CHAR_UNRESERVED : 0) |  \
	 (IS_DIGIT(c) ? HTTP_CHAR_DIGIT : 0) | (IS_HEX(c) ? HTTP_CHAR_HEX : 0) |  \
	 (((c) < 0x20 && (c) != '\t') || (c) == 0x7f ? HTTP_CHAR_CONTROL : 0) |   \
	 ((c) == ' ' || (c) == '\t' ? HTTP_CHAR_SPACE : 0))

#define CLASS4(c)  CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define CLASS16(c) CLASS4(c), CLASS4((c) + 4), CLASS4((c) + 8), CLASS4((c) + 12)
#define CLASS64(c) CLASS16(c), CLASS16((c) + 16), CLASS16((c) + 32), CLASS16((c) + 48)

const uint8_t http_char_classes[256] = { CLASS64(0), CLASS64(64), CLASS64(128), CLASS64(192) };

/* 16 octets at once: the compiler has a vector for it on every machine, or makes do with words. */
typedef uint8_t octets __attribute__((vector_size(16)));

static bool any(octets flags)
{
	uint64_t halves[2];

	memcpy(halves, &flags, sizeof(halves));
	return halves[0] | halves[1];
}

size_t http_find_control(const char *buf, size_t at, size_t bytes)
{
	while (bytes - at >= sizeof(octets)) {
		octets text;

		memcpy(&text, buf + at, sizeof(text));
		if (any((octets)(((text < 0x20) & (text != '\t')) | (text == 0x7f))))
			break;
		at += sizeof(text);
	}
	while (at < bytes && !http_char_is(buf[at], HTTP_CHAR_CONTROL))
		at++;
	return at;
}
